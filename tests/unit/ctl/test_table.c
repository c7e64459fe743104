/* SPDX-License-Identifier: MIT
 * test_table.c - columns that fit, whatever is in them and however narrow the terminal is. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/safe.h"
#include "supervisor/ctl/table.h"

#define PAGE_MAX ((size_t) 1 << 20)

static const struct column columns[] = {
    { .title = "ID", .least = 4, .shrink = 2 },
    { .title = "NAME", .most = 12, .least = 5, .shrink = 1, .drop = 2 },
    { .title = "N", .right = true, .drop = 1 },
    { .title = "STATE" },
};

static void fill(struct table *t) {
    static const char *const cells[] = {
        "org.example.a", "时钟时钟时钟时钟", "7", "up", "b", "", "12345", "down"
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        table_cell(t, i == 3 ? GREEN : PLAIN, cells[i]);
}

static char *print(const struct term *term) {
    struct table t = TABLE_INIT(columns);
    struct str out = STR_INIT(PAGE_MAX);

    fill(&t);
    assert_int_equal(table_print(&t, term, &out), 0);
    table_clear(&t);
    return str_take(&out);
}

static void test_a_pipe_gets_tabs_and_all_of_it(void **state) {
    CLEANUP(free_p) char *page = print(&(struct term){ .utf8 = true });

    (void) state;
    assert_string_equal(page, "ID\tNAME\tN\tSTATE\n"
                              "org.example.a\t时钟时钟时钟时钟\t7\tup\n"
                              "b\t-\t12345\tdown\n");
}

static void test_a_wide_terminal(void **state) {
    CLEANUP(free_p)
    char *page = print(&(struct term){ .terminal = true, .utf8 = true, .width = 99 });

    (void) state;
    /* At most 12 columns of the name: five characters, the ellipsis, and the column left over. */
    assert_string_equal(page, "ID             NAME              N  STATE\n"
                              "org.example.a  时钟时钟时…       7  up\n"
                              "b              -             12345  down\n");
}

static void test_what_matters_less_shrinks_and_goes_first(void **state) {
    CLEANUP(free_p) char *a = print(&(struct term){ .terminal = true, .utf8 = true, .width = 34 });
    CLEANUP(free_p) char *b = print(&(struct term){ .terminal = true, .utf8 = true, .width = 22 });
    CLEANUP(free_p) char *c = print(&(struct term){ .terminal = true, .utf8 = true, .width = 15 });

    (void) state;
    assert_string_equal(a, "ID             NAME       N  STATE\n"
                           "org.example.a  时钟…      7  up\n"
                           "b              -      12345  down\n");
    assert_string_equal(b, "ID        NAME   STATE\n"
                           "org.exa…  时钟…  up\n"
                           "b         -      down\n");
    assert_string_equal(c, "ID        STATE\n"
                           "org.exa…  up\n"
                           "b         down\n");
}

static void test_no_line_is_wider_than_the_terminal(void **state) {
    (void) state;
    for (size_t width = 11; width < 60; width++) { /* what is never dropped needs 4 + 2 + 5 */
        CLEANUP(free_p)
        char *page = print(&(struct term){ .terminal = true, .utf8 = true, .width = width });
        for (char *rest = page, *line; (line = strsep(&rest, "\n"));)
            if (safe_width(line) > width)
                fail_msg("%zu columns on %zu: %s", safe_width(line), width, line);
    }
}

static void test_ascii_has_its_own_ellipsis(void **state) {
    CLEANUP(free_p) char *page = print(&(struct term){ .terminal = true, .width = 15 });

    (void) state;
    assert_non_null(strstr(page, "org.exa~  up\n"));
}

static void test_colour_does_not_count_as_width(void **state) {
    struct term term = { .terminal = true, .utf8 = true, .width = 99, .colour = true };
    CLEANUP(free_p) char *page = print(&term);

    (void) state;
    assert_non_null(strstr(page, "\033[2mID\033[0m             \033[2mNAME\033[0m"));
    assert_non_null(strstr(page, "  7  \033[32mup\033[0m\n"));
}

static void test_text_from_apps_cannot_break_the_table(void **state) {
    struct table t = TABLE_INIT(columns);
    CLEANUP(str_clear_p) struct str out = STR_INIT(PAGE_MAX);

    (void) state;
    table_cell(&t, PLAIN, "a\tb\nc");
    for (int i = 0; i < 3; i++)
        table_cell(&t, PLAIN, "\033");
    assert_int_equal(table_print(&t, &(struct term){ .utf8 = true }, &out), 0);
    assert_string_equal(str_text(&out), "ID\tNAME\tN\tSTATE\na\\tb\\nc\t\\x1b\t\\x1b\t\\x1b\n");
    table_clear(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pipe_gets_tabs_and_all_of_it),
        cmocka_unit_test(test_a_wide_terminal),
        cmocka_unit_test(test_what_matters_less_shrinks_and_goes_first),
        cmocka_unit_test(test_no_line_is_wider_than_the_terminal),
        cmocka_unit_test(test_ascii_has_its_own_ellipsis),
        cmocka_unit_test(test_colour_does_not_count_as_width),
        cmocka_unit_test(test_text_from_apps_cannot_break_the_table),
    };
    (void) setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
