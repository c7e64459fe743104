/* SPDX-License-Identifier: MIT
 * fetch_kit.h - a file, two servers that have it (server.py), and the worker that fetches it. */
#ifndef TESTS_FETCH_KIT_H
#define TESTS_FETCH_KIT_H

#include "worker_kit.h"

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

static inline void start_server(struct server *s, const char *scheme, const char *certificate) {
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

static inline void stop_server(struct server *s) {
    if (s->pid <= 0)
        return;
    close(s->in_fd);
    (void) fclose(s->says);
    (void) kill(s->pid, SIGTERM); /* it may be in the middle of an endless answer */
    (void) waitpid(s->pid, NULL, 0);
}

/* The next request's line: "GET /path bytes=5- "etag"". */
static inline void assert_request(struct server *s, const char *path, const char *range,
                                  const char *if_range) {
    char line[512], want[512];
    (void) snprintf(want, sizeof want, "GET %s %s %s\n", path, range, if_range);
    assert_non_null(fgets(line, sizeof line, s->says));
    assert_string_equal(line, want);
}

/* The server and the certificate it shows are made once. */
static inline int group_set_up(void **state) {
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

static inline int group_tear_down(void **state) {
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

static inline struct try try_of(const struct server *s, const char *path) {
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

static inline void told(struct try *t) { /* as a signed index would have it */
    t->q.size = SIZE;
    memcpy(t->q.sha256, sha256, sizeof sha256);
}

/* Lines of progress only grow (but for a new beginning) and never pass the cap. */
static inline void check_progress(const struct worker *w, const struct try *t) {
    const char *line = str_text(&w->said);
    for (const char *end; (end = strchr(line, '\n')) && end[1]; line = end + 1) {
        struct worker_progress p = { 0 };
        struct err e = { 0 };
        if (worker_progress_parse(line, (size_t) (end - line), &p, &e) != 0)
            fail_msg("%s: %.*s", e.text, (int) (end - line), line);
        assert_true(p.bytes <= t->q.max);
    }
}

static inline void run(struct try *t) {
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

static inline void done(struct try *t) {
    close(t->fd);
}

static inline void assert_whole(struct try *t) {
    char *got = malloc(SIZE + 1);
    if (!t->file.ok)
        fail_msg("%s: %s, %s", t->url, package_fault_name(t->file.fault), t->file.detail);
    assert_int_equal(t->file.size, SIZE);
    assert_string_equal(t->file.sha256, sha256);
    assert_int_equal(pread(t->fd, got, SIZE + 1, 0), SIZE);
    assert_memory_equal(got, content, SIZE);
    free(got);
}

static inline void assert_fault(struct try *t, enum package_fault fault) {
    struct stat st;
    if (t->file.ok || t->file.fault != fault)
        fail_msg("%s: %s, %s", t->url, t->file.ok ? "ok" : package_fault_name(t->file.fault),
                 t->file.detail);
    assert_int_equal(fstat(t->fd, &st), 0);
    assert_true((uint64_t) st.st_size <= t->q.max);
}

#endif
