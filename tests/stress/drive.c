/* SPDX-License-Identifier: MIT
 * drive.c - the loop: turns, samples and events, each when it is due. */
#include "tests/stress/drive.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/hear.h"
#include "tests/stress/link.h"
#include "tests/stress/look.h"
#include "tests/stress/order.h"
#include "tests/stress/plan.h"
#include "tests/stress/progress.h"
#include "tests/stress/record.h"

#define SECOND    UINT64_C(1000000)
#define GRACE_US  (5 * SECOND) /* for what is under way at the end */
#define RETRY_US  (SECOND / 20)
#define EVENT_MAX ((size_t) 4 * 1024 * 1024)

struct drive {
    const struct drive_job *job;
    const struct plan *plan;
    struct link *link;
    struct record *r;
    struct order order;
    uint64_t began;     /* CLOCK_MONOTONIC us, as all below */
    uint64_t turn_at;   /* the next one; RECORD_NONE: a call is under way */
    uint64_t sample_at; /* the next one; RECORD_NONE: a call is under way */
    bool opens;         /* the call under way is an Open */
    bool in_front;      /* the last turn's app is, since front_at */
    uint64_t front_at, stall_then;
    struct look_stall stall;
    bool over; /* no more turns; ends with what is under way */
    uint64_t over_at;
    bool stop; /* at once */
};

static uint64_t clock_us(clockid_t clock) {
    struct timespec ts;

    (void) clock_gettime(clock, &ts);
    return (uint64_t) ts.tv_sec * SECOND + (uint64_t) ts.tv_nsec / 1000;
}

static uint64_t now_us(void) {
    return clock_us(CLOCK_MONOTONIC);
}

static uint64_t since_epoch(const struct record *r) {
    uint64_t now = clock_us(CLOCK_REALTIME);

    return now > r->epoch ? now - r->epoch : 0;
}

static void finish(struct drive *d) {
    if (!d->over)
        d->over_at = now_us();
    d->over = true;
}

/* The supervisor does not answer any more, or not in its own language. */
static void lose(struct drive *d, const struct err *e) {
    d->r->died = e->code == -ECONNRESET;
    if (!d->r->broken[0])
        (void) snprintf(d->r->broken, sizeof d->r->broken, "%s", e->text);
    d->stop = true;
}

/* --- turns -------------------------------------------------------------------------------- */

static void end_turn(struct drive *d) {
    struct record *r = d->r;
    struct record_turn *t = r->n_turns ? &r->turn[r->n_turns - 1] : NULL;

    if (!t || t->until != RECORD_NONE)
        return;
    t->until = since_epoch(r);
    t->warm = record_warm(r);
    if (!d->in_front)
        return;
    uint64_t stall = look_stall_us(&d->stall);
    /* An app that ended meanwhile took its figure with it. */
    if (r->app[t->app].state == STATE_FOREGROUND && stall != RECORD_NONE &&
        d->stall_then != RECORD_NONE && stall >= d->stall_then) {
        t->stalled_us = stall - d->stall_then;
        t->front_us = now_us() - d->front_at;
    }
    look_stall_close(&d->stall);
    d->in_front = false;
}

static int send_open(struct drive *d, int app, struct err *e) {
    struct record_turn *t = record_add_turn(d->r);

    if (!t)
        return err_set(e, -ENOMEM, "out of memory");
    *t = (struct record_turn){ .app = app,
                               .kind = TURN_LOST,
                               .at = since_epoch(d->r),
                               .until = RECORD_NONE,
                               .sent_us = now_us(),
                               .replied_us = RECORD_NONE,
                               .shown_us = RECORD_NONE,
                               .whole_us = RECORD_NONE };
    d->opens = true;
    return link_send(d->link->calls, e, "Open", "{\"id\":\"%s\",\"path\":\"turn-%zu\"}",
                     d->r->app[app].id, d->r->n_turns);
}

static void next_turn(struct drive *d) {
    struct err e = { 0 };
    int app = -1, r = 0;

    if (d->over)
        return;
    enum order_do what = order_next(&d->order, d->plan, d->r, &app);
    if (what == ORDER_WAIT) {
        d->turn_at = now_us() + RETRY_US;
        return;
    }
    if (what != ORDER_CLOSE && what != ORDER_KILL)
        end_turn(d);
    d->turn_at = RECORD_NONE;
    d->opens = false;
    switch (what) {
    case ORDER_OPEN:
        r = send_open(d, app, &e);
        break;
    case ORDER_HIDE:
        r = link_send(d->link->calls, &e, "Hide", "{\"id\":\"%s\"}", d->r->app[app].id);
        break;
    case ORDER_CLOSE:
        r = link_send(d->link->calls, &e, "Close", "{\"id\":\"%s\"}", d->r->app[app].id);
        break;
    case ORDER_KILL:
        r = link_send(d->link->calls, &e, "Kill", "{\"id\":\"%s\"}", d->r->app[app].id);
        break;
    case ORDER_DONE:
    case ORDER_WAIT:
        d->turn_at = now_us();
        finish(d);
        break;
    }
    if (r < 0)
        lose(d, &e);
}

static void opened(struct drive *d, const struct varlink_reply *reply) {
    struct record_turn *t = &d->r->turn[d->r->n_turns - 1];
    const char *start = json_get_string(reply->parameters, "start", "");
    bool own = false;

    t->kind = strcmp(start, "hot") == 0    ? TURN_HOT
              : strcmp(start, "cold") == 0 ? TURN_COLD
                                           : TURN_CURRENT;
    look_stall_open(&d->stall, (pid_t) json_get_int(reply->parameters, "pid", 0), &own);
    d->r->own_stall = own;
    d->stall_then = look_stall_us(&d->stall);
    d->front_at = now_us();
    d->in_front = true;
}

static int not_opened(struct drive *d, const struct varlink_reply *reply, struct err *e) {
    struct record_turn *t = &d->r->turn[d->r->n_turns - 1];
    const char *stage = json_get_string(reply->parameters, "stage", "");

    link_error_text(reply, t->text, sizeof t->text);
    t->kind = strcmp(stage, "memory") == 0 ? TURN_REFUSED : TURN_FAILED;
    struct record_mark *m = record_add_mark(d->r);
    if (!m)
        return err_set(e, -ENOMEM, "out of memory");
    *m = (struct record_mark){
        .kind = MARK_REFUSED, .app = t->app, .at = since_epoch(d->r), .text = strdup(t->text)
    };
    return 0;
}

static int on_answer(struct drive *d, const struct varlink_reply *reply, struct err *e) {
    int r = 0;

    d->turn_at = now_us() + d->plan->turn;
    if (!d->opens) /* Hide, Close, Kill: what they did is told by events */
        return 0;
    struct record_turn *t = &d->r->turn[d->r->n_turns - 1];
    t->replied_us = now_us() - t->sent_us;
    if (reply->error)
        r = not_opened(d, reply, e);
    else
        opened(d, reply);
    return r;
}

/* --- samples ------------------------------------------------------------------------------ */

static void ask_for_sample(struct drive *d) {
    struct err e = { 0 };

    d->sample_at = RECORD_NONE;
    if (link_send(d->link->looks, &e, d->r->no_memory_method ? "List" : "Memory", "{}") < 0)
        lose(d, &e);
}

static int take_sample(struct drive *d, const struct json *reply, struct err *e) {
    struct record *r = d->r;
    struct record_sample *s = record_add_sample(r);

    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->at = since_epoch(r);
    look_at_system(s);
    if (r->n_samples == 1)
        r->used_before = s->total - s->available;
    if (look_at_apps(r, s, reply) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    if (d->job->pid > 0) {
        uint64_t peak = look_peak(d->job->pid);
        r->daemon_peak = peak > r->daemon_peak ? peak : r->daemon_peak;
    }
    if (d->job->progress)
        progress_show(r, d->job->what);
    if (d->plan->until_warm && s->warm >= d->plan->until_warm)
        finish(d);
    return 0;
}

static int on_figures(struct drive *d, const struct varlink_reply *reply, struct err *e) {
    d->sample_at = now_us() + d->plan->sample;
    if (reply->error && !d->r->no_memory_method) { /* an older one */
        d->r->no_memory_method = true;
        d->sample_at = now_us();
        return 0;
    }
    return reply->error ? 0 : take_sample(d, reply->parameters, e);
}

/* --- events ------------------------------------------------------------------------------- */

static int on_event(struct drive *d, const struct varlink_reply *reply, struct err *e) {
    CLEANUP(str_clear_p) struct str line = STR_INIT(EVENT_MAX);
    const struct json *event = json_get(reply->parameters, "event");

    if (reply->error)
        return err_set(e, -EPROTO, "it refused to be watched: %.60s", reply->error);
    if (event && json_print(event, &line) == 0)
        (void) fprintf(d->job->events, "%s\n", line.data);
    int r = event ? hear(d->r, event) : -EPROTO;
    if (r == -EPROTO)
        return err_set(e, r, "an event is not as the interface has it");
    if (r < 0)
        return err_set(e, r, "out of memory");
    if (d->plan->until_kills && d->r->n_kills >= d->plan->until_kills)
        finish(d);
    return 0;
}

/* --- the loop ----------------------------------------------------------------------------- */

typedef int (*on_reply)(struct drive *d, const struct varlink_reply *reply, struct err *e);

/* All that is there of one connection. */
static void drain(struct drive *d, struct client *c, on_reply take) {
    struct varlink_reply reply;
    struct err e = { 0 };
    int r;

    while (!d->stop && (r = link_reply(c, &reply, &e)) != 0) {
        if (r > 0) {
            r = take(d, &reply, &e);
            varlink_reply_clear(&reply);
        }
        if (r < 0)
            lose(d, &e);
    }
}

static bool kills_are_open(const struct record *r) {
    for (size_t i = 0; i < r->n_apps; i++)
        if (r->app[i].kill >= 0)
            return true;
    return false;
}

static bool is_done(const struct drive *d) {
    uint64_t now = now_us();
    bool quiet = d->turn_at != RECORD_NONE && !kills_are_open(d->r);

    return d->stop || (d->over && (quiet || now > d->over_at + GRACE_US));
}

static int wait_ms(const struct drive *d, uint64_t now) {
    uint64_t next = now + SECOND;

    if (d->turn_at < next && !d->over)
        next = d->turn_at;
    if (d->sample_at < next)
        next = d->sample_at;
    return next > now ? (int) ((next - now + 999) / 1000) : 0;
}

static void step(struct drive *d) {
    uint64_t now = now_us();

    if (d->plan->time != PARSE_FOREVER && now >= d->began + d->plan->time)
        finish(d);
    if (d->turn_at <= now)
        next_turn(d);
    if (d->sample_at <= now && !d->stop)
        ask_for_sample(d);
    struct pollfd p[] = {
        { .fd = client_fd(d->link->watcher), .events = POLLIN },
        { .fd = client_fd(d->link->calls), .events = POLLIN },
        { .fd = client_fd(d->link->looks), .events = POLLIN },
        { .fd = d->job->stop_fd, .events = POLLIN },
        { .fd = d->job->pidfd, .events = POLLIN },
    };
    if (d->stop || poll(p, sizeof p / sizeof p[0], wait_ms(d, now)) <= 0)
        return;
    /* Events first: they are what happened before the replies. */
    drain(d, d->link->watcher, on_event);
    drain(d, d->link->calls, on_answer);
    drain(d, d->link->looks, on_figures);
    if (p[3].revents) {
        d->r->interrupted = true;
        d->stop = true;
    }
    if (p[4].revents) {
        d->r->died = true;
        d->stop = true;
    }
}

int drive_begin(const struct drive_job *job, struct record *r, struct err *e) {
    struct drive d = { .job = job, .plan = job->plan, .r = r };
    struct varlink_reply reply;
    int n = client_receive(job->link->watcher, LINK_PATIENCE_MS, &reply, e);

    record_init(r, clock_us(CLOCK_REALTIME));
    if (n < 0)
        return n;
    n = on_event(&d, &reply, e);
    varlink_reply_clear(&reply);
    return n;
}

void drive(const struct drive_job *job, struct record *r) {
    struct drive d = { .job = job,
                       .plan = job->plan,
                       .link = job->link,
                       .r = r,
                       .began = now_us(),
                       .turn_at = RECORD_NONE,
                       .stall = LOOK_STALL_NONE };

    r->epoch = clock_us(CLOCK_REALTIME);
    order_init(&d.order, job->plan);
    ask_for_sample(&d); /* what there is before the first app */
    d.turn_at = d.began + SECOND / 10;
    while (!is_done(&d))
        step(&d);
    end_turn(&d);
    look_stall_close(&d.stall);
    r->end = since_epoch(r);
    for (size_t i = 0; i < r->n_turns; i++)
        if (r->turn[i].until == RECORD_NONE)
            r->turn[i].until = r->end;
}
