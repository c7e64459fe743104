/* SPDX-License-Identifier: MIT
 * output_parts.h - what the files output*.c share, and whose each part is.
 * Layer: 3, daemon. Uses: base, libsystemd.
 *
 * Three parties. The loop: attaches, detaches, reads. The thread: takes bytes from FIFOs into
 * logs; after output_attach() a channel is its own but for the members marked. Under `lock`:
 * the list of channels and the queue of commands. */
#ifndef DAEMON_OUTPUT_PARTS_H
#define DAEMON_OUTPUT_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "supervisor/base/list.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/output_log.h"

struct map;

enum command_kind { COMMAND_LEAVE, COMMAND_FORGET, COMMAND_SETTLE };

struct command {
    struct list node; /* under the lock */
    enum command_kind kind;
    char id[OUTPUT_ID_SIZE];
};

struct output_wait {
    struct command command;
    struct list node;                /* in output.waits */
    atomic_bool done;                /* set by the thread, whose it is no longer */
    void (*settled)(void *userdata); /* NULL: cancelled */
    void *userdata;
};

struct channel {
    struct command leave; /* its id is the channel's; read by all, never changed */
    struct list node;     /* in output.channels, under the lock */
    atomic_bool followed; /* set by the loop */
    bool gone;            /* left in this round: events of it that are at hand mean nothing */
    int fifo_fd;
    struct output_log log;
};
_Static_assert(sizeof(struct channel) <= 256, "what a running app costs here");

struct output {
    int fifo_dir, log_dir; /* the same for all, never changed */
    int epoll_fd, wake_fd; /* to the thread */
    int grown_fd;          /* to the loop */
    _Atomic uint64_t log_size;

    /* the loop's */
    sd_event_source *grown_source;
    struct map *live; /* id to channel */
    struct list readers;
    struct list waits;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    struct list channels; /* live, and leaving until all is taken */
    struct list commands;
    bool stop;

    char *buffer; /* the thread's */
};

/* output_drain.c */
int output_drain_start(struct output *o);
void output_drain_command(struct output *o, struct command *c); /* taken */
void output_drain_stop(struct output *o);                       /* after all that was commanded */
void output_unlink_logs(const struct output *o, const char *id);

/* output_reader.c: on the loop, something that is followed has grown. */
void output_readers_wake(struct output *o);
bool output_is_followed(const struct output *o, const char *id);

#endif
