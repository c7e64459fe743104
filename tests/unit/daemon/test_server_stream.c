/* SPDX-License-Identifier: MIT
 * test_server_stream.c - streams, slow readers, and replies that are larger than a socket takes. */
#include "server_scene.c"

#include "supervisor/base/cleanup.h"

/* Much more than a socket's buffer. */
#define BIG ((size_t) 4 * 1024 * 1024)

static void open_stream(struct fixture *f, struct peer *p) {
    call_method_of(f, p, "Stream", "{\"count\":0,\"size\":0}", ",\"more\":true");
}

static int number_heard(struct fixture *f, struct peer *p, bool *ret_continues) {
    const char *text = hear(f, p);
    struct json *doc = NULL;
    assert_int_equal(json_parse(text, strlen(text), &doc, NULL), 0);
    *ret_continues = json_get_bool(doc, "continues", false);
    int n = (int) json_get_int(json_get(doc, "parameters"), "n", -1);
    json_free(doc);
    return n;
}

static void test_a_stream_and_its_end(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    bool continues;

    call_method_of(f, &p, "Stream", "{\"count\":3,\"size\":4}", ",\"more\":true");
    assert_hears(f, &p, "{\"continues\":true,\"parameters\":{\"n\":0,\"fill\":\"xxxx\"}}");
    assert_int_equal(number_heard(f, &p, &continues), 1);
    assert_int_equal(number_heard(f, &p, &continues), 2);
    assert_true(continues);
    assert_silent(f, &p);
    stream_one(take_held(f, 0), 3, 0, false);
    assert_int_equal(number_heard(f, &p, &continues), 3);
    assert_false(continues);
    assert_serves(f, &p);
    hang_up(&p);
}

static void test_one_text_for_many(void **state) {
    struct fixture *f = *state;
    struct peer p[3];
    static const char text[] = "{\"n\":5,\"fill\":\"\"}";

    for (unsigned i = 0; i < 3; i++) {
        p[i] = dial(f);
        open_stream(f, &p[i]);
        settle(f);
    }
    for (unsigned i = 0; i < 3; i++)
        call_send_text(held(f, i), text, sizeof text - 1);
    for (unsigned i = 0; i < 3; i++)
        assert_hears(f, &p[i], "{\"continues\":true,\"parameters\":{\"n\":5,\"fill\":\"\"}}");

    unsigned before = server_contract_breaches();
    call_send_text(held(f, 0), "{}", 2); /* valid JSON, though none of Stream's replies */
    assert_hears(f, &p[0], "{\"continues\":true,\"parameters\":{}}");
#ifndef NDEBUG
    assert_int_equal(server_contract_breaches(), before + 1);
#endif
    (void) before;
    errors_logged = 0;
    for (unsigned i = 0; i < 3; i++)
        hang_up(&p[i]);
    settle(f);
    assert_int_equal(f->gone, 3);
}

static void test_a_large_reply_arrives_whole(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), other = dial(f);

    open_stream(f, &p);
    struct call *call = take_held(f, 0);
    stream_one(call, 1, BIG, false);
    assert_serves(f, &other);
    assert_true(strlen(hear(f, &p)) > BIG);
    assert_serves(f, &p);
    hang_up(&p);
    hang_up(&other);
}

/* Until the first reply is out, the second call is not even handled. */
static void test_calls_wait_for_a_slow_reader(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    open_stream(f, &p);
    call_method_of(f, &p, "Note", "{\"tag\":\"a\"}", "");
    stream_one(take_held(f, 0), 1, BIG, false);
    settle(f);
    assert_string_equal(f->notes, "");
    assert_int_equal(server_connections(f->server), 1);
    assert_true(strlen(hear(f, &p)) > BIG);
    assert_hears(f, &p, "{\"parameters\":{}}");
    assert_string_equal(f->notes, "a");

    /* It may leave with its reply unread, and what it sent behind is handled all the same. */
    open_stream(f, &p);
    call_method_of(f, &p, "Note", "{\"tag\":\"b\"}", ",\"oneway\":true");
    stream_one(take_held(f, 1), 1, BIG, false);
    settle(f);
    hang_up(&p);
    settle(f);
    assert_string_equal(f->notes, "ab");
    assert_int_equal(server_connections(f->server), 0);
    assert_int_equal(lines_logged, 0);
}

static void test_a_watcher_too_far_behind_is_disconnected(void **state) {
    struct fixture *f = *state;
    struct peer slow = dial(f), good = dial(f);
    bool continues;
    int sent = 0;

    open_stream(f, &slow);
    settle(f);
    open_stream(f, &good);
    struct call *call = held(f, 0), *other = held(f, 1);
    for (; sent < 1000 && !call_peer_left(call); sent++) {
        stream_one(call, sent, 16 * 1024, true);
        stream_one(other, sent, 16 * 1024, true);
        assert_int_equal(number_heard(f, &good, &continues), sent);
    }
    /* What the socket took, and then 256 KiB. */
    assert_in_range(sent, 256 / 16, 999);
    assert_non_null(strstr(last_line, "bytes behind, disconnecting it"));
    settle(f);
    assert_int_equal(f->gone, 1);
    assert_int_equal(lines_logged, 1);
    stream_one(call, 0, 10, true); /* goes nowhere */
    stream_one(other, sent, 10, true);
    assert_int_equal(number_heard(f, &good, &continues), sent);
    hang_up(&slow);
    hang_up(&good);
}

/* gone() comes from the loop, never from within the call_end() that found out. */
static void test_too_far_behind_inside_the_handler(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    f->drop_when_gone = true;
    call_method_of(f, &p, "Stream", "{\"count\":100,\"size\":16384}", ",\"more\":true");
    settle(f);
    assert_int_equal(f->gone, 1);
    assert_int_equal(server_connections(f->server), 0);
    hang_up(&p);
}

/* A snapshot may be larger than what a watcher may be behind. */
static void test_the_first_reply_is_not_counted(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    bool continues;

    open_stream(f, &p);
    struct call *call = held(f, 0);
    stream_one(call, 0, BIG, true);
    for (int i = 1; i <= 8; i++)
        stream_one(call, i, 16 * 1024, true);
    settle(f);
    assert_false(call_peer_left(call));
    for (int i = 0; i <= 8; i++)
        assert_int_equal(number_heard(f, &p, &continues), i);
    /* From then on it is held to the limit: no second reply of that kind. */
    stream_one(call, 9, BIG, true);
    assert_true(call_peer_left(call));
    hang_up(&p);
}

/* A reply that is given up half-way takes nothing with it of those that wait before it. */
static void test_a_change_of_mind_behind_a_queue(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    bool continues;

    open_stream(f, &p);
    struct call *call = take_held(f, 0);
    stream_one(call, 0, BIG, true);
    (void) call_begin(call, true);
    stream_one(call, 1, 5, true);
    jsonw_int(call_begin(call, true), "n", 2);
    jsonw_int(call_begin_error(call, "Nope"), "code", 3);
    call_end(call);
    assert_int_equal(number_heard(f, &p, &continues), 0);
    assert_hears(f, &p, "{\"continues\":true,\"parameters\":{\"n\":1,\"fill\":\"xxxxx\"}}");
    assert_hears(f, &p, "{\"error\":\"org.example.Test.Nope\",\"parameters\":{\"code\":3}}");
    hang_up(&p);
}

static void test_a_stream_that_pulls(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    bool continues = true;

    call_method_of(f, &p, "Pull", "{\"count\":100}", ",\"more\":true");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(number_heard(f, &p, &continues), i);
        assert_int_equal(continues, i < 99);
    }
    assert_serves(f, &p);
    hang_up(&p);
}

static void fill_when_drained(struct call *call) {
    struct fixture *f = call_userdata(call);
    stream_one(call, f->pulled++, 64 * 1024, true);
}

/* It is asked again only when all has left, so that little is queued for one that does not read. */
static void test_pulling_stops_while_the_peer_does_not_read(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), other = dial(f);
    bool continues;

    open_stream(f, &p);
    struct call *call = held(f, 0);
    call_set_drained(call, fill_when_drained);
    assert_int_equal(f->pulled, 0); /* from the loop, not from here */
    settle(f);
    int stuck = f->pulled;
    assert_in_range(stuck, 1, 100);
    settle(f);
    assert_int_equal(f->pulled, stuck);
    assert_serves(f, &other);
    for (int i = 0; i < stuck + 20; i++)
        assert_int_equal(number_heard(f, &p, &continues), i);
    assert_true(f->pulled > stuck);

    call_set_drained(call, NULL);
    int last = f->pulled;
    for (int i = stuck + 20; i < last; i++)
        (void) number_heard(f, &p, &continues);
    assert_silent(f, &p);
    assert_int_equal(f->pulled, last);
    hang_up(&p);
    hang_up(&other);
}

static void count_drained(struct call *call) {
    struct fixture *f = call_userdata(call);
    f->pulled++;
}

/* Nothing new to tell (a log that does not grow): no turn of the loop is spent on it. */
static void test_drained_that_sends_nothing_is_called_once(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    open_stream(f, &p);
    struct call *call = held(f, 0);
    call_set_drained(call, count_drained);
    settle(f);
    settle(f);
    assert_int_equal(f->pulled, 1);
    stream_one(call, 0, 0, true);
    settle(f);
    assert_int_equal(f->pulled, 2);
    call_set_drained(call, count_drained);
    settle(f);
    assert_int_equal(f->pulled, 3);
    hang_up(&p);
    settle(f);
    assert_int_equal(f->pulled, 3);
}

/* 16 a turn; in between others are served. */
static void test_one_busy_peer_leaves_room_for_others(void **state) {
    struct fixture *f = *state;
    struct peer busy = dial(f), other = dial(f);
    CLEANUP(str_clear_p) struct str calls = STR_INIT(1024 * 1024);
    static const char one[] =
        "{\"method\":\"org.example.Test.Echo\",\"parameters\":{\"text\":\"\"}}";

    for (int i = 0; i < 100; i++)
        (void) str_append(&calls, one, sizeof one);
    settle(f);
    say_bytes(f, &busy, calls.data, calls.len);
    say_bytes(f, &other, one, sizeof one);
    unsigned turns = 0, seen_by_other = 0;
    while (sd_event_run(f->event, 0) > 0) {
        turns++;
        if (seen_by_other == 0 && take_bytes(&other) > 0)
            seen_by_other = f->handled;
    }
    assert_int_equal(f->handled, 101);
    assert_true(turns > 6);
    assert_in_range(seen_by_other, 1, 40);
    for (int i = 0; i < 100; i++)
        assert_hears(f, &busy, "{\"parameters\":{\"text\":\"\"}}");
    hang_up(&busy);
    hang_up(&other);
}

/* A little is forgiven, and handled when the stream ends. */
static void test_a_streaming_peer_that_talks(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), flood = dial(f);

    open_stream(f, &p);
    settle(f);
    call_method_of(f, &p, "Echo", "{\"text\":\"early\"}", "");
    assert_silent(f, &p);
    stream_one(take_held(f, 0), 1, 0, false);
    assert_hears(f, &p, "{\"parameters\":{\"n\":1,\"fill\":\"\"}}");
    assert_hears(f, &p, "{\"parameters\":{\"text\":\"early\"}}");

    open_stream(f, &flood);
    settle(f);
    for (int i = 0; i < 5000; i++)
        call_method_of(f, &flood, "Echo", "{\"text\":\"again\"}", "");
    assert_closed(f, &flood);
    assert_int_equal(f->gone, 1);
    assert_int_equal(f->handled, 1);
    assert_int_equal(lines_logged, 1);
    assert_non_null(strstr(last_line, "while it is being streamed to, disconnecting it"));
    assert_serves(f, &p);
    hang_up(&p);
    hang_up(&flood);
}

static void test_a_half_closed_watcher_goes_on_hearing(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    bool continues;

    open_stream(f, &p);
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    struct call *call = held(f, 0);
    for (int i = 0; i < 3; i++) {
        stream_one(call, i, 0, true);
        assert_int_equal(number_heard(f, &p, &continues), i);
    }
    assert_int_equal(f->gone, 0);
    hang_up(&p);
    settle(f);
    assert_int_equal(f->gone, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_and_its_end),
        TEST(test_one_text_for_many),
        TEST(test_a_large_reply_arrives_whole),
        TEST(test_calls_wait_for_a_slow_reader),
        TEST(test_a_watcher_too_far_behind_is_disconnected),
        TEST(test_too_far_behind_inside_the_handler),
        TEST(test_the_first_reply_is_not_counted),
        TEST(test_a_change_of_mind_behind_a_queue),
        TEST(test_a_stream_that_pulls),
        TEST(test_pulling_stops_while_the_peer_does_not_read),
        TEST(test_drained_that_sends_nothing_is_called_once),
        TEST(test_one_busy_peer_leaves_room_for_others),
        TEST(test_a_streaming_peer_that_talks),
        TEST(test_a_half_closed_watcher_goes_on_hearing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
