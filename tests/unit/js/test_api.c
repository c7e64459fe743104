/* SPDX-License-Identifier: MIT
 * test_api.c - the table of the API, and canIUse() over it. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/js/api.h"

static void test_versions_compare_by_their_numbers(void **state) {
    static const char *const rising[] = { "",      "1.1.1",  "1.9.9",    "1.9.90", "2.0.2",
                                          "2.9.4", "2.10.0", "2.10.0.1", "3.0.1",  "10" };
    const int n = sizeof rising / sizeof rising[0];

    (void) state;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            int r = api_compare(rising[i], rising[k]);
            assert_int_equal(r < 0 ? -1 : r > 0, i < k ? -1 : i > k);
        }
    assert_int_equal(api_compare("2.1", "2.1.0"), 0);
    assert_int_equal(api_compare("x", ""), 0); /* nonsense is as old as can be */
}

static void test_the_rows_are_well_formed(void **state) {
    (void) state;
    for (const struct api_row *row = api_rows; row->path; row++) {
        for (const char *c = row->since; *c; c++)
            assert_true(isdigit((unsigned char) *c) || *c == '.');
        assert_true(isalpha((unsigned char) row->path[0]));
        assert_null(strchr(row->path, ' '));
        if (row->kind == API_PART)
            assert_non_null(strchr(row->path, '.'));
        for (const struct api_row *other = api_rows; other != row; other++)
            assert_string_not_equal(other->path, row->path);
        if (row->text) {
            assert_null(strpbrk(row->text, "\t\n"));
            assert_true(row->text[strlen(row->text) - 1] != '.');
        }
    }
}

/* A part is of a row that is there, and not older than it. */
static void test_parts_belong_to_a_row(void **state) {
    (void) state;
    for (const struct api_row *row = api_rows; row->path; row++) {
        const struct api_row *owner = NULL;
        if (row->kind != API_PART)
            continue;
        for (const struct api_row *it = api_rows; it->path; it++) {
            size_t n = strlen(it->path);
            if (it->kind != API_PART && strncmp(row->path, it->path, n) == 0 && row->path[n] == '.')
                owner = it;
        }
        if (!owner)
            fail_msg("%s belongs to nothing", row->path);
        if (row->since[0] && owner->since[0])
            assert_true(api_compare(row->since, owner->since) >= 0);
    }
}

static void test_can_i_use(void **state) {
    static const struct {
        const char *path, *library;
        bool has;
    } rows[] = {
        { "getUpdateManager", "1.9.0", false },
        { "getUpdateManager", "1.9.89", false },
        { "getUpdateManager", "1.9.90", true },
        { "getUpdateManager", "3.5.7", true },
        { "UpdateManager.applyUpdate", "1.9.90", true },
        { "UpdateManager.pauseUpdate", "3.5.7", false },
        { "showModal", "1.0.0", true },
        { "showModal.success", "1.0.0", true },
        { "showModal.success.cancel", "1.0.0", false },
        { "showModal.success.cancel", "1.1.0", true },
        { "showModal.success.cancel.x", "3.5.7", false },
        { "showModal.suc", "3.5.7", false },
        { "onAppHide.callback.reason", "3.5.6", false },
        { "onAppHide.callback.reason", "3.5.7", true },
        { "request", "9.9.9", false },
        { "button.open-type.contact", "9.9.9", false },
        { "", "9.9.9", false },
        { ".", "9.9.9", false },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (api_has(rows[i].path, rows[i].library) != rows[i].has)
            fail_msg("%s in %s", rows[i].path, rows[i].library);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_compare_by_their_numbers),
        cmocka_unit_test(test_the_rows_are_well_formed),
        cmocka_unit_test(test_parts_belong_to_a_row),
        cmocka_unit_test(test_can_i_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
