/* SPDX-License-Identifier: MIT
 * test_idl_check.c - values held against types: each kind right and wrong, and what is said. */
#include "supervisor/wire/idl.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char interface[] =
    "interface a.b\n"
    "type Color (red, green_1)\n"
    "type Node (name: string, next: ?Node, color: ?Color)\n"
    "type All (b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object, e: ?Color, n: ?Node,\n"
    "  a: ?[]int, m: ?[string]Color, set: ?[string](), st: ?(x: int, y: ?int),\n"
    "  en: ?(in, out), aa: ?[][]string, ao: ?[]?int, ma: ?[string][]Node)\n"
    "type Need (id: string, at: int, why: ?string)\n"
    "type Late (why: ?string, id: string)\n"
    "type None ()\n";

static struct idl *idl;

static int parse_interface(void **state) {
    (void) state;
    return idl_parse(interface, strlen(interface), &idl, NULL);
}

static int free_interface(void **state) {
    (void) state;
    idl = idl_free(idl);
    return 0;
}

static int check(const char *type, const char *text, char *where, size_t size, struct err *e) {
    CLEANUP(json_free_p) struct json *value = NULL;
    const struct idl_type *t = idl_typedef(idl, type);

    assert_non_null(t);
    if (json_parse(text, strlen(text), &value, e) != 0)
        fail_msg("the test itself has bad JSON: %s", text);
    return idl_check(idl, t, value, where, size, e);
}

static const char *const good_all[] = {
    "{}",
    "{\"b\":true,\"i\":-5,\"f\":1.5,\"s\":\"\",\"o\":{\"x\":[null]},\"e\":\"red\"}",
    "{\"b\":null,\"i\":null,\"f\":null,\"s\":null,\"o\":null,\"e\":null,\"n\":null,\"a\":null}",
    "{\"f\":3}",
    "{\"i\":9007199254740992}",
    "{\"o\":{}}",
    "{\"n\":{\"name\":\"a\",\"next\":{\"name\":\"b\",\"next\":null,\"color\":\"green_1\"}}}",
    "{\"a\":[]}",
    "{\"a\":[1,2,3]}",
    "{\"m\":{}}",
    "{\"m\":{\"any thing\":\"red\",\"\":\"green_1\"}}",
    "{\"set\":{\"a\":{},\"b\":{}}}",
    "{\"st\":{\"y\":2,\"x\":1}}",
    "{\"en\":\"out\"}",
    "{\"aa\":[[],[\"x\"]]}",
    "{\"ao\":[null,1,null]}",
    "{\"ma\":{\"k\":[{\"name\":\"x\"}]}}",
    /* any order, and back again */
    "{\"ma\":{},\"en\":\"in\",\"b\":false,\"set\":{},\"a\":[0],\"i\":0}",
};

static void test_what_fits(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof good_all / sizeof *good_all; i++) {
        char where[64] = "untouched";
        struct err e = { 0 };
        if (check("All", good_all[i], where, sizeof where, &e) != 0)
            fail_msg("%s: %s", good_all[i], e.text);
        assert_string_equal(where, "untouched");
    }
}

static const struct {
    const char *type, *text, *where, *says;
} bad[] = {
    { "All", "[]", "parameters", "'parameters' must be an object, not an array" },
    { "All", "null", "parameters", "'parameters' must be an object, not null" },
    { "All", "{\"b\":1}", "b", "'b' must be true or false, not an integer" },
    { "All", "{\"b\":\"true\"}", "b", "must be true or false, not a string" },
    { "All", "{\"i\":1.5}", "i", "'i' must be an integer, not a number" },
    { "All", "{\"i\":\"1\"}", "i", "must be an integer, not a string" },
    { "All", "{\"i\":true}", "i", "must be an integer, not true or false" },
    { "All", "{\"f\":\"1\"}", "f", "'f' must be a number, not a string" },
    { "All", "{\"f\":[1]}", "f", "must be a number, not an array" },
    { "All", "{\"s\":1}", "s", "must be a string, not an integer" },
    { "All", "{\"s\":{}}", "s", "must be a string, not an object" },
    { "All", "{\"o\":[]}", "o", "must be an object, not an array" },
    { "All", "{\"o\":\"{}\"}", "o", "must be an object, not a string" },
    { "All", "{\"e\":\"blue\"}", "e", "'e' must be one of red, green_1" },
    { "All", "{\"e\":\"\"}", "e", "must be one of" },
    { "All", "{\"e\":\"Red\"}", "e", "must be one of" },
    { "All", "{\"e\":0}", "e", "'e' must be a string, not an integer" },
    { "All", "{\"en\":\"red\"}", "en", "must be one of in, out" },
    { "All", "{\"a\":{}}", "a", "must be an array, not an object" },
    { "All", "{\"a\":[1,2,\"3\"]}", "a[2]", "'a[2]' must be an integer" },
    { "All", "{\"a\":[null]}", "a[0]", "must be an integer, not null" },
    { "All", "{\"ao\":[null,\"x\"]}", "ao[1]", "must be an integer" },
    { "All", "{\"aa\":[[\"x\"],[\"x\",1]]}", "aa[1][1]", "'aa[1][1]' must be a string" },
    { "All", "{\"m\":[]}", "m", "must be an object, not an array" },
    { "All", "{\"m\":{\"k\":\"red\",\"l\":\"x\"}}", "m.l", "'m.l' must be one of red" },
    { "All", "{\"m\":{\"k\":null}}", "m.k", "must be a string, not null" },
    { "All", "{\"set\":{\"k\":true}}", "set.k", "must be an object" },
    { "All", "{\"set\":{\"k\":{\"x\":1}}}", "set.k.x", "'set.k.x' is not known here" },
    { "All", "{\"st\":{}}", "st.x", "'st.x' is missing" },
    { "All", "{\"st\":{\"y\":1}}", "st.x", "'st.x' is missing" },
    { "All", "{\"st\":{\"x\":null}}", "st.x", "'st.x' must be an integer, not null" },
    { "All", "{\"st\":{\"x\":1,\"z\":1}}", "st.z", "'st.z' is not known here" },
    { "All", "{\"nope\":1}", "nope", "'nope' is not known here" },
    { "All", "{\"nope\":null}", "nope", "'nope' is not known here" },
    { "All", "{\"\":1}", "", "'' is not known here" },
    { "All", "{\"m\":{\"\":1}}", "m.", "'m.' must be a string" },
    { "All", "{\"m\":{\"\":\"x\"}}", "m.", "must be one of" },
    { "All", "{\"n\":{\"name\":\"a\",\"next\":{\"name\":1}}}", "n.next.name", "must be a string" },
    { "All", "{\"n\":{\"name\":\"a\",\"next\":{}}}", "n.next.name", "is missing" },
    { "All", "{\"ma\":{\"k\":[{\"name\":\"\"},{}]}}", "ma.k[1].name", "'ma.k[1].name' is missing" },
    { "Need", "{}", "id", "'id' is missing" },
    { "Need", "{\"id\":\"x\"}", "at", "'at' is missing" },
    { "Need", "{\"at\":1,\"why\":\"x\"}", "id", "'id' is missing" },
    { "Need", "{\"id\":\"x\",\"at\":null}", "at", "'at' must be an integer, not null" },
    { "Need", "{\"why\":\"x\",\"id\":\"x\",\"at\":1,\"id2\":1}", "id2", "not known here" },
    { "Late", "{}", "id", "'id' is missing" },
    { "None", "{\"x\":null}", "x", "'x' is not known here" },
    { "Color", "{}", "parameters", "must be a string, not an object" },
};

static void test_what_does_not_fit(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char where[64] = "";
        struct err e = { 0 };
        if (check(bad[i].type, bad[i].text, where, sizeof where, &e) != -EINVAL)
            fail_msg("%s fits %s", bad[i].text, bad[i].type);
        assert_string_equal(where, bad[i].where);
        assert_int_equal(e.code, -EINVAL);
        if (!strstr(e.text, bad[i].says))
            fail_msg("'%s' does not say '%s'", e.text, bad[i].says);
    }
}

static void test_nothing_stands_for_an_empty_object(void **state) {
    (void) state;
    char where[64] = "";
    struct err e = { 0 };

    assert_int_equal(idl_check(idl, idl_typedef(idl, "None"), NULL, where, sizeof where, &e), 0);
    assert_int_equal(idl_check(idl, idl_typedef(idl, "All"), NULL, where, sizeof where, &e), 0);
    assert_int_equal(idl_check(idl, idl_typedef(idl, "Need"), NULL, where, sizeof where, &e),
                     -EINVAL);
    assert_string_equal(where, "id");
    assert_string_equal(e.text, "'id' is missing");
    assert_int_equal(idl_check(idl, idl_typedef(idl, "Color"), NULL, where, sizeof where, NULL),
                     -EINVAL);
}

/* Names come from the peer. They are told, but shortened and without control characters. */
static void test_hostile_names(void **state) {
    (void) state;
    static const char *const names[] = {
        "\\n\\u001b[31m\\u0085\\u007f",
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789",
        "\xe8\xbf\x90\xe8\xa1\x8c\xe5\x86\x85\xe5\xad\x98\xe4\xb8\x8d\xe8\xb6\xb3"
        "\xe8\xbf\x90\xe8\xa1\x8c\xe5\x86\x85\xe5\xad\x98\xe4\xb8\x8d\xe8\xb6\xb3"
        "\xe8\xbf\x90\xe8\xa1\x8c\xe5\x86\x85\xe5\xad\x98\xe4\xb8\x8d\xe8\xb6\xb3"
        "\xe8\xbf\x90\xe8\xa1\x8c\xe5\x86\x85\xe5\xad\x98\xe4\xb8\x8d\xe8\xb6\xb3"
        "\xe8\xbf\x90\xe8\xa1\x8c\xe5\x86\x85\xe5\xad\x98\xe4\xb8\x8d\xe8\xb6\xb3",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t size = 1; size <= 128; size++) {
            char text[400], where[128 + 1];
            struct err e = { 0 };
            (void) snprintf(text, sizeof text, "{\"m\":{\"%s\":{\"%s\":1}}}", names[i], names[i]);
            memset(where, 'x', sizeof where);
            assert_int_equal(check("All", text, where, size, &e), -EINVAL);
            assert_true(strlen(where) < size);
            assert_int_equal(where[size], 'x');
            assert_true(text_is_utf8(where, strlen(where)));
            assert_false(text_has_control(where, strlen(where)));
            assert_true(text_is_utf8(e.text, strlen(e.text)));
            assert_false(text_has_control(e.text, strlen(e.text)));
            assert_non_null(strstr(e.text, "must be a string, not an object"));
        }
}

static void test_a_long_enum_is_cut(void **state) {
    (void) state;
    struct str s = STR_INIT(8192);
    struct err e = { 0 };
    struct idl *big = NULL;
    struct json *value = NULL;
    char where[64];

    (void) str_puts(&s, "interface a.b\nerror E (e: (value0");
    for (int i = 1; i < 100; i++)
        (void) str_printf(&s, ", value%d", i);
    (void) str_puts(&s, "))");
    assert_int_equal(idl_parse(s.data, s.len, &big, NULL), 0);
    assert_int_equal(json_parse("{\"e\":\"x\"}", 9, &value, NULL), 0);
    assert_int_equal(idl_check(big, idl_error(big, "E"), value, where, sizeof where, &e), -EINVAL);
    assert_non_null(strstr(e.text, "must be one of value0, value1, "));
    assert_string_equal(e.text + strlen(e.text) - strlen("…"), "…");
    (void) json_free(value);
    (void) idl_free(big);
    str_clear(&s);
}

/* As deep as the door for JSON lets a value be, on a type that has no end. */
static void test_depth_ends_with_the_value(void **state) {
    (void) state;
    struct str s = STR_INIT(8192);
    char where[64];
    struct err e = { 0 };

    for (int i = 0; i < JSON_DEPTH_MAX - 2; i++)
        (void) str_puts(&s, "{\"name\":\"x\",\"next\":");
    (void) str_puts(&s, "{\"name\":0}");
    for (int i = 0; i < JSON_DEPTH_MAX - 2; i++)
        (void) str_puts(&s, "}");
    assert_int_equal(check("Node", s.data, where, sizeof where, &e), -EINVAL);
    assert_memory_equal(where, "next.next.next.", 15);
    assert_non_null(strstr(e.text, "must be a string, not an integer"));
    str_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_nothing_stands_for_an_empty_object),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_a_long_enum_is_cut),
        cmocka_unit_test(test_depth_ends_with_the_value),
    };
    return cmocka_run_group_tests(tests, parse_interface, free_interface);
}
