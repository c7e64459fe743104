/* SPDX-License-Identifier: MIT
 * test_events.c - what Watch brings, to the callbacks. */
#include "fake.c"

#include "supervisor/sdk/call.h"
#include "supervisor/sdk/event.h"

#define LAUNCH_BODY                                                                                \
    "{\"path\":\"pages/a\",\"query\":{\"k\":\"v\",\"\":\"é\"},\"scene\":1037,"                    \
    "\"referrer\":{\"app_id\":\"org.b\",\"extra_data\":{\"n\":[1,null]}}}"

/* One row an event: as it comes, and what the app hears. */
static const struct row {
    const char *event, *heard;
} events[] = {
    { "{\"seq\":1,\"type\":\"launch\",\"launch\":" LAUNCH_BODY "}",
      "launch pages/a 1037 k=v =é from org.b with {\"n\":[1,null]};" },
    { "{\"seq\":2,\"type\":\"show\",\"show\":{\"path\":\"\",\"query\":{},\"scene\":1001}}",
      "show  1001;" },
    { "{\"seq\":3,\"type\":\"hide\",\"hide\":{\"reason\":1}}", "hide 1;" },
    { "{\"seq\":4,\"type\":\"memory_warning\",\"memory_warning\":{\"level\":15,"
      "\"source\":\"budget\"}}",
      "memory 15 budget;" },
    { "{\"seq\":5,\"type\":\"update_check\",\"update_check\":{\"has_update\":true}}",
      "check yes;" },
    { "{\"seq\":6,\"type\":\"update_ready\",\"update_ready\":{\"version_code\":5000000000}}",
      "ready 5000000000;" },
    { "{\"seq\":7,\"type\":\"update_failed\",\"update_failed\":{\"reason\":\"hash\"}}",
      "failed hash;" },
    { "{\"seq\":8,\"type\":\"unload\",\"unload\":{\"reason\":\"closed\",\"timeout_usec\":5000000}}",
      "unload closed 5000000;" },
};
#define EVENTS (sizeof events / sizeof events[0])

static void test_every_event_reaches_its_callback(void **state) {
    struct fake *f = *state;

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    assert_true(watch.more);
    assert_string_equal(watch.parameters, "{}");
    for (size_t i = 0; i < EVENTS; i++) {
        say_event(watch.peer, events[i].event);
        fake_hear(f, 1);
        fake_settle(f);
        assert_heard(f, events[i].heard);
    }
}

static void test_many_events_in_one_packet_come_in_order(void **state) {
    struct fake *f = *state;
    struct str expected = STR_INIT(1 << 20);

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    for (int i = 0; i < 1000; i++) {
        say_hide(watch.peer, i, i % 4);
        (void) str_printf(&expected, "hide %d;", i % 4);
    }
    fake_hear(f, 1000);
    assert_heard(f, str_text(&expected));
    str_clear(&expected);
}

static void test_an_event_comes_once(void **state) {
    struct fake *f = *state;

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    say_hide(watch.peer, 7, 1);
    say_hide(watch.peer, 7, 2);
    say_hide(watch.peer, 3, 3);
    say_hide(watch.peer, 8, 0);
    fake_hear(f, 2);
    fake_settle(f);
    assert_heard(f, "hide 1;hide 0;");
}

static void test_what_a_newer_supervisor_adds_is_passed_over(void **state) {
    struct fake *f = *state;

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    say_event(watch.peer, "{\"seq\":1,\"type\":\"theme\",\"theme\":{\"dark\":true}}");
    say_event(watch.peer, "{\"seq\":2,\"type\":\"hide\",\"hide\":{\"reason\":9,\"x\":1},\"y\":2}");
    fake_hear(f, 1);
    assert_heard(f, "hide 9;");
}

static void test_events_nobody_listens_to_are_passed_over(void **state) {
    struct fake *f = *state;
    struct miniprog_callbacks only_hide = { .size = sizeof only_hide, .hide = on_hide };

    fake_open(f, &only_hide);
    struct arrival watch = fake_expect(f, "Watch");
    for (size_t i = 0; i < EVENTS; i++)
        say_event(watch.peer, events[i].event);
    say_hide(watch.peer, 100, 3);
    fake_hear(f, 2);
    assert_heard(f, "hide 1;hide 3;");
}

static void test_without_callbacks_nobody_watches(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_ready(f->m, on_done, f), 0);
    struct arrival ready = fake_expect(f, "Ready"); /* the first call: no Watch before it */
    say(ready.peer, OK);
    fake_hear(f, 1);
    assert_heard(f, "done 0;");
}

/* Straight into the decoder: no event, whatever is missing or of another kind, is half delivered.
 */
static int deliver(struct fake *f, const char *text, size_t len) {
    struct json *doc = NULL;
    int r = json_parse(text, len, &doc, NULL);

    if (r < 0)
        return r;
    f->m->last_seq = -1;
    r = event_deliver(f->m, doc);
    (void) json_free(doc);
    return r;
}

static void test_broken_events_are_refused(void **state) {
    struct fake *f = *state;
    static const char *const bad[] = {
        "{}",
        "{\"event\":null}",
        "{\"event\":[]}",
        "{\"event\":{}}",
        "{\"event\":{\"type\":\"hide\",\"hide\":{\"reason\":0}}}",
        "{\"event\":{\"seq\":1,\"hide\":{\"reason\":0}}}",
        "{\"event\":{\"seq\":-1,\"type\":\"hide\",\"hide\":{\"reason\":0}}}",
        "{\"event\":{\"seq\":\"1\",\"type\":\"hide\",\"hide\":{\"reason\":0}}}",
        "{\"event\":{\"seq\":1.5,\"type\":\"hide\",\"hide\":{\"reason\":0}}}",
        "{\"event\":{\"seq\":1,\"type\":7,\"hide\":{\"reason\":0}}}",
        "{\"event\":{\"seq\":1,\"type\":\"hide\"}}",
        "{\"event\":{\"seq\":1,\"type\":\"hide\",\"show\":" SHOW_BODY "}}",
        "{\"event\":{\"seq\":1,\"type\":\"hide\",\"hide\":{}}}",
        "{\"event\":{\"seq\":1,\"type\":\"hide\",\"hide\":{\"reason\":true}}}",
        "{\"event\":{\"seq\":1,\"type\":\"hide\",\"hide\":{\"reason\":4294967296}}}",
        "{\"event\":{\"seq\":1,\"type\":\"show\",\"show\":{\"query\":{},\"scene\":1}}}",
        "{\"event\":{\"seq\":1,\"type\":\"show\",\"show\":{\"path\":\"\",\"scene\":1}}}",
        "{\"event\":{\"seq\":1,\"type\":\"show\",\"show\":{\"path\":\"\",\"query\":{}}}}",
        "{\"event\":{\"seq\":1,\"type\":\"show\",\"show\":{\"path\":\"\",\"query\":[],\"scene\":1}}"
        "}",
        "{\"event\":{\"seq\":1,\"type\":\"show\",\"show\":{\"path\":\"\",\"query\":{\"a\":\"b\","
        "\"c\":1},\"scene\":1}}}",
        "{\"event\":{\"seq\":1,\"type\":\"launch\",\"launch\":{\"path\":\"\",\"query\":{\"a\":"
        "\"b\"},"
        "\"scene\":1,\"referrer\":{}}}}",
        "{\"event\":{\"seq\":1,\"type\":\"launch\",\"launch\":{\"path\":\"\",\"query\":{\"a\":"
        "\"b\"},"
        "\"scene\":1,\"referrer\":{\"app_id\":\"a\",\"extra_data\":7}}}}",
        "{\"event\":{\"seq\":1,\"type\":\"memory_warning\",\"memory_warning\":{\"level\":5}}}",
        "{\"event\":{\"seq\":1,\"type\":\"memory_warning\",\"memory_warning\":{\"source\":\"\"}}}",
        "{\"event\":{\"seq\":1,\"type\":\"update_check\",\"update_check\":{\"has_update\":1}}}",
        "{\"event\":{\"seq\":1,\"type\":\"update_ready\",\"update_ready\":{}}}",
        "{\"event\":{\"seq\":1,\"type\":\"update_failed\",\"update_failed\":{}}}",
        "{\"event\":{\"seq\":1,\"type\":\"unload\",\"unload\":{\"reason\":\"x\"}}}",
        "{\"event\":{\"seq\":1,\"type\":\"unload\",\"unload\":{\"reason\":\"x\","
        "\"timeout_usec\":-1}}}",
    };

    fake_open(f, &all_callbacks);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        f->m->err.text[0] = '\0';
        if (deliver(f, bad[i], strlen(bad[i])) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(f->m->last_seq, -1);
        assert_string_not_equal(miniprog_error(f->m), "");
    }
    assert_int_equal(event_deliver(f->m, NULL), -EBADMSG);
    assert_heard(f, "");
}

static void test_no_prefix_of_an_event_is_an_event(void **state) {
    struct fake *f = *state;
    char text[512];

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    (void) watch;
    for (size_t i = 0; i < EVENTS; i++) {
        int n = snprintf(text, sizeof text, "{\"parameters\":{\"event\":%s},\"continues\":true}",
                         events[i].event);
        f->m->last_seq = -1;
        for (int k = 0; k < n; k++)
            if (call_reply(f->m, &f->m->lanes[LANE_WATCH], text, (size_t) k) >= 0)
                fail_msg("taken: %.*s", k, text);
        assert_heard(f, "");
        assert_int_equal(call_reply(f->m, &f->m->lanes[LANE_WATCH], text, (size_t) n), 0);
        assert_heard(f, events[i].heard);
    }
}

static void test_a_query_is_found_by_name(void **state) {
    (void) state;
    const struct miniprog_pair pairs[] = { { "a", "1" }, { "b", "" } };
    const struct miniprog_launch l = { .query_count = 2, .query = pairs };

    assert_string_equal(miniprog_launch_query(&l, "a"), "1");
    assert_string_equal(miniprog_launch_query(&l, "b"), "");
    assert_null(miniprog_launch_query(&l, "c"));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_event_reaches_its_callback),
        T(test_many_events_in_one_packet_come_in_order),
        T(test_an_event_comes_once),
        T(test_what_a_newer_supervisor_adds_is_passed_over),
        T(test_events_nobody_listens_to_are_passed_over),
        T(test_without_callbacks_nobody_watches),
        T(test_broken_events_are_refused),
        T(test_no_prefix_of_an_event_is_an_event),
        cmocka_unit_test(test_a_query_is_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
