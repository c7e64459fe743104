/* SPDX-License-Identifier: MIT
 * The worker as the daemon runs it: a process of its own with descriptors 3 and 4. */
#include "tests/unit/units/store_kit.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "supervisor/worker/fetch_http.h"
#include "supervisor/worker/jobs.h"
#include "units/result.h"

/* What a test does to the process before the worker's part of it. */
static void (*prepare)(void);
static const struct fetch_net *net; /* of the program that it is to be */

struct run {
    int status; /* as waitpid(2) gives it */
    char out[4096];
    size_t len;
};

static struct run run_worker(int argc, char **argv, int stage_fd, bool with_result) {
    struct run run = { 0 };
    int fds[2];
    ssize_t n;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int high = fcntl(fds[1], F_DUPFD_CLOEXEC, 20); /* out of the way of 3 and 4 */
        int stage = stage_fd < 0 ? -1 : fcntl(stage_fd, F_DUPFD_CLOEXEC, 20);
        dup2(with_result ? null : high, 1); /* without a job standard output is the result */
        dup2(null, 2);
        for (int fd = 3; fd < 20; fd++)
            close(fd);
        if (stage >= 0)
            dup2(stage, WORKER_STAGE_FD);
        if (with_result)
            dup2(high, WORKER_RESULT_FD);
        if (prepare)
            prepare();
        int status = worker_run(argc, argv, net);
        if (prctl(PR_GET_DUMPABLE) != 0)
            status = 99;
        (void) fflush(NULL);
        _exit(status);
    }
    close(fds[1]);
    while ((n = read(fds[0], run.out + run.len, sizeof run.out - 1 - run.len)) > 0)
        run.len += (size_t) n;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &run.status, 0), pid);
    return run;
}

static int set_up(void **state) {
    assert_int_equal(kit_set_up(state), 0);
    struct kit *k = *state;
    prepare = NULL;
    net = NULL;
    assert_int_equal(fchmod(k->scratch.fd, 0755), 0);
    put_folder(k->scratch.fd, "source");
    put_file(k->scratch.fd, "source/run", "#!/bin/sh\n", 0755);
    put_file(k->scratch.fd, "source/manifest.json",
             "{\"app_id\":\"" APP "\",\"name\":\"A\",\"version\":{\"code\":7},"
             "\"miniprog\":{\"exec\":[\"run\"]}}",
             0644);
    return 0;
}

static struct run copy_as(struct kit *k, uid_t uid, gid_t gid, struct worker_result *ret) {
    char source[128], stage[17];
    char *argv[] = { "miniprog-worker", "copy", source, NULL };
    int fd = -1;
    (void) snprintf(source, sizeof source, "%s/source", k->scratch.path);
    assert_int_equal(store_stage_begin(k->store, uid, gid, stage, &fd, NULL), 0);
    struct run run = run_worker(3, argv, fd, true);
    close(fd);
    struct err e = { 0 };
    if (run.status == 0 && worker_result_parse(run.out, run.len, ret, &e) != 0)
        fail_msg("%s: %s", e.text, run.out);
    return run;
}

static void test_copy_writes_one_line_and_ends_well(void **state) {
    struct worker_result result = { 0 };
    struct run run = copy_as(*state, geteuid(), getegid(), &result);
    assert_int_equal(run.status, 0);
    assert_true(result.ok);
    assert_string_equal(result.app_id, APP);
    assert_int_equal(result.code, 7);
    assert_int_equal(run.out[run.len - 1], '\n');
    assert_ptr_equal(strchr(run.out, '\n'), run.out + run.len - 1);
}

static void test_a_bad_source_ends_well_too(void **state) {
    struct kit *k = *state;
    struct worker_result result = { .ok = true };
    assert_int_equal(unlinkat(k->scratch.fd, "source/manifest.json", 0), 0);
    assert_int_equal(copy_as(k, geteuid(), getegid(), &result).status, 0);
    assert_false(result.ok);
    assert_int_equal(result.fault, PACKAGE_MISSING);
}

static void become_nobody(void) {
    if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
        setresuid(65534, 65534, 65534) < 0)
        _exit(98);
}

static void test_it_reads_with_the_callers_rights_only(void **state) {
    struct kit *k = *state;
    struct worker_result result = { .ok = true };
    if (geteuid() != 0) {
        print_message("skipped: to be another user needs root\n");
        skip();
    }
    prepare = become_nobody;
    assert_int_equal(copy_as(k, 65534, 65534, &result).status, 0);
    assert_true(result.ok);
    assert_int_equal(fchmodat(k->scratch.fd, "source/run", 0700, 0), 0);
    assert_int_equal(copy_as(k, 65534, 65534, &result).status, 0);
    assert_false(result.ok);
    assert_int_equal(result.fault, PACKAGE_PATH);
    assert_non_null(strstr(result.detail, "cannot read 'run': Permission denied"));
}

static void limit_files(void) {
    struct rlimit limit = { .rlim_cur = 5, .rlim_max = 5 };
    (void) setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_a_limit_is_an_error_and_not_a_signal(void **state) {
    struct worker_result result = { 0 };
    prepare = limit_files;
    struct run run = copy_as(*state, geteuid(), getegid(), &result);
    assert_true(WIFEXITED(run.status));
    assert_int_equal(WEXITSTATUS(run.status), 1);
    assert_int_equal(worker_result_parse(run.out, run.len, &result, NULL), 0);
    assert_false(result.ok);
    assert_int_equal(result.fault, PACKAGE_STORAGE);
    assert_non_null(strstr(result.detail, "File too large"));
}

static void test_without_its_descriptors_it_does_nothing(void **state) {
    struct kit *k = *state;
    char *argv[] = { "miniprog-worker", "copy", "/", NULL };
    int file = openat(store_fd(k->store), "lock", O_RDWR | O_CLOEXEC), fd = -1;
    char stage[17];
    assert_int_equal(WEXITSTATUS(run_worker(3, argv, -1, true).status), 1);
    assert_int_equal(WEXITSTATUS(run_worker(3, argv, file, true).status), 1);
    assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), stage, &fd, NULL), 0);
    assert_int_equal(WEXITSTATUS(run_worker(3, argv, fd, false).status), 1);
    assert_false(is_there(fd, "package"));
    close(fd);
    close(file);
}

struct usage {
    int argc, status;
    char *argv[5];
    const char *says, *says_not;
};

static void check_usage(const struct usage *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct run run = run_worker(rows[i].argc, (char **) (uintptr_t) rows[i].argv, -1, false);
        assert_int_equal(WEXITSTATUS(run.status), rows[i].status);
        assert_non_null(strstr(run.out, rows[i].says));
        assert_true(!rows[i].says_not || !strstr(run.out, rows[i].says_not));
    }
}

static void test_usage(void **state) {
    (void) state;
    static const struct usage rows[] = {
        { 2, 0, { "w", "--help" }, "copy   SOURCE", NULL },
        { 2, 0, { "w", "--help" }, "unpack ", NULL },
        { 2, 0, { "w", "--version" }, "miniprog-worker " MINIPROG_VERSION "\n", NULL },
        { 1, 2, { "w" }, "", NULL },
        { 2, 2, { "w", "copy" }, "", NULL },
        { 4, 2, { "w", "copy", "/a", "/b" }, "", NULL },
        { 3, 2, { "w", "paste", "/a" }, "", NULL },
        { 3, 2, { "w", "--help", "me" }, "", NULL },
    };
    check_usage(rows, sizeof rows / sizeof rows[0]);
}

/* What has the network library in it does nothing but fetch. */
static void test_usage_of_the_fetcher(void **state) {
    (void) state;
    static const struct usage rows[] = {
        { 2, 0, { "w", "--help" }, "Usage: miniprog-fetch", "unpack" },
        { 2, 0, { "w", "--help" }, "fetch ", "verify" },
        { 2, 0, { "w", "--version" }, "miniprog-fetch " MINIPROG_VERSION "\n", NULL },
        { 2, 1, { "w", "fetch" }, "", NULL },
        { 2, 2, { "w", "unpack" }, "", NULL },
        { 2, 2, { "w", "verify" }, "", NULL },
        { 3, 2, { "w", "copy", "/" }, "", NULL },
        { 3, 2, { "w", "pack", "/" }, "", NULL },
    };
    net = &fetch_http;
    check_usage(rows, sizeof rows / sizeof rows[0]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_copy_writes_one_line_and_ends_well),
        TEST(test_a_bad_source_ends_well_too),
        TEST(test_it_reads_with_the_callers_rights_only),
        TEST(test_a_limit_is_an_error_and_not_a_signal),
        TEST(test_without_its_descriptors_it_does_nothing),
        TEST(test_usage),
        TEST(test_usage_of_the_fetcher),
    };
    return cmocka_run_group_tests_name("worker/jobs", tests, NULL, NULL);
}
