/* SPDX-License-Identifier: MIT
 * it_ctl_ends.c - miniprogctl: hostile answers, and how its runs end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/str.h"
#include "tests/lib/ctl_scene.h"

#define OURS "org.miniprog.Supervisor."

static const char *const nothing[] = { "{}", NULL };

/* ---- hostile answers ---- */

static const struct {
    const char *args, *reply, *err;
} hostile[] = {
    { "list", "{", "is not to be understood" },
    { "list", "", "is not to be understood" },
    { "list", "[]", "is not to be understood" },
    { "list", "{\"parameters\":[]}", "is not to be understood" },
    { "list", "{\"parameters\":{},\"parameters\":{}}", "is not to be understood" },
    { "list", "{\"error\":7}", "is not to be understood" },
    { "list", "{\"parameters\":{\"apps\":\"\\ud800\"}}", "is not to be understood" },
    { "list --json", "{\"parameters\":{\"a\":\"\x01\"}}", "is not to be understood" },
    { "list", "{}", "'apps' must be an array" },
    { "list", "{\"parameters\":{\"apps\":{}}}", "'apps' must be an array" },
    { "list", "{\"parameters\":{\"apps\":[7]}}", "must be an object" },
    { "list", "{\"parameters\":{\"apps\":[{}]}}", "must be a string" },
    { "list", "{\"parameters\":{\"apps\":[" SCENE_APP_AND("\"pid\":\"7\"") "]}}",
      "'pid' must be an integer" },
    { "list", "{\"parameters\":{\"apps\":[" SCENE_APP_AND("\"last_exit\":true") "]}}",
      "'last_exit' must be an object" },
    { "status a", "{\"parameters\":{\"app\":[]}}", "'app' must be an object" },
    { "status a", "{\"parameters\":{\"app\":{\"id\":\"a\"}}}", "'state' must be a string" },
    { "open a", "{\"parameters\":{\"start\":\"hot\",\"pid\":\"1\",\"version_code\":1}}",
      "'pid' must be an integer" },
    { "logs a", "{\"parameters\":{\"text\":\"x\"}}", "'line' must be a string" },
    { "watch", "{\"parameters\":{}}", "'event' must be an object" },
    { "watch", SCENE_EVENT("\"type\":\"state\""), "'state' must be an object" },
    { "watch", SCENE_EVENT("\"type\":\"exit\",\"exit\":{\"reason\":1}"), "must be a string" },
    { "watch", SCENE_EVENT("\"type\":\"snapshot\",\"snapshot\":{\"apps\":[{}],\"dialogs\":[]}"),
      "must be a string" },
    { "why a", "{\"parameters\":{\"decisions\":[{\"at_usec\":1}]}}", "must be" },
    { "list", "{\"error\":\"org.other.Odd\",\"parameters\":{\"x\":\"\\u001b[2J\\nb\"}}",
      "the supervisor answered 'org.other.Odd': {\"x\":\"\\u001b[2J\\nb\"}" },
    { "status a", "{\"error\":\"" OURS "NoSuchApp\",\"parameters\":{\"id\":\"\\u001b[2J\\n\"}}",
      "no app '\\x1b[2J\\n' is installed" },
    { "status a", "{\"error\":\"" OURS "NoSuchApp\",\"parameters\":{\"id\":[]}}",
      "no app '?' is installed" },
    { "status a", "{\"error\":\"" OURS "StartFailed\"}", "'?' could not be started" },
};

static void test_hostile_answers_are_one_sentence(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        const char *const replies[] = { hostile[i].reply, NULL };
        struct scene s = { .args = hostile[i].args, .replies = replies, .hostile = true };
        struct result r = scene_play(&s);

        if (r.status != 1)
            fail_msg("'%s' to %s ended with %d", s.args, hostile[i].reply, r.status);
        assert_has(r.err, hostile[i].err);
        assert_one_sentence(r.err);
        assert_string_equal(r.out, "");
        result_clear(&r);
    }
}

/* Every prefix of a good answer, with its NUL: never a crash, never half a page. */
static void test_every_prefix_of_an_answer(void **state) {
    static const char whole[] = "{\"parameters\":{\"apps\":[" SCENE_APP "]}}";

    (void) state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *raw = strndup(whole, n);
        struct scene s = { .args = "list", .raw = raw, .raw_len = n + 1 };
        struct result r = scene_play(&s);

        assert_int_equal(r.status, 1);
        assert_string_equal(r.out, "");
        assert_one_sentence(r.err);
        result_clear(&r);
        free(raw);
    }
}

/* Bytes without an end: given up at the client's limit, not when memory is. */
static void test_a_message_without_end(void **state) {
    size_t n = 66 * 1024 * 1024;
    char *raw = malloc(n);
    struct scene s = { .args = "list", .raw = raw, .raw_len = n };
    struct result r;

    (void) state;
    assert_non_null(raw);
    memset(raw, '[', n);
    r = scene_play(&s);
    assert_int_equal(r.status, 1);
    assert_has(r.err, "is not to be understood");
    result_clear(&r);
    free(raw);
}

static void test_a_big_answer_is_shown_whole(void **state) {
    struct str reply = { .max = 16 << 20 };
    size_t lines = 0;
    struct result r;

    (void) state;
    (void) str_puts(&reply, "{\"parameters\":{\"apps\":[" SCENE_APP);
    for (int i = 1; i < 2000; i++)
        (void) str_puts(&reply, "," SCENE_APP);
    (void) str_puts(&reply, "]}}");
    const char *const replies[] = { str_text(&reply), NULL };
    r = scene_play(&(struct scene){ .args = "list", .replies = replies });
    assert_int_equal(r.status, 0);
    for (const char *c = r.out; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2001);
    result_clear(&r);
    str_clear(&reply);
}

/* ---- ends ---- */

static void test_a_daemon_that_goes_away(void **state) {
    static const char *const snapshot[] = { SCENE_SNAPSHOT, NULL };
    static const char *const line[] = { "{\"continues\":true,\"parameters\":{\"line\":\"half\"}}",
                                        NULL };
    const struct {
        struct scene s;
        const char *out;
    } rows[] = {
        { { .args = "list" }, "" },
        { { .args = "list --json" }, "" },
        { { .args = "list", .raw = "{\"parameters\"", .raw_len = 13 }, "" },
        { { .args = "watch", .replies = snapshot }, "" },
        { { .args = "logs org.x", .replies = line }, "half\n" },
        { { .args = "logs -f org.x",
            .replies = line,
            .stay = true,
            .until = "half",
            .then = SCENE_GOODBYE },
          "half\n" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r = scene_play(&rows[i].s);
        assert_int_equal(r.status, 4);
        assert_has(r.err, "closed the connection");
        assert_string_equal(r.out, rows[i].out);
        result_clear(&r);
    }
}

static void test_ctrl_c_ends_a_stream_well(void **state) {
    static const char *const line[] = { "{\"continues\":true,\"parameters\":{\"line\":\"up\"}}",
                                        NULL };
    struct scene s = { .args = "logs -f org.x",
                       .replies = line,
                       .stay = true,
                       .until = "up",
                       .then = SCENE_INTERRUPT };
    struct result r = scene_play(&s);

    (void) state;
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    result_clear(&r);

    /* Without -f the whole was asked for, and it did not come. */
    s.args = "logs org.x";
    r = scene_play(&s);
    assert_int_equal(r.status, 128 + 2);
    result_clear(&r);
}

static void test_a_reader_that_leaves_is_no_failure(void **state) {
    static const char *const line[] = { "{\"continues\":true,\"parameters\":{\"line\":\"up\"}}",
                                        NULL };
    static const char *const apps[] = { "{\"parameters\":{\"apps\":[" SCENE_APP "]}}", NULL };
    struct scene s = {
        .args = "watch", .replies = line, .stay = true, .until = "up", .then = SCENE_HANG_UP
    };
    int ends[2];
    struct result r;

    (void) state;
    s.args = "logs -f org.x";
    r = scene_play(&s); /* ends though no further line ever comes */
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    result_clear(&r);

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void) close(ends[0]);
    r = scene_play(&(struct scene){ .args = "list", .replies = apps, .out_fd = ends[1] });
    (void) close(ends[1]);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    result_clear(&r);
}

static void test_a_full_disk_is_a_failure(void **state) {
    static const char *const apps[] = { "{\"parameters\":{\"apps\":[" SCENE_APP "]}}", NULL };
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct result r = scene_play(&(struct scene){ .args = "list", .replies = apps, .out_fd = fd });

    (void) state;
    assert_int_equal(r.status, 1);
    assert_string_equal(r.err, "miniprogctl: cannot write the output: No space left on device\n");
    result_clear(&r);
    r = scene_play(&(struct scene){ .args = "--help", .no_call = true, .out_fd = fd });
    assert_int_equal(r.status, 1);
    result_clear(&r);
    (void) close(fd);
}

/* The socket must not come to lie where standard output was: the page would go to the daemon. */
static void test_a_closed_output_is_a_failure(void **state) {
    static const char *const apps[] = { "{\"parameters\":{\"apps\":[" SCENE_APP "]}}", NULL };
    struct result r = scene_play(&(struct scene){ .args = "list", .replies = apps, .out_fd = -1 });

    (void) state;
    assert_int_equal(r.status, 1);
    assert_string_equal(r.err, "miniprogctl: cannot write the output: Bad file descriptor\n");
    result_clear(&r);
}

static void test_json_is_the_parameters(void **state) {
    static const char *const watch[] = {
        SCENE_EVENT("\"type\":\"snapshot\",\"snapshot\":{\"apps\":[],\"dialogs\":[]}"),
        "{\"parameters\":{\"event\":{\"seq\":2,\"at_usec\":2,\"type\":\"state\",\"app_id\":"
        "\"a\",\"state\":{\"from\":\"stopped\",\"to\":\"starting\",\"cause\":\"open\"}}}}",
        NULL
    };
    static const char *const evil[] = {
        "{\"parameters\":{\"line\":\"\\u001b]0;x\\u0007\xc2\x9b\x7f\"}}", NULL
    };
    struct result r = scene_play(&(struct scene){ .args = "--json hide a", .replies = nothing });

    (void) state;
    assert_string_equal(r.out, "{}\n");
    result_clear(&r);
    r = scene_play(&(struct scene){ .args = "watch --json", .replies = watch });
    assert_int_equal(r.status, 0);
    assert_string_equal(
        r.out,
        "{\"event\":{\"seq\":1,\"at_usec\":1,\"type\":\"snapshot\",\"snapshot\":{\"apps\":[],"
        "\"dialogs\":[]}}}\n"
        "{\"event\":{\"seq\":2,\"at_usec\":2,\"type\":\"state\",\"app_id\":\"a\",\"state\":{"
        "\"from\":\"stopped\",\"to\":\"starting\",\"cause\":\"open\"}}}\n");
    result_clear(&r);
    r = scene_play(&(struct scene){ .args = "logs a --json", .replies = evil });
    assert_string_equal(r.out, "{\"line\":\"\\u001b]0;x\\u0007\\u009b\\u007f\"}\n");
    result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_answers_are_one_sentence),
        cmocka_unit_test(test_every_prefix_of_an_answer),
        cmocka_unit_test(test_a_message_without_end),
        cmocka_unit_test(test_a_big_answer_is_shown_whole),
        cmocka_unit_test(test_a_daemon_that_goes_away),
        cmocka_unit_test(test_ctrl_c_ends_a_stream_well),
        cmocka_unit_test(test_a_reader_that_leaves_is_no_failure),
        cmocka_unit_test(test_a_full_disk_is_a_failure),
        cmocka_unit_test(test_a_closed_output_is_a_failure),
        cmocka_unit_test(test_json_is_the_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
