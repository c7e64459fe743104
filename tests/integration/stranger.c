/* SPDX-License-Identifier: MIT
 * stranger.c - a program that knows systemd's memory pressure protocol and nothing of us.
 *
 * Needs libsystemd 254 or later, so stranger.sh builds it in a Debian 13. It keeps a cache of
 * argv[1] megabytes, drops it under memory pressure, and fills it anew on SIGUSR1. It prints what
 * it does, numbered. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-event.h>

static size_t size;
static char *cache;
static int heard, filled;

static int fill(void) {
    if (cache)
        return 0;
    cache = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache == MAP_FAILED)
        return -1;
    memset(cache, 'x', size);
    (void) printf("cache %d: %zu MB\n", ++filled, size >> 20);
    return 0;
}

static int on_pressure(sd_event_source *s, void *data) {
    (void) s;
    (void) data;
    size_t freed = cache ? size : 0;
    if (cache)
        (void) munmap(cache, size);
    cache = NULL;
    (void) sd_event_trim_memory();
    (void) printf("pressure %d: %zu MB freed\n", ++heard, freed >> 20);
    return 0;
}

static int on_fill(sd_event_source *s, const struct signalfd_siginfo *si, void *data) {
    (void) s;
    (void) si;
    (void) data;
    return fill();
}

int main(int argc, char **argv) {
    sd_event *event = NULL;
    sigset_t mask;

    size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 20;
    (void) setvbuf(stdout, NULL, _IOLBF, 0);
    (void) sigemptyset(&mask);
    (void) sigaddset(&mask, SIGUSR1);
    (void) sigprocmask(SIG_BLOCK, &mask, NULL);
    if (sd_event_default(&event) < 0 ||
        sd_event_add_signal(event, NULL, SIGUSR1, on_fill, NULL) < 0)
        return 1;
    int r = sd_event_add_memory_pressure(event, NULL, on_pressure, NULL);
    if (r < 0) {
        (void) fprintf(stderr, "no memory pressure events: %s\n", strerror(-r));
        return 1;
    }
    if (fill() < 0)
        return 1;
    return sd_event_loop(event) < 0;
}
