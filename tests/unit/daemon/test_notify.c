/* SPDX-License-Identifier: MIT
 * test_notify.c - what is heard, from whom, and how much of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/notify.h"
#include "supervisor/daemon/poller.h"

/* ---- the text ---- */

static bool parse(const char *text, size_t n, struct notify_message *m) {
    static char buf[NOTIFY_TEXT_MAX + 1];
    memcpy(buf, text, n);
    return notify_parse(buf, n, m);
}

static void test_assignments(void **state) {
    (void) state;
    static const struct {
        const char *text;
        bool any, ready, stopping, trigger;
        const char *status;
    } rows[] = {
        { "READY=1", true, true, false, false, NULL },
        { "READY=1\n", true, true, false, false, NULL },
        { "STATUS=going\nREADY=1\nSTOPPING=1\nWATCHDOG=trigger\n", true, true, true, true,
          "going" },
        { "STATUS=one\nSTATUS=two", true, false, false, false, "two" },
        { "STATUS=", true, false, false, false, "" },
        { "STATUS=a=b", true, false, false, false, "a=b" },
        { "\n\nFDSTORE=1\nX_MINE=2\nREADY=1", true, true, false, false, NULL },
        { "", false, false, false, false, NULL },
        { "\n", false, false, false, false, NULL },
        { "READY=0", false, false, false, false, NULL },
        { "READY=11", false, false, false, false, NULL },
        { " READY=1", false, false, false, false, NULL },
        { "READY=1\r\n", false, false, false, false, NULL },
        { "ready=1", false, false, false, false, NULL },
        { "WATCHDOG=1", false, false, false, false, NULL },
        { "STATUS=\x1b[2J", false, false, false, false, NULL },
        { "STATUS=\xff", false, false, false, false, NULL },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct notify_message m = { .pid = 7, .status = "untouched" };
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &m), rows[i].any);
        assert_int_equal(m.pid, 7);
        if (!rows[i].any) {
            assert_string_equal(m.status, "untouched");
            continue;
        }
        assert_int_equal(m.ready, rows[i].ready);
        assert_int_equal(m.stopping, rows[i].stopping);
        assert_int_equal(m.watchdog_trigger, rows[i].trigger);
        if (rows[i].status)
            assert_string_equal(m.status, rows[i].status);
        else
            assert_null(m.status);
    }
}

static void test_nul_and_every_prefix(void **state) {
    (void) state;
    static const char text[] = "STATUS=x\nREADY=1\nSTOPPING=1\nWATCHDOG=trigger";
    struct notify_message m;

    assert_false(parse("READY=1\0", 8, &m));
    assert_false(parse("\0READY=1", 8, &m));
    assert_true(parse("A\0B\nREADY=1", 11, &m));
    for (size_t n = 0; n < sizeof text; n++) {
        m = (struct notify_message){ .pid = 1 };
        (void) parse(text, n, &m);
        assert_int_equal(m.ready, n >= 16);
        assert_int_equal(m.stopping, n >= 27);
        assert_int_equal(m.watchdog_trigger, n == sizeof text - 1);
    }
}

/* ---- the socket ---- */

static char dir[] = "/tmp/test_notify.XXXXXX";
static char path[64];

struct fixture {
    sd_event *event;
    struct poller *poller;
    struct notify *notify;
    int heard;
    struct notify_message last;
    char status[64];
    bool free_at_once, say_more;
} f;

static int say(const char *text);

static void got(const struct notify_message *m, void *userdata) {
    assert_ptr_equal(userdata, &f);
    f.heard++;
    f.last = *m;
    snprintf(f.status, sizeof f.status, "%s", m->status ? m->status : "(none)");
    if (f.say_more)
        assert_int_equal(say("STATUS=more"), 0);
    if (f.free_at_once)
        f.notify = notify_free(f.notify);
}

static int set_up(void **state) {
    (void) state;
    memset(&f, 0, sizeof f);
    snprintf(path, sizeof path, "%s/notify", dir);
    assert_true(sd_event_new(&f.event) >= 0);
    assert_int_equal(poller_new(f.event, LOOP_CONTROL, &f.poller, NULL), 0);
    assert_int_equal(notify_new(f.poller, path, geteuid(), (gid_t) -1, got, &f, &f.notify, NULL),
                     0);
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    notify_free(f.notify);
    poller_free(f.poller);
    sd_event_unref(f.event);
    return 0;
}

/* n_fds copies of one descriptor ride along. */
static int send_to(const char *text, size_t n, int n_fds) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = (char *) text, .iov_len = n };
    struct msghdr msg = {
        .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &iov, .msg_iovlen = 1
    };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

    strcpy(a.sun_path, path);
    if (n_fds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE((size_t) n_fds * sizeof(int));
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN((size_t) n_fds * sizeof(int));
        for (int i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(&control.align) + (size_t) i * sizeof fd, &fd, sizeof fd);
    }
    r = sendmsg(fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static int say(const char *text) {
    return send_to(text, strlen(text), 0);
}

static void settle(void) {
    while (sd_event_run(f.event, 0) > 0)
        ;
}

static int count_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void test_message_names_its_sender(void **state) {
    (void) state;
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(say("READY=1\nSTATUS=up") < 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    settle();
    assert_int_equal(f.heard, 1);
    assert_int_equal(f.last.pid, pid);
    assert_true(f.last.ready);
    assert_string_equal(f.status, "up");
}

static void test_long_empty_and_strange_datagrams(void **state) {
    (void) state;
    static char big[NOTIFY_TEXT_MAX + 1];

    memset(big, '\n', sizeof big);
    memcpy(big, "READY=1\n", 8);
    assert_int_equal(send_to(big, sizeof big, 0), 0);
    assert_int_equal(send_to("", 0, 0), 0);
    assert_int_equal(say("rubbish"), 0);
    settle();
    assert_int_equal(f.heard, 0);
    assert_int_equal(send_to(big, sizeof big - 1, 0), 0);
    settle();
    assert_int_equal(f.heard, 1);
}

static void test_descriptors_are_closed(void **state) {
    (void) state;
    int before = count_fds();

    assert_int_equal(send_to("READY=1", 7, 16), 0);
    assert_int_equal(send_to("rubbish", 7, 3), 0);
    settle();
    assert_int_equal(f.heard, 1);
    assert_int_equal(count_fds(), before);
}

static void test_other_users_are_passed_over(void **state) {
    (void) state;
    int status;

    if (geteuid() != 0) {
        print_message("skipped: only root can speak as another user\n");
        skip();
    }
    assert_int_equal(chmod(path, 0666), 0); /* though they could reach it */
    pid_t pid = fork();
    if (pid == 0)
        _exit(setresuid(70009, 70009, 70009) < 0 || say("READY=1") < 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    settle();
    assert_int_equal(f.heard, 0);
    notify_free(f.notify);
    assert_int_equal(notify_new(f.poller, path, 70009, 70010, got, &f, &f.notify, NULL), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(st.st_gid, 70010);
    assert_int_equal(say("READY=1"), 0); /* root */
    settle();
    assert_int_equal(f.heard, 1);
}

static void test_freed_by_its_own_message(void **state) {
    (void) state;
    f.free_at_once = true;
    assert_int_equal(say("READY=1"), 0);
    assert_int_equal(say("READY=1"), 0);
    settle();
    assert_int_equal(f.heard, 1);
    assert_null(f.notify);
    assert_int_equal(access(path, F_OK), -1);
}

static int on_defer(sd_event_source *source, void *userdata) {
    (void) source;
    *(bool *) userdata = true;
    return 0;
}

/* Each message that is heard brings another: the socket is never empty. A client is served all the
 * same, and the flood is heard in bursts with rests between them. */
static void test_flood_does_not_starve_the_loop(void **state) {
    (void) state;
    sd_event_source *client = NULL;
    bool served = false;
    int turns = 0;

    f.say_more = true;
    assert_int_equal(say("STATUS=more"), 0);
    assert_true(sd_event_add_defer(f.event, &client, on_defer, &served) >= 0);
    assert_true(sd_event_source_set_priority(client, LOOP_CONTROL) >= 0);
    while (!(served && f.heard > 1) && turns++ < 1000)
        assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
    sd_event_source_unref(client);
    assert_true(served);
    assert_true(f.heard > 1);
    while (sd_event_run(f.event, 0) > 0)
        assert_true(turns++ < 1000); /* it comes to a rest */
    int before = f.heard;
    assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
    assert_true(f.heard > before);
    f.say_more = false;
}

static void test_names_come_and_go(void **state) {
    (void) state;
    struct notify *other = (struct notify *) 0x1;
    struct err e = { 0 };
    char name[200];

    f.notify = notify_abandon(f.notify);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(notify_new(f.poller, path, geteuid(), (gid_t) -1, got, &f, &f.notify, NULL),
                     0);
    assert_int_equal(say("READY=1"), 0);
    settle();
    assert_int_equal(f.heard, 1);
    f.notify = notify_free(f.notify);
    assert_int_equal(access(path, F_OK), -1);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(notify_new(f.poller, name, 0, 0, got, &f, &other, &e), -ENAMETOOLONG);
    assert_int_equal(notify_new(f.poller, "/no/such/dir/n", 0, 0, got, &f, &other, &e), -ENOENT);
    assert_non_null(strstr(e.text, "cannot listen on '/no/such/dir/n'"));
    assert_ptr_equal(other, (struct notify *) 0x1);
}

static int make_dir(void **state) {
    (void) state;
    return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int remove_dir(void **state) {
    (void) state;
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

#define ON_SOCKET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assignments),       cmocka_unit_test(test_nul_and_every_prefix),
        ON_SOCKET(test_message_names_its_sender), ON_SOCKET(test_long_empty_and_strange_datagrams),
        ON_SOCKET(test_descriptors_are_closed),   ON_SOCKET(test_other_users_are_passed_over),
        ON_SOCKET(test_freed_by_its_own_message), ON_SOCKET(test_flood_does_not_starve_the_loop),
        ON_SOCKET(test_names_come_and_go),
    };

    return cmocka_run_group_tests_name("notify", tests, make_dir, remove_dir);
}
