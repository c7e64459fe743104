/* SPDX-License-Identifier: MIT
 * memory_kit.h - a daemon with a budget, apps that take it, and a tape of what watchers hear.
 * Layer: tests. Uses: harness.
 *
 * Stalls of the machine are no part of these tests: PSI's thresholds are out of reach. */
#ifndef TESTS_MEMORY_KIT_H
#define TESTS_MEMORY_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "tests/lib/harness.h"

#define MB INT64_C(1048576)
#define A  "org.example.a"
#define B  "org.example.b"
#define C  "org.example.c"
#define D  "org.example.d"

#define KIT_LIFE(suspend)                                                                          \
    "[lifecycle]\nsuspend_after=" suspend "\ndestroy_after=0\nmax_warm=0\nstop_timeout=2s\n"

static struct harness h;

/* --- the tape: everything that is told, in order ------------------------------------------ */

struct told {
    char type[16], id[65];
    char what[32]; /* state: to; exit: reason; decision: action; warned: source */
    int level;
    int64_t freed; /* -1: absent */
    struct varlink_reply reply;
};
static struct {
    struct client *client;
    struct told told[4000]; /* what a test waits for comes within so many */
    int n;
} tape;

static inline void tape_end(void) {
    for (int i = 0; i < tape.n; i++)
        varlink_reply_clear(&tape.told[i].reply);
    tape.client = client_close(tape.client);
    tape.n = 0;
}

static inline const struct json *told_event(const struct told *t) {
    return json_get(t->reply.parameters, "event");
}
/* The member that bears the type's name. */
static inline const struct json *told_body(const struct told *t) {
    return json_get(told_event(t), t->type);
}

static inline const struct told *tape_next(void) {
    struct err e = { 0 };
    struct told *t = &tape.told[tape.n];

    if (tape.n == (int) (sizeof tape.told / sizeof tape.told[0]))
        fail_msg("the tape is full");
    if (client_receive(tape.client, HARNESS_PATIENCE_MS, &t->reply, &e) < 0)
        fail_msg("nothing more is told: %s", e.text);
    assert_null(t->reply.error);
    (void) snprintf(t->type, sizeof t->type, "%s", json_get_string(told_event(t), "type", ""));
    (void) snprintf(t->id, sizeof t->id, "%s", json_get_string(told_event(t), "app_id", ""));
    const struct json *body = told_body(t);
    static const char *const names[] = { "to", "reason", "action", "source" };
    t->what[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !t->what[0]; i++)
        (void) snprintf(t->what, sizeof t->what, "%s", json_get_string(body, names[i], ""));
    t->level = (int) json_get_int(body, "level", 0);
    t->freed = json_get_int(body, "freed", -1);
    tape.n++;
    return t;
}

static inline void tape_begin(void) {
    tape.n = 0;
    tape.client = harness_send(&h, "Watch", true, "{}");
    assert_string_equal(tape_next()->type, "snapshot");
}

static inline bool told_is(const struct told *t, const char *type, const char *id,
                           const char *what) {
    return strcmp(t->type, type) == 0 && (!id || strcmp(t->id, id) == 0) &&
           (!what || strcmp(t->what, what) == 0);
}

static inline int64_t kit_now_ms(void) {
    struct timespec t;
    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* From `from` on what is on the tape already, then what comes; its place. */
static inline int tape_wait_from(int from, const char *type, const char *id, const char *what) {
    int64_t end = kit_now_ms() + 2 * HARNESS_PATIENCE_MS;
    for (int i = from;; i++) {
        if (told_is(i < tape.n ? &tape.told[i] : tape_next(), type, id, what))
            return i;
        if (kit_now_ms() > end)
            fail_msg("no event '%s' '%s' of '%s'", type, what ? what : "", id ? id : "any app");
    }
}
static inline int tape_wait(const char *type, const char *id, const char *what) {
    return tape_wait_from(0, type, id, what);
}

/* A level from low to high. */
static inline int tape_wait_levels(int from, int low, int high) {
    for (int i = tape_wait_from(from, "memory", NULL, NULL);;
         i = tape_wait_from(i + 1, "memory", NULL, NULL))
        if (tape.told[i].level >= low && tape.told[i].level <= high)
            return i;
}
static inline int tape_wait_level(int from, int level) {
    return tape_wait_levels(from, level, level);
}

/* So far; -1: not. */
static inline int tape_find(const char *type, const char *id, const char *what) {
    for (int i = 0; i < tape.n; i++)
        if (told_is(&tape.told[i], type, id, what))
            return i;
    return -1;
}
/* The one that has n of its kind before it. */
static inline int tape_nth(const char *type, const char *id, const char *what, int n) {
    for (int i = 0; i < tape.n; i++)
        if (told_is(&tape.told[i], type, id, what) && n-- == 0)
            return i;
    fail_msg("there are not so many '%s' '%s'", type, what ? what : "");
    return -1;
}
static inline int tape_count(const char *type, const char *id, const char *what) {
    int n = 0;
    for (int i = 0; i < tape.n; i++)
        n += told_is(&tape.told[i], type, id, what);
    return n;
}

/* Whatever was told before now is on the tape afterwards. */
static inline void tape_catch_up(void) {
    struct varlink_reply reply;
    struct err e = { 0 };
    struct client *now = harness_send(&h, "Watch", true, "{}");

    assert_int_equal(client_receive(now, HARNESS_PATIENCE_MS, &reply, &e), 0);
    int64_t seq = json_get_int(json_get(reply.parameters, "event"), "seq", -1);
    varlink_reply_clear(&reply);
    client_close(now);
    while (json_get_int(told_event(&tape.told[tape.n - 1]), "seq", -1) < seq)
        (void) tape_next();
}

/* Of any two kills by us the first one's group was empty (or given up) before the second. */
static inline void assert_one_at_a_time(void) {
    const char *dying = NULL;
    for (int i = 0; i < tape.n; i++) {
        const struct told *t = &tape.told[i];
        if (told_is(t, "decision", NULL, "kill")) {
            if (dying)
                fail_msg("%s was killed before %s was gone", t->id, dying);
            dying = t->id;
        } else if (dying && strcmp(t->id, dying) == 0 &&
                   (told_is(t, "exit", NULL, NULL) || told_is(t, "decision", NULL, "stuck"))) {
            dying = NULL;
        }
    }
}

/* --- the daemon and its apps -------------------------------------------------------------- */

static inline bool kit_has_memory(void) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Memory", "{}");
    assert_null(reply.error);
    const struct json *sources = json_get(reply.parameters, "sources");
    bool works = false;
    for (const struct json *s = json_first(sources); s; s = json_next(s))
        if (strcmp(json_get_string(s, "name", ""), "limit") == 0)
            works = json_get_bool(s, "works", false);
    varlink_reply_clear(&reply);
    return works;
}

/* Skips where no memory controller is to be had. */
static inline void kit_start(const char *config) {
    harness_start(&h, config);
    if (!kit_has_memory()) {
        harness_stop(&h);
        harness_need("memory", false, "there is no memory controller to count what apps use");
    }
    tape_begin();
}

static inline int kit_end(void **state) {
    (void) state;
    tape_end();
    harness_clean(&h);
    return 0;
}

static inline void kit_stop(void) {
    tape_end();
    harness_stop(&h);
}

static inline void kit_reload(const char *config) {
    harness_write_config(&h, config);
    harness_signal(&h, SIGHUP);
}

/* how: as app_hog takes it. ours: more members of the manifest, each with a comma before it. */
static inline void hog_with(const char *id, const char *how, const char *ours) {
    char text[256];
    (void) snprintf(text, sizeof text, "\"ready\":\"notify\"%s", ours);
    harness_install(
        &h, &(struct harness_app){ .id = id, .program = "hog", .argument = how, .ours = text });
}

static inline void open_app(const char *id) {
    harness_ok(&h, "Open", "{\"id\":\"%s\"}", id);
}

/* Installed, opened, in front. */
static inline void hog(const char *id, const char *how) {
    hog_with(id, how, "");
    open_app(id);
}

/* Installed, opened, and suspended again. */
static inline void suspended_hog(const char *id, const char *how) {
    hog(id, how);
    int from = tape.n;
    harness_ok(&h, "Hide", "{\"id\":\"%s\"}", id);
    (void) tape_wait_from(from, "state", id, "suspended");
}

/* An order for the one in front. */
static inline void order(const char *id, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void order(const char *id, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    harness_ok(&h, "Open", "{\"id\":\"%s\",\"path\":\"%s\"}", id, text);
}

/* The same, and it has been carried out. */
static inline void order_done(const char *id, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void order_done(const char *id, const char *fmt, ...) {
    static int count;
    char text[200], done[256];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    order(id, "%s #%d", text, ++count);
    (void) snprintf(done, sizeof done, "done %s #%d", text, count);
    harness_wait_log(&h, id, done);
}

/* On a file system that keeps pages, and out of the cache. */
static inline void kit_make_file(const char *path, int megabytes) {
    static char buf[1048576];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    memset(buf, 'x', sizeof buf);
    for (int i = 0; i < megabytes; i++)
        assert_int_equal(write(fd, buf, sizeof buf), sizeof buf);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    (void) close(fd);
}

/* --- figures ------------------------------------------------------------------------------ */

static inline int64_t figure(const struct json *of, const char *name) {
    return json_get_int(json_get(of, "figures"), name, -1);
}

/* A member of Memory, or of one app's in it; -1: absent. */
static inline int64_t memory_number(const char *id, const char *member) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Memory", "{}");
    assert_null(reply.error);
    int64_t n = id ? -1 : json_get_int(reply.parameters, member, -1);
    const struct json *apps = json_get(reply.parameters, "apps");
    for (const struct json *a = json_first(apps); id && a; a = json_next(a))
        if (strcmp(json_get_string(a, "id", ""), id) == 0)
            n = json_get_int(a, member, -1);
    varlink_reply_clear(&reply);
    return n;
}

/* The newest decision of that action; to be varlink_reply_clear()ed; NULL: none. */
static inline const struct json *why_last(const char *id, const char *action,
                                          struct varlink_reply *ret) {
    const struct json *found = NULL;
    harness_call(&h, ret, "Why", "{\"id\":\"%s\"}", id);
    assert_null(ret->error);
    const struct json *all = json_get(ret->parameters, "decisions");
    for (const struct json *d = json_first(all); d; d = json_next(d))
        if (strcmp(json_get_string(d, "action", ""), action) == 0)
            found = d;
    return found;
}

/* --- growing step by step: no step is taken before the last one's answer has been seen ----- */

/* The one in front takes memory until all apps together use so much. */
static inline void fill(const char *id, int64_t bytes) {
    for (;;) {
        int64_t more = (bytes - memory_number(NULL, "current")) / MB;
        if (more <= 0)
            return;
        order_done(id, "!take %d", (int) more);
    }
}

/* When the budget was last looked at, by the supervisor's word. */
static inline int64_t budget_looked(void) {
    struct varlink_reply reply;
    int64_t last = -1;
    harness_call(&h, &reply, "Memory", "{}");
    assert_null(reply.error);
    const struct json *sources = json_get(reply.parameters, "sources");
    for (const struct json *s = json_first(sources); s; s = json_next(s))
        if (strcmp(json_get_string(s, "name", ""), "budget") == 0)
            last = json_get_int(s, "last_usec", 0);
    varlink_reply_clear(&reply);
    return last;
}

/* What is so now has been seen afterwards: while a level holds it is looked at every 100 ms, and at
 * a reload of the configuration. */
static inline void wait_look(void) {
    struct timespec t;
    (void) clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000, end;
    for (end = kit_now_ms() + HARNESS_PATIENCE_MS; budget_looked() <= now;) {
        if (kit_now_ms() > end)
            fail_msg("the budget is not looked at any more");
        (void) poll(NULL, 0, 5);
    }
    tape_catch_up();
}

/* Of a budget of 256 MB 85, 92 and 97 % are 217.6, 235.5 and 248.3. KIT_MODERATE is level 5 with
 * some cache. The place on the tape where that is told; from there on it is looked at by itself. */
#define KIT_BUDGET   "budget=256M\n" HARNESS_NO_STALLS
#define KIT_MODERATE (230 * MB)
static inline int fill_to_moderate(const char *id) {
    int from = tape.n;
    for (int64_t bytes = 220 * MB; bytes < 256 * MB; bytes += 2 * MB) {
        fill(id, bytes);
        harness_signal(&h, SIGHUP);
        wait_look();
        if (memory_number(NULL, "level") > 0)
            return tape_wait_levels(from, 5, 5);
    }
    fail_msg("the budget is full, and there is no level");
    return -1;
}

/* A megabyte, while a level holds already; what came of it is on the tape. */
static inline void step(const char *id) {
    order_done(id, "!take 1");
    wait_look();
}

/* On until the tape has this, from there; its place. */
static inline int step_until(const char *id, int from, const char *type, const char *of,
                             const char *what) {
    for (int taken = 0; taken < 64; taken++) {
        for (int i = from; i < tape.n; i++)
            if (told_is(&tape.told[i], type, of, what))
                return i;
        step(id);
    }
    fail_msg("64 MB more, and no '%s' '%s'", type, what ? what : "");
    return -1;
}

#endif
