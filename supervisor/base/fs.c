/* SPDX-License-Identifier: MIT */
#include "supervisor/base/fs.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Not blocking: a FIFO where a file should be would hold the caller for ever. */
static int open_to_read(int dir_fd, const char *name) {
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Reads until the end or until the buffer is full; -EFBIG when it is full. */
static ssize_t read_whole(int fd, char *buf, size_t size) {
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, buf + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return (ssize_t) len;
        len += (size_t) n;
    }
    return -EFBIG;
}

int fs_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len, struct err *e) {
    CLEANUP(close_p) int fd = open_to_read(dir_fd, name);
    CLEANUP(free_p) char *text = NULL;
    size_t cap = 0, len = 0;

    if (fd < 0)
        return err_set(e, fd, "cannot open '%s': %s", name, strerror(-fd));
    for (;;) {
        cap = cap ? cap * 2 : 4096;
        if (cap > max + 1)
            cap = max + 1; /* one more than allowed: how "too big" is told from "just fits" */
        char *more = realloc(text, cap);
        if (!more)
            return err_set(e, -ENOMEM, "no memory to read '%s'", name);
        text = more;
        ssize_t n = read_whole(fd, text + len, cap - len);
        if (n >= 0) {
            len += (size_t) n;
            break;
        }
        if (n != -EFBIG)
            return err_set(e, (int) n, "cannot read '%s': %s", name, strerror((int) -n));
        if (cap == max + 1)
            return err_set(e, -EFBIG, "'%s' has more than %zu bytes", name, max);
        len = cap;
    }
    text[len] = '\0'; /* read_whole() ended before the buffer did */
    *ret = TAKE_PTR(text);
    if (ret_len)
        *ret_len = len;
    return 0;
}

ssize_t fs_read_into(int dir_fd, const char *name, char *buf, size_t size) {
    CLEANUP(close_p) int fd = open_to_read(dir_fd, name);

    if (fd < 0)
        return fd;
    ssize_t n = read_whole(fd, buf, size);
    if (n >= 0)
        buf[n] = '\0';
    return n;
}

int fs_read_u64(int dir_fd, const char *name, uint64_t *ret_value) {
    char text[64];
    ssize_t n = fs_read_into(dir_fd, name, text, sizeof text);

    if (n < 0)
        return (int) n;
    text[strcspn(text, " \t\n")] = '\0';
    if (strcmp(text, "max") == 0) {
        *ret_value = UINT64_MAX;
        return 0;
    }
    return parse_u64(text, ret_value);
}

int fs_write_existing(int dir_fd, const char *name, const void *bytes, size_t n) {
    CLEANUP(close_p) int fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    ssize_t written;

    if (fd < 0)
        return -errno;
    do
        written = write(fd, bytes, n);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return -errno;
    return (size_t) written == n ? 0 : -EIO;
}

static int write_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        bytes += written;
        n -= (size_t) written;
    }
    return 0;
}

/* The folder that holds the last component of `name`. */
static int open_parent(int dir_fd, const char *name) {
    const char *slash = strrchr(name, '/');
    char parent[PATH_MAX] = ".";

    if (slash) {
        size_t n = slash == name ? 1 : (size_t) (slash - name);
        if (n >= sizeof parent)
            return -ENAMETOOLONG;
        memcpy(parent, name, n);
        parent[n] = '\0';
    }
    int fd = openat(dir_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int write_new(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
                     enum fs_sync sync) {
    CLEANUP(close_p)
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = write_all(fd, bytes, n);
    if (r < 0)
        return r;
    if (fchmod(fd, mode) < 0)
        return -errno;
    if (sync != FS_DURABLE)
        return 0;
    KILLPOINT(REPLACE_WRITTEN);
    if (fsync(fd) < 0)
        return -errno;
    KILLPOINT(REPLACE_SYNCED);
    return 0;
}

int fs_replace(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
               enum fs_sync sync, struct err *e) {
    CLEANUP(close_p) int parent = -1;
    char temporary[PATH_MAX];
    int r;

    if ((size_t) snprintf(temporary, sizeof temporary, "%s.tmp", name) >= sizeof temporary)
        return err_set(e, -ENAMETOOLONG, "the name '%.80s…' is too long", name);
    if (sync == FS_DURABLE) {
        parent = open_parent(dir_fd, name);
        if (parent < 0)
            return err_set(e, parent, "cannot open the folder of '%s': %s", name,
                           strerror(-parent));
    }
    r = write_new(dir_fd, temporary, bytes, n, mode, sync);
    if (r == -EEXIST) {
        /* A crash has left it: its contents are worth nothing. */
        if (unlinkat(dir_fd, temporary, 0) < 0) {
            r = -errno;
            return err_set(e, r, "cannot remove '%s': %s", temporary, strerror(-r));
        }
        r = write_new(dir_fd, temporary, bytes, n, mode, sync);
    }
    if (r < 0) {
        r = err_set(e, r, "cannot write '%s': %s", temporary, strerror(-r));
        goto undo_temporary;
    }
    if (renameat(dir_fd, temporary, dir_fd, name) < 0) {
        r = -errno;
        r = err_set(e, r, "cannot replace '%s': %s", name, strerror(-r));
        goto undo_temporary;
    }
    if (sync != FS_DURABLE)
        return 0;
    KILLPOINT(REPLACE_RENAMED);
    if (fsync(parent) < 0) {
        r = -errno;
        return err_set(e, r, "'%s' is replaced but not yet durable: %s", name, strerror(-r));
    }
    KILLPOINT(REPLACE_DURABLE);
    return 0;

undo_temporary:
    (void) unlinkat(dir_fd, temporary, 0);
    return r;
}

static int open_folder(int dir_fd, const char *name) {
    int fd = openat(dir_fd, name, DIR_FLAGS);
    return fd < 0 ? -errno : fd;
}

/* Returns a descriptor. The mode is set through it and not by name, which somebody could have
 * swapped for a link since. */
static int make_folder(int dir_fd, const char *name, mode_t mode) {
    bool made = mkdirat(dir_fd, name, mode) == 0;

    if (!made && errno != EEXIST)
        return -errno;
    CLEANUP(close_p) int fd = open_folder(dir_fd, name);
    if (fd >= 0 && made && fchmod(fd, mode) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Parents that exist may be links, as /var/run is; the last one may not. */
static int make_or_enter(int dir_fd, const char *name, mode_t mode, bool last) {
    if (!last) {
        int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 || errno != ENOENT)
            return fd < 0 ? -errno : fd;
    }
    return make_folder(dir_fd, name, mode);
}

int fs_mkdirs(const char *path, mode_t mode, struct err *e) {
    CLEANUP(close_p) int at = -1;
    const char *rest = path + strspn(path, "/");

    at = open(rest == path ? "." : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return err_set(e, -errno, "cannot open '%s': %s", rest == path ? "." : "/",
                       strerror(errno));
    while (*rest) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(rest, "/");
        if (n > NAME_MAX)
            return err_set(e, -ENAMETOOLONG, "cannot make '%.80s…': a name is too long", path);
        memcpy(name, rest, n);
        name[n] = '\0';
        rest += n;
        rest += strspn(rest, "/");

        int fd = make_or_enter(at, name, mode, *rest == '\0');
        if (fd < 0)
            return err_set(e, fd, "cannot make '%.*s': %s", (int) (rest - path), path,
                           strerror(-fd));
        close_p(&at);
        at = fd;
    }
    return 0;
}

int fs_mkdir(int dir_fd, const char *name, mode_t mode, int *ret_fd, struct err *e) {
    CLEANUP(close_p) int fd = make_folder(dir_fd, name, mode);

    if (fd < 0)
        return err_set(e, fd, "cannot make '%s': %s", name, strerror(-fd));
    if (ret_fd)
        *ret_fd = TAKE_FD(fd);
    return 0;
}

int fs_open_dir(int dir_fd, const char *name, int *ret_fd, struct err *e) {
    int fd = open_folder(dir_fd, name);

    if (fd < 0)
        return err_set(e, fd, "cannot open the folder '%s': %s", name, strerror(-fd));
    *ret_fd = fd;
    return 0;
}

int fs_sync_dir(int dir_fd, struct err *e) {
    if (fsync(dir_fd) < 0) {
        int r = -errno;
        return err_set(e, r, "cannot sync a folder: %s", strerror(-r));
    }
    return 0;
}
