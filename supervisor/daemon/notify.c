/* SPDX-License-Identifier: MIT
 * notify.c - the socket: who may speak, and how much at a time.
 * Layer: 3, daemon. Uses: base, libsystemd. */
#include "supervisor/daemon/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/poller.h"

#define TURN_MAX        64 /* datagrams; the rest waits while others have their turn */
#define TURNS_MAX       10 /* a flood is heard again when the interval is over */
#define TURNS_EVERY_US  (100 * 1000)
#define DESCRIPTORS_MAX 253 /* SCM_MAX_FD, net/scm.h: no message can bring more */

struct notify {
    struct poller *poller;
    struct poll_node node;
    char *path;
    int fd;
    uid_t uid;
    void (*got)(const struct notify_message *, void *userdata);
    void *userdata;
    bool in_turn, dead; /* freed in got(): the turn's end does it */
    /* A flood is heard in bursts. */
    uint64_t burst_began;
    unsigned turns; /* in this burst */
};

/* The sender's credentials, which the kernel checked; every descriptor is closed. */
static bool take_control(struct msghdr *msg, struct ucred *ret) {
    bool found = false;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof *ret)) {
            memcpy(ret, CMSG_DATA(c), sizeof *ret);
            found = true;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < n; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                close_p(&fd);
            }
        }
    }
    return found;
}

/* 1 with a message in ret, 0 for a datagram that was passed over, -errno (-EAGAIN: no more). */
static int receive(struct notify *n, char text[NOTIFY_TEXT_MAX + 1], struct notify_message *ret) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = text, .iov_len = NOTIFY_TEXT_MAX };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct ucred peer;
    ssize_t len = recvmsg(n->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (len < 0)
        return errno == EINTR ? 0 : -errno;
    if (!take_control(&msg, &peer) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return 0;
    if (peer.uid != n->uid && peer.uid != 0)
        return 0;
    *ret = (struct notify_message){ .pid = peer.pid };
    return notify_parse(text, (size_t) len, ret);
}

static void release(struct notify *n) {
    free(n->path);
    free(n);
}

static void destroy(struct notify *n) {
    poller_remove(n->poller, &n->node);
    close_p(&n->fd);
    n->fd = -1;
    n->dead = true;
    if (!n->in_turn)
        release(n);
}

/* Without a limit an app that floods its socket would keep the daemon at work all the time. */
static void listen_again(struct notify *n) {
    uint64_t now = loop_clock(CLOCK_MONOTONIC);

    if (now - n->burst_began > TURNS_EVERY_US) {
        n->burst_began = now;
        n->turns = 0;
    }
    if (++n->turns >= TURNS_MAX || poller_watch(n->poller, &n->node, n->fd, EPOLLIN) < 0)
        poller_later(n->poller, &n->node);
}

/* In a turn that got() itself led to, n lives until the outer one ends. */
static void hear(struct notify *n) {
    for (int i = 0; i < TURN_MAX && !n->dead; i++) {
        char text[NOTIFY_TEXT_MAX + 1];
        struct notify_message message;
        int r = receive(n, text, &message);
        if (r < 0)
            break;
        if (r > 0)
            n->got(&message, n->userdata);
    }
}

static void on_readable(struct poll_node *node, uint32_t fired) {
    struct notify *n = list_entry(node, struct notify, node);

    (void) fired;
    n->in_turn = true;
    hear(n);
    n->in_turn = false;
    if (n->dead)
        release(n);
    else
        listen_again(n);
}

void notify_settle(struct notify *n) {
    bool outer = n->in_turn;

    n->in_turn = true;
    hear(n);
    n->in_turn = outer;
    if (n->dead && !outer)
        release(n);
}

static int bind_name(const struct notify *n) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct sockaddr *a = (const struct sockaddr *) &address;

    memcpy(address.sun_path, n->path, strlen(n->path) + 1);
    if (bind(n->fd, a, sizeof address) == 0)
        return 0;
    if (errno == EADDRINUSE && unlink(n->path) == 0 && bind(n->fd, a, sizeof address) == 0)
        return 0;
    return -errno;
}

/* The name is born with the socket's mode less the umask, and with the folder's group where that
 * has the set-group-ID bit. Where it is not, others of our group can send for a moment, and are
 * passed over for their uid. */
static int bind_socket(struct notify *n, gid_t gid) {
    const mode_t mode = 0660;
    const int on = 1;
    struct stat st;

    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0 || setsockopt(n->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
        return -errno;
    (void) fchmod(n->fd, mode);
    int r = bind_name(n);
    if (r < 0)
        return r;
    if (lstat(n->path, &st) < 0)
        return -errno;
    if (gid != (gid_t) -1 && st.st_gid != gid && lchown(n->path, (uid_t) -1, gid) < 0)
        return -errno;
    return (st.st_mode & 07777) != mode && chmod(n->path, mode) < 0 ? -errno : 0;
}

int notify_new(struct poller *poller, const char *path, uid_t uid, gid_t gid,
               void (*got)(const struct notify_message *, void *userdata), void *userdata,
               struct notify **ret, struct err *e) {
    struct notify *n;

    if (strlen(path) >= sizeof((struct sockaddr_un *) NULL)->sun_path)
        return err_set(e, -ENAMETOOLONG, "'%.100s' is too long for a socket's name", path);
    n = calloc(1, sizeof *n);
    if (!n)
        return err_set(e, -ENOMEM, "no memory for a notify socket");
    *n =
        (struct notify){ .poller = poller, .fd = -1, .uid = uid, .got = got, .userdata = userdata };
    poll_node_init(&n->node, on_readable);
    n->path = strdup(path);
    int r = n->path ? bind_socket(n, gid) : -ENOMEM;
    if (r >= 0)
        r = poller_watch(poller, &n->node, n->fd, EPOLLIN);
    if (r < 0) {
        notify_free(n);
        return err_set(e, r, "cannot listen on '%.100s': %s", path, strerror(-r));
    }
    *ret = n;
    return 0;
}

struct notify *notify_abandon(struct notify *n) {
    if (n)
        destroy(n);
    return NULL;
}

struct notify *notify_free(struct notify *n) {
    if (n && n->path)
        (void) unlink(n->path);
    return notify_abandon(n);
}
