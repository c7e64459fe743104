/* SPDX-License-Identifier: MIT
 * store_tree.c - is a staged tree exactly what its list says, and from now on only ours? */
#include "units/store_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "units/filelist.h"

struct walk {
    const struct filelist *list;
    size_t files, entries;
    size_t depth; /* names in path */
    size_t len;   /* bytes of path in use */
    char path[PACKAGE_PATH_MAX + 1];
};

static int failed(struct err *e, const char *path) {
    int r = -errno;
    return err_set(e, r, "cannot take over '%s': %s", path, strerror(-r));
}

/* First the owner: then nobody else can change it any more, and what is read of it afterwards
 * stays so. Owner before mode, since chown(2) clears bits. */
static int take_over(int fd, mode_t mode) {
    return fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, mode) < 0 ? -1 : 0;
}

/* The mode stops new writers; a descriptor or a shared mapping from before would still write into
 * an "immutable" file. A read lease is refused while there is one. Source: fcntl(2), F_SETLEASE. */
static bool has_writer(int fd) {
    bool writer = false;

    /* Should root break the lease, the default SIGIO would end this process; SIGURG is ignored. */
    if (fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        writer = errno == EAGAIN; /* others: this file system has no leases */
    (void) fcntl(fd, F_SETLEASE, F_UNLCK);
    return writer;
}

static int adopt_file(struct walk *w, int dir_fd, const char *name, struct err *e) {
    const struct filelist_entry *entry = filelist_find(w->list, w->path);
    CLEANUP(close_p) int fd = -1;
    struct stat st;

    if (!entry)
        return err_set(e, -EBADMSG, "'%s' is not in the list of files", w->path);
    fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return failed(e, w->path);
    if (!!(st.st_mode & S_IXUSR) != entry->executable)
        return err_set(e, -EBADMSG, "'%s' is %sexecutable", w->path,
                       entry->executable ? "not " : "");
    if (take_over(fd, entry->executable ? 0555 : 0444) < 0)
        return failed(e, w->path);
    if (has_writer(fd))
        return err_set(e, -EBADMSG, "'%s' is still being written", w->path);
    if (fstat(fd, &st) < 0)
        return failed(e, w->path);
    if (st.st_nlink != 1)
        return err_set(e, -EBADMSG, "'%s' has another name elsewhere", w->path);
    if ((uint64_t) st.st_size != entry->size)
        return err_set(e, -EBADMSG, "'%s' has %jd bytes, not %" PRIu64, w->path,
                       (intmax_t) st.st_size, entry->size);
    w->files++;
    return 0;
}

static int adopt_folder(struct walk *w, int dir_fd, const char *name, struct err *e);

/* w->path is the entry's path already. */
static int adopt_entry(struct walk *w, int dir_fd, const char *name, struct err *e) {
    struct stat st;

    if (++w->entries > PACKAGE_ENTRIES_MAX)
        return err_set(e, -E2BIG, "there are more than %d files and folders", PACKAGE_ENTRIES_MAX);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(e, w->path);
    if (S_ISDIR(st.st_mode))
        return adopt_folder(w, dir_fd, name, e);
    if (S_ISREG(st.st_mode))
        return adopt_file(w, dir_fd, name, e);
    return err_set(e, -EBADMSG, "'%s' is neither a file nor a folder", w->path);
}

static int adopt_entries(struct walk *w, int fd, struct err *e) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(fd);
    size_t len = w->len;
    int r = 0;

    if (!dir)
        return failed(e, w->path);
    if (++w->depth > PACKAGE_DEPTH_MAX)
        return err_set(e, -E2BIG, "folders are nested more than %d deep", PACKAGE_DEPTH_MAX);
    for (struct dirent *d; r == 0 && (d = store_dir_next(dir));) {
        const char *fault = package_name_fault(d->d_name);
        size_t n = strlen(d->d_name);

        if (fault)
            return err_set(e, -EBADMSG, "a name in '%s' %s", w->path, fault);
        if (len + 1 + n > PACKAGE_PATH_MAX)
            return err_set(e, -E2BIG, "a path is longer than %d bytes", PACKAGE_PATH_MAX);
        w->len = len + (size_t) snprintf(w->path + len, sizeof w->path - len, "%s%s",
                                         len ? "/" : "", d->d_name);
        r = adopt_entry(w, fd, d->d_name, e);
        w->path[w->len = len] = '\0';
    }
    w->depth--;
    return r < 0 ? r : errno ? failed(e, w->path) : 0;
}

static int adopt_folder(struct walk *w, int dir_fd, const char *name, struct err *e) {
    CLEANUP(close_p) int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || take_over(fd, 0755) < 0)
        return failed(e, w->len ? w->path : name);
    return adopt_entries(w, fd, e);
}

/* A stage holds package/ and files, and nothing else. */
static int check_top(int stage_fd, struct err *e) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(stage_fd);

    if (!dir)
        return failed(e, "the stage");
    for (struct dirent *d; (d = store_dir_next(dir));)
        if (strcmp(d->d_name, STORE_PACKAGE) != 0 && strcmp(d->d_name, STORE_FILES) != 0)
            return err_set(e, -EBADMSG, "the stage has more than a package and its list");
    return errno ? failed(e, "the stage") : 0;
}

static int take_list(int stage_fd, struct filelist **ret, struct err *e) {
    CLEANUP(close_p)
    int fd = openat(stage_fd, STORE_FILES, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    CLEANUP(free_p) char *text = NULL;
    struct stat st;
    size_t len = 0;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
        return err_set(e, -EBADMSG, "the stage has no list of files");
    if (take_over(fd, 0444) < 0)
        return failed(e, STORE_FILES);
    if (has_writer(fd))
        return err_set(e, -EBADMSG, "the list of files is still being written");
    r = fs_read(stage_fd, STORE_FILES, FILELIST_SIZE_MAX, &text, &len, e);
    if (r < 0)
        return r == -EFBIG ? err_set(e, -E2BIG, "the list of files is too long") : r;
    return filelist_parse(text, len, ret, e);
}

int store_tree_adopt(int stage_fd, struct err *e) {
    CLEANUP(filelist_free_p) struct filelist *list = NULL;
    struct walk w = { .depth = 0 };
    int r;

    if (take_over(stage_fd, 0711) < 0)
        return failed(e, "the stage");
    if ((r = check_top(stage_fd, e)) < 0 || (r = take_list(stage_fd, &list, e)) < 0)
        return r;
    w.list = list;
    r = adopt_folder(&w, stage_fd, STORE_PACKAGE, e);
    if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
        return err_set(e, -EBADMSG, "the stage has no package");
    if (r == 0 && w.files != filelist_count(list))
        return err_set(e, -EBADMSG, "%zu of the files in the list are missing",
                       filelist_count(list) - w.files);
    return r;
}
