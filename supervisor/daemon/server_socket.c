/* SPDX-License-Identifier: MIT
 * server_socket.c - the name and the mode of a server's socket.
 * Layer: 3, daemon. Uses: base. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/conn.h"

/* A full backlog answers EAGAIN: somebody listens there too. */
static bool somebody_listens(const struct sockaddr_un *address) {
    CLEANUP(close_p)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *) address, sizeof *address) == 0 ||
                       errno == EAGAIN);
}

static int remove_stale(const struct sockaddr_un *address, struct err *e) {
    const char *path = address->sun_path;
    struct stat st;

    if (lstat(path, &st) < 0) {
        int r = -errno;
        return r == -ENOENT ? 0 : err_set(e, r, "cannot look at '%s': %s", path, strerror(-r));
    }
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, -EEXIST, "'%s' is in the way and is no socket", path);
    if (somebody_listens(address))
        return err_set(e, -EADDRINUSE, "somebody listens on '%s' already", path);
    if (unlink(path) < 0 && errno != ENOENT) {
        int r = -errno;
        return err_set(e, r, "cannot remove the old '%s': %s", path, strerror(-r));
    }
    return 0;
}

/* The name is born with the socket's mode less the umask and the folder's group where that has the
 * set-group-ID bit: often all is right already. Nobody can connect before listen(2), so owner and
 * mode are right before the first peer. */
static int dress_and_listen(const struct server_config *config, int fd, struct stat *ret,
                            struct err *e) {
    const char *path = config->path;
    const char *what = "look at";
    int r = lstat(path, ret);

    if (r == 0 && ((config->uid != (uid_t) -1 && config->uid != ret->st_uid) ||
                   (config->gid != (gid_t) -1 && config->gid != ret->st_gid))) {
        what = "chown";
        r = fchownat(AT_FDCWD, path, config->uid, config->gid, AT_SYMLINK_NOFOLLOW);
    }
    if (r == 0 && (ret->st_mode & 07777) != config->mode) {
        what = "chmod";
        r = chmod(path, config->mode);
    }
    if (r == 0) {
        what = "listen on";
        r = listen(fd, SOMAXCONN);
    }
    if (r < 0) {
        r = -errno;
        return err_set(e, r, "cannot %s '%s': %s", what, path, strerror(-r));
    }
    return 0;
}

static int bind_name(int fd, const struct sockaddr_un *address, struct err *e) {
    int r = bind(fd, (const struct sockaddr *) address, sizeof *address);

    if (r < 0 && errno == EADDRINUSE) {
        r = remove_stale(address, e);
        if (r < 0)
            return r;
        r = bind(fd, (const struct sockaddr *) address, sizeof *address);
    }
    if (r < 0) {
        r = -errno;
        return err_set(e, r, "cannot bind '%s': %s", address->sun_path, strerror(-r));
    }
    return 0;
}

int server_bind(const struct server_config *config, int *ret_fd, dev_t *ret_dev, ino_t *ret_ino,
                struct err *e) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP(close_p) int fd = -1;
    struct stat st;
    size_t n = strlen(config->path);
    int r;

    if (n == 0 || n >= sizeof address.sun_path)
        return err_set(e, -ENAMETOOLONG,
                       "the socket name '%.120s' is empty or longer than %zu bytes", config->path,
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, config->path, n + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        r = -errno;
        return err_set(e, r, "cannot make a socket: %s", strerror(-r));
    }
    (void) fchmod(fd, config->mode);
    r = bind_name(fd, &address, e);
    if (r < 0)
        return r;
    r = dress_and_listen(config, fd, &st, e);
    if (r < 0)
        goto undo_bind;
    *ret_fd = TAKE_FD(fd);
    *ret_dev = st.st_dev;
    *ret_ino = st.st_ino;
    return 0;

undo_bind:
    (void) unlink(config->path);
    return r;
}

static int socket_option(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

int server_adopt(int fd, struct err *e) {
    int r = socket_option(fd, SO_DOMAIN);

    if (r >= 0 && (r != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_STREAM ||
                   socket_option(fd, SO_ACCEPTCONN) != 1))
        return err_set(e, -EINVAL, "descriptor %d is no listening Unix stream socket", fd);
    if (r >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
                   fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0))
        r = -errno;
    if (r < 0)
        return err_set(e, r, "descriptor %d cannot be listened on: %s", fd, strerror(-r));
    return 0;
}

void server_unbind(const char *path, dev_t dev, ino_t ino) {
    struct stat st;

    /* The next daemon may have bound the name anew. */
    if (ino != 0 && lstat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino)
        (void) unlink(path);
}
