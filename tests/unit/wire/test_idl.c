/* SPDX-License-Identifier: MIT
 * test_idl.c - the grammar of interface files: what is taken, and what is refused on which line. */
#include "supervisor/wire/idl.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/idl_type.h"
#include "supervisor/wire/interfaces.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct idl *parse(const char *text) {
    struct idl *idl = NULL;
    struct err e = { 0 };

    if (idl_parse(text, strlen(text), &idl, &e) != 0)
        fail_msg("refused: %s", e.text);
    return idl;
}

static void expect_bad(const char *text, size_t len, const char *says) {
    struct idl *idl = (struct idl *) 0x1;
    struct err e = { 0 };

    if (idl_parse(text, len, &idl, &e) != -EINVAL)
        fail_msg("taken: %.*s", (int) len, text);
    assert_ptr_equal(idl, (struct idl *) 0x1);
    assert_int_equal(e.code, -EINVAL);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
    assert_null(strchr(e.text, '\n'));
}

static void test_all_that_the_grammar_has(void **state) {
    (void) state;
    struct idl *idl = parse("# About.\n\ninterface org.example-x.a2\r\n"
                            "type E (one, two_2, Three)\n"
                            "type T (b: bool, i: int, f: float, s: string, o: object, e: E,\n"
                            "  # of a member\n"
                            "  q: ?int, a: []string, m: [string]int, set: [string](),\n"
                            "  n: ?[](x: int, y: (in, out)), aa: [][string][]?T )\n"
                            "method M ( ) -> ()method N(t:T)->(e:?E)\n"
                            "error X () # and why\n"
                            "# the end");

    assert_string_equal(idl_name(idl), "org.example-x.a2");
    const struct idl_type *e = idl_typedef(idl, "E");
    assert_int_equal(e->kind, IDL_ENUM);
    assert_string_equal(e->members->name, "one");
    assert_string_equal(e->members->next->name, "two_2");
    assert_null(e->members->next->next->next);

    static const enum idl_kind kinds[] = { IDL_BOOL,   IDL_INT,   IDL_FLOAT,    IDL_STRING,
                                           IDL_OBJECT, IDL_NAMED, IDL_OPTIONAL, IDL_ARRAY,
                                           IDL_MAP,    IDL_MAP,   IDL_OPTIONAL, IDL_ARRAY };
    const struct idl_type *t = idl_typedef(idl, "T");
    assert_int_equal(t->kind, IDL_STRUCT);
    const struct idl_member *m = t->members;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++, m = m->next)
        assert_int_equal(m->type->kind, kinds[i]);
    assert_null(m);
    assert_int_equal(t->required, 10);

    const struct idl_method *n = idl_method(idl, "N");
    assert_ptr_equal(idl_method_in(n)->members->type->of, t);
    assert_ptr_equal(idl_method_out(n)->members->type->of->of, e);
    assert_null(idl_method_in(idl_method(idl, "M"))->members);
    assert_non_null(idl_error(idl, "X"));
    (void) idl_free(idl);
}

static void test_types_may_refer_to_later_ones_and_to_themselves(void **state) {
    (void) state;
    struct idl *idl = parse("interface a.b\n"
                            "method M(a: A) -> ()\n"
                            "type A (b: []B, self: A)\n"
                            "type B (a: ?A)\n");
    const struct idl_type *a = idl_typedef(idl, "A");

    assert_ptr_equal(idl_method_in(idl_method(idl, "M"))->members->type->of, a);
    assert_ptr_equal(a->members->next->type->of, a);
    (void) idl_free(idl);
}

static void test_kinds_of_names_are_kept_apart(void **state) {
    (void) state;
    struct idl *idl = parse("interface a.b\ntype A ()\nerror C ()\nmethod B()->()\nmethod D()->()");
    const struct idl_method *first = idl_method_next(idl, NULL);

    assert_string_equal(idl_method_name(first), "B");
    assert_string_equal(idl_method_name(idl_method_next(idl, first)), "D");
    assert_null(idl_method_next(idl, idl_method_next(idl, first)));
    assert_null(idl_method(idl, "A"));
    assert_null(idl_method(idl, "C"));
    assert_null(idl_method(idl, "b"));
    assert_null(idl_method(idl, ""));
    assert_null(idl_typedef(idl, "B"));
    assert_null(idl_error(idl, "A"));
    assert_non_null(idl_typedef(idl, "A"));
    assert_non_null(idl_error(idl, "C"));
    (void) idl_free(idl);
}

static void test_the_text_is_a_copy(void **state) {
    (void) state;
    char text[] = "interface a.b\nmethod M() -> () # ü";
    struct idl *idl = parse(text);
    char *kept = strdup(text);

    memset(text, 'x', sizeof text - 1);
    assert_string_equal(idl_text(idl), kept);
    free(kept);
    assert_null(idl_free(idl));
    assert_null(idl_free(NULL));
}

#define HEAD "interface a.b\n"

static const struct {
    const char *text, *says;
} refused[] = {
    { "", "line 1: expected 'interface', found the end" },
    { "# only a comment", "line 1: expected 'interface'" },
    { "\n\ninterfaces a.b\n", "line 3: expected 'interface', found 'interfaces'" },
    { "type A ()", "line 1: expected 'interface', found 'type'" },
    { "interface", "line 1: expected an interface's name, found the end" },
    { "interface\n\n(", "line 3: expected an interface's name, found '('" },
    { "interface a", "line 1: expected an interface's name" },
    { "interface a..b\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface .a.b\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface 1.b\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface a.b.\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface a.b-\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface a.-b\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface a-.b\nmethod M()->()", "line 1: expected an interface's name" },
    { "interface a.b_c\nmethod M()->()",
      "line 1: expected 'type', 'method' or 'error', found '_c'" },
    { HEAD, "line 2: expected 'type', 'method' or 'error', found the end" },
    { HEAD "# nothing", "expected 'type', 'method' or 'error', found the end" },
    { HEAD "\ntyp A ()", "line 3: expected 'type', 'method' or 'error', found 'typ'" },
    { HEAD "TYPE A ()", "line 2: expected 'type', 'method' or 'error', found 'TYPE'" },
    { HEAD "typeA ()", "line 2: expected 'type', 'method' or 'error', found 'typeA'" },
    { HEAD "; type A ()", "line 2: expected 'type', 'method' or 'error', found ';'" },
    { HEAD "type a ()", "line 2: expected a name that begins with a capital, found 'a'" },
    { HEAD "type A_b ()", "line 2: expected a name that begins with a capital, found 'A_b'" },
    { HEAD "type 1 ()", "line 2: expected a name that begins with a capital, found '1'" },
    { HEAD "type A", "line 2: expected '(', found the end" },
    { HEAD "type A int", "line 2: expected '(', found 'int'" },
    { HEAD "type A {}", "line 2: expected '(', found '{'" },
    { HEAD "type A (", "line 2: expected a member's name, found the end" },
    { HEAD "type A (a", "line 2: expected ',' or ')', found the end" },
    { HEAD "type A (a:", "line 2: expected a type, found the end" },
    { HEAD "type A (a:)", "line 2: expected a type, found ')'" },
    { HEAD "type A (a: int", "line 2: expected ',' or ')', found the end" },
    { HEAD "type A (a: int b: int)", "line 2: expected ',' or ')', found 'b'" },
    { HEAD "type A (a: int,)", "line 2: expected a member's name, found ')'" },
    { HEAD "type A (a,\n)", "line 3: expected a member's name, found ')'" },
    { HEAD "type A (,)", "line 2: expected a member's name, found ','" },
    { HEAD "type A (a, b: int)", "line 2: expected ',' or ')', found ':'" },
    { HEAD "type A (a: int,\n b)", "line 3: expected ':', found ')'" },
    { HEAD "type A (a b)", "line 2: expected ',' or ')', found 'b'" },
    { HEAD "type A (_a)", "line 2: expected a member's name, found '_a'" },
    { HEAD "type A (a_)", "line 2: expected a member's name, found 'a_'" },
    { HEAD "type A (a__b)", "line 2: expected a member's name, found 'a__b'" },
    { HEAD "type A (1a)", "line 2: expected a member's name, found '1a'" },
    { HEAD "type A (a-b)", "line 2: expected ',' or ')', found '-'" },
    { HEAD "type A (a: integer)", "line 2: expected a type, found 'integer'" },
    { HEAD "type A (a: String)", "line 2: there is no type 'String'" },
    { HEAD "type A (a: A_b)", "line 2: expected a type, found 'A_b'" },
    { HEAD "type A (a: B,\n b: C)\ntype B ()", "line 3: there is no type 'C'" },
    { HEAD "method M(a: M) -> ()", "line 2: there is no type 'M'" },
    { HEAD "error X (a: X)", "line 2: there is no type 'X'" },
    { HEAD "type A (a: ??int)", "line 2: '?' before '?'" },
    { HEAD "type A (a: ? ?int)", "line 2: '?' before '?'" },
    { HEAD "type A (a: ?)", "line 2: expected a type, found ')'" },
    { HEAD "type A (a: [])", "line 2: expected a type, found ')'" },
    { HEAD "type A (a: [int]int)", "line 2: expected a type, found '['" },
    { HEAD "type A (a: [ ]int)", "line 2: expected a type, found '['" },
    { HEAD "type A (a: int[])", "line 2: expected ',' or ')', found '['" },
    { HEAD "type A (a: int, a: int)", "line 2: 'a' is there twice" },
    { HEAD "type A (a,\n\na)", "line 4: 'a' is there twice" },
    { HEAD "type A ()\ntype A ()", "line 3: 'A' is declared twice" },
    { HEAD "type A ()\n\nmethod A() -> ()", "line 4: 'A' is declared twice" },
    { HEAD "method A()->()\nerror A ()", "line 3: 'A' is declared twice" },
    { HEAD "method M", "line 2: expected '(', found the end" },
    { HEAD "method M()", "line 2: expected '->', found the end" },
    { HEAD "method M()\n- > ()", "line 3: expected '->', found '-'" },
    { HEAD "method M() ->", "line 2: expected '(', found the end" },
    { HEAD "method M(a) -> ()", "line 2: expected members with types, found an enum" },
    { HEAD "method M() -> (a, b)", "line 2: expected members with types, found an enum" },
    { HEAD "error X (a)", "line 2: expected members with types, found an enum" },
    { HEAD "error X", "line 2: expected '(', found the end" },
    { HEAD "type A () \x01", "line 2: expected 'type', 'method' or 'error', found byte 0x01" },
    { HEAD "type A (\xc3\xbc)", "line 2: expected a member's name, found byte 0xc3" },
    { HEAD "\n# \xff\ntype A ()", "line 3: not UTF-8 text" },
};

static void test_what_is_refused_and_on_which_line(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        expect_bad(refused[i].text, strlen(refused[i].text), refused[i].says);
}

static void test_a_nul_is_refused(void **state) {
    (void) state;
    static const char text[] = HEAD "# a\0b\nmethod M() -> ()";

    expect_bad(text, sizeof text - 1, "line 2: not UTF-8 text");
}

/* Ends after a whole declaration, or in the comment or the blanks behind it. */
static bool ends_whole(const char *text, size_t len) {
    bool comment = false;
    char last = '\0';

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '#')
            comment = true;
        if (text[i] == '\n')
            comment = false;
        if (!comment && !strchr(" \n", text[i]))
            last = text[i];
    }
    return last == ')';
}

static void test_our_files_cut_anywhere(void **state) {
    (void) state;
    const struct idl *ours[] = { wire_supervisor(), wire_app(), wire_service() };

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        const char *text = idl_text(ours[i]);
        size_t taken = 0, n = strlen(text);
        for (size_t len = 0; len <= n; len++) {
            struct idl *idl = NULL;
            struct err e = { 0 };
            if (idl_parse(text, len, &idl, &e) < 0) {
                assert_null(idl);
                assert_true(strncmp(e.text, "line ", 5) == 0);
                continue;
            }
            if (!ends_whole(text, len))
                fail_msg("taken, though cut after %zu bytes", len);
            taken++;
            (void) idl_free(idl);
        }
        assert_true(taken > 0);
    }
}

static void test_nesting_is_bounded(void **state) {
    (void) state;
    static const char *const steps[] = { "[]", "[string]", "?[]", "(a:" };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (int depth = 4; depth <= 4000; depth *= 10) {
            struct str s = STR_INIT(1 << 20);
            struct idl *idl = NULL;
            (void) str_puts(&s, HEAD "type A (x: ");
            for (int d = 0; d < depth; d++)
                (void) str_puts(&s, steps[i]);
            (void) str_puts(&s, "int");
            for (int d = 0; d < depth && *steps[i] == '('; d++)
                (void) str_putc(&s, ')');
            (void) str_puts(&s, ")");
            if (depth == 4) {
                assert_int_equal(idl_parse(s.data, s.len, &idl, NULL), 0);
                (void) idl_free(idl);
            } else {
                expect_bad(s.data, s.len, "line 2: types nested deeper than 32");
            }
            str_clear(&s);
        }
}

static void test_sizes_are_bounded(void **state) {
    (void) state;
    struct str s = STR_INIT(1 << 20);

    (void) str_puts(&s, HEAD "type A (x0");
    for (int i = 1; i <= 512; i++)
        (void) str_printf(&s, ", x%d", i);
    (void) str_puts(&s, ")");
    expect_bad(s.data, s.len, "more than 512 members");
    str_reset(&s);

    (void) str_puts(&s, HEAD);
    for (int i = 0; i <= 512; i++)
        (void) str_printf(&s, "type A%d ()\n", i);
    expect_bad(s.data, s.len, "line 514: more than 512 declarations");
    str_reset(&s);

    (void) str_puts(&s, HEAD "type A");
    for (int i = 0; i < 200; i++)
        (void) str_putc(&s, 'a');
    (void) str_puts(&s, " ()");
    expect_bad(s.data, s.len, "line 2: a name has 201 letters, the most is 128");
    str_reset(&s);

    while (s.len <= 256 * 1024)
        (void) str_puts(&s, "# nothing to see here, again and again and again\n");
    expect_bad(s.data, s.len, "the most is 262144");
    str_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_the_grammar_has),
        cmocka_unit_test(test_types_may_refer_to_later_ones_and_to_themselves),
        cmocka_unit_test(test_kinds_of_names_are_kept_apart),
        cmocka_unit_test(test_the_text_is_a_copy),
        cmocka_unit_test(test_what_is_refused_and_on_which_line),
        cmocka_unit_test(test_a_nul_is_refused),
        cmocka_unit_test(test_our_files_cut_anywhere),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
