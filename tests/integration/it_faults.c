/* SPDX-License-Identifier: MIT
 * The disk fails: each call of supervisor and worker that changes the store fails once, with EIO,
 * ENOSPC or EROFS; the disk is full, read-only, none at all, or another supervisor's. An
 * installation is refused or an update failed, the supervisor lives on, nothing else has changed,
 * and the next try succeeds.
 *
 * The calls are met by seccomp's user notifications: what runs is what is installed elsewhere. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "cuts_kit.h"

#if defined __SANITIZE_ADDRESS__
#define STRIDE 5 /* enough for what sanitizers see; the other build has them all */
#else
#define STRIDE 1
#endif

/* --- the injector ------------------------------------------------------------------------- */

/* Which argument is the descriptor: all of these have it as the first one. */
static const int watched[] = { SYS_write,  SYS_fsync,  SYS_syncfs,   SYS_openat,    SYS_mkdirat,
                               SYS_fchmod, SYS_fchown, SYS_renameat, SYS_renameat2, SYS_unlinkat };
#define N_WATCHED (sizeof watched / sizeof watched[0])

static int told[2]; /* the listener comes through it */
static int listener = -1;
static pthread_t thread;
static atomic_uint seen, fail_at; /* of the calls that change the store; 0: none fails */
static atomic_int fail_with;
static char failed[600];

static void send_listener(int fd) {
    char byte = 0, control[CMSG_SPACE(sizeof fd)] = { 0 };
    struct iovec io = { &byte, 1 };
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(told[1], &m, 0) != 1)
        _exit(126);
}

static int receive_listener(void) {
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec io = { &byte, 1 };
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    int fd = -1;
    assert_int_equal(recvmsg(told[0], &m, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

/* In the daemon's process before its exec; what it starts inherits it. */
static void install_filter(void) {
    struct sock_filter code[N_WATCHED + 3];
    size_t n = 0;

    code[n++] =
        (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < N_WATCHED; i++)
        code[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) watched[i],
                                                  (uint8_t) (N_WATCHED - i), 0);
    code[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    const struct sock_fprog prog = { (unsigned short) n, code };
    long fd =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
    if (fd < 0)
        _exit(125);
    send_listener((int) fd);
    (void) close((int) fd);
}

/* Of the store, not of what apps and their output write. */
static bool changes_store(const struct seccomp_notif *call) {
    char link[64], path[512];
    size_t n = strlen(h.state);

    if (call->data.nr == SYS_openat && !(call->data.args[2] & O_CREAT))
        return false;
    (void) snprintf(link, sizeof link, "/proc/%u/fd/%d", call->pid, (int) call->data.args[0]);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    if (strncmp(path, h.state, n) != 0 || strstr(path, "/log") || strstr(path, "/data"))
        return false;
    if (atomic_load(&seen) + 1 == atomic_load(&fail_at))
        (void) snprintf(failed, sizeof failed, "call %d on %s", call->data.nr, path);
    return true;
}

static void *serve(void *arg) {
    (void) arg;
    for (;;) {
        struct seccomp_notif call = { 0 };
        struct pollfd p = { .fd = listener, .events = POLLIN };
        if (poll(&p, 1, -1) < 0 || !(p.revents & POLLIN))
            return NULL; /* the last process under the filter is gone */
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
            continue;
        struct seccomp_notif_resp answer = { .id = call.id,
                                             .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        if (changes_store(&call) && atomic_fetch_add(&seen, 1) + 1 == atomic_load(&fail_at)) {
            answer.flags = 0;
            answer.error = -atomic_load(&fail_with);
        }
        (void) ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

static void start_faulty(void) {
    atomic_store(&fail_at, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, told), 0);
    harness_in_child = install_filter;
    int ready = harness_spawn(&h);
    harness_in_child = NULL;
    listener = receive_listener();
    (void) close(told[0]);
    (void) close(told[1]);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    harness_meet(&h, ready);
}

static void end_faulty(void) {
    end_daemon();
    (void) pthread_join(thread, NULL);
    (void) close(listener);
    listener = -1;
}

/* --- one fault ---------------------------------------------------------------------------- */

static const struct phase *phase(const char *name) {
    for (size_t i = 0; i < N_PHASES; i++)
        if (strcmp(phases[i].name, name) == 0)
            return &phases[i];
    fail_msg("no phase '%s'", name);
    return NULL;
}

/* The reply is a success, or says that the disk is to blame. */
static bool done(const char *method) {
    struct varlink_reply reply;
    if (strcmp(method, "Install") == 0)
        harness_call(&h, &reply, method, "{\"source\":\"file://%s/index\"}", h.packages);
    else
        harness_call(&h, &reply, method, ID);
    bool fine = reply.error == NULL;
    if (!fine && !strstr(reply.error, ".Storage"))
        fail_msg("%s: %s %s", method, reply.error, json_get_string(reply.parameters, "detail", ""));
    varlink_reply_clear(&reply);
    return fine;
}

static int64_t opens_with(void) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", ID);
    if (reply.error)
        fail_msg("Open: %s %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    int64_t code = json_get_int(reply.parameters, "version_code", 0);
    varlink_reply_clear(&reply);
    return code;
}

/* Passes over update events until version 3 is ready (true) or has failed. */
static bool becomes_ready(void) {
    for (;;) {
        struct varlink_reply reply;
        const struct json *u = json_get(harness_wait_event(&h, ONE, "update", &reply), "update");
        bool ready = strcmp(json_get_string(u, "phase", ""), "ready") == 0;
        bool fault = strcmp(json_get_string(u, "phase", ""), "failed") == 0;
        if (fault)
            assert_string_equal(json_get_string(u, "reason", ""), "storage");
        varlink_reply_clear(&reply);
        if (ready || fault)
            return ready;
    }
}

static void update_with_a_fault(void) {
    assert_int_equal(opens_with(), 2); /* and a check goes with it */
    bool ready = becomes_ready();
    atomic_store(&fail_at, 0);
    harness_assert_state(&h, ONE, "foreground");
    assert_int_equal(harness_number(&h, ONE, "version_code"), 2);
    assert_int_equal(harness_number(&h, ONE, "pending_version"), ready ? 3 : -1);
    if (ready)
        return;
    harness_ok(&h, "CheckUpdate", ID);
    assert_true(becomes_ready());
}

static void take_over_with_a_fault(void) {
    int64_t code = opens_with();
    atomic_store(&fail_at, 0);
    assert_true(code == 2 || code == 3);
    harness_ok(&h, "Kill", ID);
    assert_int_equal(opens_with(), 3);
}

static void one_call_with_a_fault(const struct phase *ph) {
    bool fine = done(ph->method);
    atomic_store(&fail_at, 0);
    if (!fine)
        assert_true(done(ph->method));
}

/* How many calls there were; the n-th one failed. */
static unsigned run(const struct phase *ph, unsigned n, int with) {
    bool gone = strcmp(ph->name, "remove") == 0;

    publish(ph->index);
    sh("rm -rf state && cp -a %s state", ph->from);
    start_faulty();
    harness_ok(&h, "List", "{}");
    atomic_store(&seen, 0);
    failed[0] = '\0';
    atomic_store(&fail_with, with);
    atomic_store(&fail_at, n);
    if (strcmp(ph->name, "update") == 0)
        update_with_a_fault();
    else if (strcmp(ph->name, "take over") == 0)
        take_over_with_a_fault();
    else
        one_call_with_a_fault(ph);
    unsigned calls = atomic_load(&seen);
    if (!gone)
        harness_ok(&h, "Kill", ID);
    end_faulty();
    harness_restart(&h); /* what it could not clear then is cleared now */
    end_daemon();
    check_store(ph, !gone);
    failed[0] = '\0';
    return calls;
}

static void fail_everywhere(const char *name) {
    const struct phase *ph = phase(name);
    static const int with[] = { EIO, ENOSPC, EROFS };
    unsigned calls = run(ph, 0, 0), n, runs = 0;

    assert_true(calls > 5);
    for (n = 1; n <= calls; n += STRIDE, runs++)
        (void) run(ph, n, with[runs % 3]);
    print_message("%s: %u of %u calls failed one at a time\n", name, runs, calls);
}

static void test_install(void **state) {
    (void) state;
    fail_everywhere("install");
}
static void test_update(void **state) {
    (void) state;
    fail_everywhere("update");
}
static void test_take_over(void **state) {
    (void) state;
    fail_everywhere("take over");
}
static void test_roll_back(void **state) {
    (void) state;
    fail_everywhere("roll back");
}
static void test_remove(void **state) {
    (void) state;
    fail_everywhere("remove");
}

/* --- the disk as a whole ------------------------------------------------------------------ */

static void need_disks(void) {
    const char *trouble = geteuid() == 0 ? disk_trouble(DISK_EXT4) : "mounting needs root";
    harness_need("loop", trouble == NULL, trouble ? trouble : "");
}

static void test_a_full_disk(void **state) {
    (void) state;
    need_disks();
    make_disk(DISK_EXT4, "two");
    sh("rm -rf state && cp two.ext4 disk");
    mount_state();
    publish(2);
    harness_restart(&h);
    assert_int_equal(opens_with(), 2);
    wait_update("check", 0);
    sh("! dd if=/dev/zero of=state/filler bs=64k 2>/dev/null; ! dd if=/dev/zero of=state/filler2 "
       "bs=512 2>/dev/null");
    publish(3);
    if (done("CheckUpdate")) /* there was room for that much */
        assert_false(becomes_ready());
    harness_assert_state(&h, ONE, "foreground");
    sh("rm state/filler state/filler2");
    assert_true(done("CheckUpdate"));
    wait_update("ready", 3);
    harness_ok(&h, "Kill", ID);
    assert_int_equal(opens_with(), 3);
    end_daemon();
    check_store(phase("update"), true);
    unmount_state();
}

/* Runs a second supervisor to its end, which is to be a refusal in one sentence that has `text`. */
static void is_refused(const char *runtime, const char *text) {
    const char *build = getenv("MINIPROG_BUILD");
    sh("! %s/miniprogd --config miniprogd.conf --runtime-dir %s/%s --state-dir %s 2>said && "
       "grep -v -e ^miniprogd:.warning: said >sentence; test $(wc -l <sentence) = 1 && "
       "grep -q '%s' sentence",
       build ? build : "build/debug", h.base, runtime, h.state, text);
}

static void test_a_store_that_another_one_has(void **state) {
    (void) state;
    sh("rm -rf state && cp -a two state");
    harness_restart(&h);
    is_refused("run2", "another supervisor uses");
    assert_int_equal(opens_with(), 2); /* it noticed nothing */
    harness_ok(&h, "Kill", ID);
    end_daemon();
}

static void test_a_read_only_store(void **state) {
    (void) state;
    need_disks();
    sh("rm -rf state && cp -a two state && mount --bind state state && mount -o remount,bind,ro "
       "state");
    is_refused("run", "Read-only file system");
    unmount_state();
}

static void test_a_store_in_memory(void **state) {
    (void) state;
    need_disks();
    sh("rm -rf state && mkdir state && mount -t tmpfs none state && cp -a two/. state/");
    harness_restart(&h);
    assert_true(harness_daemon_said(&h, "is on tmpfs: what is installed does not outlive"));
    assert_int_equal(opens_with(), 2);
    harness_ok(&h, "Kill", ID);
    end_daemon();
    unmount_state();
}

static int begin(void **state) {
    (void) state;
    assert_int_equal(setenv("LC_ALL", "C", 1), 0);
    make_stores();
    return 0;
}

static int clear(void **state) {
    (void) state;
    if (failed[0])
        print_message("it was: %s\n", failed);
    if (h.daemon) {
        atomic_store(&fail_at, 0);
        (void) harness_signal_and_wait(&h, SIGTERM);
    }
    (void) umount2(h.state, MNT_DETACH);
    return 0;
}

static int finish(void **state) {
    (void) state;
    (void) fs_remove_tree(AT_FDCWD, h.base, NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_install, clear),
        cmocka_unit_test_teardown(test_update, clear),
        cmocka_unit_test_teardown(test_take_over, clear),
        cmocka_unit_test_teardown(test_roll_back, clear),
        cmocka_unit_test_teardown(test_remove, clear),
        cmocka_unit_test_teardown(test_a_full_disk, clear),
        cmocka_unit_test_teardown(test_a_store_that_another_one_has, clear),
        cmocka_unit_test_teardown(test_a_read_only_store, clear),
        cmocka_unit_test_teardown(test_a_store_in_memory, clear),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
