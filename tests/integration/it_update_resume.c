/* SPDX-License-Identifier: MIT
 * A download that breaks off goes on where it ended when it is tried again: what is there is hashed
 * anew, the rest is asked for by range; a server that answers something else costs one more
 * request, never a wrong version. Source: facts/updates.md §6, 12. */
#include "update_kit.h"

static const struct {
    const char *what, *then; /* how the server behaves once it is back */
    const char *requests[2]; /* the last two for the package: Range and If-Range; NULL: one */
} rows[] = {
    { "the rest is sent", "plain", { "bytes=HALF- \"one\"" } },
    { "all is sent", "ignore-range", { "bytes=HALF- \"one\"" } },
    { "the file has another tag by now", "other-etag", { "bytes=HALF- \"one\"" } },
    { "another part is sent", "wrong-range", { "bytes=HALF- \"one\"", "- -" } },
    { "a part of what is said to be another file",
      "range-of-other",
      { "bytes=HALF- \"one\"", "- -" } },
    { "no part at all", "416", { "bytes=HALF- \"one\"", "- -" } },
};

/* The lines of requests for packages behind `from`, in order. */
static void assert_asked(size_t from, int code, const char *then, const char *const wanted[2]) {
    char half[24], line[256], path[64], want[160];
    const char *at = asked_for() + from;
    struct stat st;

    (void) snprintf(path, sizeof path, "%s/www/one-%d.ma", h.packages, code);
    assert_int_equal(stat(path, &st), 0);
    (void) snprintf(half, sizeof half, "%lld", (long long) st.st_size / 2);
    for (size_t i = 0; i < 2 && wanted[i]; i++) {
        const char *mark = strstr(wanted[i], "HALF");
        do {
            assert_int_equal(sscanf(at, "%255[^\n]", line), 1);
            at += strlen(line) + 1;
        } while (!strstr(line, ".ma "));
        (void) snprintf(want, sizeof want, "GET /stumble/%s/one-%d.ma %.*s%s%s", then, code,
                        mark ? (int) (mark - wanted[i]) : 100, wanted[i], mark ? half : "",
                        mark ? mark + 4 : "");
        assert_string_equal(line, want);
    }
    assert_null(strstr(at, ".ma "));
}

static void test_it_goes_on_where_it_ended(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = (int) i + 2;
        char codes[12];
        print_message("%s\n", rows[i].what);
        pack(code, NULL);
        (void) snprintf(codes, sizeof codes, "%d", code);
        make_index((unsigned) code, codes, "");
        sh("sed -i 's,/plain/one,/stumble/%s/one,' index.json", rows[i].then);
        publish_json("key.sec");
        checks(true, code);
        hears("failed", code, "network"); /* half of it, and then nobody there */
        size_t before = strlen(asked_for());
        checks(true, code);
        hears("ready", code, NULL);
        assert_asked(before, code, rows[i].then, rows[i].requests);
    }
    finish();
}

/* What is left of one file is never the beginning of another. */
static void test_not_with_another_version(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    pack(2, NULL);
    make_index(2, "2", "");
    sh("sed -i 's,/plain/one,/stumble/plain/one,' index.json");
    publish_json("key.sec");
    checks(true, 2);
    hears("failed", 2, "network");
    pack(3, NULL);
    publish(3, "3", "");
    checks(true, 3);
    hears("ready", 3, NULL);
    assert_non_null(strstr(asked_for(), "GET /plain/one-3.ma - -\n"));
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_goes_on_where_it_ended, start, end),
        cmocka_unit_test_setup_teardown(test_not_with_another_version, start, end),
    };
    return cmocka_run_group_tests_name("downloads that break off", tests, NULL, NULL);
}
