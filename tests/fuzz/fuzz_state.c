/* SPDX-License-Identifier: MIT
 * fuzz_state.c - the store's texts: the state file, also under a good checksum that a fuzzer would
 * not find, and the list of files. What is taken is written back and read again as the same. */
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/filelist.h"
#include "units/statefile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_version(const struct store_version *v) {
    check(v->name[0] == '\0' || store_version_is_sound(v));
}

static void try_state(const char *text, size_t len) {
    struct str once = STR_INIT(STATEFILE_MAX), twice = STR_INIT(STATEFILE_MAX);
    struct store_state state = { 0 }, again = { 0 };
    struct err e = { 0 };
    int r = statefile_decode(text, len, &state, &e);

    (void) statefile_guess_seq(text, len);
    if (r < 0) {
        check(r == -EBADMSG && e.text[0] && state.seq == 0);
        return;
    }
    check_version(&state.current);
    check_version(&state.previous);
    check_version(&state.pending);
    /* Escapes may be spelled longer than they came: then it is too long, and said so. */
    r = statefile_encode(&state, &once, &e);
    check(r == 0 || r == -E2BIG);
    if (r == 0) {
        check(statefile_decode(once.data, once.len, &again, &e) == 0);
        check(statefile_encode(&again, &twice, &e) == 0 && strcmp(once.data, twice.data) == 0);
    }
    store_state_clear(&state);
    store_state_clear(&again);
    str_clear(&once);
    str_clear(&twice);
}

static void try_sealed(const char *line, size_t len) {
    struct str text = STR_INIT(2 * STATEFILE_MAX);
    (void) str_append(&text, line, len);
    (void) str_putc(&text, '\n');
    if (str_error(&text) == 0) {
        (void) str_printf(&text, "crc32 %08" PRIx32 "\n", text_crc32(0, text.data, text.len));
        try_state(text.data, text.len);
    }
    str_clear(&text);
}

static void try_list(const char *text, size_t len) {
    struct filelist *list = NULL;
    struct err e = { 0 };
    int r = filelist_parse(text, len, &list, &e);
    check(r == 0 ? list != NULL : !list && e.text[0]);
    if (r == 0 && filelist_count(list) > 0) { /* the last line's path is in it */
        char path[PACKAGE_PATH_MAX + 1];
        const char *last = memrchr(text, ' ', len - 1);
        const char *line = memrchr(text, '\n', len - 1);
        size_t at = FILELIST_HASH_HEX + 1, n = 0;
        line = line ? line + 1 : text;
        check(last > line);
        at += strspn(line + at, "0123456789") + 3;
        n = (size_t) (text + len - 1 - (line + at));
        check(n <= PACKAGE_PATH_MAX);
        memcpy(path, line + at, n);
        path[n] = '\0';
        check(filelist_find(list, path) != NULL);
    }
    filelist_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_state((const char *) data, size);
    try_sealed((const char *) data, size);
    try_list((const char *) data, size);
    return 0;
}
