/* SPDX-License-Identifier: MIT
 * test_esm.c - import and export as CommonJS: what is written, and what it does in the engine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/esm.h"
#include "supervisor/js/value.h"

#define OUT_MAX ((size_t) 1 << 20)

/* Runs the script with a require() that knows three modules; the text of what `result` is. */
static void evaluate(const char *script, const char *result, struct str *ret) {
    static const char world[] =
        "const files = { common: { a: 1, f() { return this === undefined ? 'bare' : 'bound' } },"
        "  real: Object.defineProperties({}, { __esModule: { value: true },"
        "    default: { value: 'D' }, a: { value: 'A', enumerable: true },"
        "    b: { value: 'B', enumerable: true }, 'c-d': { value: 'CD', enumerable: true } }),"
        "  run: {} };"
        "let asked = '', exports = {};"
        "function require(name) { asked += name + ' '; return files[name]; }";
    CLEANUP(str_clear_p) struct str whole = STR_INIT(OUT_MAX);
    JSGlobalContextRef ctx = JSGlobalContextCreate(NULL);
    JSValueRef thrown = NULL;

    (void) str_printf(&whole, "%s(function () {%s\n; return String(%s) })()", world, script,
                      result);
    JSStringRef source = JSStringCreateWithUTF8CString(str_text(&whole));
    JSValueRef v = JSEvaluateScript(ctx, source, NULL, NULL, 1, &thrown);
    JSStringRelease(source);
    (void) value_text(ctx, thrown ? thrown : v, ret, NULL);
    JSGlobalContextRelease(ctx);
}

static void test_what_statements_do(void **state) {
    static const struct {
        const char *script, *result, *expected;
    } rows[] = {
        { "import 'run'", "asked", "run " },
        { "import d from 'real'", "d", "D" },
        { "import d from \"common\";", "d.a", "1" }, /* no real module: the whole is its default */
        { "import * as n from 'real'", "n.a + n.default", "AD" },
        { "import { a, b as c } from 'real'", "a + c", "AB" },
        { "import {a,b,} from'real'", "a + b", "AB" },
        { "import { default as d, 'c-d' as cd } from 'real'", "d + cd", "DCD" },
        { "import d, { a } from 'real'", "d + a", "DA" },
        { "import d, * as n from 'real'", "d + n.b", "DB" },
        { "import {} from 'run'", "asked", "run " },
        { "import {\n  // why\n  a, /* } */\n  b\n} from 'real'\nconst e = new Error()",
          "a + b + e.line", "AB6" },
        { "import { f } from 'common'\nexport { f }", "exports.f",
          "f() { return this === undefined ? 'bare' : 'bound' }" },
        { "export default 7", "exports.default", "7" },
        { "export default { a: 1 }", "exports.default.a", "1" },
        { "export default function () { return 3 }", "exports.default()", "3" },
        { "export default function f() { return 3 }\nf.x = 1", "f() + exports.default.x", "4" },
        { "export default class K { m() { return 5 } }", "new exports.default().m()", "5" },
        { "export default class extends Array {}", "new exports.default(2).length", "2" },
        { "export default async function* g() {}", "typeof exports.default", "function" },
        { "export default (1, 2)", "exports.default", "2" },
        { "export const a = 1, b = [2, 3], c = (4, 5)\nlet d = 6, e = 7",
          "[exports.a, exports.b, exports.c, exports.d, exports.e]", "1,2,3,5,," },
        { "export let n = 1\nn = 2", "exports.n", "2" }, /* live */
        { "export var v", "exports.v", "undefined" },
        { "export function f() { return 1 }\nexport async function g() {}\nexport function* h() {}",
          "Object.keys(exports)", "f,g,h" },
        { "export class K {}", "typeof exports.K", "function" },
        { "const a = 1, b = 2\nexport { a, b as c, b as default }", "JSON.stringify(exports)",
          "{\"a\":1,\"c\":2,\"default\":2}" },
        { "export { a, default as d, default } from 'real'",
          "exports.a + exports.d + exports.default", "ADD" },
        { "export * from 'real'", "JSON.stringify(exports)",
          "{\"a\":\"A\",\"b\":\"B\",\"c-d\":\"CD\"}" },
        { "export const a = 1\nexport * from 'real'", "exports.a + exports.b", "1B" },
        { "export * as n from 'real'", "exports.n.a", "A" },
        { "export { 'c-d' as 'e-f' } from 'real'", "exports['e-f']", "CD" },
        { "export const f = 1", "exports.__esModule", "true" },
        { "export default 1", "exports.__esModule", "true" },
        { "export * from 'run'", "exports.__esModule", "true" },
        { "import 'run'", "exports.__esModule", "undefined" },
        { "import 'run'\nfunction f() { return this }", "f()", "undefined" }, /* strict */
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(OUT_MAX), result = STR_INIT(OUT_MAX);
        if (esm_compile(rows[i].script, &out) < 1)
            fail_msg("not taken: %s", rows[i].script);
        evaluate(str_text(&out), rows[i].result, &result);
        if (strcmp(str_text(&result), rows[i].expected) != 0)
            fail_msg("%s\nbecame %s\nand is %s, not %s", rows[i].script, str_text(&out),
                     str_text(&result), rows[i].expected);
    }
}

/* The words are no statements: nothing of it is touched but its first line's head. */
static void test_what_only_looks_like_it(void **state) {
    static const char *const rows[] = {
        "'import x from \"y\"'",
        "// import 'x'",
        "/*\nimport 'x'\n*/",
        "`\nimport 'x'\n`",
        "`${a}\nexport default ${`\nimport 'x'`}\n`",
        "o.import ; o?.export",
        "import('x')",
        "import.meta",
        "({ import: 1, export: 2 })",
        "f(/[/]import 'x'/)",
        "x = a / b; y = '/'",
        "if (a) { import_x() }",
        "exports.a = 1",
        "a = `${{ b: `}` }.b}`",
        "`${ a / b } / '`",
        "return /'/",
        "a = b\n/c/.d",
        "\"\\\"\"; '\\\\'",
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(OUT_MAX);
        if (esm_compile(rows[i], &out) != 0)
            fail_msg("%s: %s", rows[i], str_text(&out));
        assert_non_null(strstr(str_text(&out), rows[i]));
    }
}

static void test_what_is_not_understood(void **state) {
    static const char *const rows[] = {
        "import",
        "import a",
        "import a,",
        "import { a",
        "import { a } from",
        "import * from 'x'",
        "import { a } of 'x'",
        "import * as 'x'",
        "export",
        "export {",
        "export *",
        "export * of 'x'",
        "export const { a } = b",
        "export 7",
        "export async",
        "export { a } from b",
        "import 'x",
        "import 'x'; `",
        "import 'x'; `${",
        "import 'x'; /*",
        "import 'x'; '",
        "export const",
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(OUT_MAX);
        int r = esm_compile(rows[i], &out);
        if (r != -EINVAL)
            fail_msg("%s: %d, %s", rows[i], r, str_text(&out));
    }
}

static void test_limits(void **state) {
    CLEANUP(str_clear_p) struct str deep = STR_INIT(OUT_MAX), out = STR_INIT(OUT_MAX);
    CLEANUP(str_clear_p) struct str small = STR_INIT(20);

    (void) state;
    (void) str_puts(&deep, "import 'x';");
    for (int i = 0; i < 100000; i++)
        (void) str_puts(&deep, "`${");
    assert_int_equal(esm_compile(str_text(&deep), &out), -EINVAL);
    assert_int_equal(esm_compile("import 'a'; import 'b'", &small), -EMSGSIZE);
}

/* Each prefix of a script is taken or refused, and never read past its end. */
static void test_every_prefix(void **state) {
    static const char script[] = "import d, { a as b, 'c' as e } from './x';\n"
                                 "export * as n from \"y\"; export { d, b as default };\n"
                                 "export const f = `${b}/${{ g: /[`]/ }.g}`, h = 1 /* end */\n"
                                 "export default async function i() {}\n";

    (void) state;
    for (size_t n = 0; n < sizeof script; n++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(OUT_MAX);
        char *prefix = strndup(script, n); /* its end is the allocation's */
        assert_non_null(prefix);
        int r = esm_compile(prefix, &out);
        assert_true(r >= 0 || r == -EINVAL);
        free(prefix);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_statements_do),
        cmocka_unit_test(test_what_only_looks_like_it),
        cmocka_unit_test(test_what_is_not_understood),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
