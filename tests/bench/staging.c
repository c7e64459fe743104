/* SPDX-License-Identifier: MIT
 * staging.c - a package on its way in: what staging costs beside unpacking by another tool and one
 * sync, what its steps cost, and what somebody's hot start notices of it.
 *
 * On a disk, other than the rest of the bench: a store on a tmpfs has nothing to sync; $BENCH_DISK
 * is a folder on it, else /tmp. Every installation is of another version, since what is there
 * already costs less. Nobody pays for another one: the disk is synced before each measurement, ours
 * waits until the version before the last has been collected, and what the floor has unpacked stays
 * to the end (ext4 without a journal looks at every inode that was freed a moment ago). */
#include <spawn.h>

#include "supervisor/base/cleanup.h"
#include "tests/bench/bench.h"
#include "tests/integration/worker_kit.h"

#define FILES 200
#define SIZE  20000 /* bytes of each, half of them random */
#define ID    "org.bench.large"

extern char **environ;

/* --- packages ----------------------------------------------------------------------------- */

/* FOLDER/<code>.ma for codes 1 to n, signed. */
static void make_packages(struct scratch *s, int n) {
    shell(s,
          "mkdir app && for i in $(seq %d); do { head -c %d /dev/urandom; head -c %d /dev/zero; "
          "} >app/$i; done && minisign -G -W -p key.pub -s key.sec",
          FILES, SIZE / 2, SIZE / 2);
    for (int code = 1; code <= n; code++)
        shell(s,
              "echo '{\"app_id\":\"" ID "\",\"name\":\"L\",\"version\":{\"code\":%d},\"miniprog\":{"
              "\"exec\":[\"/bin/true\"]}}' >app/manifest.json && %s pack app --output=%d.ma",
              code, worker_path(), code);
    shell(s, "minisign -S -s key.sec -m 1.ma && chmod 644 *.ma");
}

/* Runs it to its end; false: there is no such program, or it failed. */
static bool run(char *const argv[], uint64_t *ret_ns) {
    posix_spawn_file_actions_t quiet;
    int status = -1;
    pid_t pid;

    (void) posix_spawn_file_actions_init(&quiet);
    (void) posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    (void) posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    uint64_t t0 = bench_now();
    if (posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) == 0)
        (void) waitpid(pid, &status, 0);
    *ret_ns = bench_now() - t0;
    (void) posix_spawn_file_actions_destroy(&quiet);
    return status == 0;
}

static bool has(const char *program) {
    char *const argv[] = { (char *) (uintptr_t) program, (char *) (uintptr_t) "--version", NULL };
    uint64_t ns;
    return run(argv, &ns) || strcmp(program, "minisign") == 0; /* that one has -v alone */
}

/* bsdtar and, if that is wanted, one sync. */
static uint64_t unzip_once(struct scratch *s, int code, bool sync) {
    char package[192], into[160];
    char *const argv[] = { (char *) (uintptr_t) "bsdtar",
                           (char *) (uintptr_t) "-xf",
                           package,
                           (char *) (uintptr_t) "-C",
                           into,
                           NULL };
    static unsigned count;
    uint64_t ns;

    (void) snprintf(package, sizeof package, "%s/%d.ma", s->path, code);
    (void) snprintf(into, sizeof into, "%s/out%u", s->path, count);
    shell(s, "mkdir out%u", count++);
    assert_int_equal(syncfs(s->fd), 0);
    assert_true(run(argv, &ns));
    uint64_t t0 = bench_now();
    if (sync)
        assert_int_equal(syncfs(s->fd), 0);
    return ns + bench_now() - t0;
}

static uint64_t install_once(struct harness *h, struct scratch *s, int code) {
    struct varlink_reply reply;

    assert_int_equal(syncfs(s->fd), 0);
    uint64_t t0 = bench_now();
    harness_ok(h, "Install", "{\"source\":\"%s/%d.ma\",\"unsigned\":true}", s->path, code);
    uint64_t ns = bench_now() - t0;
    /* Refused, but only after what stands in line before it. */
    harness_call(h, &reply, "Install", "{\"source\":\"%s/0.ma\",\"unsigned\":true}", s->path);
    assert_non_null(reply.error);
    varlink_reply_clear(&reply);
    return ns;
}

/* --- steps -------------------------------------------------------------------------------- */

static uint64_t unpack_once(struct scratch *s) {
    int package = open_in(s, "1.ma"), stage = -1;
    assert_int_equal(syncfs(s->fd), 0);
    uint64_t t0 = bench_now();
    struct worker_result result = unpack(s, package, NULL, &stage);
    uint64_t ns = bench_now() - t0;
    assert_true(result.ok);
    close(package);
    close(stage);
    return ns;
}

static uint64_t verify_once(struct scratch *s, char **keys) {
    struct worker_request q = WORKER_REQUEST_INIT;
    int package = open_in(s, "1.ma"), signature = open_in(s, "1.ma.minisig");

    q.keys = keys;
    uint64_t t0 = bench_now();
    struct worker w = { .job = "verify", .fd3 = package, .fd6 = signature, .request = &q };
    worker_run_once(&w);
    uint64_t ns = bench_now() - t0;
    assert_true(worker_file_of(&w).ok);
    worker_clear(&w);
    close(package);
    close(signature);
    return ns;
}

static uint64_t minisign_once(struct scratch *s) {
    char key[160], package[160];
    char *const argv[] = { (char *) (uintptr_t) "minisign",
                           (char *) (uintptr_t) "-V",
                           (char *) (uintptr_t) "-p",
                           key,
                           (char *) (uintptr_t) "-m",
                           package,
                           NULL };
    uint64_t ns;

    (void) snprintf(key, sizeof key, "%s/key.pub", s->path);
    (void) snprintf(package, sizeof package, "%s/1.ma", s->path);
    assert_true(run(argv, &ns));
    return ns;
}

static void steps(struct scratch *s, int rounds) {
    struct bench_samples ours = { 0 }, floor = { 0 }, verify = { 0 }, minisign = { 0 };
    char *keys[2] = { NULL };

    assert_int_equal(fs_read(s->fd, "key.pub", 4096, &keys[0], NULL, NULL), 0);
    for (int i = 0; i < rounds; i++) {
        bench_add(&floor, unzip_once(s, 1, false));
        bench_add(&ours, unpack_once(s));
        bench_add(&minisign, minisign_once(s));
        bench_add(&verify, verify_once(s, keys));
    }
    free(keys[0]);
    bench_row_samples("unpack: the worker, 200 files, 4 MB", &ours, &floor, "", "floor: bsdtar -x");
    bench_row_samples("verify: the worker, a signature over 2 MB", &verify, &minisign, "",
                      "floor: minisign -V");
}

/* --- beside somebody's start -------------------------------------------------------------- */

static const char quick[] = "[lifecycle]\nsuspend_after=100ms\ndestroy_after=0\nmax_warm=0\n";

/* Installs one version after the other, over and over, until it is killed. */
static pid_t stage_on(struct harness *h, struct scratch *s, int n) {
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    struct client *client = NULL;
    if (client_open(h->control, &client, NULL) < 0)
        _exit(1);
    for (int i = 0;; i++) {
        struct varlink_reply reply = { 0 };
        char parameters[256];
        /* Removed each time, so that every version is new. */
        (void) client_call(client, "org.miniprog.Supervisor.Remove", "{\"id\":\"" ID "\"}", &reply,
                           NULL);
        varlink_reply_clear(&reply);
        (void) snprintf(parameters, sizeof parameters,
                        "{\"source\":\"%s/%d.ma\",\"unsigned\":true}", s->path, i % n + 1);
        if (client_call(client, "org.miniprog.Supervisor.Install", parameters, &reply, NULL) < 0)
            _exit(1);
        varlink_reply_clear(&reply);
    }
}

static uint64_t hot_once(struct harness *h, const char *id) {
    harness_ok(h, "Hide", "{\"id\":\"%s\"}", id);
    harness_wait_state(h, id, "suspended", NULL);
    uint32_t before = bench_clock->shows;
    uint64_t t0 = bench_now();
    harness_ok(h, "Open", "{\"id\":\"%s\"}", id);
    bench_wait(&bench_clock->shows, before);
    return bench_clock->show_ns - t0;
}

static void beside(struct scratch *s, int rounds, int n) {
    static struct harness h;
    struct bench_samples with = { 0 }, without = { 0 };
    struct varlink_reply reply;
    char id[32];

    bench_start(&h, quick);
    bench_install(&h, 0);
    bench_id(id, 0);
    harness_ok(&h, "Open", "{\"id\":\"%s\"}", id);
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 10; k++)
            bench_add(&without, hot_once(&h, id));
        pid_t pid = stage_on(&h, s, n);
        for (int k = 0; k < 10; k++)
            bench_add(&with, hot_once(&h, id));
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        /* The installer takes one at a time, so this one is answered when no other is left: some
         * version may be there by now, and it does not matter which. */
        harness_call(&h, &reply, "Install", "{\"source\":\"%s/1.ma\",\"unsigned\":true}", s->path);
        varlink_reply_clear(&reply);
    }
    bench_row_samples("hot start while a package is staged", &with, &without, "<= 1.5 x",
                      "floor: the same without it");
    harness_stop(&h);
}

void bench_staging(int rounds) {
    static struct harness h;
    struct bench_samples ours = { 0 }, floor = { 0 };
    const char *before = getenv("MINIPROG_TEST_DIR"), *disk = getenv("BENCH_DISK");
    CLEANUP(free_p) char *in = before ? strdup(before) : NULL;
    int n = rounds < 20 ? rounds : 20;

    if (!has("bsdtar") || !has("minisign")) {
        (void) printf(
            "staging: left out, since bsdtar (libarchive-tools) or minisign is not here\n");
        return;
    }
    (void) setenv("MINIPROG_TEST_DIR", disk ? disk : "/tmp", 1);
    struct scratch s = scratch_make();
    assert_int_equal(fchmod(s.fd, 0755), 0);
    make_packages(&s, n + 1);
    bench_start(&h, "");
    (void) install_once(&h, &s, 1);
    for (int i = 0; i < n; i++) {
        bench_add(&floor, unzip_once(&s, i + 2, true));
        bench_add(&ours, install_once(&h, &s, i + 2));
    }
    bench_row_samples("staging a package: Install, 200 files, 4 MB", &ours, &floor, "<= 1.5 x",
                      "floor: bsdtar -x and one sync");
    harness_stop(&h);
    steps(&s, n);
    beside(&s, n / 5 + 1, n + 1);
    scratch_remove(&s);
    if (in)
        (void) setenv("MINIPROG_TEST_DIR", in, 1);
    else
        (void) unsetenv("MINIPROG_TEST_DIR");
}
