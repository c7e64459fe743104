/* SPDX-License-Identifier: MIT
 * output_drain.c - the thread: from FIFOs into logs, each app in its turn.
 * Layer: 3, daemon. Uses: base. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/daemon/output_parts.h"

#define THREAD_STACK ((size_t) 128 * 1024)
#define TURN_MAX     ((size_t) 64 * 1024) /* of one app, then the next: a pipe's usual size */
#define LAST_MAX     (16 * TURN_MAX)      /* at its end; what escaped may print for ever */
#define EVENTS_MAX   32

/* Returns how many bytes were taken; 0 for none. */
static size_t take(struct output *o, struct channel *ch) {
    ssize_t n;

    do
        n = read(ch->fifo_fd, o->buffer, TURN_MAX);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    output_log_append(&ch->log, o->log_dir, ch->leave.id, atomic_load(&o->log_size), o->buffer,
                      (size_t) n);
    return (size_t) n;
}

static void poke(int fd) {
    uint64_t one = 1;
    (void) !write(fd, &one, sizeof one); /* full: the reader is awake already */
}

static void tell_growth(struct output *o, struct channel *ch) {
    if (atomic_load(&ch->followed))
        poke(o->grown_fd);
}

static void take_rest(struct output *o, struct channel *ch) {
    size_t n, all = 0;

    while (all < LAST_MAX && (n = take(o, ch)) > 0)
        all += n;
}

static void end_log(struct output *o, struct channel *ch) {
    output_log_end(&ch->log, o->log_dir, ch->leave.id, atomic_load(&o->log_size));
}

static void leave(struct output *o, struct channel *ch, struct list *gone) {
    take_rest(o, ch);
    end_log(o, ch);
    tell_growth(o, ch);
    output_log_close(&ch->log);
    /* Closing alone may leave it in the set: a child between clone and exec has all our files open.
     */
    (void) epoll_ctl(o->epoll_fd, EPOLL_CTL_DEL, ch->fifo_fd, NULL);
    close_p(&ch->fifo_fd);
    ch->gone = true;
    (void) pthread_mutex_lock(&o->lock);
    list_append(gone, &ch->node);
    (void) pthread_mutex_unlock(&o->lock);
}

void output_unlink_logs(const struct output *o, const char *id) {
    char old[OUTPUT_NAME_SIZE];

    output_log_old_name(id, old);
    (void) unlinkat(o->log_dir, id, 0);
    (void) unlinkat(o->log_dir, old, 0);
}

/* A run that still prints begins its log anew. */
static void forget(struct output *o, const char *id) {
    struct channel *ch;

    output_unlink_logs(o, id);
    (void) pthread_mutex_lock(&o->lock);
    list_for_each (ch, &o->channels, struct channel, node)
        if (strcmp(ch->leave.id, id) == 0)
            output_log_close(&ch->log);
    (void) pthread_mutex_unlock(&o->lock);
}

/* What it has in its FIFO now, and not what it goes on to print. A run that has left is behind us
 * in the queue. */
static void settle(struct output *o, const char *id) {
    struct channel *ch, *live = NULL;
    int left = 0;

    (void) pthread_mutex_lock(&o->lock);
    list_for_each (ch, &o->channels, struct channel, node)
        if (!ch->gone && strcmp(ch->leave.id, id) == 0)
            live = ch;
    (void) pthread_mutex_unlock(&o->lock);
    if (!live || ioctl(live->fifo_fd, FIONREAD, &left) < 0)
        return;
    for (size_t n; left > 0 && (n = take(o, live)) > 0;)
        left -= (int) n;
    tell_growth(o, live);
}

static struct command *next_command(struct output *o, bool *ret_stop) {
    struct command *c;

    (void) pthread_mutex_lock(&o->lock);
    c = list_first(&o->commands, struct command, node);
    if (c)
        list_remove(&c->node);
    else
        *ret_stop = o->stop;
    (void) pthread_mutex_unlock(&o->lock);
    return c;
}

/* Before the events of the same round: a new run of an app may have printed already, and what the
 * old one left comes first. */
static bool obey(struct output *o, struct list *gone) {
    bool stop = false;
    struct command *c;

    while ((c = next_command(o, &stop)))
        switch (c->kind) {
        case COMMAND_LEAVE:
            leave(o, list_entry(c, struct channel, leave), gone);
            break;
        case COMMAND_FORGET:
            forget(o, c->id);
            free(c);
            break;
        case COMMAND_SETTLE:
            settle(o, c->id);
            atomic_store(&list_entry(c, struct output_wait, command)->done, true);
            poke(o->grown_fd);
            break;
        }
    return stop;
}

/* The daemon ends, the runs do not: a line that has begun goes on under the next daemon, unless
 * bytes of it were lost, which only this one knows. Nobody attaches any more. */
static void take_all(struct output *o) {
    struct channel *ch;

    list_for_each (ch, &o->channels, struct channel, node) {
        take_rest(o, ch);
        if (ch->log.lost > 0)
            end_log(o, ch);
    }
}

/* Epoll reports ready files in turn, so that one which is always ready waits for all others. */
static void *drain_main(void *arg) {
    struct output *o = arg;
    struct epoll_event events[EVENTS_MAX];
    struct list gone;
    bool stop = false;

    list_init(&gone);
    while (!stop) {
        int n = epoll_wait(o->epoll_fd, events, EVENTS_MAX, -1);
        struct channel *ch;
        uint64_t count;
        /* Before the queue is looked at: the poke of a command that comes after must stay. */
        (void) !read(o->wake_fd, &count, sizeof count);
        stop = obey(o, &gone);
        for (int i = 0; i < n; i++) {
            ch = events[i].data.ptr;
            if (ch && !ch->gone && take(o, ch) > 0)
                tell_growth(o, ch);
        }
        list_for_each (ch, &gone, struct channel, node) {
            list_remove(&ch->node);
            free(ch);
        }
    }
    take_all(o);
    return NULL;
}

int output_drain_start(struct output *o) {
    struct epoll_event wake = { .events = EPOLLIN, .data.ptr = NULL };
    pthread_attr_t attr;
    sigset_t all, old;
    int r;

    if (o->started)
        return 0;
    if (!o->buffer && !(o->buffer = malloc(TURN_MAX)))
        return -ENOMEM;
    if (epoll_ctl(o->epoll_fd, EPOLL_CTL_ADD, o->wake_fd, &wake) < 0 && errno != EEXIST)
        return -errno;
    r = pthread_attr_init(&attr);
    if (r != 0)
        return -r;
    (void) pthread_attr_setstacksize(&attr, THREAD_STACK);
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the loop's */
    r = pthread_create(&o->thread, &attr, drain_main, o);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void) pthread_attr_destroy(&attr);
    if (r != 0)
        return -r;
    o->started = true;
    (void) pthread_setname_np(o->thread, "output");
    return 0;
}

void output_drain_command(struct output *o, struct command *c) {
    (void) pthread_mutex_lock(&o->lock);
    list_append(&o->commands, &c->node);
    (void) pthread_mutex_unlock(&o->lock);
    poke(o->wake_fd);
}

void output_drain_stop(struct output *o) {
    if (!o->started)
        return;
    (void) pthread_mutex_lock(&o->lock);
    o->stop = true;
    (void) pthread_mutex_unlock(&o->lock);
    poke(o->wake_fd);
    (void) pthread_join(o->thread, NULL);
    o->started = false;
}
