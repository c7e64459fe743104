/* SPDX-License-Identifier: MIT
 * test_server.c - calls that are answered, and those that are refused in the way Varlink says. */
#include "server_scene.c"

static void test_a_call_is_answered(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    call_method_of(f, &p, "Echo", "{\"text\":\"grüß\",\"n\":7}", "");
    assert_hears(f, &p, "{\"parameters\":{\"text\":\"grüß\",\"n\":7}}");
    assert_int_equal(server_connections(f->server), 1);
    hang_up(&p);
    settle(f);
    assert_int_equal(server_connections(f->server), 0);
    assert_int_equal(lines_logged, 0);
}

/* One row: what is said, and the reply. */
struct row {
    const char *name, *call, *reply;
};

#define T                  "org.example.Test."
#define V                  "org.varlink.service."
#define CALL(method, rest) "{\"method\":\"" method "\"" rest "}"
#define REFUSED(error, key, value)                                                                 \
    "{\"error\":\"" V error "\",\"parameters\":{\"" key "\":\"" value "\"}}"

static const struct row rows[] = {
    { "another interface", CALL("org.other.Thing.Do", ""),
      REFUSED("InterfaceNotFound", "interface", "org.other.Thing") },
    { "an interface that ours begins with", CALL("org.example.Tes.Echo", ""),
      REFUSED("InterfaceNotFound", "interface", "org.example.Tes") },
    { "an interface that begins with ours", CALL("org.example.Test.Echo.X", ""),
      REFUSED("InterfaceNotFound", "interface", "org.example.Test.Echo") },
    { "no interface", CALL(".Echo", ""), REFUSED("InterfaceNotFound", "interface", "") },
    { "no dot", CALL("Echo", ""), REFUSED("MethodNotFound", "method", "Echo") },
    { "an empty method", CALL("", ""), REFUSED("MethodNotFound", "method", "") },
    { "no such method", CALL(T "Nothing", ""), REFUSED("MethodNotFound", "method", T "Nothing") },
    { "a method without a name", CALL(T, ""), REFUSED("MethodNotFound", "method", T) },
    { "a method in other letters", CALL(T "echo", ""),
      REFUSED("MethodNotFound", "method", T "echo") },
    { "no handler", CALL(T "Missing", ""), REFUSED("MethodNotImplemented", "method", T "Missing") },
    { "an upgrade", CALL(T "Echo", ",\"upgrade\":true,\"parameters\":{\"text\":\"x\"}"),
      REFUSED("MethodNotImplemented", "method", T "Echo") },
    { "a stream without more", CALL(T "Stream", ",\"parameters\":{\"count\":1,\"size\":1}"),
      "{\"error\":\"" V "ExpectedMore\",\"parameters\":{}}" },
    { "parameters missing", CALL(T "Echo", ""), REFUSED("InvalidParameter", "parameter", "text") },
    { "a parameter missing", CALL(T "Echo", ",\"parameters\":{\"n\":1}"),
      REFUSED("InvalidParameter", "parameter", "text") },
    { "a wrong kind", CALL(T "Echo", ",\"parameters\":{\"text\":1}"),
      REFUSED("InvalidParameter", "parameter", "text") },
    { "a fraction for an int", CALL(T "Echo", ",\"parameters\":{\"text\":\"\",\"n\":1.5}"),
      REFUSED("InvalidParameter", "parameter", "n") },
    { "a parameter too many", CALL(T "Echo", ",\"parameters\":{\"text\":\"\",\"other\":1}"),
      REFUSED("InvalidParameter", "parameter", "other") },
    { "null for what is optional", CALL(T "Echo", ",\"parameters\":{\"text\":\"x\",\"n\":null}"),
      "{\"parameters\":{\"text\":\"x\"}}" },
    { "null parameters", CALL(T "Echo", ",\"parameters\":null"),
      REFUSED("InvalidParameter", "parameter", "text") },
    { "more where there is one reply",
      CALL(T "Echo", ",\"more\":true,\"parameters\":{\"text\":\"x\"}"),
      "{\"parameters\":{\"text\":\"x\"}}" },
    { "members that Varlink does not have yet",
      CALL(T "Echo", ",\"later\":{\"a\":[]},\"parameters\":{\"text\":\"x\"}"),
      "{\"parameters\":{\"text\":\"x\"}}" },
    { "an error of the interface", CALL(T "Fail", ",\"parameters\":{\"code\":17}"),
      "{\"error\":\"org.example.Test.Nope\",\"parameters\":{\"code\":17}}" },
    { "an error after the reply", CALL(T "Fail", ",\"parameters\":{\"code\":5,\"reply\":true}"),
      "{\"parameters\":{}}" },
    { "GetInfo", CALL(V "GetInfo", ""),
      "{\"parameters\":{\"vendor\":\"miniprog\",\"product\":\"miniprogd\",\"version\":"
      "\"" MINIPROG_VERSION "\",\"url\":\"\",\"interfaces\":[\"org.varlink.service\","
      "\"org.example.Test\"]}}" },
    { "GetInfo with a parameter", CALL(V "GetInfo", ",\"parameters\":{\"a\":1}"),
      REFUSED("InvalidParameter", "parameter", "a") },
    { "a description of what is not there",
      CALL(V "GetInterfaceDescription", ",\"parameters\":{\"interface\":\"org.other\"}"),
      REFUSED("InterfaceNotFound", "interface", "org.other") },
    { "a description of nothing",
      CALL(V "GetInterfaceDescription", ",\"parameters\":{\"interface\":\"\"}"),
      REFUSED("InterfaceNotFound", "interface", "") },
    { "a method of the service that is not there", CALL(V "Nothing", ""),
      REFUSED("MethodNotFound", "method", V "Nothing") },
};

/* All on one connection: a refusal leaves it as it was. */
static void test_each_call_has_its_reply(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        say(f, &p, rows[i].call);
        const char *reply = hear(f, &p);
        if (strcmp(reply, rows[i].reply) != 0)
            fail_msg("%s: %s", rows[i].name, reply);
    }
    assert_serves(f, &p);
    assert_int_equal(lines_logged, 0);
    hang_up(&p);
}

static void test_the_same_calls_oneway_say_nothing(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    char text[1024];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strstr(rows[i].call, "more"))
            continue;
        (void) snprintf(text, sizeof text, "{\"oneway\":true,%s", rows[i].call + 1);
        say(f, &p, text);
    }
    assert_serves(f, &p);
    assert_silent(f, &p);
    hang_up(&p);
}

static void assert_described(struct fixture *f, struct peer *p, const char *name) {
    char text[256];
    struct json *doc = NULL;

    (void) snprintf(text, sizeof text,
                    "{\"method\":\"" V "GetInterfaceDescription\",\"parameters\":{\"interface\":"
                    "\"%s\"}}",
                    name);
    say(f, p, text);
    const char *reply = hear(f, p);
    assert_int_equal(json_parse(reply, strlen(reply), &doc, NULL), 0);
    const char *description =
        json_get_string(json_get(doc, "parameters"), "description", "not there");
    struct idl *idl = NULL;
    assert_int_equal(idl_parse(description, strlen(description), &idl, NULL), 0);
    assert_string_equal(idl_name(idl), name);
    if (strcmp(name, "org.example.Test") == 0)
        assert_string_equal(description, TEST_INTERFACE);
    idl_free(idl);
    json_free(doc);
}

static void test_both_interfaces_are_described(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);

    assert_described(f, &p, "org.example.Test");
    assert_described(f, &p, "org.varlink.service");
    hang_up(&p);
}

static void test_without_failed_the_peer_is_disconnected(void **state) {
    struct fixture *f = *state;
    f->server = server_free(f->server, false);
    f->config.failed = NULL;
    start(f);
    struct peer p = dial(f);

    call_method_of(f, &p, "Fail", "{\"code\":17}", "");
    assert_closed(f, &p);
    assert_int_equal(lines_logged, 1);
    assert_non_null(strstr(last_line, "'Fail' failed: File exists"));
    hang_up(&p);
}

/* The table and the interface must have the same methods. */
static void test_methods_that_do_not_match_are_refused(void **state) {
    struct fixture *f = *state;
    static const struct method one_less[] = { { "Echo", do_echo, false }, { 0 } };
    static struct method one_more[TEST_METHODS + 2];
    struct server *s = (struct server *) 0x1;
    struct err e = { 0 };

    memcpy(one_more, test_methods, sizeof test_methods);
    one_more[TEST_METHODS].name = "Other";
    f->config.methods = one_less;
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -EINVAL);
    assert_string_equal(e.text, "nothing serves 'org.example.Test.Later'");
    f->config.methods = one_more;
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -EINVAL);
    assert_string_equal(e.text, "'org.example.Test' has no method 'Other'");
    assert_ptr_equal(s, (struct server *) 0x1);
}

static void test_replies_that_break_the_contract_are_counted(void **state) {
    struct fixture *f = *state;
    static const char *const kinds[] = { "missing", "type", "error-name", "error-members" };
    struct peer p = dial(f);
    char parameters[64];

#ifdef NDEBUG
    print_message("skipped: replies are not checked with NDEBUG\n");
    (void) kinds;
    (void) parameters;
    skip();
#else
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        unsigned before = server_contract_breaches();
        (void) snprintf(parameters, sizeof parameters, "{\"kind\":\"%s\"}", kinds[i]);
        call_method_of(f, &p, "Breach", parameters, "");
        (void) hear(f, &p);
        assert_int_equal(server_contract_breaches(), before + 1);
        assert_int_equal(errors_logged, i + 1);
        assert_int_equal(strncmp(last_line, "wire: a reply to 'org.example.Test.Breach'", 42), 0);
    }
    unsigned before = server_contract_breaches();
    assert_serves(f, &p);
    assert_int_equal(server_contract_breaches(), before);
    errors_logged = 0; /* as they should be */
#endif
    hang_up(&p);
}

static void test_a_fraction_of_a_call_at_a_time(void **state) {
    struct fixture *f = *state;
    static const char call[] = CALL(T "Echo", ",\"parameters\":{\"text\":\"slow\"}");
    struct peer p = dial(f), other = dial(f);

    for (size_t i = 0; i < sizeof call; i++) {
        say_bytes(f, &p, call + i, 1);
        settle(f);
        if (i + 1 < sizeof call)
            assert_silent(f, &p);
        assert_serves(f, &other);
    }
    assert_hears(f, &p, "{\"parameters\":{\"text\":\"slow\"}}");
    hang_up(&p);
    hang_up(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_is_answered),
        TEST(test_each_call_has_its_reply),
        TEST(test_the_same_calls_oneway_say_nothing),
        TEST(test_both_interfaces_are_described),
        TEST(test_without_failed_the_peer_is_disconnected),
        TEST(test_methods_that_do_not_match_are_refused),
        TEST(test_replies_that_break_the_contract_are_counted),
        TEST(test_a_fraction_of_a_call_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
