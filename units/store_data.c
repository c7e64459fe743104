/* SPDX-License-Identifier: MIT
 * store_data.c - the folder that is an app's own, and whose it is. */
#include "units/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/text.h"
#include "units/store_internal.h"

#define DATA_DEPTH_MAX 100 /* each level costs a descriptor; ours */

struct giving {
    uid_t from, uid;
    gid_t gid;
    unsigned depth;
};

static int give_entries(struct giving *g, int fd);

/* Only what the owner of now has is given: with a hard link it could have put somebody else's file
 * here (protected_hardlinks may be off). */
static int give_entry(struct giving *g, int dir_fd, const char *name) {
    CLEANUP(close_p) int fd = -1;
    struct stat st;
    int r = 0;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (st.st_uid != g->from)
        return 0;
    if (S_ISDIR(st.st_mode)) {
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : give_entries(g, fd);
    }
    if (r == 0 && fchownat(dir_fd, name, g->uid, g->gid, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    return r;
}

static int give_entries(struct giving *g, int fd) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(fd);
    int r = 0;

    if (!dir)
        return -errno;
    if (++g->depth > DATA_DEPTH_MAX)
        return -ELOOP;
    for (struct dirent *d; r == 0 && (d = store_dir_next(dir));)
        r = give_entry(g, fd, d->d_name);
    g->depth--;
    return r < 0 ? r : -errno;
}

/* Contents first, the folder last: while its owner is the old one the work is not done. */
static int give_over(int fd, uid_t from, uid_t uid, gid_t gid) {
    struct giving g = { .from = from, .uid = uid, .gid = gid };
    int r = from == uid ? 0 : give_entries(&g, fd);

    if (r == 0 && fchown(fd, uid, gid) < 0)
        r = -errno;
    return r;
}

int store_data_prepare(struct store *s, const char *id, uid_t uid, gid_t gid, struct err *e) {
    CLEANUP(close_p) int app_fd = -1, fd = -1;
    struct stat st;
    bool is_new;
    int r = store_app_open(s, id, false, &app_fd, e);

    if (r < 0)
        return r;
    is_new = faccessat(app_fd, STORE_DATA, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
    r = fs_mkdir(app_fd, STORE_DATA, 0700, &fd, e);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return err_set(e, -errno, "cannot look at the data of '%s': %s", id, strerror(errno));
    if (st.st_uid != uid || st.st_gid != gid) {
        r = give_over(fd, st.st_uid, uid, gid);
        if (r < 0)
            return err_set(e, r, "cannot give the data of '%s' to uid %u: %s", id, (unsigned) uid,
                           strerror(-r));
    }
    if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
        return err_set(e, -errno, "cannot close the data of '%s': %s", id, strerror(errno));
    if (is_new)
        KILLPOINT(DATA_MADE);
    return is_new ? fs_sync_dir(app_fd, e) : 0;
}

static int data_owner(int app_fd, uid_t *ret) {
    struct stat st;
    if (fstatat(app_fd, STORE_DATA, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    *ret = st.st_uid;
    return 0;
}

int store_data_owner(struct store *s, const char *id, uid_t *ret, struct err *e) {
    CLEANUP(close_p) int app_fd = -1;
    int r = store_app_open(s, id, false, &app_fd, e);

    if (r < 0)
        return r;
    r = data_owner(app_fd, ret);
    return r < 0 ? err_set(e, r, "'%s' has no data folder: %s", id, strerror(-r)) : 0;
}

int store_list_data(struct store *s, void (*seen)(const char *id, uid_t owner, void *userdata),
                    void *userdata, struct err *e) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(s->apps_fd);

    for (struct dirent *d; dir && (d = store_dir_next(dir));) {
        CLEANUP(close_p) int app_fd = -1;
        uid_t owner;
        if (!text_is_app_id(d->d_name) || store_app_open(s, d->d_name, false, &app_fd, NULL) < 0)
            continue;
        if (data_owner(app_fd, &owner) == 0)
            seen(d->d_name, owner, userdata);
    }
    return dir && errno == 0 ? 0 : err_set(e, -errno, "cannot list the apps: %s", strerror(errno));
}
