/* SPDX-License-Identifier: MIT
 * test_spawn_clone.c - births in groups, on kernels that refuse, and under fire. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/daemon/spawn.h"

static const char *const no_env[] = { NULL };
static const char *const true_argv[] = { "true", NULL };
static int root_fd = -1;

static struct spawn_request request(const char *program, const char *const *argv) {
    return (struct spawn_request){
        .argv = argv,
        .envp = no_env,
        .program = program,
        .path = "/usr/bin:/bin",
        .cwd_fd = root_fd,
        .output_fd = -1,
        .join = { .into_fd = -1 },
    };
}

static int reap(const struct spawn_result *res) {
    int status = -1;
    if (waitpid(res->pid, &status, 0) != res->pid)
        return -1;
    close(res->pidfd);
    return status;
}

/* ---- groups ---- */

struct tree {
    char path[PATH_MAX]; /* of the group made for the test; "" if there is no such tree */
    char inside[256];    /* its line in /proc/<pid>/cgroup, from the colon before the path */
};

/* Where mountinfo has a tree of `type` with `option`, and this process's place in it. */
static void make_group(struct tree *t, const char *type, const char *option, const char *prefix) {
    char line[4096], mount[1024], place[1024] = "", fs[32], options[1024];
    FILE *f = fopen("/proc/self/cgroup", "re");

    t->path[0] = '\0';
    while (fgets(line, sizeof line, f)) {
        char *p = strstr(line, prefix);
        if (p && sscanf(p + strlen(prefix), "%1023[^\n]", place) == 1)
            break;
    }
    fclose(f);
    f = fopen("/proc/self/mountinfo", "re");
    while (fgets(line, sizeof line, f)) {
        char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %*s %*s %1023s", mount) != 1 ||
            sscanf(dash, " - %31s %*s %1023s", fs, options) != 2)
            continue;
        if (strcmp(fs, type) != 0 || !strstr(options, option))
            continue;
        snprintf(t->inside, sizeof t->inside, "%s%.100s/miniprog-test-spawn-%d\n", prefix,
                 strcmp(place, "/") == 0 ? "" : place, (int) getpid());
        snprintf(t->path, sizeof t->path, "%s%s/miniprog-test-spawn-%d", mount, place,
                 (int) getpid());
        if (mkdir(t->path, 0755) < 0)
            t->path[0] = '\0';
        break;
    }
    fclose(f);
}

static void remove_group(const struct tree *t) {
    if (t->path[0])
        assert_int_equal(rmdir(t->path), 0);
}

/* Runs `cat /proc/self/cgroup` and looks for the group's line in what it says. */
static int spawn_says(struct spawn_request *req, const char *line) {
    static const char *const argv[] = { "cat", "/proc/self/cgroup", NULL };
    struct spawn_result res;
    struct err e = { 0 };
    char text[4096];
    size_t at = 0;
    ssize_t n;
    int fds[2], r;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return 10;
    req->program = "cat";
    req->argv = argv;
    req->output_fd = fds[1];
    r = spawn_process(req, &res, &e);
    close(fds[1]);
    if (r < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 11;
    }
    while ((n = read(fds[0], text + at, sizeof text - 1 - at)) > 0)
        at += (size_t) n;
    text[at] = '\0';
    close(fds[0]);
    if (reap(&res) != 0)
        return 12;
    if (!strstr(text, line)) {
        fprintf(stderr, "no '%s' in '%s'\n", line, text);
        return 13;
    }
    return 0;
}

static void test_child_is_born_in_its_v2_group(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    struct tree t;

    make_group(&t, "cgroup2", "", "0::");
    if (!t.path[0]) {
        print_message("skipped: no cgroup2 tree that can be written\n");
        skip();
    }
    req.join.into_fd = open(t.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(spawn_says(&req, t.inside), 0);
    close(req.join.into_fd);
    remove_group(&t);
}

static void test_child_joins_v1_groups(void **state) {
    (void) state;
    struct spawn_request req = request(NULL, NULL);
    char tasks[PATH_MAX + 8];
    struct tree t;

    make_group(&t, "cgroup", "pids", ":pids:");
    if (!t.path[0]) {
        print_message("skipped: no v1 pids tree that can be written\n");
        skip();
    }
    snprintf(tasks, sizeof tasks, "%s/tasks", t.path);
    req.join.tasks_fd[0] = open(tasks, O_WRONLY | O_CLOEXEC);
    req.join.n = 1;
    assert_int_equal(spawn_says(&req, t.inside), 0);
    close(req.join.tasks_fd[0]);
    remove_group(&t);
}

/* ---- kernels and filters that refuse ---- */

/* From here on system call `nr` answers `error` in this process. */
static int refuse_call(unsigned nr, unsigned error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { .len = sizeof code / sizeof code[0], .filter = code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* In a process of its own, since a filter cannot be taken back. */
static int in_filtered_process(unsigned nr, unsigned error, int (*run)(const void *),
                               const void *arg) {
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(refuse_call(nr, error) < 0 ? 99 : run(arg));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run_in_group(const void *arg) {
    const struct tree *t = arg;
    struct spawn_request req = request(NULL, NULL);

    req.join.into_fd = open(t->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return spawn_says(&req, t->inside);
}

static void test_refused_clone3_joins_by_hand(void **state) {
    (void) state;
    static const unsigned errors[] = { ENOSYS, EPERM, E2BIG };
    struct tree t;

    make_group(&t, "cgroup2", "", "0::");
    if (!t.path[0]) {
        print_message("skipped: no cgroup2 tree that can be written\n");
        skip();
    }
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        int r = in_filtered_process(SYS_clone3, errors[i], run_in_group, &t);
        if (r == 99) {
            remove_group(&t);
            print_message("skipped: no seccomp filters here\n");
            skip();
        }
        assert_int_equal(r, 0);
    }
    /* Any other refusal is an answer. */
    assert_int_equal(in_filtered_process(SYS_clone3, EBUSY, run_in_group, &t), 11);
    remove_group(&t);
}

static int run_and_list(const void *arg) {
    static const char *const argv[] = { "test", "!", "-e", "/proc/self/fd/40", NULL };
    struct spawn_request req = request("test", argv);
    struct spawn_result res;

    (void) arg;
    if (dup2(root_fd, 40) != 40)
        return 1;
    if (spawn_process(&req, &res, NULL) < 0)
        return 2;
    return WEXITSTATUS(reap(&res));
}

static void test_refused_close_range_closes_one_by_one(void **state) {
    (void) state;
    int r = in_filtered_process(SYS_close_range, EPERM, run_and_list, NULL);

    if (r == 99) {
        print_message("skipped: no seccomp filters here\n");
        skip();
    }
    assert_int_equal(r, 0);
}

/* ---- under fire ---- */

static atomic_bool stop;

static void *spin_malloc(void *arg) {
    unsigned seed = (unsigned) (uintptr_t) arg;
    void *p[16] = { NULL };

    while (!stop) {
        int i = rand_r(&seed) % 16;
        free(p[i]);
        p[i] = malloc((size_t) (rand_r(&seed) % 8192));
    }
    for (int i = 0; i < 16; i++)
        free(p[i]);
    return NULL;
}

static void test_threads_in_malloc_do_not_matter(void **state) {
    (void) state;
    pthread_t threads[8];

    stop = false;
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, spin_malloc, (void *) (uintptr_t) (i + 1));
    for (int i = 0; i < 200; i++) {
        struct spawn_request req = request(i % 2 ? "true" : "no-such-command", true_argv);
        struct spawn_result res;
        int r = spawn_process(&req, &res, NULL);
        assert_int_equal(r, i % 2 ? 0 : -ENOENT);
        if (r == 0)
            assert_int_equal(reap(&res), 0);
    }
    stop = true;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

static pid_t parent;
static atomic_int handled, handled_elsewhere;

static void on_usr1(int sig) {
    (void) sig;
    handled++;
    if (syscall(SYS_getpid) != parent)
        handled_elsewhere++; /* the child's memory is ours: we see it */
}

/* The whole process group, a new child until its setsid() too. */
static void *shoot(void *arg) {
    (void) arg;
    while (!stop)
        kill(0, SIGUSR1);
    return NULL;
}

static int spawn_under_fire(void) {
    struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
    pthread_t shooter;
    int r = 0;

    parent = getpid();
    if (setpgid(0, 0) < 0 || sigaction(SIGUSR1, &sa, NULL) < 0)
        return 1;
    stop = false;
    if (pthread_create(&shooter, NULL, shoot, NULL) != 0)
        return 2;
    for (int i = 0; i < 300 && r == 0; i++) {
        struct spawn_request req = request("true", true_argv);
        struct spawn_result res;
        if (spawn_process(&req, &res, NULL) < 0) {
            r = 3;
            break;
        }
        int status = reap(&res);
        /* Hit by default action once its mask is empty, or not hit: both are its own affair. */
        if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1))
            r = 4;
    }
    stop = true;
    pthread_join(shooter, NULL);
    return r ? r : handled == 0 ? 5 : handled_elsewhere != 0 ? 6 : 0;
}

static void test_our_handlers_never_run_in_a_child(void **state) {
    (void) state;
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(spawn_under_fire());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- the gate ---- */

static void *open_later(void *gate) {
    struct spawn_gate *g = gate;
    while (atomic_load(&g->state) == 0) /* until the child waits at it */
        sched_yield();
    spawn_gate_open(g, true);
    return NULL;
}

/* The child is seen to wait: only then is it let go. */
static void test_a_child_waits_at_its_gate(void **state) {
    (void) state;
    struct spawn_request req = request("true", true_argv);
    struct spawn_gate gate = { 0 };
    struct spawn_result res;
    pthread_t opener;

    req.gate = &gate;
    assert_int_equal(pthread_create(&opener, NULL, open_later, &gate), 0);
    assert_int_equal(spawn_process(&req, &res, NULL), 0);
    pthread_join(opener, NULL);
    assert_int_equal(reap(&res), 0);

    /* Open before anybody came to it. */
    gate = (struct spawn_gate){ 0 };
    spawn_gate_open(&gate, true);
    assert_int_equal(spawn_process(&req, &res, NULL), 0);
    assert_int_equal(reap(&res), 0);
}

static void test_a_child_that_is_not_let_go(void **state) {
    (void) state;
    struct spawn_request req = request("true", true_argv);
    struct spawn_gate gate = { 0 };
    struct spawn_result res = { .pid = -7 };
    struct err e = { 0 };

    req.gate = &gate;
    spawn_gate_open(&gate, false);
    assert_int_equal(spawn_process(&req, &res, &e), -ECANCELED);
    assert_string_equal(res.stage, "fork");
    assert_int_equal(res.error, ECANCELED);
    assert_non_null(strstr(e.text, "was not let go"));
    assert_int_equal(res.pid, -7);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_is_born_in_its_v2_group),
        cmocka_unit_test(test_child_joins_v1_groups),
        cmocka_unit_test(test_refused_clone3_joins_by_hand),
        cmocka_unit_test(test_refused_close_range_closes_one_by_one),
        cmocka_unit_test(test_threads_in_malloc_do_not_matter),
        cmocka_unit_test(test_our_handlers_never_run_in_a_child),
        cmocka_unit_test(test_a_child_waits_at_its_gate),
        cmocka_unit_test(test_a_child_that_is_not_let_go),
    };

    root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    spawn_init();
    return cmocka_run_group_tests_name("spawn_clone", tests, NULL, NULL);
}
