/* SPDX-License-Identifier: MIT
 * sdk.h - what the files of libminiprog share: the handle and its lanes.
 * Layer: 3, sdk. Uses: base, wire. Never: threads, signals, printing, static state.
 *
 * A lane is one connection. The supervisor reads nothing behind a call whose answer has to wait, so
 * what may wait has lanes of its own: Watch, a dialog, and what ends the app; all else is answered
 * at once. A lane is connected when it has a call to send. Whatever breaks, a bad message too,
 * drops the connection only: its calls stay in the lane and go out again on the next one. */
#ifndef SDK_SDK_H
#define SDK_SDK_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/base/err.h"
#include "supervisor/base/list.h"
#include "supervisor/sdk/miniprog.h"
#include "supervisor/wire/frame.h"

#define PUBLIC __attribute__((visibility("default")))

#define SDK_MESSAGE_MAX  ((size_t) 1024 * 1024) /* from the supervisor; far above its largest */
#define SDK_DELAY_MIN_US ((uint64_t) 10 * 1000)
#define SDK_DELAY_MAX_US ((uint64_t) 1000 * 1000)
#define SDK_ADDRESS_MAX  108 /* Source: unix(7), sun_path */

enum lane_id { LANE_WATCH, LANE_CALLS, LANE_DIALOG, LANE_END, LANE_COUNT };

struct lane {
    int fd;
    bool write_failed; /* what the peer sent before is still read, then the lane breaks */
    size_t written;    /* bytes of the first unsent call that are out */
    uint32_t polled;   /* events asked of epoll */
    uint64_t retry_at; /* CLOCK_BOOTTIME, not before; 0: at once */
    uint64_t delay_us; /* the last back-off; 0 after a good message */
    struct list calls; /* unanswered, oldest first */
    struct frame in;
};

struct miniprog {
    char address[SDK_ADDRESS_MAX]; /* a path, or '@' and an abstract name */
    struct miniprog_callbacks callbacks;
    void *data;
    bool watch; /* callbacks were given */
    int epoll, timer;
    uint64_t timer_at; /* what the timer is set to; 0: off */
    struct lane lanes[LANE_COUNT];
    uint64_t last_serial;
    size_t n_calls;   /* of the app's, in all lanes */
    int64_t last_seq; /* of the events delivered; -1: none yet */
    /* Told to every new supervisor, whatever the last one kept: it must neither think that the app
     * never got ready nor suspend it while it plays. */
    bool ready;
    unsigned keep;
    bool restate; /* the lane of calls broke since */
    bool unloading;
    uint64_t unload_by; /* miniprog_run() waits for answers until then */
    bool dispatching, closed;
    struct err err;
};

/* Opens without callbacks; address is m->address of another. */
int sdk_open(struct miniprog **ret, const char *address);
uint64_t sdk_now(void); /* CLOCK_BOOTTIME in microseconds */
/* poll()s the handle until a time of sdk_now(), UINT64_MAX: for ever. 0 ready; -ETIMEDOUT; -EINTR …
 */
int sdk_wait(const struct miniprog *m, uint64_t until);

void lane_init(struct lane *l);
void lane_clear(struct lane *l);
/* Connects what is to be connected, sends what can be sent, sets the timer. Never blocks, runs no
 * callbacks. */
void lane_pump(struct miniprog *m);
/* The lane's descriptor is ready: receives, and runs callbacks. */
void lane_serve(struct miniprog *m, enum lane_id id);

#endif
