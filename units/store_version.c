/* SPDX-License-Identifier: MIT
 * store_version.c - versions in use, versions that go, and the end of an app. */
#include "units/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/text.h"
#include "units/beneath.h"
#include "units/filelist.h"
#include "units/store_internal.h"
#include "units/store_part.h"

/* gone: its name in trash/ from now on. */
static int hide(struct store *s, int dir_fd, const char *name, char gone[17], struct err *e) {
    int r = store_random_name(gone, e);

    if (r < 0)
        return r;
    if (renameat(dir_fd, name, s->trash_fd, gone) < 0) {
        r = -errno;
        return err_set(e, r, "cannot remove '%s': %s", name, strerror(-r));
    }
    KILLPOINT(TRASHED);
    return 0;
}

int store_trash(struct store *s, int dir_fd, const char *name, struct err *e) {
    char gone[17];
    int r = hide(s, dir_fd, name, gone, e);

    if (r == 0)
        (void) fs_remove_tree(s->trash_fd, gone, NULL);
    return r;
}

/* Opens and locks <version>/package under a versions folder; -EWOULDBLOCK: somebody holds it. */
static int lock_version(int versions_fd, const char *version, int how, int *ret_fd) {
    CLEANUP(close_p) int fd = -1;
    char path[PACKAGE_NAME_MAX + sizeof "/" STORE_PACKAGE];
    struct stat mine, there;
    int r;

    (void) snprintf(path, sizeof path, "%s/" STORE_PACKAGE, version);
    fd = beneath_open(versions_fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    if (flock(fd, how | LOCK_NB) < 0)
        return -errno;
    /* Garbage collection may have taken it away between the open and the lock. */
    if (fstat(fd, &mine) < 0)
        return -errno;
    r = beneath_stat(versions_fd, path, &there);
    if (r == 0 && (mine.st_ino != there.st_ino || mine.st_dev != there.st_dev))
        r = -ENOENT;
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

static int open_versions(struct store *s, const char *id, int *ret_fd, struct err *e) {
    CLEANUP(close_p) int app_fd = -1;
    int r = store_app_open(s, id, false, &app_fd, e);
    return r < 0 ? r : fs_open_dir(app_fd, STORE_VERSIONS, ret_fd, e);
}

int store_version_open(struct store *s, const char *id, const char *version_name,
                       int *ret_package_fd, struct err *e) {
    CLEANUP(close_p) int versions_fd = -1;
    int r;

    if (package_name_fault(version_name))
        return err_set(e, -EINVAL, "that is not a version's name");
    r = open_versions(s, id, &versions_fd, e);
    if (r < 0)
        return r;
    r = lock_version(versions_fd, version_name, LOCK_SH, ret_package_fd);
    if (r == -EWOULDBLOCK) /* an exclusive lock is garbage collection's */
        r = -ENOENT;
    if (r < 0)
        return err_set(e, r, "cannot open version '%s' of '%s': %s", version_name, id,
                       strerror(-r));
    return 0;
}

static bool is_named(const struct store_state *state, const char *const *keep, const char *name) {
    if (strcmp(state->current.name, name) == 0 || strcmp(state->previous.name, name) == 0 ||
        strcmp(state->pending.name, name) == 0)
        return true;
    for (size_t i = 0; keep && keep[i]; i++)
        if (strcmp(keep[i], name) == 0)
            return true;
    return false;
}

/* The lock is held until it is out of sight, so that nobody can start from it meanwhile. */
static int collect(struct store *s, int versions_fd, const char *name, struct err *e) {
    CLEANUP(close_p) int lock_fd = -1;
    int r = lock_version(versions_fd, name, LOCK_EX, &lock_fd);

    if (r == -EWOULDBLOCK)
        return 0;
    /* Without a package it is no version, and nobody can have it open as one. Any other failure (no
     * descriptor left) says nothing about who holds it. */
    if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
        return err_set(e, r, "cannot tell who uses version '%s': %s", name, strerror(-r));
    KILLPOINT(GC_LOCKED);
    return store_trash(s, versions_fd, name, e);
}

static void state_clear_p(struct store_state *state) {
    store_state_clear(state);
}

int store_gc(struct store *s, const char *id, const char *const *keep, struct err *e) {
    CLEANUP(state_clear_p) struct store_state state = { 0 };
    CLEANUP(store_dir_close_p) DIR *dir = NULL;
    CLEANUP(close_p) int app_fd = -1, versions_fd = -1;
    int r;

    if ((r = store_app_open(s, id, false, &app_fd, e)) < 0 ||
        (r = fs_open_dir(app_fd, STORE_VERSIONS, &versions_fd, e)) < 0)
        return r;
    r = store_load(s, id, &state, e);
    if (r < 0 && r != -ENOENT)
        return r;
    /* The state that was read may have been written by a supervisor that died before it was
     * durable: a power cut must not bring back one that names what is removed now. */
    r = fs_sync_dir(app_fd, e);
    if (r < 0)
        return r;
    KILLPOINT(GC_BEGUN);
    dir = store_dir_open(versions_fd);
    for (struct dirent *d; dir && (d = store_dir_next(dir));)
        if (!is_named(&state, keep, d->d_name) && (r = collect(s, versions_fd, d->d_name, e)) < 0)
            return r;
    return dir && errno == 0
               ? 0
               : err_set(e, -errno, "cannot list the versions of '%s': %s", id, strerror(errno));
}

static int unlink_if_there(int dir_fd, const char *name, struct err *e) {
    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT) {
        int r = -errno;
        return err_set(e, r, "cannot remove '%s': %s", name, strerror(-r));
    }
    return 0;
}

/* Its versions, its exit state, what the daemon noted of it. */
static int keep_data_alone(struct store *s, int app_fd, struct err *e) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(app_fd);
    int r = 0;

    for (struct dirent *d; r == 0 && dir && (d = store_dir_next(dir));)
        if (strcmp(d->d_name, STORE_DATA) != 0)
            r = store_trash(s, app_fd, d->d_name, e);
    return r < 0 || (dir && errno == 0)
               ? r
               : err_set(e, -errno, "cannot list the folder of an app: %s", strerror(errno));
}

/* In one step: a power cut leaves all of it or nothing, never data whose app is gone. */
static int remove_whole(struct store *s, const char *id, struct err *e) {
    char gone[17];
    int r;

    r = hide(s, s->apps_fd, id, gone, e);
    if (r < 0)
        return r;
    if ((r = fs_sync_dir(s->apps_fd, e)) < 0 || (r = fs_sync_dir(s->trash_fd, e)) < 0) {
        /* It was not removed, so that it can be tried again. */
        (void) renameat2(s->trash_fd, gone, s->apps_fd, id, RENAME_NOREPLACE);
        return r;
    }
    KILLPOINT(REMOVE_DURABLE);
    (void) fs_remove_tree(s->trash_fd, gone, NULL);
    return 0;
}

/* All but the copy. */
static int take_out(struct store *s, const char *id, bool keep_data, struct err *e) {
    CLEANUP(close_p) int app_fd = -1;
    int r;

    if ((r = store_app_open(s, id, false, &app_fd, e)) < 0)
        return r;
    if (!keep_data || faccessat(app_fd, STORE_DATA, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return remove_whole(s, id, e);
    /* The leftover first: without a state it is nothing, beside a damaged one it would be one. */
    if ((r = unlink_if_there(app_fd, STORE_STATE_TMP, e)) < 0 ||
        (r = unlink_if_there(app_fd, STORE_STATE, e)) < 0)
        return r;
    KILLPOINT(REMOVE_STATELESS);
    r = fs_sync_dir(app_fd, e);
    if (r < 0)
        return r;
    KILLPOINT(REMOVE_DURABLE);
    return keep_data_alone(s, app_fd, e);
}

/* The copy first: one without its state means an app that was lost, and is restored. */
int store_remove(struct store *s, const char *id, bool keep_data, struct err *e) {
    CLEANUP(close_p) int app_fd = -1;
    int r;

    if ((r = store_app_open(s, id, false, &app_fd, e)) < 0 || (r = store_copy_drop(s, id, e)) < 0)
        return r;
    store_part_drop(s, id, NULL);
    return take_out(s, id, keep_data, e);
}

static int tidy_app(struct store *s, const char *id, struct err *e) {
    CLEANUP(state_clear_p) struct store_state state = { 0 };
    CLEANUP(close_p) int app_fd = -1;
    int r = store_load(s, id, &state, e);

    if (r == 0)
        return store_gc(s, id, NULL, e);
    if (r != -ENOENT)
        return 0; /* damaged, which whoever loads it says */
    r = store_app_open(s, id, false, &app_fd, e);
    if (r < 0)
        return r;
    (void) unlinkat(app_fd, STORE_DATA, AT_REMOVEDIR); /* nothing is in it, or it stays */
    return take_out(s, id, true, e);
}

int store_tidy(struct store *s, struct err *e) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(s->apps_fd);
    int r = 0;

    for (struct dirent *d; dir && (d = store_dir_next(dir));) {
        struct stat st;
        if (!text_is_app_id(d->d_name) ||
            fstatat(s->apps_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        int one = tidy_app(s, d->d_name, e);
        r = one < 0 ? one : r;
    }
    return dir && errno == 0 ? r : err_set(e, -errno, "cannot list the apps: %s", strerror(errno));
}
