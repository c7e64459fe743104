/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/daemon/loop.h"

#define TURN_MAX 64 /* due ones in a turn of the loop; then what is more urgent has its chance */

struct timers {
    sd_event_source *source;
    struct timer_node **heap; /* 1 to n; the parent of i is i / 2 */
    size_t n, cap;
};

static void put(struct timers *t, size_t place, struct timer_node *node) {
    t->heap[place] = node;
    node->place = place;
}

/* Moves the node at `place` to where it belongs. */
static void settle(struct timers *t, size_t place) {
    struct timer_node *node = t->heap[place];

    while (place > 1 && t->heap[place / 2]->at > node->at) {
        put(t, place, t->heap[place / 2]);
        place /= 2;
    }
    for (size_t child; (child = 2 * place) <= t->n; place = child) {
        if (child < t->n && t->heap[child + 1]->at < t->heap[child]->at)
            child++;
        if (t->heap[child]->at >= node->at)
            break;
        put(t, place, t->heap[child]);
    }
    put(t, place, node);
}

static void take_out(struct timers *t, struct timer_node *node) {
    size_t place = node->place;
    struct timer_node *last = t->heap[t->n--];

    node->place = 0;
    if (last != node) {
        put(t, place, last);
        settle(t, place);
    }
}

/* Costs no system call: the loop asks the kernel for the earliest of all when it goes to sleep. */
static void arm(struct timers *t) {
    if (t->n > 0)
        (void) sd_event_source_set_time(t->source, t->heap[1]->at);
    (void) sd_event_source_set_enabled(t->source, t->n > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
    struct timers *t = userdata;
    uint64_t now = loop_boottime();

    (void) source;
    (void) usec;
    for (int i = 0; i < TURN_MAX && t->n > 0 && t->heap[1]->at <= now; i++) {
        struct timer_node *node = t->heap[1];
        take_out(t, node);
        node->fired(node);
    }
    arm(t);
    return 0;
}

int timers_new(sd_event *event, int64_t priority, struct timers **ret, struct err *e) {
    struct timers *t = calloc(1, sizeof *t);

    if (!t)
        return err_set(e, -ENOMEM, "no memory for timers");
    int r = sd_event_add_time(event, &t->source, CLOCK_BOOTTIME, UINT64_MAX, 1, on_time, t);
    if (r >= 0)
        r = sd_event_source_set_priority(t->source, priority);
    if (r >= 0)
        r = sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
    if (r < 0) {
        timers_free(t);
        return err_set(e, r, "cannot make a timer: %s", strerror(-r));
    }
    (void) sd_event_source_set_description(t->source, "timers");
    *ret = t;
    return 0;
}

struct timers *timers_free(struct timers *t) {
    if (t) {
        sd_event_source_disable_unref(t->source);
        free(t->heap);
        free(t);
    }
    return NULL;
}

static int make_room(struct timers *t) {
    if (t->n + 1 < t->cap)
        return 0;
    size_t cap = t->cap ? t->cap * 2 : 16;
    struct timer_node **more = realloc(t->heap, cap * sizeof(struct timer_node *));
    if (!more)
        return -ENOMEM;
    t->heap = more;
    t->cap = cap;
    return 0;
}

int timers_set(struct timers *t, struct timer_node *node, uint64_t at) {
    if (node->place == 0) {
        int r = make_room(t);
        if (r < 0)
            return r;
        put(t, ++t->n, node);
    }
    node->at = at;
    settle(t, node->place);
    arm(t);
    return 0;
}

void timers_clear(struct timers *t, struct timer_node *node) {
    if (node->place == 0)
        return;
    take_out(t, node);
    arm(t);
}
