/* SPDX-License-Identifier: MIT
 * test_value.c - JavaScript values as C sees them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/js/value.h"

static JSGlobalContextRef ctx;

static int set_up(void **state) {
    (void) state;
    ctx = JSGlobalContextCreate(NULL);
    return ctx ? 0 : -1;
}

static int tear_down(void **state) {
    (void) state;
    JSGlobalContextRelease(ctx);
    return 0;
}

static JSValueRef run(const char *text) {
    JSStringRef s = JSStringCreateWithUTF8CString(text);
    JSValueRef exc = NULL, v = JSEvaluateScript(ctx, s, NULL, NULL, 1, &exc);

    JSStringRelease(s);
    if (exc)
        fail_msg("it throws: %s", text);
    return v;
}

static void test_kinds_have_wechats_names(void **state) {
    static const char *const rows[][2] = {
        { "undefined", "Undefined" },
        { "null", "Null" },
        { "'x'", "String" },
        { "true", "Boolean" },
        { "1.5", "Number" },
        { "Symbol()", "Symbol" },
        { "[]", "Array" },
        { "new Date", "Date" },
        { "() => 1", "Function" },
        { "({})", "Object" },
        { "10n", "BigInt" },
        { "new Map", "Object" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(value_kind(ctx, run(rows[i][0])), rows[i][1]);
    assert_string_equal(value_kind(ctx, NULL), "Undefined");
}

static void test_texts_are_utf8_with_all_their_bytes(void **state) {
    static const struct {
        const char *script, *text;
        size_t n;
    } rows[] = {
        { "'a\\0b'", "a\0b", 3 },
        { "'\\u00e9\\u20ac\\ud83d\\ude00'", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9 },
        { "'\\ud83dx\\ude00'", "\xef\xbf\xbdx\xef\xbf\xbd", 7 }, /* lone halves */
        { "'\\ud83d'", "\xef\xbf\xbd", 3 },
        { "''", "", 0 },
        { "'x'.repeat(5000)", NULL, 5000 }, /* more than one piece */
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str out = STR_INIT(8192);
        assert_int_equal(value_text(ctx, run(rows[i].script), &out, NULL), 0);
        assert_int_equal(out.len, rows[i].n);
        if (rows[i].text && rows[i].n)
            assert_memory_equal(out.data, rows[i].text, rows[i].n);
        str_clear(&out);
    }
}

static void test_what_has_no_text_is_told(void **state) {
    struct str out = STR_INIT(8);
    JSValueRef exc = NULL;

    (void) state;
    assert_int_equal(value_text(ctx, run("'x'.repeat(9)"), &out, NULL), -EMSGSIZE);
    str_clear(&out);
    assert_int_equal(value_text(ctx, run("({ toString() { throw 7 } })"), &out, &exc), -EBADMSG);
    assert_true(exc && JSValueToNumber(ctx, exc, NULL) == 7);
    exc = NULL;
    assert_int_equal(value_to_json(ctx, run("undefined"), &out, &exc), -ENOENT);
    assert_null(exc);
    assert_int_equal(value_to_json(ctx, run("const o = {}; o.o = o; o"), &out, &exc), -EBADMSG);
    assert_non_null(exc);
    exc = NULL;
    assert_null(value_get(ctx, value_object(ctx, run("({ get x() { throw 1 } })")), "x", &exc));
    assert_non_null(exc);
    str_clear(&out);
}

static void assert_json(JSValueRef v, const char *json) {
    struct str out = STR_INIT(4096);
    assert_int_equal(value_to_json(ctx, v, &out, NULL), 0);
    assert_string_equal(str_text(&out), json);
    str_clear(&out);
}

static void test_copies_are_deep(void **state) {
    JSObjectRef global = JSContextGetGlobalObject(ctx);
    JSValueRef exc = NULL;

    (void) state;
    JSValueRef from =
        run("var f = () => 1, d = new Date(0), o = { a: [1, { b: 2 }], f, d, n: null, "
            "__proto__: { inherited: 1 } }; o");
    JSObjectRef copy =
        value_object(ctx, value_copy(ctx, run("({ a: [1, { b: 2 }], f, d })"), NULL, &exc));
    (void) from;
    assert_non_null(copy);
    value_set(ctx, JSContextGetGlobalObject(ctx), "copy", copy);
    assert_json(run("[copy.a !== o.a, copy.a[1].b, copy.f === f, copy.d === d]"),
                "[true,2,true,true]");
    assert_true(JSValueIsArray(ctx, value_get(ctx, copy, "a", NULL)));
    /* What would make it another object's child is no member. */
    JSValueRef evil =
        value_copy(ctx, run("JSON.parse('{\"__proto__\":{\"x\":1},\"y\":2}')"), NULL, &exc);
    value_set(ctx, JSContextGetGlobalObject(ctx), "evil", evil);
    assert_json(run("[evil.x === undefined, evil.y]"), "[true,2]");
    /* No depth and no circle makes it run for ever. */
    run("var keep = { k: 1 }, c = { d: {}, keep }; c.d.list = [c, c, c.d]; c.c = c.d.c = c;"
        "for (let i = 0, deep = c; i < 1000; i++) deep = deep.next = {}");
    JSObjectRef keep = value_object(ctx, run("keep"));
    value_set(ctx, global, "circle", value_copy(ctx, run("c"), keep, &exc));
    assert_null(exc);
    assert_json(run("[circle !== c, circle.c === circle, circle.d.list[0] === circle,"
                    " circle.d.list[2] === circle.d, circle.keep === keep]"),
                "[true,true,true,true,true]");
    assert_null(value_copy(ctx, run("({ get x() { throw 1 } })"), NULL, &exc));
    assert_non_null(exc);
}

static void test_json_needs_no_setters(void **state) {
    (void) state;
    (void) run(
        "var asked = 0; Object.defineProperty(Object.prototype, 'errMsg', { set() { asked++ } })");
    JSValueRef v = value_json(ctx, "{\"errMsg\":\"x:ok\"}");
    assert_json(v, "{\"errMsg\":\"x:ok\"}");
    assert_json(run("asked"), "0");
    assert_null(value_json(ctx, "{"));
    assert_null(value_json(ctx, ""));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(kinds_have_wechats_names), TEST(texts_are_utf8_with_all_their_bytes),
        TEST(what_has_no_text_is_told), TEST(copies_are_deep),
        TEST(json_needs_no_setters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
