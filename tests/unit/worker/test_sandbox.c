/* SPDX-License-Identifier: MIT
 * What a shut-in process can still do, and what it cannot: each in a child, which does not come
 * back out. */
#include "tests/unit/units/scratch.h"

#include <linux/landlock.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "supervisor/base/err.h"
#include "supervisor/worker/sandbox.h"

static struct scratch scratch;

static int set_up(void **state) {
    (void) state;
    scratch = scratch_make();
    put_folder(scratch.fd, "in");
    put_folder(scratch.fd, "out");
    put_file(scratch.fd, "in/file", "text", 0644);
    put_file(scratch.fd, "secret", "text", 0644);
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    scratch_remove(&scratch);
    return 0;
}

static bool has_landlock(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, (size_t) 0, LANDLOCK_CREATE_RULESET_VERSION) >
           0;
}

/* In the child: 0 is as it should be, else the line that is not. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 250 + 1);                                                             \
    } while (0)
#define FAILS_WITH(call, error) ((call) < 0 && errno == (error))

static void in_child(void (*act)(void)) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("status %x: line %d, or 250 or 500 on", status, WEXITSTATUS(status) - 1);
}

static struct sandbox plain = {
    .file_bytes = 1000, .memory_bytes = (uint64_t) 256 << 20, .cpu_seconds = 100, .descriptors = 30
};

static void enter(const struct sandbox *s) {
    struct err e = { 0 };
    MUST(sandbox_enter(s, &e) == 0);
}

static void act_limits(void) {
    struct rlimit l;
    enter(&plain);
    MUST(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max == 0);
    MUST(getrlimit(RLIMIT_FSIZE, &l) == 0 && l.rlim_cur == 1000 && l.rlim_max == 1000);
    MUST(getrlimit(RLIMIT_CPU, &l) == 0 && l.rlim_max == 100);
    MUST(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max == 30);
    struct sandbox more = plain; /* a limit that is lower already stays */
    more.file_bytes = 2000;
    enter(&more);
    MUST(getrlimit(RLIMIT_FSIZE, &l) == 0 && l.rlim_max == 1000);
}

static void act_calls(void) {
    char *argv[] = { (char *) (uintptr_t) "/bin/true", NULL }, byte;
    struct iovec here = { &byte, 1 };
    int fds[2];
    enter(&plain);
    MUST(FAILS_WITH(socket(AF_INET, SOCK_STREAM, 0), EPERM));
    MUST(FAILS_WITH(socket(AF_INET, SOCK_DGRAM, 0), EPERM));
    MUST(FAILS_WITH(socket(AF_UNIX, SOCK_STREAM, 0), EPERM));
    MUST(FAILS_WITH(syscall(SYS_io_uring_setup, 1, &byte), EPERM));
    MUST(FAILS_WITH(execve(argv[0], argv, NULL), EPERM));
    MUST(FAILS_WITH(process_vm_readv(getpid(), &here, 1, &here, 1, 0), EPERM));
    MUST(FAILS_WITH(chroot("/"), EPERM));
    MUST(FAILS_WITH(setns(0, 0), EPERM));
    MUST(pipe(fds) == 0 && write(fds[1], "x", 1) == 1 && read(fds[0], &byte, 1) == 1);
    void *memory = malloc(1 << 20);
    MUST(memory);
    free(memory);
}

/* Also as root: the new session has no more rights than these. */
static void act_paths(void) {
    const struct sandbox_path paths[] = {
        { "in", -1, SANDBOX_READ },
        { NULL, openat(scratch.fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC), SANDBOX_WRITE },
        { "nowhere", -1, SANDBOX_READ },
    };
    struct sandbox s = plain;
    int before = openat(scratch.fd, "secret", O_RDWR | O_CLOEXEC);
    s.paths = paths;
    s.n_paths = 3;
    MUST(fchdir(scratch.fd) == 0);
    enter(&s);
    MUST(open("in/file", O_RDONLY) >= 0);
    MUST(FAILS_WITH(open("in/file", O_WRONLY), EACCES));
    MUST(FAILS_WITH(open("in/new", O_WRONLY | O_CREAT, 0644), EACCES));
    MUST(FAILS_WITH(unlink("in/file"), EACCES));
    MUST(FAILS_WITH(open("secret", O_RDONLY), EACCES));
    MUST(FAILS_WITH(open("/etc/passwd", O_RDONLY), EACCES));
    MUST(FAILS_WITH(mkdir("folder", 0755), EACCES));
    MUST(mkdir("out/folder", 0755) == 0);
    int fd = open("out/folder/file", O_RDWR | O_CREAT | O_EXCL, 0600);
    MUST(fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0);
    MUST(rename("out/folder/file", "out/folder/file2") == 0);
    MUST(FAILS_WITH(symlink("x", "out/link"), EACCES));
    MUST(FAILS_WITH(mknod("out/fifo", S_IFIFO | 0600, 0), EACCES));
    MUST(FAILS_WITH(link("out/folder/file2", "in/link"), EXDEV) || errno == EACCES);
    /* What was open before stays open. */
    MUST(write(before, "x", 1) == 1 && ftruncate(before, 0) == 0);
}

static void act_network(void) {
    struct sandbox s = plain;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof to;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(listening, (struct sockaddr *) &to, sizeof to) == 0 && listen(listening, 1) == 0);
    MUST(getsockname(listening, (struct sockaddr *) &to, &len) == 0);
    s.network = true;
    enter(&s);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && connect(fd, (struct sockaddr *) &to, sizeof to) == 0);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* names are asked for by UDP */
    MUST(fd >= 0);
    char *argv[] = { (char *) (uintptr_t) "/bin/true", NULL };
    MUST(FAILS_WITH(execve(argv[0], argv, NULL), EPERM));
}

static void test_limits(void **state) {
    (void) state;
    in_child(act_limits);
}
static void test_calls(void **state) {
    (void) state;
    in_child(act_calls);
}
static void test_paths(void **state) {
    (void) state;
    if (!has_landlock()) {
        print_message("skipped: this kernel has no Landlock\n");
        skip();
    }
    in_child(act_paths);
}
static void test_network(void **state) {
    (void) state;
    in_child(act_network);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_limits),
        TEST(test_calls),
        TEST(test_paths),
        TEST(test_network),
    };
    return cmocka_run_group_tests_name("worker/sandbox", tests, NULL, NULL);
}
