/* SPDX-License-Identifier: MIT
 * fuzz_idl.c - interface text of any kind: refused with a sentence, or read the same twice. */
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/wire/idl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_sentence(const struct err *e) {
    check(e->code < 0 && e->text[0] != '\0' && !strchr(e->text, '\n'));
}

/* Holds a few values against every method; they may fit or not. */
static void check_values(const struct idl *idl) {
    static const char *const texts[] = { "{}", "{\"a\":1}", "{\"a\":[null,{\"a\":\"b\"}]}" };
    const struct idl_method *m = NULL;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json *value = NULL;
        if (json_parse(texts[i], strlen(texts[i]), &value, NULL) < 0)
            return;
        while ((m = idl_method_next(idl, m))) {
            struct err e = { 0 };
            char where[64] = "";
            check(idl_method(idl, idl_method_name(m)) == m);
            if (idl_check(idl, idl_method_in(m), value, where, sizeof where, &e) < 0)
                check_sentence(&e);
            (void) idl_check(idl, idl_method_out(m), NULL, where, sizeof where, &e);
        }
        (void) json_free(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct idl *idl = NULL, *again = NULL;
    struct err e = { 0 };
    int r = idl_parse((const char *) data, size, &idl, &e);

    if (r < 0) {
        check(!idl && (r == -EINVAL || r == -ENOMEM));
        check_sentence(&e);
        return 0;
    }
    check(strlen(idl_text(idl)) == size && memcmp(idl_text(idl), data, size) == 0);
    check(idl_parse(idl_text(idl), size, &again, NULL) == 0);
    check(strcmp(idl_name(idl), idl_name(again)) == 0);
    check_values(idl);
    (void) idl_free(again);
    (void) idl_free(idl);
    return 0;
}
