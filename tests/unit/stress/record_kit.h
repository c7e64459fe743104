/* SPDX-License-Identifier: MIT
 * record_kit.h - a record with a few apps, and events as text. */
#ifndef TESTS_RECORD_KIT_H
#define TESTS_RECORD_KIT_H

#include <stdio.h>
#include <string.h>

#include "supervisor/base/json.h"
#include "tests/stress/hear.h"
#include "tests/stress/record.h"

#define EPOCH UINT64_C(1000000000)

/* Apps a01, a02 … of ours, and org.example.other. */
static inline void kit_init(struct record *r, unsigned n) {
    record_init(r, EPOCH);
    for (unsigned i = 0; i < n; i++) {
        char id[32];
        (void) snprintf(id, sizeof id, "org.miniprog.stress.a%02u", i + 1);
        int app = record_app(r, id);
        r->app[app].manner = "keep";
    }
    (void) record_app(r, "org.example.other");
}

static inline int kit_hear_text(struct record *r, const char *text) {
    struct json *event = NULL;
    assert_int_equal(json_parse(text, strlen(text), &event, NULL), 0);
    int result = hear(r, event);
    json_free(event);
    return result;
}

/* An event of an app (its number, from 1) at so many ms; body is JSON. */
static inline int kit_hear(struct record *r, unsigned ms, unsigned app, const char *type,
                           const char *body) {
    char text[4096];
    (void) snprintf(text, sizeof text,
                    "{\"seq\":1,\"at_usec\":%llu,\"type\":\"%s\",\"app_id\":"
                    "\"org.miniprog.stress.a%02u\",\"%s\":%s}",
                    (unsigned long long) EPOCH + ms * 1000ull, type, app, type, body);
    return kit_hear_text(r, text);
}

static inline void kit_state(struct record *r, unsigned ms, unsigned app, const char *to,
                             const char *cause) {
    char body[256];
    (void) snprintf(body, sizeof body, "{\"from\":\"stopped\",\"to\":\"%s\",\"cause\":\"%s\"}", to,
                    cause);
    assert_int_equal(kit_hear(r, ms, app, "state", body), 0);
}

static inline void kit_exit(struct record *r, unsigned ms, unsigned app, const char *reason) {
    char body[256];
    (void) snprintf(body, sizeof body, "{\"reason\":\"%s\",\"at_usec\":1,\"message\":\"m\"}",
                    reason);
    assert_int_equal(kit_hear(r, ms, app, "exit", body), 0);
    kit_state(r, ms, app, "stopped", reason);
}

static inline void kit_decide(struct record *r, unsigned ms, unsigned app, const char *action) {
    char body[512];
    (void) snprintf(body, sizeof body,
                    "{\"at_usec\":1,\"action\":\"%s\",\"level\":10,\"source\":\"budget\","
                    "\"text\":\"it had to go\",\"figures\":{\"to_kill_usec\":250},\"candidates\":"
                    "[{\"id\":\"x\",\"text\":\"first\"}],\"freed\":4096}",
                    action);
    assert_int_equal(kit_hear(r, ms, app, "decision", body), 0);
}

#endif
