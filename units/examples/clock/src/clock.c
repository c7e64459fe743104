/* SPDX-License-Identifier: MIT
 * clock.c - a mini-program on libminiprog, with a loop of its own.
 *
 * It counts the seconds that it really ran: while it is suspended it does not tick. What it hears
 * it prints (`miniprogctl logs org.example.clock`). Hidden, it saves its count as exit state, and
 * shows it again at the next cold start, whatever ended it. When memory is short it drops its
 * cache and draws it again when it is shown. Run by hand, without a supervisor, it just ticks. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <miniprog.h>

#define CACHE_BYTES ((size_t) 8 * 1024 * 1024)

struct clock {
    unsigned long ticks;
    char *cache; /* the drawn faces; NULL: to be drawn again */
    int over;    /* all is saved, leave */
};

static void say(const struct clock *c, const char *what) {
    printf("[%lu s] %s\n", c->ticks, what);
}

static void draw(struct clock *c) {
    if (c->cache)
        return;
    c->cache = malloc(CACHE_BYTES);
    if (c->cache)
        memset(c->cache, '*', CACHE_BYTES);
}

static void save(struct miniprog *m, struct clock *c, miniprog_done done) {
    char state[64];

    (void) snprintf(state, sizeof state, "{\"ticks\":%lu}", c->ticks);
    if (miniprog_save_exit_state(m, state, 0, done, c) < 0)
        fprintf(stderr, "cannot save: %s\n", miniprog_error(m));
}

static void on_launch(struct miniprog *m, const struct miniprog_launch *launch, void *data) {
    (void) m;
    (void) launch;
    say(data, "launch");
}

static void on_show(struct miniprog *m, const struct miniprog_launch *launch, void *data) {
    struct clock *c = data;

    (void) m;
    draw(c);
    printf("[%lu s] show, path '%s', scene %d\n", c->ticks, launch->path, launch->scene);
}

static void on_hide(struct miniprog *m, int reason, void *data) {
    struct clock *c = data;

    printf("[%lu s] hide, reason %d\n", c->ticks, reason);
    save(m, c, NULL);
}

static void on_memory_warning(struct miniprog *m, int level, const char *source, void *data) {
    struct clock *c = data;

    (void) m;
    printf("[%lu s] memory warning, level %d from %s: %s\n", c->ticks, level, source,
           c->cache ? "the cache goes" : "nothing left to free");
    free(c->cache); /* so large that malloc gives it back to the system at once */
    c->cache = NULL;
}

static void on_update_check(struct miniprog *m, bool has_update, void *data) {
    (void) m;
    say(data, has_update ? "there is a new version" : "this version is the newest");
}

static void on_update_ready(struct miniprog *m, int64_t version_code, void *data) {
    const struct clock *c = data;

    (void) m;
    printf("[%lu s] version %lld is ready for the next start\n", c->ticks,
           (long long) version_code);
}

static void on_update_failed(struct miniprog *m, const char *reason, void *data) {
    const struct clock *c = data;

    (void) m;
    printf("[%lu s] the update failed: %s\n", c->ticks, reason);
}

static void on_last_save(struct miniprog *m, int error, void *data) {
    struct clock *c = data;

    (void) m;
    (void) error;
    c->over = 1;
}

static void on_unload(struct miniprog *m, const char *reason, uint64_t timeout_usec, void *data) {
    struct clock *c = data;

    printf("[%lu s] unload, because of %s, within %llu ms\n", c->ticks, reason,
           (unsigned long long) timeout_usec / 1000);
    save(m, c, on_last_save);
}

/* The exit state is only there until the app is ready: so it is asked for first. */
static void on_info(struct miniprog *m, int error, const struct miniprog_info *info, void *data) {
    struct clock *c = data;
    const char *ticks = info && info->exit_state ? strstr(info->exit_state, "\"ticks\":") : NULL;

    if (error < 0)
        fprintf(stderr, "no information: %s\n", miniprog_error(m));
    if (ticks)
        c->ticks = strtoul(ticks + strlen("\"ticks\":"), NULL, 10);
    say(c, ticks ? "here again, the exit state came back" : "here, without an exit state");
    draw(c);
    if (miniprog_ready(m, NULL, NULL) < 0)
        fprintf(stderr, "cannot say that it is ready: %s\n", miniprog_error(m));
}

static const struct miniprog_callbacks callbacks = {
    .size = sizeof callbacks,
    .launch = on_launch,
    .show = on_show,
    .hide = on_hide,
    .memory_warning = on_memory_warning,
    .update_check = on_update_check,
    .update_ready = on_update_ready,
    .update_failed = on_update_failed,
    .unload = on_unload,
};

static int loop(struct clock *c, struct miniprog *m, int timer) {
    struct pollfd p[] = { { .fd = timer, .events = POLLIN },
                          { .fd = m ? miniprog_fd(m) : -1, .events = POLLIN } };
    uint64_t passed;

    while (!c->over) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return -errno;
        /* However many seconds passed: after a suspension many did, and it ran in none of them. */
        if (p[0].revents && read(timer, &passed, sizeof passed) == sizeof passed)
            c->ticks++;
        if (p[1].revents && miniprog_dispatch(m) < 0)
            return -EIO;
    }
    return 0;
}

int main(void) {
    const struct itimerspec second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
    struct clock c = { .ticks = 0 };
    struct miniprog *m = NULL;
    int timer, r;

    (void) setvbuf(stdout, NULL, _IOLBF, 0); /* what it says is to be seen at once */
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &second, NULL) < 0) {
        perror("timer");
        return 1;
    }
    r = miniprog_open(&m, &callbacks, &c);
    if (r == 0)
        r = miniprog_get_info(m, on_info, &c);
    else if (r == -ENOENT)
        say(&c, "no supervisor, just ticking");
    if (r < 0 && r != -ENOENT) {
        fprintf(stderr, "no supervisor: %s\n", strerror(-r));
        return 1;
    }
    r = loop(&c, m, timer);
    (void) miniprog_close(m);
    (void) close(timer);
    free(c.cache);
    return r < 0;
}
