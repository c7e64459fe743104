/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/worker/stage.h"
#include "units/beneath.h"

#define PIECE ((size_t) 128 * 1024)

struct copying {
    struct stage *stage;
    char *buffer; /* PIECE bytes */
    size_t len;   /* of path */
    char path[PACKAGE_PATH_MAX + PACKAGE_NAME_MAX +
              2]; /* a folder's, which the stage took, and a name */
};

static void closedir_p(DIR **dir) {
    int saved = errno;
    if (*dir)
        (void) closedir(*dir);
    errno = saved;
}

static int unreadable(struct copying *c, int r, struct err *e) {
    return stage_refuse(c->stage, PACKAGE_PATH, e, "cannot read '%.120s': %s",
                        c->len ? c->path : "the source", strerror(-r));
}

static int changed(struct copying *c, struct err *e) {
    return stage_refuse(c->stage, PACKAGE_TREE, e, "'%.120s' changed while it was copied", c->path);
}

/* A file that grows is given up at the first piece too much. */
static int copy_bytes(struct copying *c, int fd, struct err *e) {
    for (;;) {
        ssize_t n = read(fd, c->buffer, PIECE);
        int r = n > 0 ? stage_file_write(c->stage, c->buffer, (size_t) n, e) : 0;

        if (n < 0)
            return unreadable(c, -errno, e);
        if (n == 0 || r < 0)
            return r;
    }
}

static int copy_file(struct copying *c, int fd, const struct stat *st, struct err *e) {
    int r = stage_file_begin(c->stage, c->path, (uint64_t) st->st_size, st->st_mode & S_IXUSR, e);

    if (r < 0 || (r = copy_bytes(c, fd, e)) < 0)
        return r;
    return stage_file_end(c->stage, e);
}

static int copy_entries(struct copying *c, int fd, struct err *e);

static int wrong_kind(struct copying *c, mode_t mode, struct err *e) {
    return stage_refuse(c->stage, PACKAGE_TYPE, e, "'%.120s' is %s", c->path,
                        S_ISLNK(mode) ? "a symbolic link" : "neither a file nor a folder");
}

/* Looked at before it is opened, since to open a device or a fifo may do something; and again
 * after, since it may have been swapped in between. */
static int copy_entry(struct copying *c, int dir_fd, const char *name, struct err *e) {
    CLEANUP(close_p) int fd = -1;
    struct stat st;
    int r;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? changed(c, e) : unreadable(c, -errno, e);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return wrong_kind(c, st.st_mode, e);
    fd = beneath_open(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    if (fd == -ELOOP || fd == -ENOENT || fd == -ENXIO)
        return changed(c, e);
    if (fd < 0)
        return unreadable(c, fd, e);
    if (fstat(fd, &st) < 0)
        return unreadable(c, -errno, e);
    if (S_ISREG(st.st_mode))
        return copy_file(c, fd, &st, e);
    if (!S_ISDIR(st.st_mode))
        return wrong_kind(c, st.st_mode, e);
    r = stage_add_folder(c->stage, c->path, e);
    return r < 0 ? r : copy_entries(c, fd, e);
}

static int copy_entries(struct copying *c, int fd, struct err *e) {
    CLEANUP(close_p) int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(closedir_p) DIR *dir = own < 0 ? NULL : fdopendir(own);
    size_t len = c->len;
    int r = 0;

    if (!dir)
        return unreadable(c, -errno, e);
    own = -1; /* the stream's */
    while (r == 0) {
        errno = 0;
        struct dirent *d = readdir(dir);
        if (!d)
            return errno ? unreadable(c, -errno, e) : 0;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        const char *fault = package_name_fault(d->d_name);
        if (fault)
            return stage_refuse(c->stage, PACKAGE_PATH, e, "a name in '%.120s' %s",
                                len ? c->path : "the source", fault);
        c->len = len + (size_t) snprintf(c->path + len, sizeof c->path - len, "%s%s",
                                         len ? "/" : "", d->d_name);
        r = copy_entry(c, fd, d->d_name, e);
        c->path[c->len = len] = '\0';
    }
    return r;
}

/* The way to the source is the caller's own, links included; the source itself may not be one. */
static int open_source(struct copying *c, const char *source, int *ret_fd, struct err *e) {
    CLEANUP(free_p) char *path = strdup(source);
    size_t n = strlen(source);
    int fd;

    if (!path)
        return err_set(e, -ENOMEM, "no memory for a path");
    if (path[0] != '/')
        return stage_refuse(c->stage, PACKAGE_PATH, e, "the source is not an absolute path");
    while (n > 1 && path[n - 1] == '/') /* behind a slash O_NOFOLLOW does not hold */
        path[--n] = '\0';
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return stage_refuse(c->stage, PACKAGE_MISSING, e, "there is no such folder");
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return stage_refuse(c->stage, PACKAGE_TYPE, e, "the source is not a folder");
    if (fd < 0)
        return unreadable(c, -errno, e);
    *ret_fd = fd;
    return 0;
}

static int copy_all(struct copying *c, const char *source, struct worker_result *ret,
                    struct err *e) {
    CLEANUP(close_p) int fd = -1;
    int r;

    if ((r = open_source(c, source, &fd, e)) < 0 || (r = copy_entries(c, fd, e)) < 0)
        return r;
    return stage_finish(c->stage, ret, e);
}

int copy_package(const char *source, int stage_fd, struct worker_result *ret, struct err *e) {
    CLEANUP(stage_free_p) struct stage *stage = NULL;
    CLEANUP(free_p) char *buffer = malloc(PIECE);
    struct copying c = { .buffer = buffer };
    struct err why = { 0 };
    int r;

    if (!buffer)
        return err_set(e, -ENOMEM, "no memory to copy with");
    r = stage_new(stage_fd, &stage, e);
    if (r < 0)
        return r;
    c.stage = stage;
    r = copy_all(&c, source, ret, &why);
    if (r < 0 && stage_fault(stage) == PACKAGE_OK)
        return err_set(e, r, "%s", why.text);
    if (r < 0) {
        *ret = (struct worker_result){ .fault = stage_fault(stage) };
        (void) snprintf(ret->detail, sizeof ret->detail, "%s", why.text);
    }
    return 0;
}
