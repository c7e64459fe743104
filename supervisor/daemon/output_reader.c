/* SPDX-License-Identifier: MIT
 * output_reader.c - kept lines, oldest first, while the thread writes and rotates.
 * Layer: 3, daemon. Uses: base, libsystemd.
 *
 * A reader holds the files open that it reads, so that a rotation takes nothing away from it, and
 * no other file can have their inode numbers: by these it finds what comes next. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/plain.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/output_parts.h"

#define PAIR_TRIES 8

struct output_reader {
    struct list node; /* in output.readers */
    struct output *output;
    char id[OUTPUT_ID_SIZE];
    bool follow;
    bool waiting, due; /* output_read() said 0; grown() is to be called */
    void (*grown)(struct output_reader *, void *);
    void *userdata;

    int fd, next_fd; /* -1: none */
    bool rotated;    /* fd is no longer written to; one more look at its end */
    uint64_t left;   /* bytes until the end as it was at first; UINT64_MAX with follow */

    size_t start, len; /* what is in buf and not given out yet */
    char *line;
    size_t line_size;
    char buf[OUTPUT_LINE_MAX];
};

static bool same_file(int a, int b) {
    struct stat x, y;
    return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
           x.st_dev == y.st_dev;
}

static bool was_removed(int fd) {
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/* -1 in ret: there is none. */
static int open_log(const struct output *o, const char *name, int *ret) {
    int fd = openat(o->log_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && errno != ENOENT)
        return -errno;
    *ret = fd;
    return 0;
}

/* Both files as they were at one moment: a rotation between the two opens shows in the second being
 * the first, or in the first being gone. */
static int open_pair(const struct output *o, const char *id, int *ret_old, int *ret_now) {
    char old_name[OUTPUT_NAME_SIZE];

    output_log_old_name(id, old_name);
    for (int i = 0; i < PAIR_TRIES; i++) {
        CLEANUP(close_p) int old = -1, now = -1;
        int r = open_log(o, id, &now);
        if (r == 0)
            r = open_log(o, old_name, &old);
        if (r < 0)
            return r;
        if (same_file(old, now) || was_removed(now))
            continue;
        *ret_old = TAKE_FD(old);
        *ret_now = TAKE_FD(now);
        return 0;
    }
    return -EAGAIN;
}

static void move_to(struct output_reader *r, int fd, int next_fd) {
    close_p(&r->fd);
    r->fd = fd;
    r->next_fd = next_fd;
    r->rotated = false;
}

/* The file's last line has no end, and what comes now does not belong to it. */
static void end_line(struct output_reader *r) {
    if (r->len > 0 && r->start + r->len < sizeof r->buf)
        r->buf[r->start + r->len++] = '\n';
}

/* At the end of fd. 1: there is more to read, in the same file or the next; 0: not now. */
static int advance(struct output_reader *r) {
    CLEANUP(close_p) int old = -1, now = -1;
    bool once;
    int e;

    if (r->next_fd >= 0) {
        move_to(r, r->next_fd, -1);
        return 1;
    }
    if (!r->follow)
        return 0;
    e = open_pair(r->output, r->id, &old, &now);
    if (e < 0)
        return e;
    if (same_file(now, r->fd))
        return 0;
    /* The thread may have written between our last read and the rotation. */
    if (r->fd >= 0 && !r->rotated) {
        r->rotated = true;
        return 1;
    }
    once = same_file(old, r->fd);
    if (once ? now < 0 : old < 0 && now < 0)
        return 0; /* the next one is made when there is something for it */
    if (once) {
        move_to(r, TAKE_FD(now), -1);
        return 1;
    }
    end_line(r); /* forgotten, or rotated away twice: lines in between are gone */
    if (old >= 0)
        move_to(r, TAKE_FD(old), TAKE_FD(now));
    else
        move_to(r, TAKE_FD(now), -1);
    return 1;
}

/* 1: something was read; 0: nothing more now. */
static int fill(struct output_reader *r) {
    for (;;) {
        size_t room;
        ssize_t n = 0;
        int e;
        if (r->start > 0) {
            memmove(r->buf, r->buf + r->start, r->len);
            r->start = 0;
        }
        room = sizeof r->buf - r->len;
        if (room > r->left)
            room = (size_t) r->left;
        if (room == 0)
            return 0;
        if (r->fd >= 0)
            n = read(r->fd, r->buf + r->len, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n > 0) {
            r->len += (size_t) n;
            if (!r->follow)
                r->left -= (uint64_t) n;
            return 1;
        }
        e = advance(r);
        if (e <= 0)
            return e;
        if (r->len > 0 && r->buf[r->len - 1] == '\n')
            return 1; /* end_line() */
    }
}

/* Not in the middle of a character, if it is one. */
static size_t cut(const char *text, size_t n) {
    size_t end = n;

    while (end > 0 && n - end < 3 && ((unsigned char) text[end - 1] & 0xc0) == 0x80)
        end--;
    if (end == 0 || (unsigned char) text[end - 1] < 0xc0)
        return n;
    return text_utf8_char(text + end - 1, n - (end - 1)) > 0 ? n : end - 1;
}

/* The first n bytes as a line; `used` of the buffer are done with. */
static int give(struct output_reader *r, size_t n, size_t used, const char **ret) {
    size_t need = PLAIN_GROWTH * n + 1;
    const char *text = r->buf + r->start;

    if (need > r->line_size) {
        char *line = realloc(r->line, need);
        if (!line)
            return -ENOMEM;
        r->line = line;
        r->line_size = need;
    }
    if (used > n && n > 0 && text[n - 1] == '\r')
        n--;
    (void) plain_text(text, n, r->line, r->line_size);
    r->start += used;
    r->len -= used;
    *ret = r->line;
    return 1;
}

int output_read(struct output_reader *r, const char **ret) {
    r->waiting = false;
    for (;;) {
        const char *text = r->buf + r->start;
        const char *end = r->len > 0 ? memchr(text, '\n', r->len) : NULL;
        int e;
        if (end)
            return give(r, (size_t) (end - text), (size_t) (end - text) + 1, ret);
        if (r->len == sizeof r->buf) {
            size_t n = cut(text, r->len);
            return give(r, n, n, ret);
        }
        e = fill(r);
        if (e < 0)
            return e;
        if (e == 0 && !r->follow && r->len > 0)
            return give(r, r->len, r->len, ret);
        if (e == 0) {
            r->waiting = r->follow;
            return 0;
        }
    }
}

static uint64_t size_of(int fd) {
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t) st.st_size : 0;
}

bool output_is_followed(const struct output *o, const char *id) {
    struct output_reader *r;

    list_for_each (r, &o->readers, struct output_reader, node)
        if (r->follow && strcmp(r->id, id) == 0)
            return true;
    return false;
}

/* Tells the thread whether anybody waits for this app. */
static void mark_channels(struct output *o, const char *id) {
    bool followed = output_is_followed(o, id);
    struct channel *ch;

    (void) pthread_mutex_lock(&o->lock);
    list_for_each (ch, &o->channels, struct channel, node)
        if (strcmp(ch->leave.id, id) == 0)
            atomic_store(&ch->followed, followed);
    (void) pthread_mutex_unlock(&o->lock);
}

int output_reader_new(struct output *o, const char *id, bool follow,
                      void (*grown)(struct output_reader *, void *), void *userdata,
                      struct output_reader **ret, struct err *e) {
    struct output_reader *r;
    int old, now, error;

    if (!text_is_app_id(id))
        return err_set(e, -EINVAL, "'%.80s' is not an app's id", id);
    r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, -ENOMEM, "no memory to read the output of '%s'", id);
    list_init(&r->node);
    r->output = o;
    memcpy(r->id, id, strlen(id) + 1);
    r->follow = follow;
    r->grown = grown;
    r->userdata = userdata;
    r->fd = r->next_fd = -1;
    error = open_pair(o, id, &old, &now);
    if (error < 0) {
        output_reader_free(r);
        return err_set(e, error, "cannot read the output of '%s': %s", id, strerror(-error));
    }
    r->left = follow ? UINT64_MAX : size_of(old) + size_of(now);
    move_to(r, old >= 0 ? old : now, old >= 0 ? now : -1);
    list_append(&o->readers, &r->node);
    mark_channels(o, id);
    *ret = r;
    return 0;
}

struct output_reader *output_reader_free(struct output_reader *r) {
    if (!r)
        return NULL;
    list_remove(&r->node);
    mark_channels(r->output, r->id);
    close_p(&r->fd);
    close_p(&r->next_fd);
    free(r->line);
    free(r);
    return NULL;
}

static bool has_more(const struct output_reader *r) {
    struct stat open_one, named;

    if (fstatat(r->output->log_dir, r->id, &named, AT_SYMLINK_NOFOLLOW) < 0)
        named.st_ino = 0;
    if (r->fd < 0)
        return named.st_ino != 0;
    if (fstat(r->fd, &open_one) < 0)
        return true; /* let it meet the error */
    return open_one.st_size > lseek(r->fd, 0, SEEK_CUR) ||
           (named.st_ino != 0 && named.st_ino != open_one.st_ino);
}

/* grown() may free any reader: the list is begun anew after each. */
void output_readers_wake(struct output *o) {
    struct output_reader *r, *due;

    list_for_each (r, &o->readers, struct output_reader, node)
        r->due = r->waiting;
    do {
        due = NULL;
        list_for_each (r, &o->readers, struct output_reader, node)
            if (r->due) {
                r->due = false;
                due = has_more(r) ? r : NULL;
                if (due)
                    break;
            }
        if (due)
            due->grown(due, due->userdata);
    } while (due);
}
