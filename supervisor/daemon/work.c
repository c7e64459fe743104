/* SPDX-License-Identifier: MIT
 * work.c - lanes: one thread and one queue each, results by an eventfd.
 * Layer: 3, daemon. Uses: base, libsystemd. */
#include "supervisor/daemon/work.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/list.h"
#include "supervisor/daemon/loop.h"

/* Enough for the deepest job (a tree walk over file descriptors, a spawn); the default of
 * 8 MiB would be charged whole by mlockall(MCL_FUTURE). */
#define LANE_STACK ((size_t) 256 * 1024)

struct item {
    struct list node;
    work_run_t run;
    work_done_t done;
    void *job;
    int result;
    struct err err;
};

struct lane {
    struct work *work;
    pthread_t thread;
    bool started;
    pthread_cond_t more;
    struct list queue;
};

struct work {
    pthread_mutex_t lock; /* guards all below but source */
    pthread_cond_t idle;  /* open became 0 */
    struct lane lanes[WORK_LANE_COUNT];
    struct list finished;
    unsigned open; /* queued or running */
    bool stop;
    int wake_fd;
    sd_event_source *source;
};

static const char *const lane_names[WORK_LANE_COUNT] = {
    [WORK_SPAWN] = "spawn",     [WORK_DISK] = "disk",   [WORK_RECLAIM] = "reclaim",
    [WORK_RELEASE] = "release", [WORK_WATCH] = "watch",
};

static struct item *take_first(struct list *list) {
    struct item *it = list_first(list, struct item, node);
    if (it)
        list_remove(&it->node);
    return it;
}

static void finish(struct work *w, struct item *it) {
    uint64_t one = 1;

    list_append(&w->finished, &it->node);
    if (--w->open == 0)
        (void) pthread_cond_broadcast(&w->idle);
    /* Fails only when the counter is full: then the loop is awake already. */
    (void) !write(w->wake_fd, &one, sizeof one);
}

static void *lane_main(void *arg) {
    struct lane *lane = arg;
    struct work *w = lane->work;

    (void) pthread_mutex_lock(&w->lock);
    for (;;) {
        struct item *it = take_first(&lane->queue);
        if (it) {
            (void) pthread_mutex_unlock(&w->lock);
            it->result = it->run(it->job, &it->err);
            (void) pthread_mutex_lock(&w->lock);
            finish(w, it);
        } else if (w->stop) {
            break;
        } else {
            (void) pthread_cond_wait(&lane->more, &w->lock);
        }
    }
    (void) pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The thread is born with every signal blocked: signals are the loop's (signalfd), and a
 * thread that took one by its default action would end the daemon. */
static int lane_start(struct lane *lane, const char *name) {
    pthread_attr_t attr;
    sigset_t all, old;
    int r;

    r = pthread_attr_init(&attr);
    if (r != 0)
        return -r;
    (void) pthread_attr_setstacksize(&attr, LANE_STACK);
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&lane->thread, &attr, lane_main, lane);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void) pthread_attr_destroy(&attr);
    if (r != 0)
        return -r;
    lane->started = true;
    (void) pthread_setname_np(lane->thread, name);
    return 0;
}

/* One at a time, so that a done() which drains keeps the order. */
static void call_finished(struct work *w) {
    for (;;) {
        (void) pthread_mutex_lock(&w->lock);
        struct item *it = take_first(&w->finished);
        (void) pthread_mutex_unlock(&w->lock);
        if (!it)
            return;
        if (it->done)
            it->done(it->job, it->result, &it->err);
        free(it);
    }
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    uint64_t count;

    (void) source;
    (void) events;
    (void) !read(fd, &count, sizeof count);
    call_finished(userdata);
    return 0;
}

int work_new(sd_event *event, struct work **ret, struct err *e) {
    struct work *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return err_set(e, -ENOMEM, "no memory for the worker threads");
    (void) pthread_mutex_init(&w->lock, NULL);
    (void) pthread_cond_init(&w->idle, NULL);
    list_init(&w->finished);
    for (int i = 0; i < WORK_LANE_COUNT; i++) {
        w->lanes[i].work = w;
        (void) pthread_cond_init(&w->lanes[i].more, NULL);
        list_init(&w->lanes[i].queue);
    }
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = w->wake_fd < 0 ? -errno
                       : sd_event_add_io(event, &w->source, w->wake_fd, EPOLLIN, on_wake, w);
    if (r >= 0)
        r = sd_event_source_set_priority(w->source, LOOP_WORK);
    if (r < 0) {
        work_free(w);
        return err_set(e, r, "cannot watch for results of threads: %s", strerror(-r));
    }
    (void) sd_event_source_set_description(w->source, "work");
    *ret = w;
    return 0;
}

int work_submit(struct work *w, enum work_lane lane, work_run_t run, work_done_t done, void *job) {
    CLEANUP(free_p) struct item *it = calloc(1, sizeof *it);
    struct lane *l = &w->lanes[lane];

    if (!it)
        return -ENOMEM;
    list_init(&it->node);
    it->run = run;
    it->done = done;
    it->job = job;
    if (!l->started) {
        int r = lane_start(l, lane_names[lane]);
        if (r < 0)
            return r;
    }
    (void) pthread_mutex_lock(&w->lock);
    list_append(&l->queue, &TAKE_PTR(it)->node);
    w->open++;
    (void) pthread_mutex_unlock(&w->lock);
    (void) pthread_cond_signal(&l->more); /* now, so that it does not wake to find the lock taken */
    return 0;
}

void work_drain(struct work *w) {
    bool more = true;

    /* done() may submit again. */
    while (more) {
        (void) pthread_mutex_lock(&w->lock);
        while (w->open > 0)
            (void) pthread_cond_wait(&w->idle, &w->lock);
        more = !list_empty(&w->finished);
        (void) pthread_mutex_unlock(&w->lock);
        call_finished(w);
    }
}

struct work *work_free(struct work *w) {
    if (!w)
        return NULL;
    work_drain(w);
    (void) pthread_mutex_lock(&w->lock);
    w->stop = true;
    for (int i = 0; i < WORK_LANE_COUNT; i++)
        (void) pthread_cond_signal(&w->lanes[i].more);
    (void) pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < WORK_LANE_COUNT; i++) {
        if (w->lanes[i].started)
            (void) pthread_join(w->lanes[i].thread, NULL);
        (void) pthread_cond_destroy(&w->lanes[i].more);
    }
    sd_event_source_disable_unref(w->source);
    close_p(&w->wake_fd);
    (void) pthread_cond_destroy(&w->idle);
    (void) pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}
