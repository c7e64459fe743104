/* SPDX-License-Identifier: MIT
 * fuzz_result.c - what a worker says of its job. What is taken is written back and read again. */
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/result.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct worker_result result = { .code = 4711 }, again = { 0 };
    struct str text = STR_INIT(WORKER_RESULT_MAX), twice = STR_INIT(WORKER_RESULT_MAX);
    struct err e = { 0 };
    int r = worker_result_parse((const char *) data, size, &result, &e);

    if (r < 0) {
        check(r == -EBADMSG && e.text[0] && result.code == 4711);
        return 0;
    }
    check(result.ok ? text_is_app_id(result.app_id) && filelist_is_hash(result.files_hash) &&
                          result.code >= 1 && result.fault == PACKAGE_OK
                    : result.fault != PACKAGE_OK && result.detail[0]);
    check(worker_result_print(&result, &text) == 0);
    check(worker_result_parse(text.data, text.len, &again, &e) == 0);
    check(worker_result_print(&again, &twice) == 0 && strcmp(text.data, twice.data) == 0);
    str_clear(&text);
    str_clear(&twice);
    return 0;
}
