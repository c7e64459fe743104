/* SPDX-License-Identifier: MIT
 * test_server_life.c - calls that wait, peers that leave meanwhile, and who frees what when. */
#include "server_scene.c"

#include <dirent.h>

#define LATER(tag) "{\"method\":\"org.example.Test.Later\",\"parameters\":{\"tag\":\"" tag "\"}}"
#define NOTE(tag)                                                                                  \
    "{\"method\":\"org.example.Test.Note\",\"oneway\":true,\"parameters\":{\"tag\":\"" tag "\"}}"

static void test_replies_come_in_the_order_of_calls(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    /* One write: all of it is buffered when the first call is opened. */
    static const char three[] = LATER("a") "\0" LATER("b") "\0" NOTE("c") "\0" LATER("d");
    say_bytes(f, &p, three, sizeof three);
    settle(f);
    assert_string_equal(f->notes, "a");
    answer_later(take_held(f, 0));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"a\"}}");
    settle(f);
    assert_string_equal(f->notes, "ab");
    assert_silent(f, &p);
    answer_later(take_held(f, 1));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"b\"}}");
    settle(f);
    assert_string_equal(f->notes, "abcd");
    answer_later(take_held(f, 2));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"d\"}}");
    hang_up(&p);
}

/* Bytes that come while a call is open stay in the kernel; they are seen once it is over. */
static void test_what_is_sent_behind_an_open_call_waits(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), other = dial(f);

    say(f, &p, LATER("a"));
    settle(f);
    say(f, &p, NOTE("b"));
    settle(f);
    say(f, &p, LATER("c"));
    settle(f);
    assert_string_equal(f->notes, "a");
    assert_serves(f, &other);
    answer_later(take_held(f, 0));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"a\"}}");
    settle(f);
    assert_string_equal(f->notes, "abc");
    call_reply(take_held(f, 1)); /* breaks the contract on purpose: see errors_logged */
    errors_logged = 0;
    assert_hears(f, &p, "{\"parameters\":{}}");
    assert_serves(f, &p);
    hang_up(&p);
    hang_up(&other);
}

static void test_a_peer_that_leaves_is_told_of_once(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    say(f, &p, LATER("a"));
    struct call *call = take_held(f, 0);
    assert_false(call_peer_left(call));
    hang_up(&p);
    settle(f);
    assert_int_equal(f->gone, 1);
    assert_true(call_peer_left(call));
    assert_int_equal(call_peer(call)->pid, getpid());
    assert_string_equal(call_method(call), "Later");
    assert_string_equal(json_get_string(call_parameters(call), "tag", ""), "a");
    /* It is counted for as long as its call is open. */
    assert_int_equal(server_connections(f->server), 1);
    call_set_context(call, f, on_gone);
    settle(f);
    assert_int_equal(f->gone, 1);
    answer_later(call);
    settle(f);
    assert_int_equal(server_connections(f->server), 0);
    assert_int_equal(lines_logged, 0);
}

/* Who asks to be told only after the peer has left is told as well. */
static void test_gone_set_late(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    say(f, &p, LATER("a"));
    call_set_context(held(f, 0), f, NULL);
    hang_up(&p);
    settle(f);
    assert_int_equal(f->gone, 0);
    call_set_context(held(f, 0), f, on_gone);
    assert_int_equal(f->gone, 0); /* from the loop, not from here */
    settle(f);
    assert_int_equal(f->gone, 1);
}

static void test_gone_may_drop_or_answer(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    f->drop_when_gone = true;
    say(f, &p, LATER("a"));
    settle(f);
    hang_up(&p);
    settle(f);
    assert_int_equal(f->gone, 1);
    assert_int_equal(server_connections(f->server), 0);

    f->drop_when_gone = false;
    f->answer_when_gone = true;
    p = dial(f);
    say(f, &p,
        "{\"method\":\"org.example.Test.Stream\",\"more\":true,\"parameters\":{\"count\":0,"
        "\"size\":0}}");
    settle(f);
    hang_up(&p);
    settle(f);
    errors_logged = 0; /* an empty reply is none of Stream's */
    assert_int_equal(f->gone, 2);
    assert_int_equal(server_connections(f->server), 0);
}

/* A caller that leaves cancels nothing: what it sent before is handled, after the call that waits.
 */
static void test_what_a_leaver_sent_is_still_handled(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    say(f, &p, LATER("a"));
    settle(f);
    for (int i = 0; i < 40; i++) /* more than a turn's worth */
        say(f, &p, NOTE("b"));
    hang_up(&p);
    settle(f);
    assert_int_equal(f->gone, 1);
    assert_string_equal(f->notes, "a");
    call_drop(take_held(f, 0));
    settle(f);
    assert_int_equal(strlen(f->notes), 41);
    assert_int_equal(server_connections(f->server), 0);
}

static void test_a_call_and_goodbye(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    say(f, &p, NOTE("a"));
    say(f, &p, LATER("b"));
    hang_up(&p);
    settle(f);
    assert_string_equal(f->notes, "ab");
    assert_int_equal(f->gone, 1);
    answer_later(take_held(f, 0));
    settle(f);
    assert_int_equal(server_connections(f->server), 0);
}

/* As `printf … | nc -U` does: nothing more to say, but an answer is waited for. */
static void test_half_closed_is_not_gone(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    say(f, &p, LATER("a"));
    say(f, &p, LATER("b"));
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    settle(f);
    assert_int_equal(f->gone, 0);
    answer_later(take_held(f, 0));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"a\"}}");
    answer_later(take_held(f, 1));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"b\"}}");
    assert_closed(f, &p);
    assert_int_equal(server_connections(f->server), 0);

    /* And when it goes for good, that is seen as well. */
    hang_up(&p);
    p = dial(f);
    say(f, &p, LATER("c"));
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    settle(f);
    hang_up(&p);
    settle(f);
    assert_int_equal(f->gone, 1);
    call_drop(take_held(f, 2));
    hang_up(&p);
}

/* It stays connected, and refuses to be answered. */
static void test_a_peer_that_shut_its_ears(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    assert_int_equal(shutdown(p.fd, SHUT_RD), 0);
    call_method_of(f, &p, "Stream", "{\"count\":3,\"size\":5}", ",\"more\":true");
    settle(f);
    assert_int_equal(f->gone, 1);
    call_drop(take_held(f, 0));
    call_method_of(f, &p, "Echo", "{\"text\":\"x\"}", "");
    settle(f);
    assert_int_equal(f->handled, 1);
    assert_int_equal(server_connections(f->server), 1);
    hang_up(&p);
    settle(f);
    assert_int_equal(server_connections(f->server), 0);
}

static void test_a_dropped_call_closes_the_connection(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), q = dial(f);

    call_method_of(f, &p, "Drop", "{}", ""); /* from within the handler */
    assert_closed(f, &p);
    say(f, &q, LATER("a"));
    struct call *call = take_held(f, 0);
    (void) call_begin(call, false); /* changed its mind half-way */
    call_drop(call);
    assert_closed(f, &q);
    settle(f);
    assert_int_equal(f->gone, 0);
    assert_int_equal(server_connections(f->server), 0);
    hang_up(&p);
    hang_up(&q);
}

static void test_a_dropped_oneway_call_does_not(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    call_method_of(f, &p, "Drop", "{}", ",\"oneway\":true");
    call_method_of(f, &p, "Later", "{\"tag\":\"a\"}", ",\"oneway\":true");
    struct call *call = take_held(f, 0);
    (void) call_begin(call, false);
    call_drop(call);
    assert_serves(f, &p);
    assert_silent(f, &p);
    hang_up(&p);
}

static void test_a_late_oneway_reply_is_swallowed(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    call_method_of(f, &p, "Later", "{\"tag\":\"a\"}", ",\"oneway\":true");
    call_method_of(f, &p, "Later", "{\"tag\":\"b\"}", "");
    answer_later(take_held(f, 0));
    answer_later(take_held(f, 1));
    assert_hears(f, &p, "{\"parameters\":{\"tag\":\"b\"}}");
    assert_silent(f, &p);
    hang_up(&p);
}

static void test_a_reply_begun_anew_is_one_reply(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    say(f, &p, LATER("a"));
    struct call *call = take_held(f, 0);
    jsonw_string(call_begin(call, false), "tag", "first thought");
    jsonw_int(call_begin_error(call, "Nope"), "code", 1);
    call_end(call);
    assert_hears(f, &p, "{\"error\":\"org.example.Test.Nope\",\"parameters\":{\"code\":1}}");
    assert_serves(f, &p);
    hang_up(&p);
}

/* Calls outlive the server; everybody else is disconnected. */
static void test_the_server_goes_first(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), q = dial(f), idle = dial(f);

    say(f, &p, LATER("a"));
    settle(f);
    say(f, &q, LATER("b"));
    struct call *a = take_held(f, 0), *b = take_held(f, 1);
    assert_int_equal(server_connections(f->server), 3);
    f->server = server_free(f->server, false);
    assert_int_equal(f->gone, 2);
    assert_closed(f, &p);
    assert_closed(f, &q);
    assert_closed(f, &idle);
    assert_ptr_equal(call_userdata(a), f);
    assert_true(call_peer_left(a));
    call_set_context(a, f, on_gone);
    call_set_drained(a, on_drained);
    answer_later(a);
    (void) call_begin(b, false);
    call_drop(b);
    settle(f);
    assert_int_equal(f->gone, 2);
    hang_up(&p);
    hang_up(&q);
    hang_up(&idle);
}

static void test_the_server_goes_and_gone_drops(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f), q = dial(f);

    f->drop_when_gone = true;
    say(f, &p, LATER("a"));
    settle(f);
    say(f, &q, LATER("b"));
    settle(f);
    f->server = server_free(f->server, false);
    assert_int_equal(f->gone, 2);
    hang_up(&p);
    hang_up(&q);
}

/* The server is freed by a handler, while others wait for their turn behind it. */
static void test_a_handler_frees_the_server(void **state) {
    struct fixture *f = *state;
    struct peer p[4];
    struct call *calls[4];

    for (unsigned i = 0; i < 4; i++) {
        p[i] = dial(f);
        say(f, &p[i], LATER("a"));
        calls[i] = take_held(f, i);
    }
    call_method_of(f, &p[1], "Free", "{}", "");
    call_method_of(f, &p[2], "Echo", "{\"text\":\"x\"}", "");
    call_method_of(f, &p[3], "Free", "{}", "");
    settle(f); /* what came behind an open call is left alone, so they go on by turns */
    for (int i = 0; i < 4; i++)
        answer_later(calls[i]);
    settle(f);
    assert_null(f->server);
    assert_int_equal(f->gone, 1);
    assert_int_equal(f->handled, 0);
    for (int i = 0; i < 4; i++)
        hang_up(&p[i]);
    assert_true(call_peer_left(held(f, 4)));
}

/* The buffer holds a second call when the first frees the server: it is not handled. */
static void test_a_handler_frees_the_server_in_mid_buffer(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    static const char calls[] = "{\"method\":\"org.example.Test.Free\"}\0" NOTE("a");

    say_bytes(f, &p, calls, sizeof calls);
    settle(f);
    assert_null(f->server);
    assert_string_equal(f->notes, "");
    assert_int_equal(f->gone, 1);
    answer_later(take_held(f, 0));
    errors_logged = 0; /* Free has no such reply */
    hang_up(&p);
}

static unsigned open_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Every way in which a call can end, over and over: nothing is left open. (What is left allocated
 * the sanitizer sees.) */
static void test_nothing_leaks(void **state) {
    struct fixture *f = *state;
    unsigned before = open_descriptors();

    for (unsigned i = 0; i < 600; i++) {
        struct peer p = dial(f);
        f->n_held = 0;
        f->notes[0] = '\0';
        if (i % 6 == 0) {
            assert_serves(f, &p);
        } else if (i % 6 == 1) {
            call_method_of(f, &p, "Drop", "{}", "");
            assert_closed(f, &p);
        } else {
            say(f, &p, LATER("a"));
            struct call *call = take_held(f, 0);
            if (i % 2 == 0)
                hang_up(&p);
            settle(f);
            if (i % 3 == 0)
                answer_later(call);
            else
                call_drop(call);
        }
        hang_up(&p);
        settle(f);
        assert_int_equal(server_connections(f->server), 0);
    }
    assert_int_equal(open_descriptors(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_replies_come_in_the_order_of_calls),
        TEST(test_what_is_sent_behind_an_open_call_waits),
        TEST(test_a_peer_that_leaves_is_told_of_once),
        TEST(test_gone_set_late),
        TEST(test_gone_may_drop_or_answer),
        TEST(test_what_a_leaver_sent_is_still_handled),
        TEST(test_a_call_and_goodbye),
        TEST(test_half_closed_is_not_gone),
        TEST(test_a_peer_that_shut_its_ears),
        TEST(test_a_dropped_call_closes_the_connection),
        TEST(test_a_dropped_oneway_call_does_not),
        TEST(test_a_late_oneway_reply_is_swallowed),
        TEST(test_a_reply_begun_anew_is_one_reply),
        TEST(test_the_server_goes_first),
        TEST(test_the_server_goes_and_gone_drops),
        TEST(test_a_handler_frees_the_server),
        TEST(test_a_handler_frees_the_server_in_mid_buffer),
        TEST(test_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
