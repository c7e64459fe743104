/* SPDX-License-Identifier: MIT
 *
 * fs_remove_tree(): what an app left behind is not to be trusted. Its folders may be nested
 * deeper than there are descriptors or stack, so a folder that lies too deep is moved up into
 * the top one, where a later pass meets it. */
#include "supervisor/base/fs.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/killpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 16

struct removal {
    int top_fd;
    uint64_t moved;   /* folders moved up so far: makes their names */
    struct statx top; /* the mount and device to stay on */
    char failed[64];  /* the name that could not be removed, for people */
};

static void closedir_p(DIR **d) {
    int saved = errno;
    if (*d)
        (void) closedir(*d);
    errno = saved;
}

static int identify(int fd, struct statx *ret) {
    if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID | STATX_MODE, ret) < 0)
        return -errno;
    return 0;
}

/* The mount tells bind mounts apart too; a kernel before 5.8 leaves it 0 in both. */
static bool same_file_system(const struct statx *a, const struct statx *b) {
    return a->stx_dev_major == b->stx_dev_major && a->stx_dev_minor == b->stx_dev_minor &&
           a->stx_mnt_id == b->stx_mnt_id;
}

/* An owner who is not root may have taken his own rights away: give them back. */
static int open_to_empty(int dir_fd, const char *name, struct statx *ret) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(close_p) int fd = openat(dir_fd, name, flags);
    int r;

    if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
        fd = openat(dir_fd, name, flags);
    if (fd < 0)
        return -errno;
    r = identify(fd, ret);
    if (r < 0)
        return r;
    if ((ret->stx_mode & 0700) != 0700)
        (void) fchmod(fd, 0700); /* where it was needed, the removal below says so */
    return TAKE_FD(fd);
}

/* Whether the folder is now elsewhere; the new name is free, or the next one is tried. */
static int move_up(struct removal *rm, int dir_fd, const char *name) {
    char up[48];

    do {
        (void) snprintf(up, sizeof up, ".removing-%llu", (unsigned long long) rm->moved++);
        if (renameat2(dir_fd, name, rm->top_fd, up, RENAME_NOREPLACE) == 0)
            return 0;
    } while (errno == EEXIST);
    return -errno;
}

static int empty_folder(struct removal *rm, int fd, unsigned depth);

static int remove_folder(struct removal *rm, int dir_fd, const char *name, unsigned depth) {
    struct statx is;
    int fd, r;

    if (depth == DEPTH_MAX) {
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
            return 0;
        return move_up(rm, dir_fd, name);
    }
    fd = open_to_empty(dir_fd, name, &is);
    if (fd < 0)
        return fd;
    if (!same_file_system(&is, &rm->top)) {
        close_p(&fd);
        return -EXDEV;
    }
    r = empty_folder(rm, fd, depth + 1);
    if (r < 0)
        return r;
    return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_entry(struct removal *rm, int dir_fd, const char *name, unsigned depth) {
    int r = unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;

    /* Linux says EISDIR; POSIX would say EPERM. Source: unlink(2). */
    if (r == -EISDIR)
        r = remove_folder(rm, dir_fd, name, depth);
    if (r == 0)
        KILLPOINT(TREE_ENTRY_REMOVED);
    if (r == -ENOENT)
        return 0;
    if (r < 0 && !rm->failed[0])
        (void) snprintf(rm->failed, sizeof rm->failed, "%.63s", name);
    return r;
}

static bool is_dot(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Takes fd. Goes over the folder until a pass finds nothing: what is moved up, or what a file
 * system leaves out of a listing that changes under it, is met by the next one. */
static int empty_folder(struct removal *rm, int fd, unsigned depth) {
    CLEANUP(closedir_p) DIR *d = fdopendir(fd);

    if (!d) {
        int r = -errno;
        close_p(&fd);
        return r;
    }
    for (bool again = true; again;) {
        again = false;
        rewinddir(d);
        for (;;) {
            errno = 0;
            const struct dirent *entry = readdir(d);
            if (!entry && errno)
                return -errno;
            if (!entry)
                break;
            if (is_dot(entry->d_name))
                continue;
            int r = remove_entry(rm, dirfd(d), entry->d_name, depth);
            if (r < 0)
                return r;
            again = true;
        }
    }
    return 0;
}

static int remove_top(struct removal *rm, int dir_fd, const char *name) {
    int fd, r;

    fd = open_to_empty(dir_fd, name, &rm->top);
    if (fd < 0)
        return fd;
    rm->top_fd = fd; /* stays open as long as empty_folder() runs */
    r = empty_folder(rm, fd, 0);
    if (r < 0)
        return r;
    return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int fs_remove_tree(int dir_fd, const char *name, struct err *e) {
    struct removal rm = { .top_fd = -1 };
    int r = unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;

    if (r == -EISDIR)
        r = remove_top(&rm, dir_fd, name);
    if (r == 0 || r == -ENOENT)
        return 0;
    return err_set(e, r, "cannot remove '%s%s%s': %s", name, rm.failed[0] ? "': '" : "", rm.failed,
                   r == -EXDEV ? "another file system is mounted there" : strerror(-r));
}
