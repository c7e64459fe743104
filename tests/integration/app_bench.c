/* SPDX-License-Identifier: MIT
 * app_bench.c - an app that notes when its main began and when it heard a show, in memory that the
 * bench has mapped too ($BENCH_CLOCK). As the floor it does the same without a supervisor; with
 * $BENCH_REST it does nothing more. */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "miniprog.h"
#include "tests/bench/clock.h"

static struct bench_clock *shared;

static void note(uint64_t *at, uint32_t *count) {
    *at = bench_now();
    __atomic_add_fetch(count, 1, __ATOMIC_RELEASE);
    (void) syscall(SYS_futex, count, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void on_show(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    (void) m;
    (void) l;
    (void) data;
    note(&shared->show_ns, &shared->shows);
}

static int map_clock(void) {
    const char *path = getenv("BENCH_CLOCK");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return -1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void) close(fd);
    return shared == MAP_FAILED ? -1 : 0;
}

/* The floor: a byte comes, the time is noted, a byte goes back. */
static void echo(int fd) {
    char byte;
    while (read(fd, &byte, 1) == 1) {
        shared->show_ns = bench_now();
        if (write(fd, &byte, 1) != 1)
            return;
    }
}

int main(int argc, char **argv) {
    uint64_t began = bench_now();
    struct miniprog *m = NULL;
    static const struct miniprog_callbacks callbacks = { .size = sizeof callbacks,
                                                         .show = on_show };

    if (map_clock() < 0)
        return 1;
    shared->main_ns = began;
    shared->pid = (uint32_t) getpid();
    __atomic_add_fetch(&shared->mains, 1, __ATOMIC_RELEASE);
    (void) syscall(SYS_futex, &shared->mains, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (getenv("BENCH_REST"))
        for (;;)
            (void) pause(); /* until it is stopped */
    if (argc > 1) {
        echo(atoi(argv[1]));
        return 0;
    }
    if (miniprog_open(&m, &callbacks, NULL) < 0)
        return 1;
    for (;;) {
        struct pollfd p = { .fd = miniprog_fd(m), .events = POLLIN };
        (void) poll(&p, 1, -1);
        if (miniprog_dispatch(m) < 0)
            return 1;
    }
}
