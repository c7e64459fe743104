/* SPDX-License-Identifier: MIT
 * test_spawn.c - what a real child looks like from outside, and how failures are told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/spawn.h"

#define UNTOUCHED 4711

static const char *const no_env[] = { NULL };
static char self[PATH_MAX];
static char dir[] = "/tmp/test_spawn.XXXXXX";
static int dir_fd = -1;
static struct rlimit limits_before[RLIM_NLIMITS];

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

static char *slurp(int fd) {
    static char buf[65536];
    size_t at = 0;
    ssize_t n;
    while ((n = read(fd, buf + at, sizeof buf - 1 - at)) > 0)
        at += (size_t) n;
    buf[at] = '\0';
    return buf;
}

static char *proc_text(pid_t pid, const char *what) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/%s", (int) pid, what);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *text = slurp(fd);
    close(fd);
    return text;
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

static void make_file(const char *name, const char *text, mode_t mode) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* ---- a child at rest, seen through /proc ---- */

static void ignore(int sig) {
    (void) sig;
}

/* Waits for the "ready" of this program's own --rest. */
static void spawn_resting(struct spawn_request *req, struct spawn_result *res) {
    static const char *const argv[] = { "resting", "--rest", NULL };
    static const char *const env[] = {
        "ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:detect_leaks=0", NULL
    };
    CLEANUP(close_p) int out = -1;
    int fds[2];
    char word[8];
    struct err e = { 0 };

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    out = fds[0];
    req->program = self;
    req->argv = argv;
    req->envp = env;
    req->output_fd = fds[1];
    if (spawn_process(req, res, &e) < 0)
        fail_msg("%s", e.text);
    close(fds[1]);
    assert_int_equal(read(out, word, sizeof word), 6);
}

static void end(const struct spawn_result *res) {
    kill(res->pid, SIGKILL);
    assert_true(WIFSIGNALED(wait_end(res)));
}

static void dirty_signals(bool on) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    signal(SIGUSR1, on ? ignore : SIG_DFL);
}

static void test_signals_are_clean(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    struct spawn_result res;

    dirty_signals(true);
    spawn_resting(&req, &res);
    dirty_signals(false);
    char *status = proc_text(res.pid, "status");
    assert_line(status, "SigBlk:\t0000000000000000\n");
    assert_line(status, "SigIgn:\t0000000000000000\n");
    assert_line(status, "SigCgt:\t0000000000000000\n");
    assert_line(status, "SigPnd:\t0000000000000000\n");
    end(&res);
}

static void test_session_folder_umask_priorities(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    struct spawn_result res;
    char name[64], cwd[PATH_MAX] = "";
    mode_t mask = umask(077);

    req.oom_score_adj = 345;
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 0), 0);
    spawn_resting(&req, &res);
    umask(mask);
    assert_int_equal(getsid(res.pid), res.pid);
    assert_int_equal(getpgid(res.pid), res.pid);
    snprintf(name, sizeof name, "/proc/%d/cwd", (int) res.pid);
    assert_true(readlink(name, cwd, sizeof cwd - 1) > 0);
    assert_string_equal(cwd, dir);
    assert_string_equal(proc_text(res.pid, "oom_score_adj"), "345\n");
    assert_string_not_equal(proc_text(getpid(), "oom_score_adj"), "345\n");
    assert_line(proc_text(res.pid, "status"), "Umask:\t0022\n");
    assert_line(proc_text(res.pid, "status"), "NoNewPrivs:\t1\n");
    assert_line(proc_text(getpid(), "status"), "NoNewPrivs:\t0\n");
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t) res.pid), 0);
    end(&res);
}

static void test_limits_are_given_back(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    struct spawn_result res;
    struct rlimit core = limits_before[RLIMIT_CORE], now;

    getrlimit(RLIMIT_NOFILE, &now);
    assert_int_equal(now.rlim_cur, now.rlim_max);
    core.rlim_cur = core.rlim_cur > 0 ? 0 : core.rlim_max; /* as the daemon might */
    setrlimit(RLIMIT_CORE, &core);
    spawn_resting(&req, &res);
    setrlimit(RLIMIT_CORE, &limits_before[RLIMIT_CORE]);
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        rlim_t soft = limits_before[i].rlim_cur;
        if (i == RLIMIT_NOFILE && soft > 1024)
            soft = 1024;
        assert_int_equal(prlimit(res.pid, (__rlimit_resource_t) i, NULL, &now), 0);
        assert_int_equal(now.rlim_cur, soft);
        assert_int_equal(now.rlim_max, limits_before[i].rlim_max);
    }
    end(&res);
}

static void assert_link(pid_t pid, int fd, const char *want) {
    char name[64], got[PATH_MAX] = "";
    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int) pid, fd);
    assert_true(readlink(name, got, sizeof got - 1) > 0);
    assert_string_equal(got, want);
}

/* The sources lie on the targets crosswise, and others lie about without O_CLOEXEC. */
static void test_descriptors_are_those_asked_for(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    struct spawn_result res;
    char a[PATH_MAX], b[PATH_MAX], name[64];
    int low[2] = { -1, -1 }, stray[3], n = 0;

    make_file("a", "", 0644);
    make_file("b", "", 0644);
    snprintf(a, sizeof a, "%s/a", dir);
    snprintf(b, sizeof b, "%s/b", dir);
    /* The two lowest free numbers above standard error, so that 3 and 4 are among the sources where
     * the test's own runner does not hold them. */
    low[0] = fcntl(open(a, O_RDONLY | O_CLOEXEC), F_DUPFD, 3);
    low[1] = fcntl(open(b, O_RDONLY | O_CLOEXEC), F_DUPFD, 3);
    for (int i = 0; i < 3; i++)
        stray[i] = open(a, O_RDONLY);
    int keep[] = { low[1], low[0], low[1] };
    req.keep = keep;
    req.n_keep = 3;
    spawn_resting(&req, &res);
    for (int i = 0; i < 3; i++)
        close(stray[i]);
    assert_link(res.pid, 0, "/dev/null");
    assert_link(res.pid, 3, b);
    assert_link(res.pid, 4, a);
    assert_link(res.pid, 5, b);
    snprintf(name, sizeof name, "/proc/%d/fd", (int) res.pid);
    DIR *d = opendir(name);
    for (struct dirent *de; (de = readdir(d));)
        n += de->d_name[0] != '.';
    closedir(d);
    assert_int_equal(n, 6);
    close(low[0]);
    close(low[1]);
    end(&res);
}

static void test_result_names_the_process(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    struct spawn_result res;
    uint64_t start;
    char name[64];

    spawn_resting(&req, &res);
    assert_int_equal(spawn_starttime(res.pid, &start), 0);
    assert_int_equal(res.starttime, start);
    snprintf(name, sizeof name, "Pid:\t%d\n", (int) res.pid);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", res.pidfd);
    int fd = open(path, O_RDONLY);
    assert_line(slurp(fd), name);
    close(fd);
    assert_true(fcntl(res.pidfd, F_GETFD) & FD_CLOEXEC);
    end(&res);
    assert_true(spawn_starttime(res.pid, &start) < 0);
}

/* ---- ids ---- */

static void *wait_for_end(void *fd) {
    char c;
    (void) !read(*(int *) fd, &c, 1);
    return NULL;
}

/* What the daemon may hand on by accident: inheritable and ambient capabilities. */
static void raise_inheritable(bool on) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
    assert_int_equal(syscall(SYS_capget, &header, caps), 0);
    caps[0].inheritable = on ? 1u << CAP_NET_RAW : 0;
    assert_int_equal(syscall(SYS_capset, &header, caps), 0);
    if (on)
        assert_int_equal(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), 0);
}

static char *own_status(void) {
    char *text = strdup(proc_text(getpid(), "status"));
    *strstr(text, "\nVmPeak") = '\0';
    return text;
}

/* With a second thread, which glibc's own set*id functions would reach for. */
static void test_ids_and_capabilities(void **state) {
    (void) state;
    static const char *const argv[] = { "cat", "/proc/self/status", NULL };
    gid_t groups[] = { 70003, 70004 };
    struct spawn_request req = request("cat", argv);
    struct spawn_result res;
    pthread_t other;
    int fds[2], hold[2];

    if (geteuid() != 0) {
        print_message("skipped: only root can give a child another uid\n");
        skip();
    }
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&other, NULL, wait_for_end, &hold[0]), 0);
    raise_inheritable(true);
    req.cwd_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    req.set_ids = true;
    req.uid = 70001;
    req.gid = 70002;
    req.groups = groups;
    req.n_groups = 2;
    char *before = own_status();
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    req.output_fd = fds[1];
    assert_int_equal(spawn_process(&req, &res, NULL), 0);
    close(fds[1]);
    close(req.cwd_fd);
    char *status = slurp(fds[0]);
    close(fds[0]);
    assert_line(status, "Uid:\t70001\t70001\t70001\t70001\n");
    assert_line(status, "Gid:\t70002\t70002\t70002\t70002\n");
    assert_line(status, "Groups:\t70003 70004 \n");
    assert_line(status, "CapInh:\t0000000000000000\n");
    assert_line(status, "CapPrm:\t0000000000000000\n");
    assert_line(status, "CapEff:\t0000000000000000\n");
    assert_line(status, "CapAmb:\t0000000000000000\n");
    assert_int_equal(wait_end(&res), 0);
    /* Nothing of that came back through the shared memory. */
    char *after = own_status();
    assert_string_equal(after, before);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    free(before);
    free(after);
    raise_inheritable(false);
    close(hold[1]);
    pthread_join(other, NULL);
    close(hold[0]);
}

/* ---- /proc/<pid>/stat ---- */

static void test_starttime_is_read_past_any_name(void **state) {
    (void) state;
    static const char *const names[] = { "sh", "a b", ") 1 2 (", "))))", "\n", "" };
    static const char rest[] = " S 1 2 3 0 -1 4194304 95 0 0 0 0 0 0 0 20 0 1 0 987654 2809856 ";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char line[256];
        uint64_t got = UNTOUCHED;
        size_t whole;
        snprintf(line, sizeof line, "42 (%s)%s", names[i], rest);
        whole = (size_t) (strstr(line, "987654 ") + 7 - line);
        assert_int_equal(spawn_parse_starttime(line, &got), 0);
        assert_int_equal(got, 987654);
        got = UNTOUCHED;
        for (size_t n = 0; n < whole; n++) {
            char *prefix = strndup(line, n);
            assert_int_equal(spawn_parse_starttime(prefix, &got), -EINVAL);
            free(prefix);
        }
        assert_int_equal(got, UNTOUCHED);
    }
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

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_are_clean),
        cmocka_unit_test(test_session_folder_umask_priorities),
        cmocka_unit_test(test_limits_are_given_back),
        cmocka_unit_test(test_descriptors_are_those_asked_for),
        cmocka_unit_test(test_result_names_the_process),
        cmocka_unit_test(test_ids_and_capabilities),
        cmocka_unit_test(test_starttime_is_read_past_any_name),
    };

    if (argc > 1 && strcmp(argv[1], "--rest") == 0) {
        if (write(STDOUT_FILENO, "ready\n", 6) == 6)
            for (;;)
                pause();
        return 1;
    }
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return 1;
    for (int i = 0; i < RLIM_NLIMITS; i++)
        getrlimit((__rlimit_resource_t) i, &limits_before[i]);
    /* So that raising the soft limit shows. */
    limits_before[RLIMIT_NOFILE].rlim_cur = limits_before[RLIMIT_NOFILE].rlim_max / 2;
    setrlimit(RLIMIT_NOFILE, &limits_before[RLIMIT_NOFILE]);
    signal(SIGPIPE, SIG_IGN); /* as a daemon does, before it begins */
    signal(SIGHUP, SIG_IGN);
    signal(SIGRTMAX, SIG_IGN);
    spawn_init();
    return cmocka_run_group_tests_name("spawn", tests, set_up, tear_down);
}
