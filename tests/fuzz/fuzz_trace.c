/* SPDX-License-Identifier: MIT
 * fuzz_trace.c - whatever a trace of memory facts says, it is refused or decided, and decided alike
 * when it is read a second time.
 *
 * Input: lines. */
#include "cgroups/psi.h"
#include "cgroups/trace.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void run(const char *text, struct str *out) {
    struct cgrp_replay *r = NULL;
    char *copy = strdup(text), *rest = copy, *line;
    unsigned differs = 0;

    check(copy && cgrp_replay_new(&r) == 0);
    while ((line = strsep(&rest, "\n"))) {
        struct err e = { 0 };
        int x = cgrp_replay_line(r, line, out, &e);
        check(x == 0 || (x < 0 && e.text[0] && x != -ELOOP));
    }
    (void) cgrp_replay_end(r, out, &differs, NULL);
    cgrp_replay_free(r);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str once = STR_INIT(1 << 22), again = STR_INIT(1 << 22);
    struct cgrp_psi_line line;
    char *text = malloc(size + 1);

    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    run(text, &once);
    run(text, &again);
    check(strcmp(str_text(&once), str_text(&again)) == 0);
    (void) cgrp_psi_parse(text, size % 2, &line);
    str_clear(&once);
    str_clear(&again);
    free(text);
    return 0;
}
