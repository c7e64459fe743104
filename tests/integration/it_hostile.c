/* SPDX-License-Identifier: MIT
 * Broken and hostile bytes on both sockets: each is refused alone, changes nothing, and nobody else
 * notices. What apps, packages and clients do wrong is in it_hostile_{apps,install,peers}.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/wire/frame.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE          "org.example.one"
#define S            WIRE_SUPERVISOR
#define A            WIRE_APP
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct harness h;

enum side { CONTROL, APP, SIDES };

static int start(void **state) {
    (void) state;
    harness_start(&h, NULL);
    harness_install(&h, &(struct harness_app){ .id = ONE, .program = "probe", .argument = "mute" });
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

static struct raw dial(enum side side) {
    return side == CONTROL ? raw_open(h.control) : raw_open_app(&h, ONE);
}

/* Nobody was turned away at the door: then what was sent would not have been looked at. */
static void finish(void) {
    raw_assert_sound(&h);
    harness_assert_state(&h, ONE, "foreground");
    assert_false(harness_daemon_said(&h, "is turned away"));
    harness_stop(&h);
}

/* A message that is none: the peer is disconnected. */
static void refuses(enum side side, const char *what, const void *bytes, size_t n) {
    struct raw r = dial(side);
    raw_say(&r, bytes, n);
    const char *reply = raw_hear(&r);
    if (reply)
        fail_msg("%s: answered with %.200s", what, reply);
    raw_close(&r);
}

/* A whole message: one reply, and the connection stays. */
static void answers(enum side side, const char *call, const char *want) {
    struct raw r = dial(side);
    raw_call(&r, call);
    const char *reply = raw_hear(&r);
    if (!reply)
        fail_msg("%.200s: the daemon hung up", call);
    if (!strstr(reply, want))
        fail_msg("%.200s: %s is not in %.300s", call, want, reply);
    raw_call(&r, "{\"method\":\"" WIRE_SERVICE ".GetInfo\"}");
    reply = raw_hear(&r);
    assert_non_null(reply);
    assert_non_null(strstr(reply, "\"interfaces\""));
    raw_end(&r);
    raw_wait_hangup(&r);
    raw_close(&r);
}

/* Whatever it makes of them: it answers, or it hangs up once it has read to the end. */
static void survives(enum side side, const void *bytes, size_t n) {
    struct raw r = dial(side);
    raw_say(&r, bytes, n);
    raw_end(&r);
    (void) raw_hear(&r);
    raw_close(&r);
}

#define CALL(side_call) "{\"method\":\"" side_call "\",\"parameters\":"
static const char *const good[SIDES][4] = {
    { CALL(S ".List") "{}}",
      CALL(S ".Open") "{\"id\":\"" ONE "\",\"path\":\"p\",\"query\":{\"k\":\"v\"},\"scene\":1001}}",
      CALL(S ".Watch") "{\"id\":\"" ONE "\"},\"more\":true}",
      CALL(S ".Answer") "{\"dialog\":7,\"confirm\":true},\"oneway\":true}" },
    { CALL(A ".GetInfo") "{}}", CALL(A ".SaveExitState") "{\"data\":{\"a\":[1,2.5,null]}}}",
      CALL(A ".Watch") "{\"after\":0},\"more\":true}",
      CALL(A ".KeepRunning") "{\"kind\":\"audio\",\"on\":true},\"oneway\":true}" },
};

/* Cut short and ended by a NUL it is no message; cut short and never ended, the peer just left. */
static void test_truncated_at_every_byte(void **state) {
    (void) state;
    char name[64];
    for (int side = 0; side < SIDES; side++)
        for (size_t m = 0; m < COUNT(good[0]); m++) {
            size_t len = strlen(good[side][m]);
            for (size_t n = 0; n < len; n++) {
                char *cut = strndup(good[side][m], n);
                (void) snprintf(name, sizeof name, "message %zu of side %d, %zu bytes", m, side, n);
                refuses((enum side) side, name, cut, n + 1);
                survives((enum side) side, cut, n);
                free(cut);
            }
            survives((enum side) side, good[side][m], len + 1);
        }
    finish();
}

static void test_one_byte_wrong(void **state) {
    (void) state;
    static const char bytes[] = { '\0', '"', '\\', '{', ']', '9', '\n', '\x7f', '\xff' };
    for (int side = 0; side < SIDES; side++)
        for (size_t m = 0; m < COUNT(good[0]); m++) {
            char *text = strdup(good[side][m]);
            size_t len = strlen(text);
            /* an app's Watch that comes out good has nothing to say, and would be waited for */
            for (size_t i = 0; i < len && !strstr(good[side][m], A ".Watch"); i++) {
                char was = text[i];
                for (size_t b = 0; b < sizeof bytes; b++) {
                    text[i] = bytes[b];
                    survives((enum side) side, text, len + 1);
                }
                text[i] = was;
            }
            free(text);
        }
    finish();
}

static void test_what_is_no_message(void **state) {
    (void) state;
#define TEXT(text) text, sizeof(text)
    static const struct {
        const char *what, *bytes;
        size_t n;
    } rows[] = {
        { "nothing", TEXT("") },
        { "three NULs", TEXT("\0\0") },
        { "text", TEXT("GET / HTTP/1.1\r\n\r\n") },
        { "an array", TEXT("[]") },
        { "null", TEXT("null") },
        { "a number", TEXT("42") },
        { "a string", TEXT("\"List\"") },
        { "no method", TEXT("{}") },
        { "a null method", TEXT("{\"method\":null}") },
        { "a method that is a number", TEXT("{\"method\":5}") },
        { "parameters that are an array", TEXT(CALL(S ".List") "[]}") },
        { "parameters that are a text", TEXT(CALL(S ".List") "\"{}\"}") },
        { "a more that is a text", TEXT(CALL(S ".List") "{},\"more\":\"yes\"}") },
        { "more and oneway", TEXT(CALL(S ".List") "{},\"more\":true,\"oneway\":true}") },
        { "bytes behind it", TEXT(CALL(S ".List") "{}} x") },
        { "two messages in one", TEXT("{\"method\":\"a.B\"}{\"method\":\"a.B\"}") },
        { "a method twice", TEXT("{\"method\":\"a.B\",\"method\":\"a.C\"}") },
        { "a parameter twice", TEXT(CALL(S ".Status") "{\"id\":\"a\",\"id\":\"" ONE "\"}}") },
        { "an unknown member twice", TEXT(CALL(S ".List") "{},\"x\":1,\"x\":1}") },
        { "the same name escaped", TEXT(CALL(S ".Status") "{\"id\":\"a\",\"\\u0069d\":\"b\"}}") },
        { "a NUL escape", TEXT(CALL(S ".Status") "{\"id\":\"" ONE "\\u0000x\"}}") },
        { "a NUL escape in a name", TEXT(CALL(S ".Status") "{\"id\\u0000\":\"" ONE "\"}}") },
        { "half a surrogate pair", TEXT(CALL(S ".Status") "{\"id\":\"\\ud800\"}}") },
        { "bad UTF-8", TEXT(CALL(S ".Status") "{\"id\":\"\xff\xfe\"}}") },
        { "overlong UTF-8", TEXT(CALL(S ".Status") "{\"id\":\"\xc0\xaf\"}}") },
        { "a surrogate in UTF-8", TEXT(CALL(S ".Status") "{\"id\":\"\xed\xa0\x80\"}}") },
        { "a byte order mark", TEXT("\xef\xbb\xbf" CALL(S ".List") "{}}") },
        { "a bare control character", TEXT(CALL(S ".Status") "{\"id\":\"a\nb\"}}") },
        { "an integer beyond 2^53", TEXT(CALL(S ".Answer") "{\"dialog\":9007199254740993}}") },
        { "a number beyond all", TEXT(CALL(S ".Answer") "{\"dialog\":1e999}}") },
        { "not a number", TEXT(CALL(S ".Answer") "{\"dialog\":NaN}}") },
        { "a comment", TEXT("/* */" CALL(S ".List") "{}}") },
        { "a comma too many", TEXT(CALL(S ".List") "{},}") },
    };
    for (int side = 0; side < SIDES; side++)
        for (size_t i = 0; i < COUNT(rows); i++)
            refuses((enum side) side, rows[i].what, rows[i].bytes, rows[i].n);
    assert_true(harness_daemon_said(&h, "sent what is no call ("));
    finish();
}

static void test_nesting(void **state) {
    (void) state;
    char call[4096];
    for (int side = 0; side < SIDES; side++)
        for (int depth = 1; depth <= 1000; depth = depth < 64 ? depth + 1 : depth * 4) {
            static const char head[] = "{\"method\":\"" WIRE_SERVICE ".GetInfo\",\"x\":";
            size_t n = sizeof head - 1;
            memcpy(call, head, n);
            memset(call + n, '[', (size_t) depth);
            memset(call + n + depth, ']', (size_t) depth);
            memcpy(call + n + 2 * (size_t) depth, "}", 2);
            if (depth < 32) /* the message itself is a level */
                answers((enum side) side, call, "\"interfaces\"");
            else
                refuses((enum side) side, "too deep", call, strlen(call) + 1);
        }
    finish();
}

/* A call of exactly n bytes without its NUL: blanks are nothing in JSON. */
static char *padded(size_t n) {
    static const char text[] = "{\"method\":\"" WIRE_SERVICE ".GetInfo\"}";
    char *call = malloc(n + 1);
    assert_non_null(call);
    memset(call, ' ', n);
    memcpy(call, text, sizeof text - 1);
    call[n] = '\0';
    return call;
}

static void test_huge_messages(void **state) {
    (void) state;
    static const size_t max[SIDES] = { FRAME_MAX_CLIENT, FRAME_MAX_APP };
    static const size_t huge[SIDES] = { 2 * 1024 * 1024, 100 * 1024 };
    for (int side = 0; side < SIDES; side++) {
        char *call = padded(max[side]);
        answers((enum side) side, call, "\"interfaces\"");
        free(call);
        call = padded(max[side] + 1);
        refuses((enum side) side, "a byte too long", call, max[side] + 2);
        free(call);
        call = padded(huge[side]);
        refuses((enum side) side, "huge", call, huge[side] + 1);
        refuses((enum side) side, "huge without an end", call, huge[side]);
        memset(call, '[', huge[side]);
        refuses((enum side) side, "huge and deep", call, huge[side]);
        free(call);
    }
    assert_true(harness_daemon_said(&h, "sent a message of more than"));
    finish();
}

static void test_what_is_not_there(void **state) {
    (void) state;
    static const struct {
        enum side side;
        const char *method, *error, *says;
    } rows[] = {
        { CONTROL, S ".Nope", "MethodNotFound", "\"method\":\"" S ".Nope\"" },
        { CONTROL, S ".list", "MethodNotFound", "list" },
        { CONTROL, S ".", "MethodNotFound", "\"method\":\"" S ".\"" },
        { CONTROL, "List", "MethodNotFound", "\"method\":\"List\"" },
        { CONTROL, "", "MethodNotFound", "\"method\":\"\"" },
        { CONTROL, ".", "InterfaceNotFound", "\"interface\":\"\"" },
        { CONTROL, "....", "InterfaceNotFound", "\"interface\":\"...\"" },
        { CONTROL, ".List", "InterfaceNotFound", "\"interface\":\"\"" },
        { CONTROL, "org.miniprog.List", "InterfaceNotFound", "\"interface\":\"org.miniprog\"" },
        { CONTROL, S ".x.List", "InterfaceNotFound", S ".x" },
        { CONTROL, A ".Ready", "InterfaceNotFound", "\"interface\":\"" A "\"" },
        { CONTROL, "org.varlink.service.Nope", "MethodNotFound", "org.varlink.service.Nope" },
        { CONTROL, "%s%n.%d", "InterfaceNotFound", "%s%n" },
        { CONTROL, "a\\n\\u001b[2J.b", "InterfaceNotFound", "\\n" },
        { APP, A ".Nope", "MethodNotFound", A ".Nope" },
        { APP, S ".List", "InterfaceNotFound", "\"interface\":\"" S "\"" },
        { APP, "Ready", "MethodNotFound", "\"method\":\"Ready\"" },
    };
    char call[8192], *longest = padded(5000);
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void) snprintf(call, sizeof call, "{\"method\":\"%s\",\"parameters\":{}}", rows[i].method);
        answers(rows[i].side, call, rows[i].says);
        answers(rows[i].side, call, rows[i].error);
    }
    memset(longest, 'x', 5000);
    (void) snprintf(call, sizeof call, "{\"method\":\"%s\"}", longest);
    answers(CONTROL, call, "MethodNotFound");
    answers(APP, call, "MethodNotFound");
    answers(CONTROL, CALL(WIRE_SERVICE ".GetInterfaceDescription") "{\"interface\":\"a.b\"}}",
            "InterfaceNotFound");
    free(longest);
    finish();
}

/* Whether it is served or not: a method of the interface file is known, and answered at once. */
static void knows(enum side side, const struct idl *idl, const char *method) {
    char call[256];
    struct raw r = dial(side);
    (void) snprintf(call, sizeof call, "{\"method\":\"%s.%s\",\"parameters\":{\"id\":\"none\"}}",
                    idl_name(idl), method);
    raw_call(&r, call);
    const char *reply = raw_hear(&r);
    if (!reply || strstr(reply, "MethodNotFound"))
        fail_msg("%s: %.200s", method, reply ? reply : "the daemon hung up");
    if (strstr(reply, "MethodNotImplemented")) {
        print_message("%s.%s is not served yet\n", idl_name(idl), method);
        assert_non_null(strstr(reply, method));
    }
    raw_close(&r);
}

static void test_every_method_is_known(void **state) {
    (void) state;
    const struct idl *idls[SIDES] = { wire_supervisor(), wire_app() };
    for (int side = 0; side < SIDES; side++)
        for (const struct idl_method *m = NULL; (m = idl_method_next(idls[side], m));) {
            const char *name = idl_method_name(m);
            if (strcmp(name, "Exit") != 0 && strcmp(name, "Restart") != 0) /* they would */
                knows((enum side) side, idls[side], name);
        }
    answers(CONTROL, CALL(S ".List") "{},\"upgrade\":true}", "MethodNotImplemented");
    finish();
}

static void test_wrong_types(void **state) {
    (void) state;
    static const struct {
        enum side side;
        const char *method, *parameters, *parameter;
    } rows[] = {
        { CONTROL, S ".Status", "{}", "id" },
        { CONTROL, S ".Status", "{\"id\":null}", "id" },
        { CONTROL, S ".Status", "{\"id\":5}", "id" },
        { CONTROL, S ".Status", "{\"id\":[\"" ONE "\"]}", "id" },
        { CONTROL, S ".Open", "{\"id\":\"" ONE "\",\"path\":{}}", "path" },
        { CONTROL, S ".Open", "{\"id\":\"" ONE "\",\"query\":[]}", "query" },
        { CONTROL, S ".Open", "{\"id\":\"" ONE "\",\"query\":{\"k\":1}}", "query.k" },
        { CONTROL, S ".Open", "{\"id\":\"" ONE "\",\"scene\":\"1001\"}", "scene" },
        { CONTROL, S ".Open", "{\"id\":\"" ONE "\",\"scene\":1.5}", "scene" },
        { CONTROL, S ".Hide", "{\"id\":\"" ONE "\",\"reason\":true}", "reason" },
        { CONTROL, S ".Hide", "{\"id\":\"" ONE "\",\"reason\":4}", "reason" },
        { CONTROL, S ".Hide", "{\"id\":\"" ONE "\",\"reason\":-1}", "reason" },
        { CONTROL, S ".Close", "[1]", NULL },
        { CONTROL, S ".Kill", "{\"id\":{}}", "id" },
        { CONTROL, S ".Install", "{}", "source" },
        { CONTROL, S ".Install", "{\"source\":1}", "source" },
        { CONTROL, S ".Install", "{\"source\":\"/\",\"unsigned\":1}", "unsigned" },
        { CONTROL, S ".Remove", "{\"id\":\"" ONE "\",\"keep_data\":\"no\"}", "keep_data" },
        { CONTROL, S ".Warn", "{}", "level" },
        { CONTROL, S ".Warn", "{\"level\":\"5\"}", "level" },
        { CONTROL, S ".Warn", "{\"level\":5.5}", "level" },
        { CONTROL, S ".Warn", "{\"level\":7}", "level" },
        { CONTROL, S ".Warn", "{\"level\":-5}", "level" },
        { CONTROL, S ".Answer", "{\"dialog\":1}", "confirm" },
        { CONTROL, S ".Answer", "{\"dialog\":1.25,\"confirm\":true}", "dialog" },
        { APP, A ".SaveExitState", "{}", "data" },
        { APP, A ".SaveExitState", "{\"data\":[]}", "data" },
        { APP, A ".SaveExitState", "{\"data\":\"{}\"}", "data" },
        { APP, A ".SaveExitState", "{\"data\":{},\"expires_at_usec\":\"now\"}", "expires_at_usec" },
        { APP, A ".Restart", "{\"path\":1}", "path" },
        { APP, A ".ShowDialog", "{\"title\":\"t\"}", "content" },
        { APP, A ".ShowDialog", "{\"title\":\"a\\nb\",\"content\":\"c\"}", "title" },
        { APP, A ".KeepRunning", "{\"kind\":\"audio\"}", "on" },
        { APP, A ".KeepRunning", "{\"kind\":\"video\",\"on\":true}", "kind" },
        { APP, A ".ReportPage", "{\"path\":\"p\",\"data\":1}", "data" },
        { APP, A ".RequestHostUpdate", "{\"reason\":[]}", "reason" },
    };
    char call[512], want[128];
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void) snprintf(call, sizeof call, "{\"method\":\"%s\",\"parameters\":%s}", rows[i].method,
                        rows[i].parameters);
        if (!rows[i].parameter) {
            refuses(rows[i].side, call, call, strlen(call) + 1);
            continue;
        }
        (void) snprintf(want, sizeof want, "\"parameters\":{\"parameter\":\"%s\"}",
                        rows[i].parameter);
        answers(rows[i].side, call, want);
        answers(rows[i].side, call, "InvalidParameter");
    }
    answers(CONTROL, CALL(S ".Watch") "{\"id\":7},\"more\":true}", "InvalidParameter");
    answers(CONTROL, CALL(S ".Logs") "{\"id\":\"" ONE "\",\"follow\":1},\"more\":true}",
            "InvalidParameter");
    answers(CONTROL, CALL(S ".Watch") "{}}", "ExpectedMore");
    answers(CONTROL, CALL(S ".Logs") "{\"id\":\"" ONE "\"}}", "ExpectedMore");
    answers(APP, CALL(A ".Watch") "{}}", "ExpectedMore");
    answers(APP, CALL(A ".Watch") "{\"after\":\"1\"},\"more\":true}", "InvalidParameter");
    answers(APP, CALL(A ".Watch") "{\"after\":-1},\"more\":true}", "InvalidParameter");
    finish();
}

static void test_ids_that_name_no_app(void **state) {
    (void) state;
    static const char *const methods[] = { "Status", "Open",   "Hide", "Close",
                                           "Kill",   "Remove", "Why",  "Warn" };
    char long65[66] = "", long300[301] = "";
    memset(long65, 'a', 65);
    memset(long300, 'a', 300);
    const char *const ids[] = {
        "",
        ".",
        "..",
        "/",
        "a/b",
        "../" ONE,
        ONE "/../" ONE,
        "a\\nb",
        "tasks",
        "cgroup.procs",
        "memory.stat",
        "\\u0001",
        "-a",
        "a-",
        "a..b",
        "a.",
        ".a",
        "a b",
        "\xc3\xa4",
        "%s%n%d",
        ONE " ",
        ONE ".",
        "ORG.EXAMPLE.ONE",
        "\\\\",
        "\\\"",
        "$(reboot)",
        long65,
        long300,
    };
    char call[1024];
    for (size_t i = 0; i < COUNT(ids); i++) {
        for (size_t m = 0; m < COUNT(methods); m++) {
            (void) snprintf(
                call, sizeof call, "{\"method\":\"" S ".%s\",\"parameters\":{\"id\":\"%s\"%s}}",
                methods[m], ids[i], strcmp(methods[m], "Warn") == 0 ? ",\"level\":5" : "");
            answers(CONTROL, call, "\"error\":\"" S ".NoSuchApp\"");
        }
        (void) snprintf(call, sizeof call, CALL(S ".Watch") "{\"id\":\"%s\"},\"more\":true}",
                        ids[i]);
        answers(CONTROL, call, "NoSuchApp");
        (void) snprintf(call, sizeof call, CALL(S ".Logs") "{\"id\":\"%s\"},\"more\":true}",
                        ids[i]);
        answers(CONTROL, call, "NoSuchApp");
    }
    finish();
}

#define HOSTILE(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        HOSTILE(test_truncated_at_every_byte), HOSTILE(test_one_byte_wrong),
        HOSTILE(test_what_is_no_message),      HOSTILE(test_nesting),
        HOSTILE(test_huge_messages),           HOSTILE(test_what_is_not_there),
        HOSTILE(test_every_method_is_known),   HOSTILE(test_wrong_types),
        HOSTILE(test_ids_that_name_no_app),
    };
    return cmocka_run_group_tests_name("daemon/hostile", tests, NULL, NULL);
}
