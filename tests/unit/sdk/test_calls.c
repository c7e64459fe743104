/* SPDX-License-Identifier: MIT
 * test_calls.c - what an app calls: what goes out, and what comes back. */
#include "fake.c"

#include <sys/epoll.h>

#include "supervisor/sdk/call.h"

static const struct miniprog_dialog dialog = { .size = sizeof dialog,
                                               .title = "T",
                                               .content = "C \"q\"",
                                               .cancel_text = "No",
                                               .show_cancel = true };

static int call_ready(struct fake *f) {
    return miniprog_ready(f->m, on_done, f);
}
static int call_info(struct fake *f) {
    return miniprog_get_info(f->m, on_info, f);
}
static int call_save(struct fake *f) {
    return miniprog_save_exit_state(f->m, " {\"n\" : [1.5e3, \"\\u00e9\"]}\n", 0, on_done, f);
}
static int call_save_until(struct fake *f) {
    return miniprog_save_exit_state(f->m, "{}", 1700000000000000, on_done, f);
}
static int call_apply(struct fake *f) {
    return miniprog_apply_update(f->m, on_done, f);
}
static int call_exit(struct fake *f) {
    return miniprog_exit(f->m, on_done, f);
}
static int call_restart(struct fake *f) {
    return miniprog_restart(f->m, NULL, on_done, f);
}
static int call_restart_at(struct fake *f) {
    return miniprog_restart(f->m, "pages/b?x=1", on_done, f);
}
static int call_dialog(struct fake *f) {
    return miniprog_show_dialog(f->m, &dialog, on_dialog, f);
}
static int call_keep(struct fake *f) {
    return miniprog_keep_running(f->m, "audio", true, on_done, f);
}
static int call_report(struct fake *f) {
    return miniprog_report_page(f->m, "pages/a", "{\"toast\":\"hi\"}", on_done, f);
}
static int call_host(struct fake *f) {
    return miniprog_request_host_update(f->m, NULL, on_done, f);
}
static int call_host_why(struct fake *f) {
    return miniprog_request_host_update(f->m, "too \xff old", on_done, f);
}

#define INFO_REPLY                                                                                 \
    "{\"parameters\":{\"id\":\"org.a\",\"version_code\":3,\"host_version_code\":1,"                \
    "\"base_library\":\"3.0.0\",\"start\":\"cold\",\"launch\":" SHOW_BODY ",\"enter\":" SHOW_BODY  \
    ",\"exit_state\":{\"ticks\":[7]}}}"

static const struct row {
    int (*call)(struct fake *f);
    const char *method, *parameters, *reply, *heard;
} calls[] = {
    { call_ready, "Ready", "{}", OK, "done 0;" },
    { call_info, "GetInfo", "{}", INFO_REPLY, "info 0 org.a 3 1 3.0.0 cold {\"ticks\":[7]};" },
    { call_save, "SaveExitState", "{\"data\":{\"n\":[1500,\"é\"]}}", OK, "done 0;" },
    { call_save_until, "SaveExitState", "{\"data\":{},\"expires_at_usec\":1700000000000000}", OK,
      "done 0;" },
    { call_apply, "ApplyUpdate", "{}", OK, "done 0;" },
    { call_exit, "Exit", "{}", OK, "done 0;" },
    { call_restart, "Restart", "{}", OK, "done 0;" },
    { call_restart_at, "Restart", "{\"path\":\"pages/b?x=1\"}", OK, "done 0;" },
    { call_dialog, "ShowDialog",
      "{\"title\":\"T\",\"content\":\"C \\\"q\\\"\",\"show_cancel\":true,\"cancel_text\":\"No\"}",
      "{\"parameters\":{\"confirm\":true}}", "dialog 0 yes;" },
    { call_keep, "KeepRunning", "{\"kind\":\"audio\",\"on\":true}", OK, "done 0;" },
    { call_report, "ReportPage", "{\"path\":\"pages/a\",\"data\":{\"toast\":\"hi\"}}", OK,
      "done 0;" },
    { call_host, "RequestHostUpdate", "{}", OK, "done 0;" },
    { call_host_why, "RequestHostUpdate", "{\"reason\":\"too \xef\xbf\xbd old\"}", OK, "done 0;" },
};
#define CALLS (sizeof calls / sizeof calls[0])

static void test_every_call_goes_out_and_is_answered(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(calls[i].call(f), 0);
        assert_heard(f, ""); /* never from inside the call */
        struct arrival a = fake_expect(f, calls[i].method);
        assert_string_equal(a.parameters, calls[i].parameters);
        assert_false(a.more);
        say(a.peer, calls[i].reply);
        fake_hear(f, 1);
        assert_heard(f, calls[i].heard);
        assert_int_equal(f->m->n_calls, 0);
    }
}

static void test_every_method_of_the_interface_is_called_by_something(void **state) {
    (void) state;
    size_t methods = 0;

    for (const struct idl_method *m = NULL; (m = idl_method_next(wire_app(), m));) {
        bool found = strcmp(idl_method_name(m), "Watch") == 0;
        for (size_t i = 0; i < CALLS; i++)
            found = found || strcmp(idl_method_name(m), calls[i].method) == 0;
        if (!found)
            fail_msg("%s has no row", idl_method_name(m));
        methods++;
    }
    assert_int_equal(methods, CALL_KIND_COUNT);
}

static void test_a_call_may_do_without_an_outcome(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_ready(f->m, NULL, NULL), 0);
    assert_int_equal(miniprog_get_info(f->m, NULL, NULL), 0);
    assert_int_equal(miniprog_show_dialog(f->m, &dialog, NULL, NULL), 0);
    say(fake_expect(f, "Ready").peer, OK);
    say(fake_expect(f, "GetInfo").peer, INFO_REPLY);
    while (f->m->n_calls > 1)
        fake_turn(f);
    say(fake_expect(f, "ShowDialog").peer, "{\"parameters\":{\"confirm\":false}}");
    while (f->m->n_calls > 0)
        fake_turn(f);
    assert_int_equal(f->calls, 0);
}

static void test_every_error_has_its_errno_and_sentence(void **state) {
    struct fake *f = *state;
    static const struct {
        const char *error, *heard;
    } errors[] = {
        { WIRE_APP ".NotReady", "done -11;" },
        { WIRE_APP ".NotDeclared", "done -13;" },
        { WIRE_APP ".NoUserInterface", "done -19;" },
        { WIRE_APP ".TooLarge", "done -90;" },
        { WIRE_APP ".Busy", "done -16;" },
        { WIRE_SERVICE ".InvalidParameter", "done -22;" },
        { WIRE_SERVICE ".MethodNotFound", "done -95;" },
        { WIRE_SERVICE ".MethodNotImplemented", "done -95;" },
        { WIRE_SERVICE ".InterfaceNotFound", "done -95;" },
        { WIRE_SERVICE ".PermissionDenied", "done -1;" },
        { "org.example.Odd", "done -121;" },
        { "nodots", "done -121;" },
    };
    char text[160];

    fake_open(f, NULL);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        f->m->err.text[0] = '\0';
        assert_int_equal(call_keep(f), 0);
        (void) snprintf(text, sizeof text, "{\"error\":\"%s\",\"parameters\":{\"kind\":\"x\"}}",
                        errors[i].error);
        say(fake_expect(f, "KeepRunning").peer, text);
        fake_hear(f, 1);
        assert_heard(f, errors[i].heard);
        assert_non_null(strstr(miniprog_error(f->m), "KeepRunning: "));
    }
    assert_int_equal(f->m->keep, 0); /* what was refused is not in force */

    assert_int_equal(call_info(f), 0);
    say(fake_expect(f, "GetInfo").peer, "{\"error\":\"" WIRE_SERVICE ".MethodNotFound\"}");
    assert_int_equal(call_dialog(f), 0);
    fake_hear(f, 1);
    say(fake_expect(f, "ShowDialog").peer, "{\"error\":\"" WIRE_APP ".Busy\"}");
    fake_hear(f, 2);
    assert_heard(f, "info -95;dialog -16 no;");
}

static void test_every_error_of_the_interface_is_known(void **state) {
    (void) state;
    static const char *const known[] = { "NotReady", "NotDeclared", "NoUserInterface", "TooLarge",
                                         "Busy" };
    const char *text = idl_text(wire_app());
    size_t errors = 0;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_non_null(idl_error(wire_app(), known[i]));
    for (const char *p = text; (p = strstr(p, "\nerror ")); p++)
        errors++;
    assert_int_equal(errors, sizeof known / sizeof known[0]);
}

static void test_what_cannot_be_sent_is_refused_at_once(void **state) {
    struct fake *f = *state;
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "7",
        "{",
        "{}x",
        "{},{}",
        "{} }",
        "nul",
        "{\"a\":1,}",
        "{'a':1}",
        "{}, \"expires_at_usec\": 1",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":9007199254740994}",
        "{\"a\":\"\xff\"}",
    };
    struct miniprog_dialog d = dialog;
    struct str deep = STR_INIT(1024);

    fake_open(f, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(miniprog_save_exit_state(f->m, bad[i], 0, on_done, f), -EINVAL);
        assert_int_equal(miniprog_report_page(f->m, "p", bad[i], on_done, f), -EINVAL);
        assert_string_not_equal(miniprog_error(f->m), "");
    }
    /* By itself as deep as is allowed, but not inside a message. */
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        assert_int_equal(str_puts(&deep, "{\"a\":"), 0);
    assert_int_equal(str_puts(&deep, "1"), 0);
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        assert_int_equal(str_putc(&deep, '}'), 0);
    assert_int_equal(miniprog_save_exit_state(f->m, str_text(&deep), 0, on_done, f), -EINVAL);
    str_clear(&deep);

    assert_int_equal(miniprog_save_exit_state(f->m, NULL, 0, on_done, f), -EINVAL);
    assert_int_equal(miniprog_report_page(f->m, NULL, "{}", on_done, f), -EINVAL);
    assert_int_equal(miniprog_keep_running(f->m, NULL, true, on_done, f), -EINVAL);
    assert_int_equal(miniprog_show_dialog(f->m, NULL, on_dialog, f), -EINVAL);
    d.title = NULL;
    assert_int_equal(miniprog_show_dialog(f->m, &d, on_dialog, f), -EINVAL);
    d = dialog;
    d.content = NULL;
    assert_int_equal(miniprog_show_dialog(f->m, &d, on_dialog, f), -EINVAL);
    d = dialog;
    d.size = 0;
    assert_int_equal(miniprog_show_dialog(f->m, &d, on_dialog, f), -EINVAL);
    assert_int_equal(f->m->n_calls, 0);
    fake_settle(f);
    assert_heard(f, "");
}

/* {"a":"xxxx…"} of n bytes in all. */
static char *big_object(size_t n) {
    char *text = malloc(n + 1);

    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + n - 2, "\"}", 3);
    return text;
}

static void test_the_largest_message_goes_out_and_a_larger_one_does_not(void **state) {
    struct fake *f = *state;
    char *text = big_object(FRAME_MAX_APP);
    size_t around;

    fake_open(f, NULL);
    assert_int_equal(miniprog_save_exit_state(f->m, text, 0, on_done, f), -EMSGSIZE);
    free(text);

    assert_int_equal(miniprog_save_exit_state(f->m, "{}", 0, NULL, NULL), 0);
    around = list_first(&f->m->lanes[LANE_CALLS].calls, struct call, node)->len - 1 - 2;
    say(fake_expect(f, "SaveExitState").peer, OK);

    text = big_object(FRAME_MAX_APP - around + 1);
    assert_int_equal(miniprog_save_exit_state(f->m, text, 0, on_done, f), -EMSGSIZE);
    free(text);
    text = big_object(FRAME_MAX_APP - around);
    assert_int_equal(miniprog_save_exit_state(f->m, text, 0, on_done, f), 0);
    struct arrival a = fake_expect(f, "SaveExitState");
    assert_int_equal(a.size, strlen("{\"data\":}") + strlen(text));
    free(text);
    say(a.peer, OK);
    fake_hear(f, 1);
    assert_heard(f, "done 0;");
}

static void test_unanswered_calls_are_bounded(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    for (int i = 0; i < CALL_MAX; i++)
        assert_int_equal(call_ready(f), 0);
    assert_int_equal(call_ready(f), -ENOBUFS);
    for (int i = 0; i < CALL_MAX; i++)
        say(fake_expect(f, "Ready").peer, OK);
    fake_hear(f, CALL_MAX);
    assert_int_equal(call_ready(f), 0);
}

static void test_output_that_waits_is_sent_when_there_is_room(void **state) {
    struct fake *f = *state;
    char *text = big_object(60000);
    unsigned sent = 0;

    fake_open(f, NULL);
    /* Far more than a socket holds, and the supervisor reads nothing yet. */
    for (; sent < 64; sent++)
        assert_int_equal(miniprog_save_exit_state(f->m, text, 0, on_done, f), 0);
    free(text);
    fake_settle(f);
    assert_true(f->m->lanes[LANE_CALLS].polled & EPOLLOUT);
    for (unsigned i = 0; i < sent; i++) {
        struct arrival a = fake_expect(f, "SaveExitState");
        assert_int_equal(a.size, 60000 + strlen("{\"data\":}"));
        say(a.peer, OK);
    }
    fake_hear(f, sent);
    assert_false(f->m->lanes[LANE_CALLS].polled & EPOLLOUT);
}

static void test_nothing_waits_for_a_dialog(void **state) {
    struct fake *f = *state;

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    assert_int_equal(call_dialog(f), 0);
    struct arrival asked = fake_expect(f, "ShowDialog");
    assert_int_equal(call_save(f), 0);
    struct arrival saved = fake_expect(f, "SaveExitState");
    assert_ptr_not_equal(saved.peer, asked.peer);
    say(saved.peer, OK);
    fake_hear(f, 1);
    assert_int_equal(call_exit(f), 0);
    struct arrival left = fake_expect(f, "Exit");
    assert_ptr_not_equal(left.peer, asked.peer);
    say_hide(watch.peer, 1, 0);
    say(left.peer, OK);
    say(asked.peer, "{\"error\":\"" WIRE_APP ".NoUserInterface\"}");
    fake_hear(f, 4);
    assert_non_null(strstr(str_text(&f->heard), "hide 0;"));
    assert_non_null(strstr(str_text(&f->heard), "dialog -19 no;"));
}

static void test_the_end_does_not_overtake_what_was_called_before(void **state) {
    struct fake *f = *state;
    struct arrival a = { .peer = NULL };

    fake_open(f, NULL);
    assert_int_equal(call_save(f), 0);
    assert_int_equal(call_exit(f), 0);
    assert_int_equal(call_ready(f), 0); /* called after it: does not hold it back */
    struct arrival saved = fake_expect(f, "SaveExitState");
    struct arrival ready = fake_expect(f, "Ready");
    fake_settle(f);
    assert_false(fake_poll(f, &a));
    say(saved.peer, OK);
    fake_hear(f, 1);
    fake_expect(f, "Exit");
    say(ready.peer, OK);
}

static void test_answers_come_in_the_order_of_calls(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(call_keep(f), 0);
    assert_int_equal(call_info(f), 0);
    assert_int_equal(call_ready(f), 0);
    struct arrival a = fake_expect(f, "KeepRunning");
    fake_expect(f, "GetInfo");
    fake_expect(f, "Ready");
    say(a.peer, "{\"error\":\"" WIRE_APP ".NotDeclared\",\"parameters\":{\"kind\":\"audio\"}}");
    say(a.peer, INFO_REPLY);
    say(a.peer, OK);
    fake_hear(f, 3);
    assert_heard(f, "done -13;info 0 org.a 3 1 3.0.0 cold {\"ticks\":[7]};done 0;");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_call_goes_out_and_is_answered),
        cmocka_unit_test(test_every_method_of_the_interface_is_called_by_something),
        T(test_a_call_may_do_without_an_outcome),
        T(test_every_error_has_its_errno_and_sentence),
        cmocka_unit_test(test_every_error_of_the_interface_is_known),
        T(test_what_cannot_be_sent_is_refused_at_once),
        T(test_the_largest_message_goes_out_and_a_larger_one_does_not),
        T(test_unanswered_calls_are_bounded),
        T(test_output_that_waits_is_sent_when_there_is_room),
        T(test_nothing_waits_for_a_dialog),
        T(test_the_end_does_not_overtake_what_was_called_before),
        T(test_answers_come_in_the_order_of_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
