/* SPDX-License-Identifier: MIT
 * The queue of an app's events: order, merging, what goes when it is full, and a round trip. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/queue.h"

static void push(struct queue *q, enum queue_kind kind) {
    char text[64];
    int n = snprintf(text, sizeof text, "{\"event\":{\"seq\":%d}}", (int) queue_next_seq(q));
    assert_int_equal(queue_push(q, kind, strdup(text), (size_t) n), 0);
}

static void test_events_come_in_order(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_LAUNCH);
    push(&q, QUEUE_SHOW);
    push(&q, QUEUE_UPDATE);
    uint64_t seen = 0;
    for (uint64_t want = 1; want <= 3; want++) {
        const struct queue_event *ev = queue_after(&q, seen);
        assert_non_null(ev);
        assert_int_equal(ev->seq, want);
        seen = ev->seq;
    }
    assert_null(queue_after(&q, seen));
    queue_clear(&q);
}

static void test_unsent_visibility_is_merged(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_LAUNCH);
    push(&q, QUEUE_SHOW);
    push(&q, QUEUE_HIDE);
    push(&q, QUEUE_SHOW);
    assert_int_equal(q.n, 2);
    assert_int_equal(q.events[1].kind, QUEUE_SHOW);
    assert_int_equal(q.events[1].seq, 4);
    queue_clear(&q);
}

static void test_sent_visibility_is_kept(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_SHOW);
    queue_mark(&q, 1);
    push(&q, QUEUE_HIDE);
    assert_int_equal(q.n, 2);
    assert_int_equal(queue_after(&q, 0)->kind, QUEUE_SHOW);
    queue_clear(&q);
}

static void test_something_between_keeps_both(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_SHOW);
    push(&q, QUEUE_UPDATE);
    push(&q, QUEUE_HIDE);
    assert_int_equal(q.n, 3);
    queue_clear(&q);
}

static void test_full_drops_the_oldest_but_launch_and_last_update(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_LAUNCH);
    push(&q, QUEUE_UPDATE);
    for (int i = 0; i < 3 * QUEUE_MAX; i++) {
        push(&q, QUEUE_HIDE);
        queue_mark(&q, q.last_seq);
    }
    assert_int_equal(q.n, QUEUE_MAX);
    assert_int_equal(q.events[0].kind, QUEUE_LAUNCH);
    assert_int_equal(q.events[1].kind, QUEUE_UPDATE);
    assert_int_equal(q.events[q.n - 1].seq, q.last_seq);
    push(&q, QUEUE_UPDATE); /* now the old one may go like any other */
    assert_ptr_equal(queue_last_update(&q), &q.events[q.n - 1]);
    queue_clear(&q);
}

static void test_all_updates_still_leaves_room(void **state) {
    (void) state;
    struct queue q = { 0 };
    for (int i = 0; i < 2 * QUEUE_MAX; i++)
        push(&q, QUEUE_UPDATE);
    assert_int_equal(q.n, QUEUE_MAX);
    queue_clear(&q);
}

static void test_skipped_numbers_are_used_up(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_SHOW);
    assert_int_equal(queue_skip(&q), 2);
    push(&q, QUEUE_HIDE);
    assert_int_equal(queue_after(&q, 0)->seq, 3); /* merged: nobody saw the show */
    queue_clear(&q);
}

static void test_numbers_go_on_behind_what_was_seen(void **state) {
    (void) state;
    struct queue q = { 0 };
    push(&q, QUEUE_LAUNCH);
    queue_seen(&q, 7);
    push(&q, QUEUE_UPDATE);
    assert_int_equal(queue_after(&q, 7)->seq, 8);
    queue_seen(&q, 3);
    assert_int_equal(q.last_seq, 8);
    queue_seen(&q, UINT64_MAX);
    assert_int_equal(q.last_seq, 8);
    queue_clear(&q);
}

static void write_all(const struct queue *q, struct str *out) {
    struct jsonw w = JSONW_INIT(out);
    jsonw_object(&w, NULL);
    queue_write(q, &w);
    jsonw_end_object(&w);
    assert_int_equal(str_error(out), 0);
}

static void test_round_trip(void **state) {
    (void) state;
    struct queue q = { 0 }, back = { 0 };
    struct str text = STR_INIT(1 << 20), again = STR_INIT(1 << 20);
    struct json *doc = NULL;

    push(&q, QUEUE_LAUNCH);
    push(&q, QUEUE_SHOW);
    queue_mark(&q, 2);
    push(&q, QUEUE_HIDE);
    (void) queue_skip(&q);
    write_all(&q, &text);
    assert_int_equal(json_parse(text.data, text.len, &doc, NULL), 0);
    assert_int_equal(queue_read(&back, doc), 0);
    write_all(&back, &again);
    assert_string_equal(text.data, again.data);
    assert_int_equal(back.last_seq, 4);
    assert_int_equal(back.delivered, 2);
    json_free(doc);
    str_clear(&text);
    str_clear(&again);
    queue_clear(&q);
    queue_clear(&back);
}

static void test_damaged_state_is_refused(void **state) {
    (void) state;
    static const char *const bad[] = {
        "{\"events\":[{\"seq\":1,\"kind\":99,\"text\":{}}]}",
        "{\"events\":[{\"seq\":0,\"kind\":0,\"text\":{}}]}",
        "{\"events\":[{\"seq\":1,\"kind\":0}]}",
        "{\"events\":[7]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct queue q = { 0 };
        struct json *doc = NULL;
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &doc, NULL), 0);
        assert_int_equal(queue_read(&q, doc), -EINVAL);
        assert_int_equal(q.n, 0);
        json_free(doc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_in_order),
        cmocka_unit_test(test_unsent_visibility_is_merged),
        cmocka_unit_test(test_sent_visibility_is_kept),
        cmocka_unit_test(test_something_between_keeps_both),
        cmocka_unit_test(test_full_drops_the_oldest_but_launch_and_last_update),
        cmocka_unit_test(test_all_updates_still_leaves_room),
        cmocka_unit_test(test_skipped_numbers_are_used_up),
        cmocka_unit_test(test_numbers_go_on_behind_what_was_seen),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damaged_state_is_refused),
    };
    return cmocka_run_group_tests_name("daemon/queue", tests, NULL, NULL);
}
