/* SPDX-License-Identifier: MIT
 * Fetching through the real worker: whole files, the rest of files, files of this machine. */
#include "fetch_kit.h"

/* --- what works ---------------------------------------------------------------------------- */

static void test_a_file_is_fetched(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file");
    run(&t);
    assert_whole(&t);
    assert_string_equal(t.file.etag, "\"one\"");
    assert_request(&plain, "/plain/file", "-", "-");
    done(&t);
    t = try_of(&plain, "/chunked/file");
    told(&t);
    run(&t);
    assert_whole(&t);
    assert_string_equal(t.file.etag, "");
    assert_request(&plain, "/chunked/file", "-", "-");
    done(&t);
}

/* What is there already and was not to be gone on with is forgotten. */
static void test_without_resume_it_begins_anew(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file?anew");
    told(&t);
    t.before = 5000;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/plain/file?anew", "-", "-");
    done(&t);
    /* Nor is it without anything to tell two files apart by. */
    t = try_of(&plain, "/plain/file?bare");
    t.q.resume = true;
    t.before = 5000;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/plain/file?bare", "-", "-");
    done(&t);
}

static void test_resume(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file?resume");
    t.q.resume = true;
    t.q.etag = (char *) (uintptr_t) "\"one\"";
    t.before = 5000;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/plain/file?resume", "bytes=5000-", "\"one\"");
    done(&t);

    /* By the hash alone. */
    t = try_of(&plain, "/weak/file?resume");
    told(&t);
    t.q.resume = true;
    t.q.etag = (char *) (uintptr_t) "W/\"one\"";
    t.before = SIZE - 1;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/weak/file?resume", "bytes=99999-", "-");
    done(&t);

    /* All is there: nobody is asked. */
    t = try_of(&plain, "/status/500");
    told(&t);
    t.q.resume = true;
    t.before = SIZE;
    run(&t);
    assert_whole(&t);
    done(&t);
}

/* As long as the right file, and not it. */
static void test_a_full_part_that_is_wrong(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file?full");
    told(&t);
    t.q.resume = true;
    t.before = SIZE;
    t.spoilt = true;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/plain/file?full", "-", "-");
    done(&t);
}

/* Each goes on behind what is there, and then begins once more from the start. */
static void test_a_resume_that_does_not_fit_begins_anew_once(void **state) {
    (void) state;
    static const char *const paths[] = { "/wrong-range/file", "/bad-range/file", "/416/file",
                                         "/range-of-other/file" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct try t = try_of(&plain, paths[i]);
        told(&t);
        t.q.resume = true;
        t.q.etag = (char *) (uintptr_t) "\"one\"";
        t.before = 5000;
        run(&t);
        assert_whole(&t);
        assert_request(&plain, paths[i], "bytes=5000-", "\"one\"");
        assert_request(&plain, paths[i], "-", "-");
        done(&t);
    }
}

/* The whole comes at once: no second request. */
static void test_a_server_without_ranges(void **state) {
    (void) state;
    static const char *const paths[] = { "/ignore-range/file", "/other-etag/file" };
    for (size_t i = 0; i < 2; i++) {
        struct try t = try_of(&plain, paths[i]);
        told(&t);
        t.q.resume = true;
        t.q.etag = (char *) (uintptr_t) "\"one\"";
        t.before = 5000;
        run(&t);
        assert_whole(&t);
        assert_request(&plain, paths[i], "bytes=5000-", "\"one\"");
        done(&t);
    }
}

/* The server goes on honestly, but what was there was not of this file. */
static void test_a_wrong_beginning_is_found_by_the_hash(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file?spoilt");
    told(&t);
    t.q.resume = true;
    t.before = 5000;
    t.spoilt = true;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/plain/file?spoilt", "bytes=5000-", "-");
    assert_request(&plain, "/plain/file?spoilt", "-", "-");
    done(&t);
}

static void test_a_broken_line_is_gone_on_with(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/truncated-once/file");
    told(&t);
    t.q.resume = true;
    run(&t);
    assert_whole(&t);
    assert_request(&plain, "/truncated-once/file", "-", "-");
    assert_request(&plain, "/truncated-once/file", "bytes=50000-", "\"one\"");
    done(&t);
}

/* --- files of this machine ----------------------------------------------------------------- */

static void local(const char *name, bool as_url, enum package_fault fault) {
    char url[256];
    (void) snprintf(url, sizeof url, "%s%s/%s", as_url ? "file://" : "", scratch.path, name);
    struct try t = try_of(NULL, url);
    t.q.allow_file = true;
    t.q.resume = true; /* means nothing here */
    t.before = 10;
    run(&t);
    if (fault == PACKAGE_OK)
        assert_whole(&t);
    else
        assert_fault(&t, fault);
    done(&t);
}

static void test_local_files(void **state) {
    (void) state;
    shell(&scratch, "cp file 'a b' && ln -s file link && mkfifo fifo && mkdir folder && cp file "
                    "large && truncate -s 2M large");
    local("file", false, PACKAGE_OK);
    local("a b", false, PACKAGE_OK);
    local("a%20b", true, PACKAGE_OK);
    local("link", false, PACKAGE_OK); /* by the caller's own rights */
    local("a%20b", false, PACKAGE_MISSING);
    local("nothing", true, PACKAGE_MISSING);
    local("file/x", false, PACKAGE_MISSING);
    local("fifo", false, PACKAGE_TYPE);
    local("folder", false, PACKAGE_TYPE);
    local("../../../dev/zero", false, PACKAGE_TYPE);
    local("large", false, PACKAGE_LIMITS);
    if (geteuid() != 0)
        return;
    shell(&scratch, "cp file secret && chmod 600 secret");
    local("secret", false, PACKAGE_PATH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_fetched),
        cmocka_unit_test(test_without_resume_it_begins_anew),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_a_full_part_that_is_wrong),
        cmocka_unit_test(test_a_resume_that_does_not_fit_begins_anew_once),
        cmocka_unit_test(test_a_server_without_ranges),
        cmocka_unit_test(test_a_wrong_beginning_is_found_by_the_hash),
        cmocka_unit_test(test_a_broken_line_is_gone_on_with),
        cmocka_unit_test(test_local_files),
    };
    return cmocka_run_group_tests_name("fetching", tests, group_set_up, group_tear_down);
}
