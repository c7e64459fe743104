/* SPDX-License-Identifier: MIT
 * test_hostile.c - the supervisor says what it should not, or half of what it should. */
#include "fake.c"

#include "supervisor/sdk/call.h"

#define HIDE_1                                                                                     \
    "{\"parameters\":{\"event\":{\"seq\":1,\"type\":\"hide\",\"hide\":{\"reason\":1}}},"           \
    "\"continues\":true}"
#define INFO_REPLY                                                                                 \
    "{\"parameters\":{\"id\":\"org.a\",\"version_code\":3,\"host_version_code\":1,"                \
    "\"base_library\":\"3.0.0\",\"start\":\"hot\",\"launch\":" SHOW_BODY ",\"enter\":" SHOW_BODY   \
    "}}"

static void test_a_stream_cut_at_every_byte(void **state) {
    struct fake *f = *state;
    char after[32];

    fake_open(f, &all_callbacks);
    for (size_t k = 0; k <= strlen(HIDE_1); k++) { /* all but the NUL at last */
        struct arrival watch = fake_expect(f, "Watch");
        say_hide(watch.peer, (int) k + 10, 3);
        say_bytes(watch.peer, HIDE_1, k);
        drop_peer(watch.peer);
        wait_broken(f, LANE_WATCH);
        assert_heard(f, "hide 3;");
        hurry(f);
        watch = fake_expect(f, "Watch");
        (void) snprintf(after, sizeof after, "{\"after\":%zu}", k + 10);
        assert_string_equal(watch.parameters, after);
        drop_peer(watch.peer);
        wait_broken(f, LANE_WATCH);
        hurry(f);
    }
}

static void test_an_answer_cut_at_every_byte(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_get_info(f->m, on_info, f), 0);
    for (size_t k = 0; k <= strlen(INFO_REPLY); k++) {
        struct arrival a = fake_expect(f, "GetInfo");
        say_bytes(a.peer, INFO_REPLY, k);
        drop_peer(a.peer);
        wait_broken(f, LANE_CALLS);
        assert_heard(f, "");
        list_first(&f->m->lanes[LANE_CALLS].calls, struct call, node)->tries = 0;
        hurry(f);
    }
    say(fake_expect(f, "GetInfo").peer, INFO_REPLY);
    fake_hear(f, 1);
    assert_heard(f, "info 0 org.a 3 1 3.0.0 hot none;");
}

static void test_hostile_messages_break_the_connection_only(void **state) {
    struct fake *f = *state;
    static const char *const to_watch[] = {
        "",
        "x",
        "[]",
        "{\"a\":1,\"a\":2}",
        "{\"parameters\":7,\"continues\":true}",
        "{\"parameters\":{\"event\":{}},\"continues\":true}",
        "{\"continues\":true}",
        "{\"error\":7}",
        "{\"error\":\"" WIRE_SERVICE ".MethodNotFound\"}",
        "{}",
    };
    static const char *const to_info[] = {
        "",
        "x",
        "{\"continues\":true}",
        "{}",
        "{\"parameters\":{}}",
        "{\"parameters\":{\"id\":7}}",
        "{\"parameters\":{\"id\":\"a\",\"version_code\":1,\"host_version_code\":1,"
        "\"base_library\":\"\",\"start\":\"cold\",\"launch\":" SHOW_BODY ",\"enter\":{}}}",
    };

    fake_open(f, &all_callbacks);
    for (size_t i = 0; i < sizeof to_watch / sizeof to_watch[0]; i++) {
        say(fake_expect(f, "Watch").peer, to_watch[i]);
        wait_broken(f, LANE_WATCH);
        hurry(f);
    }
    fake_expect(f, "Watch");
    assert_int_equal(miniprog_get_info(f->m, on_info, f), 0);
    for (size_t i = 0; i < sizeof to_info / sizeof to_info[0]; i++) {
        say(fake_expect(f, "GetInfo").peer, to_info[i]);
        wait_broken(f, LANE_CALLS);
        hurry(f);
    }
    struct arrival a = fake_expect(f, "GetInfo");
    say_bytes(a.peer, INFO_REPLY "\0{}", sizeof INFO_REPLY "\0{}"); /* one answer too many */
    wait_broken(f, LANE_CALLS);
    assert_heard(f, "info 0 org.a 3 1 3.0.0 hot none;");
}

static void test_a_stream_that_ends_is_asked_for_again(void **state) {
    struct fake *f = *state;

    fake_open(f, &all_callbacks);
    say(fake_expect(f, "Watch").peer,
        "{\"parameters\":{\"event\":{\"seq\":7,\"type\":\"hide\",\"hide\":{\"reason\":2}}}}");
    wait_broken(f, LANE_WATCH);
    assert_heard(f, "hide 2;");
    assert_string_equal(fake_expect(f, "Watch").parameters, "{\"after\":7}");
}

static void test_a_single_call_has_a_single_answer(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_save_exit_state(f->m, "{}", 0, on_done, f), 0);
    say(fake_expect(f, "SaveExitState").peer, "{\"continues\":true}");
    wait_broken(f, LANE_CALLS);
    assert_heard(f, "");
    say(fake_expect(f, "SaveExitState").peer, OK);
    fake_hear(f, 1);
    assert_heard(f, "done 0;");
}

static void test_a_call_not_yet_sent_has_no_answer(void **state) {
    struct fake *f = *state;
    const struct miniprog_dialog dialog = { .size = sizeof dialog, .title = "", .content = "" };

    fake_open(f, NULL);
    assert_int_equal(miniprog_save_exit_state(f->m, "{}", 0, on_done, f), 0);
    assert_int_equal(miniprog_show_dialog(f->m, &dialog, on_dialog, f), 0); /* held back */
    struct arrival saved = fake_expect(f, "SaveExitState");
    fake_accept(f);
    for (unsigned i = 0; i < PEERS; i++)
        if (f->peers[i].fd >= 0 && &f->peers[i] != saved.peer)
            say(&f->peers[i], "{\"parameters\":{\"confirm\":true}}");
    wait_broken(f, LANE_DIALOG);
    assert_heard(f, "");
    say(saved.peer, OK);
    say(fake_expect(f, "ShowDialog").peer, "{\"parameters\":{\"confirm\":false}}");
    fake_hear(f, 2);
    assert_heard(f, "done 0;dialog 0 no;");
}

static void test_a_message_without_end_is_cut_off(void **state) {
    struct fake *f = *state;
    char *flood = malloc(SDK_MESSAGE_MAX + 1);

    assert_non_null(flood);
    memset(flood, ' ', SDK_MESSAGE_MAX + 1);
    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    say_bytes(watch.peer, flood, SDK_MESSAGE_MAX + 1);
    free(flood);
    wait_broken(f, LANE_WATCH);
    fake_expect(f, "Watch");
}

static void test_big_and_small_pieces(void **state) {
    struct fake *f = *state;
    size_t n = SDK_MESSAGE_MAX - 200;
    char *path = malloc(n + 1);
    struct str text = STR_INIT(SDK_MESSAGE_MAX + 1);

    assert_non_null(path);
    memset(path, 'p', n);
    path[n] = '\0';
    assert_int_equal(
        str_printf(&text,
                   "{\"parameters\":{\"event\":{\"seq\":1,\"type\":\"show\",\"show\":{\"path\":"
                   "\"%s\",\"query\":{},\"scene\":7}}},\"continues\":true}",
                   path),
        0);
    fake_open(f, &all_callbacks);
    f->heard.max = 2 * SDK_MESSAGE_MAX;
    struct arrival watch = fake_expect(f, "Watch");
    say(watch.peer, str_text(&text));
    fake_hear(f, 1);
    assert_int_equal(f->heard.len, n + strlen("show  7;"));
    str_reset(&f->heard);
    f->calls = 0;
    str_clear(&text);
    free(path);

    f->m->last_seq = 0;
    for (size_t k = 0; k <= strlen(HIDE_1); k++) {
        assert_heard(f, "");
        say_bytes(watch.peer, &HIDE_1[k], 1);
        fake_settle(f);
    }
    assert_heard(f, "hide 1;");
}

static void test_a_call_that_breaks_every_connection_ends(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_save_exit_state(f->m, "{}", 0, on_done, f), 0);
    assert_int_equal(miniprog_report_page(f->m, "p", "{}", on_done, f), 0);
    for (int i = 0; i < CALL_TRIES; i++) {
        assert_heard(f, "");
        drop_peer(fake_expect(f, "SaveExitState").peer);
        wait_broken(f, LANE_CALLS);
        hurry(f);
    }
    assert_heard(f, "done -103;");
    say(fake_expect(f, "ReportPage").peer, OK);
    fake_hear(f, 1);
    assert_heard(f, "done 0;");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_stream_cut_at_every_byte),
        T(test_an_answer_cut_at_every_byte),
        T(test_hostile_messages_break_the_connection_only),
        T(test_a_stream_that_ends_is_asked_for_again),
        T(test_a_single_call_has_a_single_answer),
        T(test_a_call_not_yet_sent_has_no_answer),
        T(test_a_message_without_end_is_cut_off),
        T(test_big_and_small_pieces),
        T(test_a_call_that_breaks_every_connection_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
