/* SPDX-License-Identifier: MIT
 * raw.c - bytes over a Unix socket, each wait with a deadline. */
#include "tests/lib/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"

#define REPLY_MAX ((size_t) 16 * 1024 * 1024)

/* The peer's credentials are the effective ones of this moment. Source: unix(7), SO_PEERCRED. */
static int connect_now(int fd, const struct sockaddr_un *sa, uid_t uid, gid_t gid) {
    int r;

    if (gid && (setgroups(0, NULL) < 0 || setegid(gid) < 0))
        fail_msg("cannot be gid %u: %s", gid, strerror(errno));
    if (uid && seteuid(uid) < 0)
        fail_msg("cannot be uid %u: %s", uid, strerror(errno));
    r = connect(fd, (const struct sockaddr *) (const void *) sa, sizeof *sa) < 0 ? -errno : 0;
    if ((uid && seteuid(0) < 0) || (gid && setegid(0) < 0))
        fail_msg("cannot be root again: %s", strerror(errno));
    return r;
}

int raw_connect_as(const char *path, uid_t uid, gid_t gid, struct raw *ret) {
    CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof sa.sun_path);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int r = connect_now(fd, &sa, uid, gid);
    if (r < 0)
        return r;
    *ret = (struct raw){ .fd = TAKE_FD(fd), .in = STR_INIT(REPLY_MAX) };
    return 0;
}

struct raw raw_open(const char *path) {
    struct raw r;
    int error = raw_connect_as(path, 0, 0, &r);
    if (error < 0)
        fail_msg("cannot connect to '%s': %s", path, strerror(-error));
    return r;
}

/* --- as an app's own process -------------------------------------------------------------- */

/* The v2 group of a process, as a path; "" where it has none to speak of. */
static void group_of(pid_t pid, char ret[512]) {
    CLEANUP(free_p) char *mounts = NULL;
    char name[32], line[512] = "", mount[256] = "";

    ret[0] = '\0';
    (void) snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
    if (fs_read_into(AT_FDCWD, name, line, sizeof line) <= 0 ||
        fs_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL, NULL) < 0)
        return;
    const char *path = strstr(line, "0::/");
    char *at = strstr(mounts, " - cgroup2 ");
    if (!path || !at)
        return;
    *at = '\0';
    at = strrchr(mounts, '\n');
    if (sscanf(at ? at : mounts, " %*d %*d %*s %*s %255s", mount) == 1)
        (void) snprintf(ret, 512, "%s%.*s/cgroup.procs", mount, (int) strcspn(path + 3, "\n"),
                        path + 3);
}

static void send_fd(int channel, int fd) {
    char byte = 'x';
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    (void) sendmsg(channel, &msg, 0);
}

static int take_fd(int channel) {
    char byte;
    int fd = -1;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    if (recvmsg(channel, &msg, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&msg))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
    return fd;
}

/* In a process of its own: joins the app's group, becomes its user, connects, hands that over. */
static void connect_as_app(const char *group, uid_t uid, const char *path, int channel) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, path, strnlen(path, sizeof sa.sun_path - 1));
    if (group[0] && fs_write_existing(AT_FDCWD, group, "0", 1) < 0)
        _exit(1);
    if (uid != geteuid() &&
        (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
        _exit(2);
    if (connect(fd, (struct sockaddr *) (void *) &sa, sizeof sa) < 0)
        _exit(3);
    send_fd(channel, fd);
    _exit(0);
}

struct raw raw_open_app(struct harness *h, const char *id) {
    char path[128], group[512];
    int channel[2], status = 0;

    group_of(harness_pid(h, id), group);
    raw_app_path(h, id, "socket", path);
    uid_t uid = raw_app_uid(h, id);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    pid_t pid = fork();
    if (pid == 0)
        connect_as_app(group, uid, path, channel[1]);
    (void) close(channel[1]);
    struct raw r = { .fd = take_fd(channel[0]), .in = STR_INIT(REPLY_MAX) };
    (void) close(channel[0]);
    (void) waitpid(pid, &status, 0);
    if (r.fd < 0)
        fail_msg("cannot connect to '%s' as uid %u: wait status %d", path, uid, status);
    return r;
}

void raw_close(struct raw *r) {
    if (r->fd >= 0)
        (void) close(r->fd);
    r->fd = -1;
    str_clear(&r->in);
    r->handed = 0;
}

static void wait_for(struct raw *r, short what) {
    struct pollfd p = { .fd = r->fd, .events = what };
    if (poll(&p, 1, HARNESS_PATIENCE_MS) <= 0)
        fail_msg("the daemon neither %s nor hangs up", what == POLLIN ? "answers" : "reads on");
}

void raw_say(struct raw *r, const void *bytes, size_t n) {
    const char *at = bytes;

    while (n > 0) {
        ssize_t sent = send(r->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            wait_for(r, POLLOUT);
            continue;
        }
        if (sent < 0)
            return;
        at += sent;
        n -= (size_t) sent;
    }
}

void raw_call(struct raw *r, const char *text) {
    raw_say(r, text, strlen(text) + 1);
}

void raw_end(struct raw *r) {
    (void) shutdown(r->fd, SHUT_WR);
}

/* False: the daemon hung up. */
static bool receive_more(struct raw *r) {
    char bytes[65536];

    wait_for(r, POLLIN);
    ssize_t n = recv(r->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    assert_int_equal(str_append(&r->in, bytes, (size_t) n), 0);
    return true;
}

const char *raw_hear(struct raw *r) {
    str_consume(&r->in, r->handed);
    r->handed = 0;
    for (;;) {
        const char *end = r->in.len ? memchr(r->in.data, '\0', r->in.len) : NULL;
        if (end) {
            r->handed = (size_t) (end - r->in.data) + 1;
            return r->in.data;
        }
        if (!receive_more(r))
            return NULL;
    }
}

void raw_wait_hangup(struct raw *r) {
    while (receive_more(r))
        str_reset(&r->in);
    r->handed = 0;
}

/* The kernel writes the real ids on a datagram: the sender is that user for good. */
void raw_notify(struct harness *h, const char *id, uid_t uid, gid_t gid, const char *text,
                size_t n) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    char path[128];
    int status;

    raw_app_path(h, id, "notify", path);
    memcpy(sa.sun_path, path, strnlen(path, sizeof sa.sun_path - 1));
    pid_t pid = fork();
    if (pid == 0) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            _exit(1);
        /* waits while the queue is full */
        ssize_t sent = sendto(fd, text, n, 0, (struct sockaddr *) (void *) &sa, sizeof sa);
        _exit(sent == (ssize_t) n ? 0 : 2);
    }
    assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

const char *raw_app_path(struct harness *h, const char *id, const char *name, char ret[128]) {
    (void) snprintf(ret, 128, "%s/apps/%s/%s", h->runtime, id, name);
    return ret;
}

uid_t raw_app_uid(struct harness *h, const char *id) {
    char path[128];
    struct stat st;
    (void) snprintf(path, sizeof path, "%s/apps/%s/data", h->state, id);
    if (stat(path, &st) < 0)
        fail_msg("cannot look at '%s': %s", path, strerror(errno));
    return st.st_uid;
}

/* Sources of one priority have their turns in the order in which they were found ready. With the
 * first reply the listener was found ready, with the second it has accepted and the connection was
 * found ready, with the third it has been read. */
void raw_barrier(struct harness *h) {
    for (int i = 0; i < 3; i++)
        harness_ok(h, "List", "{}");
}

void raw_assert_sound(struct harness *h) {
    raw_barrier(h);
    if (harness_daemon_said(h, "wire: ") || harness_daemon_said(h, "please report this"))
        fail_msg("the daemon found itself at fault");
}
