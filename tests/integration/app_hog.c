/* SPDX-License-Identifier: MIT
 * app_hog.c - a mini-program that takes memory and answers warnings well, badly or worse.
 *
 * Its argument is "MB,manners": so many megabytes of anonymous memory are its own before it is
 * ready, those that a sanitizer takes included. manners: frees (half of what it has, at each
 * warning), lies (says that it did), grows (takes 4 MB more), forks (leaves children that fork on
 * and on), calls (one call for each show, so that a resume is heard), shared (all that it takes
 * is). The path of a `show` that begins with '!' is an order: !take MB, !drop MB, !read FILE (into
 * the page cache), !exit N. It prints "holds MB" after each change, "done PATH" after each show. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "miniprog.h"

#define MB         ((size_t) 1048576)
#define PIECES_MAX 8192
#define GROWS_BY   4
#define CHILDREN   3 /* of each process that forks, at a time */

static void *piece[PIECES_MAX]; /* of a megabyte each */
static int pieces, own;
static const char *manners;

static void say(const char *what, const char *detail) {
    (void) printf("%s %s\n", what, detail);
    (void) fflush(stdout);
}

/* What it has before it takes anything. */
static int own_megabytes(void) {
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld kB", &kb) == 1)
            break;
    if (f)
        (void) fclose(f);
    return (int) ((kb + 512) / 1024);
}

static void say_held(void) {
    char text[16];
    (void) snprintf(text, sizeof text, "%d", own + pieces);
    say("holds", text);
}

/* Every page differs from every other, so that nothing merges or compresses it away. */
static void take(int n) {
    for (; n > 0 && pieces < PIECES_MAX; n--) {
        int kind = strstr(manners, "shared") ? MAP_SHARED : MAP_PRIVATE;
        uint64_t *p = mmap(NULL, MB, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            break;
        for (size_t i = 0; i < MB / sizeof *p; i += 64)
            p[i] = (uint64_t) (uintptr_t) (p + i) * UINT64_C(0x9e3779b97f4a7c15);
        piece[pieces++] = p;
    }
    say_held();
}

static void drop(int n) {
    for (; n > 0 && pieces > 0; n--)
        (void) munmap(piece[--pieces], MB);
    say_held();
}

static void read_file(const char *path) {
    char *buf = malloc(MB);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    while (buf && fd >= 0 && (n = read(fd, buf, MB)) > 0)
        ;
    say("cached", n == 0 ? path : strerror(errno));
    if (fd >= 0)
        (void) close(fd);
    free(buf);
}

/* Bounded only by pids_max; each lives for a moment and is followed by its own. */
static void fork_on(void) {
    if (fork() != 0)
        return;
    (void) setsid();
    (void) signal(SIGTERM, SIG_IGN);
    (void) signal(SIGCHLD, SIG_IGN);
    for (;;) {
        for (int i = 0; i < CHILDREN; i++)
            (void) fork();
        (void) poll(NULL, 0, 1);
    }
}

static void on_done(struct miniprog *m, int error, void *data) {
    (void) m;
    char text[16];
    (void) snprintf(text, sizeof text, "%d", error);
    say(data, text);
}

static void on_info(struct miniprog *m, int error, const struct miniprog_info *info, void *data) {
    (void) m;
    (void) info;
    (void) data;
    say("called", error ? "in vain" : "");
}

static void on_show(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    (void) data;
    const char *rest = strchr(l->path, ' ');

    rest = rest ? rest + 1 : "";
    say("show", l->path);
    if (strncmp(l->path, "!take", 5) == 0)
        take(atoi(rest));
    if (strncmp(l->path, "!drop", 5) == 0)
        drop(atoi(rest));
    if (strncmp(l->path, "!read", 5) == 0)
        read_file(rest);
    if (strncmp(l->path, "!exit", 5) == 0)
        _exit(atoi(rest));
    say("done", l->path);
    if (strstr(manners, "calls"))
        (void) miniprog_get_info(m, on_info, NULL);
}

static void on_warning(struct miniprog *m, int level, const char *source, void *data) {
    (void) m;
    (void) data;
    char text[64];
    (void) snprintf(text, sizeof text, "%d %s", level, source);
    say("warning", text);
    if (strstr(manners, "frees"))
        drop((pieces + 1) / 2);
    if (strstr(manners, "lies"))
        say("holds", "0");
    if (strstr(manners, "grows"))
        take(GROWS_BY);
    if (strstr(manners, "forks"))
        fork_on();
}

int main(int argc, char **argv) {
    struct miniprog *m = NULL;
    static const struct miniprog_callbacks callbacks = {
        .size = sizeof callbacks,
        .show = on_show,
        .memory_warning = on_warning,
    };

    manners = argc > 1 ? argv[1] : "";
    own = own_megabytes();
    take(atoi(manners) - own);
    int r = miniprog_open(&m, &callbacks, NULL);
    if (r < 0) {
        (void) fprintf(stderr, "cannot connect: %s\n", strerror(-r));
        return 1;
    }
    (void) miniprog_ready(m, on_done, "ready");
    for (;;) {
        struct pollfd p = { .fd = miniprog_fd(m), .events = POLLIN };
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return 1;
        if (miniprog_dispatch(m) < 0)
            return 1;
    }
}
