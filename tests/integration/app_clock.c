/* SPDX-License-Identifier: MIT
 * app_clock.c - not an app, but a library for LD_PRELOAD: its process has a wrong clock. The file
 * $MINIPROG_TEST_CLOCK holds by how many microseconds (int64_t), and may change meanwhile.
 *
 * Of CLOCK_REALTIME alone: what runs on CLOCK_BOOTTIME and CLOCK_MONOTONIC is right, as it is on a
 * machine whose clock is set. The times of files are the kernel's, and are not changed. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

static const volatile int64_t *ahead;
static int (*next)(clockid_t, struct timespec *);

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("MINIPROG_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = fd >= 0 ? mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd < 0 || page == MAP_FAILED)
        abort(); /* or the test would test nothing */
    (void) close(fd);
    ahead = page;
    next = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
}

SHOWN int clock_gettime(clockid_t clock, struct timespec *ret) {
    int r = next ? next(clock, ret) : (int) syscall(SYS_clock_gettime, clock, ret);

    if (r == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t usec = ret->tv_sec * INT64_C(1000000) + ret->tv_nsec / 1000 + *ahead;
        *ret = (struct timespec){ .tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000 };
    }
    return r;
}

SHOWN time_t time(time_t *ret) {
    struct timespec ts = { 0 };

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}

SHOWN int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
    struct timespec ts = { 0 };

    (void) zone;
    (void) clock_gettime(CLOCK_REALTIME, &ts);
    *ret = (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000 };
    return 0;
}
