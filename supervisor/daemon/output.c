/* SPDX-License-Identifier: MIT
 * output.c - the loop's side: FIFOs come and go.
 * Layer: 3, daemon. Uses: base, libsystemd. */
#include "supervisor/daemon/output.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/map.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/output_parts.h"

/* settled() may ask anew, and cancel others: the list is begun anew after each. */
static void tell_settled(struct output *o) {
    struct output_wait *w, *done;

    do {
        done = NULL;
        list_for_each (w, &o->waits, struct output_wait, node)
            if (atomic_load(&w->done)) {
                done = w;
                break;
            }
        if (!done)
            return;
        list_remove(&done->node);
        if (done->settled)
            done->settled(done->userdata);
        free(done);
    } while (true);
}

static int on_grown(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    uint64_t count;

    (void) source;
    (void) events;
    (void) !read(fd, &count, sizeof count);
    tell_settled(userdata);
    output_readers_wake(userdata);
    return 0;
}

static int open_all(struct output *o, sd_event *event, const char *fifo_dir, const char *log_dir,
                    struct err *e) {
    int r = fs_mkdir(AT_FDCWD, fifo_dir, 0700, &o->fifo_dir, e);

    if (r >= 0)
        r = fs_mkdir(AT_FDCWD, log_dir, 0700, &o->log_dir, e);
    if (r < 0)
        return r;
    o->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    o->grown_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (o->epoll_fd < 0 || o->wake_fd < 0 || o->grown_fd < 0)
        r = -errno;
    if (r >= 0)
        r = sd_event_add_io(event, &o->grown_source, o->grown_fd, EPOLLIN, on_grown, o);
    if (r >= 0)
        r = sd_event_source_set_priority(o->grown_source, LOOP_OUTPUT);
    if (r < 0)
        return err_set(e, r, "cannot watch the output of apps: %s", strerror(-r));
    (void) sd_event_source_set_description(o->grown_source, "output");
    return 0;
}

int output_new(sd_event *event, const char *fifo_dir, const char *log_dir, uint64_t log_size,
               struct output **ret, struct err *e) {
    struct output *o = calloc(1, sizeof *o);
    int r;

    if (!o || !(o->live = map_new())) {
        free(o);
        return err_set(e, -ENOMEM, "no memory for the output of apps");
    }
    o->fifo_dir = o->log_dir = o->epoll_fd = o->wake_fd = o->grown_fd = -1;
    output_set_log_size(o, log_size);
    list_init(&o->readers);
    list_init(&o->waits);
    list_init(&o->channels);
    list_init(&o->commands);
    (void) pthread_mutex_init(&o->lock, NULL);
    r = open_all(o, event, fifo_dir, log_dir, e);
    if (r < 0) {
        output_free(o);
        return r;
    }
    *ret = o;
    return 0;
}

void output_set_log_size(struct output *o, uint64_t log_size) {
    atomic_store(&o->log_size, log_size > 0 ? log_size : 1);
}

static void channel_free_p(struct channel **ch) {
    if (!*ch)
        return;
    output_log_close(&(*ch)->log);
    close_p(&(*ch)->fifo_fd);
    free(*ch);
}

struct output *output_free(struct output *o) {
    if (!o)
        return NULL;
    output_drain_stop(o);
    for (struct output_wait *w; (w = list_first(&o->waits, struct output_wait, node));) {
        list_remove(&w->node);
        free(w);
    }
    map_free(o->live);
    for (struct channel *ch; (ch = list_first(&o->channels, struct channel, node));) {
        list_remove(&ch->node);
        channel_free_p(&ch);
    }
    sd_event_source_disable_unref(o->grown_source);
    close_p(&o->fifo_dir);
    close_p(&o->log_dir);
    close_p(&o->epoll_fd);
    close_p(&o->wake_fd);
    close_p(&o->grown_fd);
    free(o->buffer);
    (void) pthread_mutex_destroy(&o->lock);
    free(o);
    return NULL;
}

/* Read-write: a FIFO that has a writer which can read never says end of file to us, and one that
 * has a reader which can write never says EPIPE to the app. */
static int open_fifo(const struct output *o, const char *id, int flags) {
    int fd = openat(o->fifo_dir, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | flags);
    return fd < 0 ? -errno : fd;
}

/* A new run gets a new FIFO, so that what an earlier one left open is not in it; an adopted run has
 * its own. The folder is ours alone: nobody changes it between two calls here. */
static int make_fifo(const struct output *o, const char *id, bool adopt, uid_t uid, gid_t gid) {
    CLEANUP(close_p) int fd = -1;
    struct stat st;
    int r = mkfifoat(o->fifo_dir, id, 0600);

    if (r < 0 && errno == EEXIST) {
        bool keep = adopt && fstatat(o->fifo_dir, id, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISFIFO(st.st_mode);
        r = keep || (unlinkat(o->fifo_dir, id, 0) == 0 && mkfifoat(o->fifo_dir, id, 0600) == 0)
                ? 0
                : -1;
    }
    if (r < 0)
        return -errno;
    fd = open_fifo(o, id, O_NONBLOCK);
    if (fd < 0)
        return fd;
    if (uid != (uid_t) -1 && fchown(fd, uid, gid) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static struct channel *channel_new(const char *id) {
    struct channel *ch = calloc(1, sizeof *ch);

    if (!ch)
        return NULL;
    ch->leave.kind = COMMAND_LEAVE;
    memcpy(ch->leave.id, id, strlen(id) + 1);
    ch->fifo_fd = -1;
    ch->log = (struct output_log) OUTPUT_LOG_INIT;
    list_init(&ch->leave.node);
    list_init(&ch->node);
    return ch;
}

/* Hands the channel to the thread. */
static int hand_over(struct output *o, struct channel *ch) {
    struct epoll_event in = { .events = EPOLLIN, .data.ptr = ch };
    int r = map_put(o->live, ch->leave.id, ch);

    if (r < 0)
        return r;
    (void) pthread_mutex_lock(&o->lock);
    list_append(&o->channels, &ch->node);
    (void) pthread_mutex_unlock(&o->lock);
    if (epoll_ctl(o->epoll_fd, EPOLL_CTL_ADD, ch->fifo_fd, &in) == 0)
        return 0;
    r = -errno;
    (void) pthread_mutex_lock(&o->lock);
    list_remove(&ch->node);
    (void) pthread_mutex_unlock(&o->lock);
    (void) map_take(o->live, ch->leave.id);
    return r;
}

static int attach(struct output *o, const char *id, uid_t uid, gid_t gid, int *ret_child_fd) {
    CLEANUP(channel_free_p) struct channel *ch = NULL;
    CLEANUP(close_p) int child_fd = -1;
    int r;

    if (!text_is_app_id(id))
        return -EINVAL;
    if (map_get(o->live, id))
        return -EEXIST;
    ch = channel_new(id);
    if (!ch)
        return -ENOMEM;
    r = output_drain_start(o);
    if (r < 0)
        return r;
    ch->fifo_fd = make_fifo(o, id, !ret_child_fd, uid, gid);
    if (ch->fifo_fd < 0)
        return ch->fifo_fd;
    if (ret_child_fd) {
        child_fd = open_fifo(o, id, 0); /* blocking, as programs expect: an open file of its own */
        if (child_fd < 0)
            return child_fd;
    }
    atomic_store(&ch->followed, output_is_followed(o, id));
    r = hand_over(o, ch);
    if (r < 0)
        return r;
    (void) TAKE_PTR(ch);
    if (ret_child_fd)
        *ret_child_fd = TAKE_FD(child_fd);
    return 0;
}

int output_attach(struct output *o, const char *id, uid_t uid, gid_t gid, int *ret_child_fd,
                  struct err *e) {
    int r = attach(o, id, uid, gid, ret_child_fd);

    if (r < 0)
        return err_set(e, r, "cannot take the output of '%.64s': %s", id, strerror(-r));
    return 0;
}

void output_detach(struct output *o, const char *id) {
    struct channel *ch = map_take(o->live, id);

    if (!ch)
        return;
    (void) unlinkat(o->fifo_dir, id, 0); /* now, so that the next run's is another */
    output_drain_command(o, &ch->leave);
}

/* By the thread, behind what it still has to take. */
void output_forget(struct output *o, const char *id) {
    struct command *c;

    if (!text_is_app_id(id))
        return;
    c = o->started ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        output_unlink_logs(o, id);
        return;
    }
    list_init(&c->node);
    c->kind = COMMAND_FORGET;
    memcpy(c->id, id, strlen(id) + 1);
    output_drain_command(o, c);
}

int output_settle(struct output *o, const char *id, void (*settled)(void *userdata), void *userdata,
                  struct output_wait **ret) {
    struct output_wait *w;

    if (!o->started || !text_is_app_id(id))
        return 0;
    w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    list_init(&w->command.node);
    list_init(&w->node);
    w->command.kind = COMMAND_SETTLE;
    memcpy(w->command.id, id, strlen(id) + 1);
    w->settled = settled;
    w->userdata = userdata;
    list_append(&o->waits, &w->node);
    output_drain_command(o, &w->command);
    *ret = w;
    return 1;
}

void output_settle_cancel(struct output_wait *w) {
    if (w)
        w->settled = NULL;
}
