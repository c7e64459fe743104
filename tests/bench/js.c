/* SPDX-License-Identifier: MIT
 * js.c - a JavaScript app's cold start and memory beside a bare process that makes a context of the
 * same engine and evaluates the same file.
 *
 * Both take the time in the script, Date.now() in onLaunch: whole milliseconds, cut on both sides
 * alike. The two alternate, after the same rest. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "tests/bench/bench.h"

#define ID "org.bench.js"

static const char app_js[] =
    "App({ onLaunch(o) { console.log(Date.now(), o && o.query.round) } })\n";

static const char *built(const char *name) {
    static char path[4096];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(path, sizeof path, "%s/%s", build ? build : "build/release", name);
    return path;
}

static void put(const char *folder, const char *name, const char *text) {
    char path[256];
    struct err e = { 0 };
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    if (fs_replace(AT_FDCWD, path, text, strlen(text), 0644, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

static void make_app(struct harness *h, char folder[128]) {
    char pages[160];
    (void) snprintf(folder, 128, "%s/" ID, h->packages);
    (void) snprintf(pages, sizeof pages, "%s/pages", folder);
    assert_int_equal(fs_mkdirs(pages, 0755, NULL), 0);
    put(folder, "manifest.json",
        "{\"app_id\":\"" ID "\",\"name\":\"Empty\",\"icons\":[{\"src\":\"i.svg\"}],"
        "\"pages\":[\"pages/index\"],\"version\":{\"code\":1,\"name\":\"1.0.0\"},"
        "\"platform_version\":{\"min_code\":1}}");
    put(folder, "app.css", "");
    put(folder, "app.js", app_js);
    put(folder, "pages/index.js", "Page({})\n");
    harness_ok(h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}

static uint64_t wall_ns(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static uint64_t since(uint64_t t0, unsigned long long launched_ms) {
    uint64_t t = (uint64_t) launched_ms * 1000000 + 500000; /* the middle of it */
    return t > t0 ? t - t0 : 0;
}

static double anonymous_kb(pid_t pid) {
    char path[64], text[4096];
    (void) snprintf(path, sizeof path, "/proc/%d/status", (int) pid);
    assert_true(fs_read_into(AT_FDCWD, path, text, sizeof text) > 0);
    const char *at = strstr(text, "RssAnon:");
    return at ? strtod(at + strlen("RssAnon:"), NULL) : 0;
}

static uint64_t ours_once(struct harness *h, int round, double *ret_kb) {
    unsigned long long ms = 0;
    char end[32];

    (void) snprintf(end, sizeof end, " round %d.", round);
    uint64_t t0 = wall_ns();
    harness_ok(h, "Open",
               "{\"id\":\"" ID "\",\"path\":\"pages/index\",\"query\":{\"round\":\"%s\"}}",
               end + 1);
    harness_wait_log(h, ID, end);
    CLEANUP(free_p) char *log = harness_log(h, ID);
    char *at = strstr(log, end);
    assert_non_null(at);
    *at = '\0';
    assert_int_equal(sscanf(strrchr(log, ' '), " %llu", &ms), 1);
    *ret_kb = anonymous_kb(harness_pid(h, ID));
    harness_ok(h, "Kill", "{\"id\":\"" ID "\"}");
    return since(t0, ms);
}

static uint64_t bare_once(const char *folder, double *ret_kb) {
    int out[2], in[2];
    unsigned long long ms = 0;
    char path[160], program[4096];

    (void) snprintf(path, sizeof path, "%s/app.js", folder);
    (void) snprintf(program, sizeof program, "%s", built("tests/integration/app_bare_js"));
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    uint64_t t0 = wall_ns();
    pid_t pid = vfork();
    if (pid == 0) {
        (void) dup2(in[0], 0);
        (void) dup2(out[1], 1);
        (void) execl(program, program, path, (char *) NULL);
        _exit(127);
    }
    (void) close(out[1]);
    (void) close(in[0]);
    FILE *f = fdopen(out[0], "r");
    assert_int_equal(fscanf(f, "%llu", &ms), 1);
    *ret_kb = anonymous_kb(pid);
    (void) close(in[1]); /* its end */
    (void) waitpid(pid, NULL, 0);
    (void) fclose(f);
    return since(t0, ms);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

void bench_js(int rounds) {
    struct bench_samples ours = { 0 }, floor = { 0 };
    double ours_kb[64], bare_kb[64];
    char folder[128];
    struct harness h;

    if (access(built("miniprog-js"), X_OK) < 0) {
        (void) printf("miniprog-js was not built: no rows of it\n");
        return;
    }
    if (rounds > 64)
        rounds = 64;
    bench_start(&h, NULL);
    make_app(&h, folder);
    (void) ours_once(&h, -1, &ours_kb[0]); /* the first start of a version is put on the disk */
    for (int i = 0; i < rounds; i++) {
        bench_settle();
        bench_add(&floor, bare_once(folder, &bare_kb[i]));
        bench_settle();
        bench_add(&ours, ours_once(&h, i, &ours_kb[i]));
    }
    harness_stop(&h);
    bench_row_samples("cold start of an empty JavaScript app, Open to onLaunch", &ours, &floor,
                      "<= 1.3 x", "floor: vfork, exec, a bare context, the same file");
    qsort(ours_kb, (size_t) rounds, sizeof ours_kb[0], by_size);
    qsort(bare_kb, (size_t) rounds, sizeof bare_kb[0], by_size);
    bench_row("resident anonymous memory of it", ours_kb[rounds / 2] / 1024,
              bare_kb[rounds / 2] / 1024, "MB", "<= 1.5 x", "right after onLaunch");
}
