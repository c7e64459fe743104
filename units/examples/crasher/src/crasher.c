/* SPDX-License-Identifier: MIT
 * crasher.c - a mini-program that goes wrong on request, to see what the supervisor makes of it.
 *
 * `miniprogctl open org.example.crasher PATH`, where PATH is
 *     crash   follows a null pointer: dies of SIGSEGV
 *     fail    ends with status 3
 *     hang    ignores SIGTERM and answers nothing any more
 * anything else: behaves. It leaves its loop to miniprog_run(). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <miniprog.h>

/* Sanitizers would make something else of it than the death by signal that is wanted here. */
__attribute__((no_sanitize("address", "undefined"))) static void crash(void) {
    static volatile char *volatile nowhere;

    (void) signal(SIGSEGV, SIG_DFL);
    *nowhere = 1;
}

static void hang(void) {
    (void) signal(SIGTERM, SIG_IGN);
    for (;;)
        (void) pause();
}

static void on_show(struct miniprog *m, const struct miniprog_launch *launch, void *data) {
    (void) m;
    (void) data;
    printf("shown with path '%s'\n", launch->path);
    if (strcmp(launch->path, "crash") == 0)
        crash();
    else if (strcmp(launch->path, "fail") == 0)
        exit(3);
    else if (strcmp(launch->path, "hang") == 0)
        hang();
}

int main(void) {
    const struct miniprog_callbacks callbacks = { .size = sizeof callbacks, .show = on_show };
    struct miniprog *m = NULL;
    int r;

    (void) setvbuf(stdout, NULL, _IOLBF, 0);
    r = miniprog_open(&m, &callbacks, NULL);
    if (r == -ENOENT)
        fprintf(stderr, "this program does something under miniprogd only\n");
    if (r < 0)
        return 1;
    r = miniprog_ready(m, NULL, NULL);
    if (r == 0)
        r = miniprog_run(m);
    if (r < 0)
        fprintf(stderr, "cannot go on: %s\n", strerror(-r));
    (void) miniprog_close(m);
    return r < 0;
}
