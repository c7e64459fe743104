/* SPDX-License-Identifier: MIT
 * store_stage.c - what a worker wrote becomes a version, or goes. */
#include "units/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "units/store_internal.h"

static bool is_stage_name(const char *name) {
    return strspn(name, "0123456789abcdef") == 16 && name[16] == '\0';
}

int store_stage_begin(struct store *s, uid_t owner, gid_t group, char name[17], int *ret_fd,
                      struct err *e) {
    CLEANUP(close_p) int fd = -1;
    char made[17];
    int r;

    if ((r = store_random_name(made, e)) < 0 ||
        (r = fs_mkdir(s->staging_fd, made, 0700, &fd, e)) < 0)
        return r;
    if (fchown(fd, owner, group) < 0) {
        r = -errno;
        store_stage_discard(s, made);
        return err_set(e, r, "cannot give a stage to uid %u: %s", (unsigned) owner, strerror(-r));
    }
    KILLPOINT(STAGE_MADE);
    memcpy(name, made, sizeof made);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

void store_stage_discard(struct store *s, const char *name) {
    /* What is left is cleared by the next store_open(). */
    if (!is_stage_name(name))
        return;
    (void) fs_remove_tree(s->staging_fd, name, NULL);
    KILLPOINT(DISCARDED);
}

/* Contents, owners and modes reach the disk before any name leads to them: the one sync of a stage.
 * The store's own descriptor is older than every write, so that an error is told here even if
 * somebody else's sync has met it first. Source: syncfs(2) since Linux 5.8; fsync(2) NOTES. */
static int sync_all(struct store *s, struct err *e) {
    if (syncfs(s->dir_fd) < 0) {
        int r = -errno;
        return err_set(e, r, "cannot write the package to the disk: %s", strerror(-r));
    }
    return 0;
}

static int move_in(struct store *s, const char *name, int versions_fd, const char *version,
                   struct err *e) {
    bool there = false;
    int r;

    if (renameat2(s->staging_fd, name, versions_fd, version, RENAME_NOREPLACE) < 0) {
        r = -errno;
        /* Complete, as every version that has its name; who moved it may have died before the sync.
         */
        there = r == -EEXIST;
        if (!there)
            return err_set(e, r, "cannot move the package to its place: %s", strerror(-r));
    }
    KILLPOINT(VERSION_MOVED);
    r = fs_sync_dir(versions_fd, e);
    /* It is not known what is on the disk: not to be found again as complete. */
    if (r < 0 && !there)
        (void) store_trash(s, versions_fd, version, NULL);
    KILLPOINT(VERSION_DURABLE);
    return r;
}

static int commit(struct store *s, const char *name, const char *id, const char *version,
                  struct err *e) {
    CLEANUP(close_p) int stage_fd = -1, app_fd = -1, versions_fd = -1;
    int r;

    if ((r = fs_open_dir(s->staging_fd, name, &stage_fd, e)) < 0 ||
        (r = store_tree_adopt(stage_fd, e)) < 0)
        return r;
    KILLPOINT(TREE_ADOPTED);
    r = sync_all(s, e);
    if (r < 0)
        return r;
    KILLPOINT(TREE_SYNCED);
    if ((r = store_app_open(s, id, true, &app_fd, e)) < 0 ||
        (r = fs_open_dir(app_fd, STORE_VERSIONS, &versions_fd, e)) < 0)
        return r;
    return move_in(s, name, versions_fd, version, e);
}

int store_stage_commit(struct store *s, const char *name, const char *id,
                       const struct store_version *version, struct err *e) {
    int r;

    if (!is_stage_name(name))
        return err_set(e, -EINVAL, "that is not a stage's name");
    if (!store_version_is_sound(version))
        r = err_set(e, -EINVAL, "the version's name does not fit its code and hash");
    else
        r = commit(s, name, id, version->name, e);
    store_stage_discard(s, name); /* after success there is nothing, or the same version's twin */
    return r;
}
