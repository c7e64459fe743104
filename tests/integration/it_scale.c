/* SPDX-License-Identifier: MIT
 * Many: opens and closes in a row leave nothing behind, and 2,000 registered apps with 500 running
 * are served like one. How fast is the bench's business. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE        "org.example.one"
#define TWO        "org.example.two"
#define WARM_UP    200
#define GROWTH_KIB 256 /* the heap may settle a little more */
#define REGISTERED 2000
#define RUNNING    500

static struct harness h;

#ifdef __has_feature /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Built with a sanitizer, or on a disk, ten thousand take minutes. */
static bool is_slow = SANITIZED;

/* On a tmpfs, as /run is, if one is there and lets programs run: what counts here is not the disk.
 */
static void use_tmpfs(void) {
    struct statvfs st;
    if (statvfs("/dev/shm", &st) == 0 && !(st.f_flag & ST_NOEXEC) &&
        access("/dev/shm", W_OK | X_OK) == 0)
        (void) setenv("MINIPROG_TEST_DIR", "/dev/shm", 0);
    else
        is_slow = true;
}

static int start(void **state) {
    (void) state;
    use_tmpfs();
    harness_start(&h, "[lifecycle]\nsuspend_after=0\nmax_warm=0\nstop_timeout=2s\n");
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

static void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

/* --- what the daemon holds ---------------------------------------------------------------- */

struct holdings {
    int fds, threads, groups, files;
    long rss_kib;
};

static long status_number(const char *member) {
    char name[32], text[4096];
    (void) snprintf(name, sizeof name, "/proc/%d/status", h.daemon);
    assert_true(fs_read_into(AT_FDCWD, name, text, sizeof text) > 0);
    const char *at = strstr(text, member);
    assert_non_null(at);
    return strtol(at + strlen(member), NULL, 10);
}

static int lines_of(const char *command) {
    char line[4096];
    int n = 0;
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n++;
    assert_int_equal(pclose(f), 0);
    return n;
}

/* Its groups, in every tree: their top is named in what it says at its start. */
static int count_groups(void) {
    CLEANUP(free_p) char *log = NULL;
    char path[64], command[256], top[32] = "";
    (void) snprintf(path, sizeof path, "%s/daemon.log", h.base);
    assert_int_equal(fs_read(AT_FDCWD, path, 1 << 26, &log, NULL, NULL), 0);
    const char *at = strstr(log, "/miniprog-");
    if (!at || sscanf(at, "/%31[a-z0-9-]", top) != 1)
        return 0; /* the backend has none */
    (void) snprintf(command, sizeof command,
                    "for m in $(findmnt -rno TARGET -t cgroup,cgroup2); do "
                    "find $m -type d -path '*/%s*'; done",
                    top);
    return lines_of(command);
}

static struct holdings look(void) {
    char command[128];
    (void) snprintf(command, sizeof command, "find %s %s", h.runtime, h.state);
    raw_barrier(&h);
    return (struct holdings){
        .fds = harness_daemon_fds(&h),
        .threads = (int) status_number("Threads:"),
        .groups = count_groups(),
        .files = lines_of(command),
        .rss_kib = status_number("VmRSS:"),
    };
}

static bool same(const struct holdings *a, const struct holdings *b) {
    return a->fds == b->fds && a->threads == b->threads && a->groups == b->groups &&
           a->files == b->files;
}

/* Run states are written beside the loop: a file of theirs may be there for a moment. Looks until
 * it sees the same twice. */
static struct holdings look_when_calm(void) {
    struct holdings last = look(), now = look();
    for (int i = 0; i < 100 && !same(&last, &now); i++) {
        last = now;
        now = look();
    }
    return now;
}

/* --- opens and closes --------------------------------------------------------------------- */

static void call(const char *method, const char *id) {
    harness_ok(&h, method, "{\"id\":\"%s\"}", id);
}

/* One listens and one does not; each way to end, hidden and shown in between. */
static void lives(int i) {
    const char *id = i % 8 == 0 ? TWO : ONE;
    call("Open", id);
    if (i % 2) {
        call("Hide", id);
        call("Open", id);
    }
    call(i % 3 ? "Close" : "Kill", id);
    harness_wait_state(&h, id, "stopped", NULL);
}

static void test_opens_and_closes_leave_nothing(void **state) {
    (void) state;
    int rounds = is_slow && !getenv("MINIPROG_LONG") ? 1000 : 10000;
    print_message("%d opens and closes%s\n", rounds,
                  rounds < 10000 ? " (slow here; 10000 with MINIPROG_LONG set)" : "");
    harness_install(&h, &(struct harness_app){ .id = ONE, .program = "idle" });
    harness_install(&h, &(struct harness_app){ .id = TWO, .program = "probe" });
    call("Open", TWO); /* it has a log once it has said something, which a quick end forbids */
    harness_wait_log(&h, TWO, "show");
    call("Close", TWO);
    harness_wait_state(&h, TWO, "stopped", NULL);
    for (int i = 0; i < WARM_UP; i++)
        lives(i);
    struct holdings before = look_when_calm();
    for (int i = 0; i < rounds; i++)
        lives(i);
    struct holdings after = look_when_calm();
    print_message("descriptors %d -> %d, threads %d -> %d, groups %d -> %d, files %d -> %d, "
                  "memory %ld -> %ld KiB\n",
                  before.fds, after.fds, before.threads, after.threads, before.groups, after.groups,
                  before.files, after.files, before.rss_kib, after.rss_kib);
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.threads, before.threads);
    assert_int_equal(after.groups, before.groups);
    assert_int_equal(after.files, before.files);
    if (!SANITIZED) /* which keeps freed memory back, and tells of leaks at the end */
        assert_true(after.rss_kib <= before.rss_kib + GROWTH_KIB);
    finish();
}

/* --- many apps ---------------------------------------------------------------------------- */

static char *id_of(int i, char id[32]) {
    (void) snprintf(id, 32, "org.example.n%d", i);
    return id;
}

static void install_all(void) {
    char id[32];
    for (int i = 0; i < REGISTERED; i++)
        harness_install(&h, &(struct harness_app){ .id = id_of(i, id) });
}

static int count_listed(const char *in_state) {
    struct varlink_reply reply;
    int n = 0;
    harness_call(&h, &reply, "List", "{}");
    assert_null(reply.error);
    const struct json *apps = json_get(reply.parameters, "apps");
    for (const struct json *it = json_first(apps); it; it = json_next(it))
        n += !in_state || strcmp(json_get_string(it, "state", ""), in_state) == 0;
    varlink_reply_clear(&reply);
    return n;
}

/* A second of everything, in the midst of the many. */
static void every_operation_works(void) {
    struct varlink_reply reply;
    char id[32], folder[128];

    harness_assert_state(&h, id_of(REGISTERED - 1, id), "stopped");
    call("Open", id);
    call("Hide", id);
    call("Open", id);
    harness_call(&h, &reply, "Warn", "{\"level\":5,\"id\":\"%s\"}", id);
    assert_null(reply.error);
    varlink_reply_clear(&reply);
    call("Why", id);
    free(harness_log(&h, id));
    harness_make(&h, &(struct harness_app){ .id = id, .code = 2 }, folder);
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    assert_true(json_get_bool(reply.parameters, "pending", false));
    varlink_reply_clear(&reply);
    call("Close", id);
    call("Open", id);
    assert_int_equal(harness_number(&h, id, "version_code"), 2);
    call("Kill", id);
    call("Remove", id);
    harness_install(&h, &(struct harness_app){ .id = id });

    struct client *watch = harness_send(&h, "Watch", true, "{}");
    struct err e = { 0 };
    assert_int_equal(client_receive(watch, HARNESS_PATIENCE_MS, &reply, &e), 0);
    const struct json *snapshot = json_get(json_get(reply.parameters, "event"), "snapshot");
    assert_int_equal(json_count(json_get(snapshot, "apps")), REGISTERED);
    varlink_reply_clear(&reply);
    client_close(watch);
}

/* Not by number: other tests' processes have that of one that is gone, sooner or later. */
static void assert_ended(pid_t pid, int pidfd) {
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    if (poll(&p, 1, HARNESS_PATIENCE_MS) <= 0)
        fail_msg("process %d, now '%c', outlived the supervisor's orderly end", pid,
                 harness_proc_state(pid));
    (void) close(pidfd);
}

static void test_two_thousand_apps(void **state) {
    (void) state;
    static struct {
        pid_t pid;
        int fd;
    } mains[RUNNING];
    char id[32];

    install_all();
    assert_int_equal(count_listed(NULL), REGISTERED);
    assert_int_equal(count_listed("stopped"), REGISTERED);
    for (int i = 0; i < RUNNING; i++) {
        call("Open", id_of(i, id));
        harness_wait_state(&h, id, "foreground", "ready");
        mains[i].pid = harness_pid(&h, id);
        mains[i].fd = pidfd_open(mains[i].pid, 0);
        assert_true(mains[i].fd >= 0);
    }
    assert_int_equal(count_listed("background") + count_listed("foreground"), RUNNING);
    every_operation_works();

    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_restart(&h);
    assert_int_equal(count_listed(NULL), REGISTERED);
    assert_int_equal(count_listed("background") + count_listed("foreground"), RUNNING);
    for (int i = 0; i < RUNNING; i++) {
        assert_int_equal(harness_pid(&h, id_of(i, id)), mains[i].pid);
        assert_int_equal(poll(&(struct pollfd){ .fd = mains[i].fd, .events = POLLIN }, 1, 0), 0);
    }
    every_operation_works();

    assert_int_equal(harness_signal_and_wait(&h, SIGTERM), 0);
    for (int i = 0; i < RUNNING; i++)
        assert_ended(mains[i].pid, mains[i].fd);
    harness_restart(&h);
    assert_int_equal(count_listed("stopped"), REGISTERED);
    finish();
}

#define SCALE(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCALE(test_opens_and_closes_leave_nothing),
        SCALE(test_two_thousand_apps),
    };
    return cmocka_run_group_tests_name("daemon/scale", tests, NULL, NULL);
}
