/* SPDX-License-Identifier: MIT
 * queue.h - the events of one run of an app, in order, until they are not needed any more.
 * Layer: 3, daemon. Uses: base. Never: sockets, the loop.
 *
 * Every event has a number that grows over the whole run, also over a restart of the daemon. What
 * was sent is kept, so that a connection made anew can ask for what came `after` the last it saw.
 * At most QUEUE_MAX are kept: the oldest goes, except `launch` and the last update event. Source:
 * design.md §6. */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;
struct jsonw;

#define QUEUE_MAX 64

enum queue_kind {
    QUEUE_LAUNCH,
    QUEUE_SHOW,
    QUEUE_HIDE,
    QUEUE_UPDATE,
    QUEUE_UNLOAD,
    QUEUE_KIND_COUNT
};

struct queue_event {
    uint64_t seq;
    char *text; /* {"event":{…}}: what a Watch replies */
    uint32_t len;
    enum queue_kind kind;
};

struct queue {
    struct queue_event *events; /* oldest first; grown as needed */
    size_t n, cap;
    uint64_t last_seq;  /* last number given */
    uint64_t delivered; /* highest number that some watcher was sent */
};

void queue_clear(struct queue *q);

/* The number the next event will have; it must be in its text. */
static inline uint64_t queue_next_seq(const struct queue *q) {
    return q->last_seq + 1;
}

/* Takes text (malloc'd; freed on failure too). A show or hide right after an unsent show or hide
 * takes its place. -ENOMEM. */
int queue_push(struct queue *q, enum queue_kind kind, char *text, size_t len);

/* Uses up a number for an event that is not kept (memory warnings). */
uint64_t queue_skip(struct queue *q);

/* The first event with a number above `after`, NULL: none. */
const struct queue_event *queue_after(const struct queue *q, uint64_t after);

/* The last update event kept, NULL: none. */
const struct queue_event *queue_last_update(const struct queue *q);

/* A watcher has seen up to this number: after a crash that lost the latest ones, none is given
 * twice. */
void queue_seen(struct queue *q, uint64_t seq);

void queue_mark(struct queue *q, uint64_t seq); /* was sent to somebody */

/* To and from the run state: members "seq", "delivered", "events" of the object being written. */
void queue_write(const struct queue *q, struct jsonw *w);
int queue_read(struct queue *q, const struct json *object); /* -EINVAL, -ENOMEM: *q is empty then */

#endif
