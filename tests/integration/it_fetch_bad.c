/* SPDX-License-Identifier: MIT
 * Fetching through the real worker from servers that misbehave, and what is not to be fetched. */
#include "fetch_kit.h"

/* --- what does not ------------------------------------------------------------------------- */

/* rest: the request's, beside URL and caps. */
static void refused(const char *path, bool is_told, enum package_fault fault, const char *says) {
    struct try t = try_of(&plain, path);
    if (is_told)
        told(&t);
    run(&t);
    assert_fault(&t, fault);
    if (!strstr(t.file.detail, says))
        fail_msg("%s: %s", path, t.file.detail);
    done(&t);
}

static void drain_requests(struct server *s) {
    struct try t = try_of(s, "/status/418?mark");
    char line[512];
    run(&t);
    done(&t);
    while (fgets(line, sizeof line, s->says) && !strstr(line, "?mark"))
        ;
}

static void test_bad_answers(void **state) {
    (void) state;
    static const struct {
        const char *path;
        bool told;
        enum package_fault fault;
        const char *says;
    } rows[] = {
        { "/endless/file", false, PACKAGE_LIMITS, "more than 1048576 bytes" },
        { "/endless/file", true, PACKAGE_LIMITS, "more than 100000 bytes" },
        { "/endless-untold/file", true, PACKAGE_LIMITS, "more than 100000 bytes" },
        { "/tenfold/file", true, PACKAGE_HASH, "has 1000000 bytes, not 100000" },
        { "/tenfold-untold/file", true, PACKAGE_LIMITS, "more than 100000 bytes" },
        { "/truncated/file", true, PACKAGE_NETWORK, "cannot be fetched" },
        { "/truncated/file", false, PACKAGE_NETWORK, "cannot be fetched" },
        { "/truncated-untold/file", false, PACKAGE_NETWORK, "cannot be fetched" },
        { "/gzip/file", false, PACKAGE_FORMAT, "packed it" },
        { "/gzip-transfer/file", false, PACKAGE_LIMITS, "more than 1048576 bytes" },
        { "/garbage/", false, PACKAGE_NETWORK, "cannot be fetched" },
        { "/headers/", false, PACKAGE_NETWORK, "cannot be fetched" },
        { "/always-wrong-range/file", true, PACKAGE_NETWORK, "a part where all was asked for" },
        { "/range-total/file", true, PACKAGE_NETWORK, "a part where all was asked for" },
        { "/status/404", false, PACKAGE_MISSING, "no such file (404)" },
        { "/status/410", false, PACKAGE_MISSING, "(410)" },
        { "/status/403", false, PACKAGE_NETWORK, "answered 403" },
        { "/status/503", false, PACKAGE_NETWORK, "answered 503" },
        { "/status/204", false, PACKAGE_NETWORK, "answered 204" },
        { "/status/304", false, PACKAGE_NETWORK, "answered 304" },
        { "/status/416", false, PACKAGE_NETWORK, "answered 416" },
        { "/loop/0", false, PACKAGE_NETWORK, "redirects" },
        { "/redirect/?to=file:///etc/passwd", false, PACKAGE_NETWORK, "not allowed" },
        { "/redirect/?to=ftp://127.0.0.1/x", false, PACKAGE_NETWORK, "not allowed" },
        { "/redirect/?to=gopher://127.0.0.1/x", false, PACKAGE_NETWORK, "not allowed" },
        { "/redirect/?to=/status/404", false, PACKAGE_MISSING, "404" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(rows[i].path, rows[i].told, rows[i].fault, rows[i].says);
    drain_requests(&plain);
}

static void test_another_file_than_the_index_names(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file");
    told(&t);
    t.q.sha256[0] = t.q.sha256[0] == '0' ? '1' : '0';
    run(&t);
    assert_fault(&t, PACKAGE_HASH);
    done(&t);
    t = try_of(&plain, "/plain/file");
    t.q.size = SIZE + 1;
    run(&t);
    assert_fault(&t, PACKAGE_HASH);
    done(&t);
    t = try_of(&plain, "/plain/file");
    t.q.max = SIZE - 1;
    run(&t);
    assert_fault(&t, PACKAGE_LIMITS);
    done(&t);
    drain_requests(&plain);
}

static void test_what_takes_too_long(void **state) {
    (void) state;
    static const char *const paths[] = { "/drip/file", "/hang/", "/hang-after-head/" };
    for (size_t i = 0; i < 3; i++) {
        struct try t = try_of(&plain, paths[i]);
        t.q.timeout_ms = 700;
        run(&t);
        assert_fault(&t, PACKAGE_NETWORK);
        assert_non_null(strstr(t.file.detail, "too long"));
        done(&t);
    }
    drain_requests(&plain);
}

static void test_nobody_there(void **state) {
    (void) state;
    struct try t = try_of(NULL, "http://127.0.0.1:1/file");
    run(&t);
    assert_fault(&t, PACKAGE_NETWORK);
    done(&t);
    t = try_of(NULL, "http://no-such-host.invalid/file");
    run(&t);
    assert_fault(&t, PACKAGE_NETWORK);
    done(&t);
}

static void test_what_is_not_allowed(void **state) {
    (void) state;
    struct try t = try_of(&plain, "/plain/file");
    t.q.allow_http = false;
    run(&t);
    assert_fault(&t, PACKAGE_NETWORK);
    assert_non_null(strstr(t.file.detail, "allow_http"));
    done(&t);
    static const char *const urls[] = { "ftp://127.0.0.1/x",   "file:///etc/passwd", "/etc/passwd",
                                        "gopher://127.0.0.1/", "javascript:x",       "" };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        t = try_of(NULL, urls[i]);
        run(&t);
        assert_fault(&t, PACKAGE_NETWORK);
        done(&t);
    }
}

/* A complaint of this machine is no fault of the file. */
static void test_a_request_that_is_none(void **state) {
    (void) state;
    int fd = memory_file("", 0);
    struct worker_request q = WORKER_REQUEST_INIT;
    struct worker w = { .job = "fetch", .fd3 = fd, .fd6 = -1, .request = &q };
    worker_run_once(&w);
    assert_int_equal(WEXITSTATUS(w.status), 1);
    assert_int_equal(worker_file_of(&w).fault, PACKAGE_STORAGE);
    worker_clear(&w);
    close(fd);
}

/* --- TLS ----------------------------------------------------------------------------------- */

static void test_https(void **state) {
    (void) state;
    char environment[128], to_plain[256];
    (void) snprintf(environment, sizeof environment, "SSL_CERT_FILE=%s/cert.pem", scratch.path);
    struct try t = try_of(&secure, "/plain/file");
    t.q.allow_http = false;
    t.environment = environment;
    told(&t);
    run(&t);
    assert_whole(&t);
    assert_request(&secure, "/plain/file", "-", "-");
    done(&t);

    /* Nobody vouches for it: not even asked. */
    t = try_of(&secure, "/plain/file");
    run(&t);
    assert_fault(&t, PACKAGE_NETWORK);
    assert_non_null(strstr(t.file.detail, "certificate"));
    done(&t);

    /* Never to a weaker protocol, allowed or not. */
    (void) snprintf(to_plain, sizeof to_plain, "/redirect/?to=http://127.0.0.1:%d/plain/file",
                    plain.port);
    t = try_of(&secure, to_plain);
    t.environment = environment;
    run(&t);
    assert_fault(&t, PACKAGE_NETWORK);
    assert_non_null(strstr(t.file.detail, "not allowed"));
    done(&t);
    assert_request(&secure, to_plain, "-", "-");

    /* The other way it may go. */
    (void) snprintf(to_plain, sizeof to_plain, "/redirect/?to=https://127.0.0.1:%d/plain/file",
                    secure.port);
    t = try_of(&plain, to_plain);
    t.environment = environment;
    run(&t);
    assert_whole(&t);
    done(&t);
    drain_requests(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_another_file_than_the_index_names),
        cmocka_unit_test(test_what_takes_too_long),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_what_is_not_allowed),
        cmocka_unit_test(test_a_request_that_is_none),
        cmocka_unit_test(test_https),
    };
    return cmocka_run_group_tests_name("fetching what is bad", tests, group_set_up,
                                       group_tear_down);
}
