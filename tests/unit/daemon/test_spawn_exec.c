/* SPDX-License-Identifier: MIT
 * test_spawn_exec.c - what is run, and how a child that cannot run it is told of. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/spawn.h"

#define UNTOUCHED 4711

static const char *const no_env[] = { NULL };
static char dir[] = "/tmp/test_spawn_exec.XXXXXX";
static int dir_fd = -1;

static struct spawn_request request(const char *program, const char *const *argv) {
    return (struct spawn_request){
        .argv = argv,
        .envp = no_env,
        .program = program,
        .path = "/usr/bin:/bin",
        .cwd_fd = dir_fd,
        .output_fd = -1,
        .join = { .into_fd = -1 },
    };
}

static struct spawn_result unset(void) {
    return (struct spawn_result){ .pid = UNTOUCHED, .pidfd = UNTOUCHED };
}

static void assert_line(const char *text, const char *line) {
    if (!strstr(text, line))
        fail_msg("no line '%s' in:\n%s", line, text);
}

static int wait_end(const struct spawn_result *res) {
    int status;
    struct pollfd p = { .fd = res->pidfd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(waitpid(res->pid, &status, 0), res->pid);
    close(res->pidfd);
    return status;
}

static void assert_no_child(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int count_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void make_file(const char *name, const char *text, mode_t mode) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_fails(const struct spawn_request *req, int error, const char *stage,
                         const char *text) {
    struct spawn_result res = unset();
    struct err e = { 0 };
    int fds = count_fds();

    assert_int_equal(spawn_process(req, &res, &e), -error);
    assert_int_equal(res.error, error);
    assert_string_equal(res.stage, stage);
    assert_line(e.text, text);
    assert_int_equal(res.pid, UNTOUCHED);
    assert_int_equal(res.pidfd, UNTOUCHED);
    assert_no_child();
    assert_int_equal(count_fds(), fds);
}

static void test_exec_failures_name_stage_and_errno(void **state) {
    (void) state;
    static const char *const argv[] = { "x", NULL };
    static const struct {
        const char *program;
        int error;
        const char *text;
    } rows[] = {
        { "./missing", ENOENT, "cannot run './missing': No such file" },
        { "./a/b", ENOTDIR, "cannot run './a/b': Not a directory" },
        { "./plain", EACCES, "cannot run './plain': Permission denied" },
        { "./folder", EACCES, "cannot run './folder': Permission denied" },
        { "./noexec", ENOEXEC, "cannot run './noexec': Exec format error" },
        { "./empty", ENOEXEC, "cannot run './empty': Exec format error" },
        { "./script", ENOENT, "cannot run './script': its interpreter is missing" },
        { "./loop", ELOOP, "cannot run './loop': Too many levels" },
        { "no-such-command", ENOENT, "cannot run 'no-such-command': No such file" },
    };

    make_file("a", "", 0644);
    make_file("plain", "#!/bin/sh\n", 0644);
    make_file("noexec", "echo no interpreter is named\n", 0755);
    make_file("empty", "", 0755);
    make_file("script", "#!/no/such/interpreter\n", 0755);
    (void) mkdirat(dir_fd, "folder", 0755);
    (void) symlinkat("loop", dir_fd, "loop");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spawn_request req = request(rows[i].program, argv);
        assert_fails(&req, rows[i].error, "exec", rows[i].text);
    }
}

static void test_path_is_searched_in_order(void **state) {
    (void) state;
    static const char *const argv[] = { "which", NULL };
    struct spawn_request req = request("prog", argv);
    struct spawn_result res;
    char path[PATH_MAX];

    (void) mkdirat(dir_fd, "p1", 0755);
    (void) mkdirat(dir_fd, "p2", 0755);
    make_file("p1/prog", "#!/bin/sh\nexit 1\n", 0644); /* not executable: passed over */
    make_file("p2/prog", "#!/bin/sh\nexit 2\n", 0755);
    make_file("prog", "#!/bin/sh\nexit 3\n", 0755);
    snprintf(path, sizeof path, "/no/such:%s/a:%s/p1:%s/p2:", dir, dir, dir);
    req.path = path;
    assert_int_equal(spawn_process(&req, &res, NULL), 0);
    assert_int_equal(WEXITSTATUS(wait_end(&res)), 2);
    req.path = ""; /* an empty entry is the working directory */
    assert_int_equal(spawn_process(&req, &res, NULL), 0);
    assert_int_equal(WEXITSTATUS(wait_end(&res)), 3);
    snprintf(path, sizeof path, "%s/p1:/no/such", dir);
    req.path = path;
    assert_fails(&req, EACCES, "exec", "cannot run 'prog': Permission denied");
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    req.path = path;
    assert_fails(&req, ENOENT, "exec", "cannot run 'prog': No such file");
}

static void test_failures_before_exec(void **state) {
    (void) state;
    static const char *const argv[] = { "true", NULL };
    static char huge[256 * 1024];
    const char *big[] = { "true", huge, NULL };
    struct spawn_request req = request("true", argv);
    int bad = 987;

    memset(huge, 'x', sizeof huge - 1);
    req.argv = big;
    assert_fails(&req, E2BIG, "exec", "cannot run 'true': Argument list too long");
    req = request("true", argv);
    req.cwd_fd = -1;
    assert_fails(&req, EBADF, "fork", "cannot enter its folder: Bad file descriptor");
    req.cwd_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_fails(&req, ENOTDIR, "fork", "cannot enter its folder: Not a directory");
    close(req.cwd_fd);
    req = request("true", argv);
    req.keep = &bad;
    req.n_keep = 1;
    assert_fails(&req, EBADF, "fork", "cannot set up its descriptors");
    req.n_keep = SPAWN_KEEP_MAX + 1;
    assert_fails(&req, EINVAL, "fork", "cannot make a process");
    req = request("true", argv);
    req.oom_score_adj = 5000;
    assert_fails(&req, EINVAL, "fork", "cannot set its oom score");
    req = request("true", argv);
    req.join.tasks_fd[0] = bad;
    req.join.n = 1;
    assert_fails(&req, EBADF, "fork", "cannot join its group");
    req = request("true", argv);
    req.join.into_fd = bad;
    assert_fails(&req, EBADF, "fork", "cannot make a process");
    req = request("", argv);
    assert_fails(&req, EINVAL, "fork", "cannot make a process");
}

static void test_500_spawns_leave_nothing(void **state) {
    (void) state;
    static const char *const argv[] = { "true", NULL };
    int before = count_fds();

    for (int i = 0; i < 500; i++) {
        struct spawn_request req = request(i % 2 ? "true" : "./missing", argv);
        struct spawn_result res = unset();
        int r = spawn_process(&req, &res, NULL);
        assert_int_equal(r, i % 2 ? 0 : -ENOENT);
        if (r == 0)
            assert_int_equal(wait_end(&res), 0);
    }
    assert_no_child();
    assert_int_equal(count_fds(), before);
}

static int set_up(void **state) {
    (void) state;
    if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
        return -1;
    dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void) state;
    close(dir_fd);
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec_failures_name_stage_and_errno),
        cmocka_unit_test(test_path_is_searched_in_order),
        cmocka_unit_test(test_failures_before_exec),
        cmocka_unit_test(test_500_spawns_leave_nothing),
    };

    spawn_init();
    return cmocka_run_group_tests_name("spawn_exec", tests, set_up, tear_down);
}
