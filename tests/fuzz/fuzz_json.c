/* SPDX-License-Identifier: MIT
 * What json_parse() takes, json_print() prints, and that is taken again and prints the same. */
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* abort() and not assert(): to be heard in every build. */
static void must(int truth) {
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(json_free_p) struct json *again = NULL;
    CLEANUP(str_clear_p) struct str first = STR_INIT(64 << 20);
    CLEANUP(str_clear_p) struct str second = STR_INIT(64 << 20);
    struct err e = { 0 };
    int r = json_parse((const char *) data, size, &doc, &e);

    /* -ENOMEM would be a text that the scanner takes and cJSON does not. */
    must(r == 0 || ((r == -EINVAL || r == -E2BIG) && e.code == r && e.text[0]));
    if (r < 0)
        return 0;
    must(json_print(doc, &first) == 0);
    must(text_is_utf8(first.data, first.len));
    must(json_parse(first.data, first.len, &again, NULL) == 0);
    must(json_print(again, &second) == 0);
    must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    return 0;
}
