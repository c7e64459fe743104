/* SPDX-License-Identifier: MIT
 * notify.c - the socket: who may speak, and how much at a time.
 * Layer: 3, daemon. Uses: base, libsystemd. */
#include "supervisor/daemon/notify.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/loop.h"

#define TURN_MAX        64 /* datagrams; the rest waits while others have their turn */
#define TURNS_MAX       10 /* a flood is heard again when the interval is over */
#define TURNS_EVERY_US  (100 * 1000)
#define DESCRIPTORS_MAX 253 /* SCM_MAX_FD, net/scm.h: no message can bring more */

struct notify {
    int fd;
    sd_event_source *source;
    struct sockaddr_un address;
    uid_t uid;
    void (*got)(const struct notify_message *, void *userdata);
    void *userdata;
    bool in_turn, dead; /* freed in got(): the turn's end does it */
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

static void destroy(struct notify *n) {
    n->source = sd_event_source_disable_unref(n->source);
    close_p(&n->fd);
    n->fd = -1;
    n->dead = true;
    if (!n->in_turn)
        free(n);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct notify *n = userdata;

    (void) source;
    (void) fd;
    (void) events;
    n->in_turn = true;
    for (int i = 0; i < TURN_MAX && !n->dead; i++) {
        char text[NOTIFY_TEXT_MAX + 1];
        struct notify_message message;
        int r = receive(n, text, &message);
        if (r < 0)
            break;
        if (r > 0)
            n->got(&message, n->userdata);
    }
    n->in_turn = false;
    if (n->dead)
        free(n);
    return 0;
}

static int bind_name(const struct notify *n) {
    const struct sockaddr *address = (const struct sockaddr *) &n->address;

    if (bind(n->fd, address, sizeof n->address) == 0)
        return 0;
    if (errno == EADDRINUSE && unlink(n->address.sun_path) == 0 &&
        bind(n->fd, address, sizeof n->address) == 0)
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
    if (lstat(n->address.sun_path, &st) < 0)
        return -errno;
    if (gid != (gid_t) -1 && st.st_gid != gid && lchown(n->address.sun_path, (uid_t) -1, gid) < 0)
        return -errno;
    return (st.st_mode & 07777) != mode && chmod(n->address.sun_path, mode) < 0 ? -errno : 0;
}

int notify_new(sd_event *event, const char *path, uid_t uid, gid_t gid,
               void (*got)(const struct notify_message *, void *userdata), void *userdata,
               struct notify **ret, struct err *e) {
    struct notify *n = calloc(1, sizeof *n);
    int r;

    if (!n)
        return err_set(e, -ENOMEM, "no memory for a notify socket");
    *n = (struct notify){ .fd = -1, .uid = uid, .got = got, .userdata = userdata };
    n->address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof n->address.sun_path) {
        notify_free(n);
        return err_set(e, -ENAMETOOLONG, "'%.100s' is too long for a socket's name", path);
    }
    memcpy(n->address.sun_path, path, strlen(path) + 1);
    r = bind_socket(n, gid);
    if (r >= 0)
        r = sd_event_add_io(event, &n->source, n->fd, EPOLLIN, on_readable, n);
    if (r >= 0)
        r = sd_event_source_set_priority(n->source, LOOP_NOTIFY);
    /* The loop serves higher priorities first: without a limit an app that floods its socket would
     * hold up every client. */
    if (r >= 0)
        r = sd_event_source_set_ratelimit(n->source, TURNS_EVERY_US, TURNS_MAX);
    if (r < 0) {
        notify_free(n);
        return err_set(e, r, "cannot listen on '%.100s': %s", path, strerror(-r));
    }
    (void) sd_event_source_set_description(n->source, "notify");
    *ret = n;
    return 0;
}

struct notify *notify_abandon(struct notify *n) {
    if (n)
        destroy(n);
    return NULL;
}

struct notify *notify_free(struct notify *n) {
    if (n && n->address.sun_path[0])
        (void) unlink(n->address.sun_path);
    return notify_abandon(n);
}
