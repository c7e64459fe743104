/* SPDX-License-Identifier: MIT
 * Fetching through the real worker from a server that behaves well or badly (server.py), and from
 * files of this machine. */
#include "worker_kit.h"

#include <ctype.h>

#define SIZE 100000 /* of the file that is fetched */

static struct scratch scratch;
static char *content, sha256[FILELIST_HASH_HEX + 1];

struct server {
    pid_t pid;
    int in_fd; /* it lives until this is closed */
    FILE *says;
    int port;
    const char *scheme;
};
static struct server plain, secure;

static void start_server(struct server *s, const char *scheme, const char *certificate) {
    int in[2], out[2];
    char text[32];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    s->scheme = scheme;
    s->pid = fork();
    if (s->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        if (chdir(scratch.path) < 0)
            _exit(90);
        execlp("python3", "python3", source_path("tests/integration/server.py"), ".", certificate,
               certificate ? "key.pem" : NULL, NULL);
        _exit(91);
    }
    close(in[0]);
    close(out[1]);
    s->in_fd = in[1];
    s->says = fdopen(out[0], "r");
    if (!fgets(text, sizeof text, s->says) || (s->port = atoi(text)) == 0)
        fail_msg("the server did not start");
}

static void stop_server(struct server *s) {
    if (s->pid <= 0)
        return;
    close(s->in_fd);
    (void) fclose(s->says);
    (void) kill(s->pid, SIGTERM); /* it may be in the middle of an endless answer */
    (void) waitpid(s->pid, NULL, 0);
}

/* The next request's line: "GET /path bytes=5- "etag"". */
static void assert_request(struct server *s, const char *path, const char *range,
                           const char *if_range) {
    char line[512], want[512];
    (void) snprintf(want, sizeof want, "GET %s %s %s\n", path, range, if_range);
    assert_non_null(fgets(line, sizeof line, s->says));
    assert_string_equal(line, want);
}

/* The server and the certificate it shows are made once. */
static int group_set_up(void **state) {
    (void) state;
    scratch = scratch_make();
    assert_int_equal(fchmod(scratch.fd, 0755), 0);
    shell(&scratch,
          "head -c %d /dev/urandom >file && sha256sum file | cut -c1-64 >sum && openssl req -x509 "
          "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days "
          "2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1",
          SIZE);
    char *sum = NULL;
    size_t len = 0;
    assert_int_equal(fs_read(scratch.fd, "sum", 100, &sum, NULL, NULL), 0);
    memcpy(sha256, sum, FILELIST_HASH_HEX);
    free(sum);
    assert_int_equal(fs_read(scratch.fd, "file", SIZE, &content, &len, NULL), 0);
    start_server(&plain, "http", NULL);
    start_server(&secure, "https", "cert.pem");
    return 0;
}

static int group_tear_down(void **state) {
    (void) state;
    stop_server(&plain);
    stop_server(&secure);
    free(content);
    scratch_remove(&scratch);
    return 0;
}

/* --- one fetch ----------------------------------------------------------------------------- */

struct try {
    struct worker_request q;
    const char *environment;
    size_t before; /* bytes of the right file that are there already */
    bool spoilt;   /* … of which the first is wrong */
    bool as_root;

    struct worker_file file; /* what came of it */
    int fd;
    char url[512];
};

static struct try try_of(const struct server *s, const char *path) {
    struct try t = { .q = WORKER_REQUEST_INIT, .fd = -1 };
    t.q.max = 1 << 20;
    t.q.timeout_ms = 60000;
    t.q.allow_http = true;
    if (s)
        (void) snprintf(t.url, sizeof t.url, "%s://127.0.0.1:%d%s", s->scheme, s->port, path);
    else
        (void) snprintf(t.url, sizeof t.url, "%s", path);
    return t;
}

static void told(struct try *t) { /* as a signed index would have it */
    t->q.size = SIZE;
    memcpy(t->q.sha256, sha256, sizeof sha256);
}

/* Lines of progress only grow (but for a new beginning) and never pass the cap. */
static void check_progress(const struct worker *w, const struct try *t) {
    const char *line = str_text(&w->said);
    for (const char *end; (end = strchr(line, '\n')) && end[1]; line = end + 1) {
        struct worker_progress p = { 0 };
        struct err e = { 0 };
        if (worker_progress_parse(line, (size_t) (end - line), &p, &e) != 0)
            fail_msg("%s: %.*s", e.text, (int) (end - line), line);
        assert_true(p.bytes <= t->q.max);
    }
}

static void run(struct try *t) {
    t->fd = memory_file(content, t->before);
    if (t->spoilt)
        assert_int_equal(pwrite(t->fd, "\xA5\x5A\xA5\x5A", 4, 0), 4);
    t->q.url = t->url;
    struct worker w = { .job = "fetch",
                        .fd3 = t->fd,
                        .fd6 = -1,
                        .request = &t->q,
                        .environment = t->environment,
                        .as_root = t->as_root };
    worker_run_once(&w);
    t->file = worker_file_of(&w);
    if (w.status != 0)
        fail_msg("%s: %x, %s", t->url, w.status, w.error);
    check_progress(&w, t);
    worker_clear(&w);
}

static void done(struct try *t) {
    close(t->fd);
}

static void assert_whole(struct try *t) {
    char *got = malloc(SIZE + 1);
    if (!t->file.ok)
        fail_msg("%s: %s, %s", t->url, package_fault_name(t->file.fault), t->file.detail);
    assert_int_equal(t->file.size, SIZE);
    assert_string_equal(t->file.sha256, sha256);
    assert_int_equal(pread(t->fd, got, SIZE + 1, 0), SIZE);
    assert_memory_equal(got, content, SIZE);
    free(got);
}

static void assert_fault(struct try *t, enum package_fault fault) {
    struct stat st;
    if (t->file.ok || t->file.fault != fault)
        fail_msg("%s: %s, %s", t->url, t->file.ok ? "ok" : package_fault_name(t->file.fault),
                 t->file.detail);
    assert_int_equal(fstat(t->fd, &st), 0);
    assert_true((uint64_t) st.st_size <= t->q.max);
}

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
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_another_file_than_the_index_names),
        cmocka_unit_test(test_what_takes_too_long),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_what_is_not_allowed),
        cmocka_unit_test(test_a_request_that_is_none),
        cmocka_unit_test(test_https),
        cmocka_unit_test(test_local_files),
    };
    return cmocka_run_group_tests_name("fetching", tests, group_set_up, group_tear_down);
}
