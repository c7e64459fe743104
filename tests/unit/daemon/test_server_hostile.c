/* SPDX-License-Identifier: MIT
 * test_server_hostile.c - what is no call, on one connection, while a good neighbour is served. */
#include "server_scene.c"

#define M             "\"method\":\"org.example.Test.Echo\""
#define P(parameters) "{" M ",\"parameters\":" parameters "}"
#define ECHO          P("{\"text\":\"x\",\"list\":[\"a\",\"\\u00e4\"],\"n\":-12}")

struct row {
    const char *name, *bytes;
    size_t n; /* with the NUL */
};
#define ROW(name, bytes)                                                                           \
    { name, bytes, sizeof bytes }

static const struct row rubbish[] = {
    ROW("nothing", ""),
    ROW("two NULs", "\0"),
    ROW("a space", " "),
    ROW("text", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("a number", "1"),
    ROW("null", "null"),
    ROW("an array", "[{" M "}]"),
    ROW("a string", "\"Echo\""),
    ROW("no method", "{}"),
    ROW("method null", "{\"method\":null}"),
    ROW("method a number", "{\"method\":1}"),
    ROW("parameters an array", P("[]")),
    ROW("parameters a string", P("\"\"")),
    ROW("more a number", "{" M ",\"more\":1}"),
    ROW("oneway a string", "{" M ",\"oneway\":\"true\"}"),
    ROW("more and oneway", "{" M ",\"more\":true,\"oneway\":true}"),
    ROW("two methods", "{" M "," M "}"),
    ROW("two of a parameter", P("{\"text\":\"a\",\"text\":\"b\"}")),
    ROW("two of a key, once escaped", P("{\"text\":\"a\",\"t\\u0065xt\":\"b\"}")),
    ROW("two of a key deep inside", P("{\"text\":\"a\",\"list\":[{\"a\":1,\"a\":2}]}")),
    ROW("two of a key with a newline in it", P("{\"a\\nb\":1,\"a\\nb\":2}")),
    ROW("an escaped NUL", P("{\"text\":\"a\\u0000b\"}")),
    ROW("an escaped NUL in a key", P("{\"text\\u0000\":\"a\"}")),
    ROW("a raw newline", P("{\"text\":\"a\nb\"}")),
    ROW("invalid UTF-8", P("{\"text\":\"a\xff\"}")),
    ROW("overlong UTF-8", P("{\"text\":\"\xc0\xaf\"}")),
    ROW("a surrogate as UTF-8", P("{\"text\":\"\xed\xa0\x80\"}")),
    ROW("half a surrogate pair", P("{\"text\":\"\\ud800\"}")),
    ROW("half a character", P("{\"text\":\"\xe5\xb0\"}")),
    ROW("a mark of byte order", "\xef\xbb\xbf" P("{\"text\":\"a\"}")),
    ROW("beyond 2^53", P("{\"text\":\"a\",\"n\":9007199254740993}")),
    ROW("an endless number", P("{\"text\":\"a\",\"n\":1e999}")),
    ROW("not a number", P("{\"text\":\"a\",\"n\":NaN}")),
    ROW("a comma too many", P("{\"text\":\"a\",}")),
    ROW("a comment", P("{\"text\":\"a\"/**/}")),
    ROW("bytes behind", P("{\"text\":\"a\"}") "x"),
    ROW("two on a line", P("{\"text\":\"a\"}") "\n" P("{\"text\":\"b\"}")),
};

/* A server of its own for each, so that the limit on log lines does not hide one. */
static void assert_refused(struct fixture *f, const char *name, const char *bytes, size_t n) {
    f->server = server_free(f->server, false);
    start(f);
    struct peer good = dial(f), bad = dial(f);

    assert_serves(f, &good);
    lines_logged = 0;
    say_bytes(f, &bad, bytes, n);
    assert_closed(f, &bad);
    if (lines_logged != 1 || !strstr(last_line, "disconnecting it"))
        fail_msg("%s: %u lines, the last: %s", name, lines_logged, last_line);
    for (const char *p = last_line; *p; p++)
        assert_true((unsigned char) *p >= ' ');
    assert_serves(f, &good);
    assert_int_equal(server_connections(f->server), 1);
    hang_up(&good);
    hang_up(&bad);
}

static void test_rubbish(void **state) {
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++)
        assert_refused(f, rubbish[i].name, rubbish[i].bytes, rubbish[i].n);
}

/* What came before the rubbish is answered, what comes behind it is not looked at. */
static void test_rubbish_between_calls(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    static const char bytes[] = ECHO "\0"
                                     "{"
                                     "\0" ECHO;

    say_bytes(f, &p, bytes, sizeof bytes);
    assert_hears(f, &p, "{\"parameters\":{\"text\":\"x\",\"n\":-12}}");
    assert_closed(f, &p);
    assert_int_equal(f->handled, 1);
    hang_up(&p);
}

/* Of a good call, every true prefix is refused when it is ended, and forgotten when the peer
 * leaves. */
static void test_truncated_at_every_byte(void **state) {
    struct fixture *f = *state;
    char bytes[sizeof ECHO];

    for (size_t n = 0; n + 1 < sizeof ECHO; n++) {
        memcpy(bytes, ECHO, n);
        bytes[n] = '\0';
        assert_refused(f, "a prefix", bytes, n + 1);

        struct peer p = dial(f);
        say_bytes(f, &p, bytes, n);
        settle(f);
        lines_logged = 0;
        hang_up(&p);
        settle(f);
        assert_int_equal(server_connections(f->server), 0);
        assert_int_equal(lines_logged, 0);
    }
    struct peer p = dial(f);
    say_bytes(f, &p, ECHO, sizeof ECHO);
    f->handled = 0;
    assert_hears(f, &p, "{\"parameters\":{\"text\":\"x\",\"n\":-12}}");
    assert_int_equal(f->handled, 1);
    hang_up(&p);
}

/* An Echo of exactly n bytes, without its NUL. */
static char *echo_of(size_t n) {
    static const char head[] = "{" M ",\"parameters\":{\"text\":\"", tail[] = "\"}}";
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + n - (sizeof tail - 1), tail, sizeof tail);
    return text;
}

static void test_the_longest_message(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    char *text = echo_of(f->config.message_max);

    say(f, &p, text);
    say(f, &p, text);
    assert_true(strlen(hear(f, &p)) > f->config.message_max / 2);
    assert_true(strlen(hear(f, &p)) > f->config.message_max / 2);
    free(text);
    assert_int_equal(lines_logged, 0);
    hang_up(&p);

    text = echo_of(f->config.message_max + 1);
    assert_refused(f, "a byte too long", text, f->config.message_max + 2);
    assert_non_null(strstr(last_line, "a message of more than 65536 bytes"));
    free(text);
    text = echo_of((size_t) 2 * 1024 * 1024);
    assert_refused(f, "two megabytes", text, (size_t) 2 * 1024 * 1024 + 1);
    assert_refused(f, "two megabytes without an end", text, (size_t) 2 * 1024 * 1024);
    free(text);
    assert_int_equal(f->handled, 2 + 3 * 2);
}

static void test_nested_too_deep(void **state) {
    struct fixture *f = *state;
    char text[4096];

    for (int depth = JSON_DEPTH_MAX - 4; depth < 1000; depth = depth < 64 ? depth + 1 : depth * 2) {
        size_t n =
            (size_t) snprintf(text, sizeof text, "{" M ",\"parameters\":{\"text\":\"\",\"n\":");
        memset(text + n, '[', depth);
        memset(text + n + depth, ']', depth);
        (void) snprintf(text + n + 2 * depth, sizeof text - n - 2 * depth, "}}");
        if (depth > JSON_DEPTH_MAX - 2) {
            assert_refused(f, "too deep", text, strlen(text) + 1);
            continue;
        }
        struct peer p = dial(f); /* deep, and of the wrong kind */
        say(f, &p, text);
        assert_non_null(strstr(hear(f, &p), "InvalidParameter"));
        hang_up(&p);
    }
}

/* xorshift: the same on every run. */
static uint32_t dice(void) {
    static uint32_t x = 2463534242U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* Calls with bytes changed, cut and repeated, in pieces of any size: the neighbour never notices.
 */
static void test_bent_calls(void **state) {
    struct fixture *f = *state;
    struct peer good = dial(f);
    char bytes[4 * sizeof ECHO];

    for (int round = 0; round < 3000; round++) {
        struct peer p = dial(f);
        size_t n = 0;
        for (int i = 0; i < 3; i++) {
            size_t len = dice() % 4 ? sizeof ECHO : dice() % sizeof ECHO;
            memcpy(bytes + n, ECHO, len);
            n += len;
        }
        for (unsigned i = dice() % 4; i > 0 && n > 0; i--)
            bytes[dice() % n] = (char) dice();
        for (size_t at = 0, piece; at < n; at += piece) {
            piece = 1 + dice() % (n - at);
            say_bytes(f, &p, bytes + at, piece);
            if (dice() % 2)
                settle(f);
        }
        hang_up(&p);
        if (round % 100 == 0)
            assert_serves(f, &good);
    }
    settle(f);
    assert_int_equal(server_connections(f->server), 1);
    assert_in_range(f->handled, 1000, 9000); /* some were good */
    hang_up(&good);
}

/* A peer cannot fill the log: ten lines, then a count. */
static void test_lines_are_rationed(void **state) {
    struct fixture *f = *state;

    for (int i = 0; i < 200; i++) {
        struct peer p = dial(f);
        say(f, &p, "{");
        assert_closed(f, &p);
        hang_up(&p);
    }
    /* The window may have passed once on a very slow machine. */
    assert_in_range(lines_logged, 10, 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_rubbish),
        TEST(test_rubbish_between_calls),
        TEST(test_truncated_at_every_byte),
        TEST(test_the_longest_message),
        TEST(test_nested_too_deep),
        TEST(test_bent_calls),
        TEST(test_lines_are_rationed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
