/* SPDX-License-Identifier: MIT
 * store.c - the store itself: opening, the lock, and each app's state file. */
#include "units/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/statefile.h"
#include "units/store_internal.h"

#define FOLDER_MODE 0711 /* apps reach their version and data through it */

struct store *store_close(struct store *s) {
    if (!s)
        return NULL;
    close_p(&s->parts_fd);
    close_p(&s->copies_fd);
    close_p(&s->trash_fd);
    close_p(&s->staging_fd);
    close_p(&s->apps_fd);
    close_p(&s->lock_fd);
    close_p(&s->dir_fd);
    free(s);
    return NULL;
}

static void store_close_p(struct store **s) {
    *s = store_close(*s);
}

int store_fd(const struct store *s) {
    return s->dir_fd;
}

bool store_is_volatile(const struct store *s) {
    return s->is_volatile;
}

DIR *store_dir_open(int fd) {
    CLEANUP(close_p) int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    if (dir)
        own = -1; /* closedir() closes it */
    return dir;
}

struct dirent *store_dir_next(DIR *dir) {
    for (;;) {
        errno = 0;
        struct dirent *d = readdir(dir);
        if (!d || (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0))
            return d;
    }
}

void store_dir_close_p(DIR **dir) {
    int saved = errno;
    if (*dir)
        (void) closedir(*dir);
    errno = saved;
}

int store_random_name(char name[17], struct err *e) {
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return err_set(e, -EIO, "no random bytes");
    (void) snprintf(name, 17, "%016" PRIx64, number);
    return 0;
}

/* Rename and the syncing of folders are what every step here stands on; these have neither, or not
 * for every writer. Source: rename(2), fsync(2), statfs(2). */
static int check_file_system(int fd, const char *state_dir, bool *ret_is_volatile, struct err *e) {
    static const struct {
        unsigned long type;
        const char *name;
    } unfit[] = {
        { NFS_SUPER_MAGIC, "NFS" },
        { MSDOS_SUPER_MAGIC, "FAT" },
        { 0x2011BAB0 /* exFAT's own */, "exFAT" },
        { SMB_SUPER_MAGIC, "SMB" },
        { CIFS_SUPER_MAGIC, "SMB" },
        { SMB2_SUPER_MAGIC, "SMB" },
    };
    struct statfs st;

    if (fstatfs(fd, &st) < 0) {
        int r = -errno;
        return err_set(e, r, "cannot tell the file system of '%s': %s", state_dir, strerror(-r));
    }
    /* Some are 32 bits with the top one set: a signed f_type may have been extended. */
    unsigned long type = (unsigned long) st.f_type & 0xffffffff;
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++)
        if (unfit[i].type == type)
            return err_set(e, -EOPNOTSUPP, "'%s' is on %s, which cannot keep apps safely",
                           state_dir, unfit[i].name);
    *ret_is_volatile = type == TMPFS_MAGIC || type == RAMFS_MAGIC;
    return 0;
}

static int take_lock(struct store *s, const char *state_dir, struct err *e) {
    int r;

    s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->lock_fd >= 0 && flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    r = -errno;
    if (r == -EWOULDBLOCK)
        return err_set(e, -EBUSY, "another supervisor uses '%s'", state_dir);
    return err_set(e, r, "cannot lock '%s': %s", state_dir, strerror(-r));
}

/* What cannot be removed is in nobody's way: names are random. */
static void clear_folder(int fd) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(fd);
    for (struct dirent *d; dir && (d = store_dir_next(dir));)
        (void) fs_remove_tree(fd, d->d_name, NULL);
}

/* Files that have such a name for a moment only; killed just then they would keep it. */
static void clear_files(int fd, const char *with) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(fd);
    for (struct dirent *d; dir && (d = store_dir_next(dir));)
        if (strstr(d->d_name, with))
            (void) unlinkat(fd, d->d_name, 0);
}

int store_open(const char *state_dir, struct store **ret, struct err *e) {
    CLEANUP(store_close_p) struct store *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return err_set(e, -ENOMEM, "no memory for the store");
    s->dir_fd = s->lock_fd = s->apps_fd = s->staging_fd = s->trash_fd = s->copies_fd = s->parts_fd =
        -1;
    if ((r = fs_mkdirs(state_dir, FOLDER_MODE, e)) < 0 ||
        (r = fs_open_dir(AT_FDCWD, state_dir, &s->dir_fd, e)) < 0 ||
        (r = check_file_system(s->dir_fd, state_dir, &s->is_volatile, e)) < 0 ||
        (r = take_lock(s, state_dir, e)) < 0 ||
        (r = fs_mkdir(s->dir_fd, "apps", FOLDER_MODE, &s->apps_fd, e)) < 0 ||
        (r = fs_mkdir(s->dir_fd, "staging", 0700, &s->staging_fd, e)) < 0 ||
        (r = fs_mkdir(s->dir_fd, "trash", 0700, &s->trash_fd, e)) < 0 ||
        (r = fs_mkdir(s->dir_fd, "copies", 0700, &s->copies_fd, e)) < 0 ||
        (r = fs_mkdir(s->dir_fd, "parts", 0700, &s->parts_fd, e)) < 0 ||
        (r = fs_sync_dir(s->dir_fd, e)) < 0)
        return r;
    KILLPOINT(OPEN_LOCKED);
    clear_folder(s->staging_fd);
    clear_folder(s->trash_fd);
    clear_files(s->dir_fd, ".download-"); /* delivery.c's */
    clear_files(s->copies_fd, ":" STORE_STATE_TMP);
    KILLPOINT(OPEN_CLEARED);
    *ret = TAKE_PTR(s);
    return 0;
}

static int make_app(struct store *s, const char *id, int *ret_fd, struct err *e) {
    CLEANUP(close_p) int fd = -1;
    int r;

    if ((r = fs_mkdir(s->apps_fd, id, FOLDER_MODE, &fd, e)) < 0 ||
        (r = fs_mkdir(fd, STORE_VERSIONS, FOLDER_MODE, NULL, e)) < 0)
        return r;
    KILLPOINT(APP_MADE);
    if ((r = fs_sync_dir(fd, e)) < 0 || (r = fs_sync_dir(s->apps_fd, e)) < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int store_app_open(struct store *s, const char *id, bool make, int *ret_fd, struct err *e) {
    int fd;

    if (!text_is_app_id(id))
        return err_set(e, -EINVAL, "that is not an app's id");
    if (make)
        return make_app(s, id, ret_fd, e);
    fd = openat(s->apps_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int r = -errno;
        return err_set(e, r, "cannot open the folder of '%s': %s", id, strerror(-r));
    }
    *ret_fd = fd;
    return 0;
}

int store_app_fd(struct store *s, const char *id, int *ret_fd, struct err *e) {
    return store_app_open(s, id, false, ret_fd, e);
}

int store_read_state(int dir_fd, const char *name, struct store_state *ret, uint64_t *ret_seq,
                     struct err *e) {
    CLEANUP(free_p) char *text = NULL;
    size_t len = 0;
    int r = fs_read(dir_fd, name, STATEFILE_MAX, &text, &len, e);

    if (r == 0) {
        r = statefile_decode(text, len, ret, e);
        *ret_seq = r == 0 ? ret->seq : statefile_guess_seq(text, len);
    }
    return r;
}

/* A state.tmp is whole if it was written out before the cut; only its rename is missing, and is
 * made up for before anybody writes a next one over it. */
static int recover(int app_fd, uint64_t damaged_seq, struct store_state *ret, struct err *e) {
    CLEANUP(close_p)
    int fd = openat(app_fd, STORE_STATE_TMP, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct store_state state = { 0 };
    uint64_t seq = 0;
    int r;

    if (fd < 0)
        return -errno;
    r = store_read_state(app_fd, STORE_STATE_TMP, &state, &seq, NULL);
    if (r < 0)
        return r;
    if (seq <= damaged_seq)
        r = -ENOENT;
    else if (fsync(fd) < 0 || renameat(app_fd, STORE_STATE_TMP, app_fd, STORE_STATE) < 0)
        r = -errno;
    else
        r = fs_sync_dir(app_fd, e);
    if (r < 0) {
        store_state_clear(&state);
        return r;
    }
    *ret = state;
    return 0;
}

int store_load(struct store *s, const char *id, struct store_state *ret, struct err *e) {
    CLEANUP(close_p) int app_fd = -1;
    struct store_state state = { 0 };
    uint64_t seq = 0;
    int r = store_app_open(s, id, false, &app_fd, e);

    if (r == 0)
        r = store_read_state(app_fd, STORE_STATE, &state, &seq, e);
    if ((r == -EBADMSG || r == -EFBIG || r == -EIO) && recover(app_fd, seq, &state, NULL) == 0)
        r = 0;
    else if (r < 0 && r != -ENOMEM && app_fd >= 0 && store_copy_restore(s, id, app_fd, &state) == 0)
        r = 0;
    if (r == -ENOENT)
        return err_set(e, r, "'%s' is not installed", id);
    if (r == -EBADMSG || r == -EFBIG)
        return err_wrap(e, -EBADMSG, "the state file of '%s' is damaged", id);
    if (r == 0)
        r = store_copy_raise(s, id, &state, e);
    if (r < 0) {
        store_state_clear(&state);
        return r;
    }
    *ret = state;
    return 0;
}

int store_check_named(int app_fd, const struct store_version *v, struct err *e) {
    char path[sizeof STORE_VERSIONS "/" + STORE_VERSION_NAME_MAX + sizeof STORE_PACKAGE];

    if (v->name[0] == '\0')
        return 0;
    if (!store_version_is_sound(v))
        return err_set(e, -EINVAL, "a version's name does not fit its code and hash");
    (void) snprintf(path, sizeof path, STORE_VERSIONS "/%s/" STORE_PACKAGE, v->name);
    if (faccessat(app_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        int r = -errno;
        return err_set(e, r, "version '%s' is not in the store", v->name);
    }
    return 0;
}

/* What a file held before; text NULL: there was none. */
struct before {
    char *text;
    size_t len;
};

static void before_clear_p(struct before *b) {
    free_p(&b->text);
}

/* As far as the disk still does what it is told. */
static void put_back(int dir_fd, const char *name, const struct before *b) {
    if (b->text)
        (void) fs_replace(dir_fd, name, b->text, b->len, STATE_MODE, FS_DURABLE, NULL);
    else if (unlinkat(dir_fd, name, 0) == 0)
        (void) fs_sync_dir(dir_fd, NULL);
}

/* A file that was replaced but not made durable was not saved: it is put back at once. */
static int replace(int dir_fd, const char *name, const struct str *text, struct before *before,
                   struct err *e) {
    CLEANUP(free_p) char *there = NULL;
    size_t n = 0;
    int r = fs_read(dir_fd, name, STATEFILE_MAX, &before->text, &before->len, NULL);

    if (r == -ENOMEM)
        return err_set(e, r, "no memory for a state");
    r = fs_replace(dir_fd, name, text->data, text->len, STATE_MODE, FS_DURABLE, e);
    if (r < 0 && fs_read(dir_fd, name, STATEFILE_MAX, &there, &n, NULL) == 0 && n == text->len &&
        memcmp(there, text->data, n) == 0)
        put_back(dir_fd, name, before);
    return r;
}

static int save_both(struct store *s, const char *id, int app_fd, const struct str *text,
                     struct err *e) {
    CLEANUP(before_clear_p) struct before copy_before = { 0 }, state_before = { 0 };
    char copy[STORE_COPY_NAME_MAX];
    int r;

    store_copy_name(id, copy);
    r = replace(s->copies_fd, copy, text, &copy_before, e);
    if (r < 0)
        return r;
    KILLPOINT(COPY_SAVED);
    r = replace(app_fd, STORE_STATE, text, &state_before, e);
    if (r < 0)
        put_back(s->copies_fd, copy, &copy_before);
    return r;
}

int store_save(struct store *s, const char *id, struct store_state *state, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(STATEFILE_MAX);
    CLEANUP(close_p) int app_fd = -1;
    struct store_state next = *state; /* borrows rest */
    int r;

    next.seq++;
    if ((r = store_app_open(s, id, true, &app_fd, e)) < 0 ||
        (r = store_check_named(app_fd, &state->current, e)) < 0 ||
        (r = store_check_named(app_fd, &state->previous, e)) < 0 ||
        (r = store_check_named(app_fd, &state->pending, e)) < 0 ||
        (r = statefile_encode(&next, &text, e)) < 0 || (r = save_both(s, id, app_fd, &text, e)) < 0)
        return r;
    KILLPOINT(STATE_SAVED);
    state->seq = next.seq;
    return 0;
}

int store_list(struct store *s, void (*seen)(const char *id, void *userdata), void *userdata,
               struct err *e) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(s->apps_fd);

    for (struct dirent *d; dir && (d = store_dir_next(dir));) {
        struct store_state state = { 0 };
        int r = text_is_app_id(d->d_name) ? store_load(s, d->d_name, &state, NULL) : -ENOENT;
        bool is_none = r == -ENOENT || r == -ENOTDIR || (r == 0 && !state.current.name[0]);

        store_state_clear(&state);
        if (r == -ENOMEM)
            return err_set(e, r, "no memory for a state");
        if (!is_none)
            seen(d->d_name, userdata);
    }
    return dir && errno == 0 ? 0 : err_set(e, -errno, "cannot list the apps: %s", strerror(errno));
}
