/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/trace.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#define OUT_MAX ((size_t) 4 * 1024 * 1024) /* of the decisions between two lines */

static void replay_free_p(struct cgrp_replay **r) {
    (void) cgrp_replay_free(*r);
}

/* What was decided so far, so that a long trace is shown as it goes. */
static void print(struct str *out) {
    if (out->len > 0)
        (void) fwrite(out->data, 1, out->len, stdout);
    str_reset(out);
}

/* A NUL within a line would hide its rest. */
static int take_line(struct cgrp_replay *r, char *line, size_t n, struct str *out, struct err *e) {
    if (n > 0 && line[n - 1] == '\n')
        line[--n] = '\0';
    if (strlen(line) != n)
        return err_set(e, -EINVAL, "a NUL byte is no text");
    return cgrp_replay_line(r, line, out, e);
}

static int run(FILE *file, struct str *out, unsigned *ret_differs, struct err *e) {
    CLEANUP(replay_free_p) struct cgrp_replay *r = NULL;
    CLEANUP(free_p) char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int x = cgrp_replay_new(&r);

    if (x < 0)
        return err_set(e, x, "out of memory");
    while (x == 0 && (n = getline(&line, &size, file)) >= 0) {
        x = take_line(r, line, (size_t) n, out, e);
        print(out);
    }
    if (x == 0 && ferror(file))
        return err_set(e, -EIO, "%s", strerror(errno));
    if (x == 0)
        x = cgrp_replay_end(r, out, ret_differs, e);
    print(out);
    return x;
}

int replay_run(const char *path) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    struct str out = STR_INIT(OUT_MAX);
    struct err e = { 0 };
    unsigned differs = 0;

    if (!file) {
        (void) fprintf(stderr, "miniprogd: cannot open '%s': %s\n", path, strerror(errno));
        return 1;
    }
    int r = run(file, &out, &differs, &e);
    str_clear(&out);
    if (!standard)
        (void) fclose(file);
    if (r < 0)
        (void) fprintf(stderr, "miniprogd: cannot replay '%s': %s\n", path, e.text);
    else if (differs)
        (void) fprintf(stderr, "miniprogd: %u decision%s not as recorded\n", differs,
                       differs == 1 ? " is" : "s are");
    return r < 0 || differs ? 1 : 0;
}
