/* SPDX-License-Identifier: MIT
 * fuzz_answer.c - lines of workers that fetch, verify and read indexes, and requests to them. What
 * is taken is written back and read again. */
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/answer.h"
#include "units/request.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_same(struct str *one, struct str *two) {
    check(strcmp(str_text(one), str_text(two)) == 0);
    str_clear(one);
    str_clear(two);
}

static void try_progress(const char *text, size_t size) {
    struct str one = STR_INIT(WORKER_LINE_MAX), two = STR_INIT(WORKER_LINE_MAX);
    struct worker_progress p = { .bytes = 4711 }, again;
    struct err e = { 0 };
    int r = worker_progress_parse(text, size, &p, &e);

    check(r == 0 || ((r == -EBADMSG || r == -ENOENT) && e.text[0] && p.bytes == 4711));
    if (r < 0)
        return;
    check(p.bytes <= PACKAGE_FILE_MAX && !text_has_control(p.etag, strlen(p.etag)));
    check(worker_progress_print(&p, &one) == 0);
    check(worker_progress_parse(one.data, one.len, &again, &e) == 0);
    check(worker_progress_print(&again, &two) == 0);
    check_same(&one, &two);
}

static void try_file(const char *text, size_t size) {
    struct str one = STR_INIT(WORKER_LINE_MAX), two = STR_INIT(WORKER_LINE_MAX);
    struct worker_file f = { .size = 4711 }, again;
    struct err e = { 0 };
    int r = worker_file_parse(text, size, &f, &e);

    check(r == 0 || (r == -EBADMSG && e.text[0] && f.size == 4711));
    if (r < 0)
        return;
    check(f.ok == (f.fault == PACKAGE_OK) && f.size <= PACKAGE_FILE_MAX);
    check(worker_file_print(&f, &one) == 0);
    check(worker_file_parse(one.data, one.len, &again, &e) == 0);
    check(worker_file_print(&again, &two) == 0);
    check_same(&one, &two);
}

static void try_index(const char *text, size_t size) {
    struct worker_index ix = { .fault = PACKAGE_HASH };
    struct err e = { 0 };
    int r = worker_index_parse(text, size, &ix, &e);

    check(r == 0 || (r == -EBADMSG && e.text[0] && ix.fault == PACKAGE_HASH));
    if (r < 0)
        return;
    check(ix.ok == (ix.index != NULL) && ix.ok == (ix.fault == PACKAGE_OK));
    worker_index_clear(&ix);
}

static void try_request(const char *text, size_t size) {
    struct str one = STR_INIT(4 * WORKER_REQUEST_MAX), two = STR_INIT(4 * WORKER_REQUEST_MAX);
    struct worker_request q = { .max = 4711 }, again;
    struct err e = { 0 };
    int r = worker_request_parse(text, size, &q, &e);

    check(r == 0 || (r == -EINVAL && e.text[0] && q.max == 4711));
    if (r < 0)
        return;
    check(worker_request_print(&q, &one) == 0);
    if (one.len <= WORKER_REQUEST_MAX) {
        check(worker_request_parse(one.data, one.len, &again, &e) == 0);
        check(worker_request_print(&again, &two) == 0);
        check(strcmp(one.data, two.data) == 0);
        worker_request_clear(&again);
    }
    worker_request_clear(&q);
    str_clear(&one);
    str_clear(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *) data;
    try_progress(text, size);
    try_file(text, size);
    try_index(text, size);
    try_request(text, size);
    return 0;
}
