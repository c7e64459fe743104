/* SPDX-License-Identifier: MIT */
#include "units/store_part.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/text.h"
#include "units/store_internal.h"
#include "units/updates.h"

#define ID_MAX        64
#define ETAG          ":etag"
#define PART_NAME_MAX (ID_MAX + 1 + FILELIST_HASH_HEX + sizeof ETAG) /* with its NUL */

static void part_name(const char *id, const char *sha256, const char *end,
                      char ret[PART_NAME_MAX]) {
    (void) snprintf(ret, PART_NAME_MAX, "%s:%s%s", id, sha256, end);
}

static void state_clear_p(struct store_state *state) {
    store_state_clear(state);
}

/* --- one of them -------------------------------------------------------------------------- */

/* Whatever it is. What cannot be removed is in the way of one download. */
static void drop_file(struct store *s, const char *name) {
    (void) fs_remove_tree(s->parts_fd, name, NULL);
    KILLPOINT(PART_DROPPED);
}

void store_part_drop(struct store *s, const char *id, const char *but_sha256) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(s->parts_fd);
    size_t n = strlen(id);

    for (struct dirent *d; dir && (d = store_dir_next(dir));) {
        const char *at = d->d_name + n;
        if (strncmp(d->d_name, id, n) == 0 && *at == ':' &&
            !(but_sha256 && strncmp(at + 1, but_sha256, FILELIST_HASH_HEX) == 0))
            drop_file(s, d->d_name);
    }
}

/* A lease for writing is given to the only one that has the file open.
 * Source: fcntl(2), F_SETLEASE. */
static bool is_ours_alone(int fd) {
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
           fcntl(fd, F_SETLEASE, F_WRLCK) == 0 && fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

static int open_part(struct store *s, const char *name, int how, int *ret, struct err *e) {
    int fd = openat(s->parts_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | how, 0600);

    if (fd < 0) {
        int r = -errno;
        return err_set(e, r, "cannot make a file for a download: %s", strerror(-r));
    }
    *ret = fd;
    return 0;
}

static void read_tag(struct store *s, const char *name, char ret[WORKER_ETAG_MAX + 1]) {
    CLEANUP(free_p) char *text = NULL;
    size_t len = 0;

    ret[0] = '\0';
    if (fs_read(s->parts_fd, name, WORKER_ETAG_MAX, &text, &len, NULL) == 0 &&
        text_is_utf8(text, len) && !text_has_control(text, len))
        memcpy(ret, text, len + 1);
}

int store_part_open(struct store *s, const char *id, const char *sha256,
                    char ret_etag[WORKER_ETAG_MAX + 1], int *ret_fd, struct err *e) {
    CLEANUP(state_clear_p) struct store_state state = { 0 };
    CLEANUP(close_p) int fd = -1;
    char name[PART_NAME_MAX], tag[PART_NAME_MAX];
    int r;

    if (!text_is_app_id(id) || !filelist_is_hash(sha256))
        return err_set(e, -EINVAL, "that is not an app's id and a file's hash");
    if ((r = store_load(s, id, &state, e)) < 0)
        return r;
    part_name(id, sha256, "", name);
    part_name(id, sha256, ETAG, tag);
    store_part_drop(s, id, sha256);
    if (open_part(s, name, 0, &fd, NULL) < 0 || !is_ours_alone(fd)) {
        store_part_drop(s, id, NULL);
        close_p(&fd);
        fd = -1;
        if ((r = open_part(s, name, O_EXCL, &fd, e)) < 0)
            return r;
    }
    KILLPOINT(PART_OPENED);
    read_tag(s, tag, ret_etag);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

void store_part_tag(struct store *s, const char *id, const char *sha256, const char *etag) {
    char name[PART_NAME_MAX], tag[PART_NAME_MAX];

    part_name(id, sha256, "", name);
    part_name(id, sha256, ETAG, tag);
    if (faccessat(s->parts_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    /* Without it more may be asked for than was needed. */
    if (!etag[0])
        (void) unlinkat(s->parts_fd, tag, 0);
    else
        (void) fs_replace(s->parts_fd, tag, etag, strlen(etag), 0600, FS_VOLATILE, NULL);
}

/* --- all of them -------------------------------------------------------------------------- */

static bool is_over(const struct updates *u, const char *sha256) {
    if (strcmp(u->current_file, sha256) == 0 || strcmp(u->pending_file, sha256) == 0)
        return true;
    for (size_t i = 0; i < u->n_failed; i++)
        if (strcmp(u->failed[i].hash, sha256) == 0)
            return true;
    return false;
}

/* Of an app that is there, and may be fetched yet. What cannot be told is kept. */
static bool is_wanted(struct store *s, const char *id, const char *sha256) {
    CLEANUP(state_clear_p) struct store_state state = { 0 };
    CLEANUP(updates_clear_p) struct updates u = { 0 };
    int r = store_load(s, id, &state, NULL);

    if (r < 0 || (r = updates_read(state.rest, &u, NULL)) < 0)
        return r != -ENOENT;
    return !is_over(&u, sha256);
}

/* A part's name taken apart; false: it is a tag, or none of ours. */
static bool parse_name(const char *name, char id[ID_MAX + 1], char sha256[FILELIST_HASH_HEX + 1]) {
    const char *colon = strchr(name, ':');
    size_t n = colon ? (size_t) (colon - name) : 0;

    if (n == 0 || n > ID_MAX || !filelist_is_hash(colon + 1))
        return false;
    memcpy(id, name, n);
    id[n] = '\0';
    memcpy(sha256, colon + 1, FILELIST_HASH_HEX + 1);
    return true;
}

/* False: what has a file of that name goes. */
static bool tidy_one(struct store *s, const char *name, const struct stat *st, uint64_t now) {
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t) now } };
    char id[ID_MAX + 1], sha256[FILELIST_HASH_HEX + 1];
    const uint64_t since = st->st_mtim.tv_sec > 0 ? (uint64_t) st->st_mtim.tv_sec : 0;

    if (!parse_name(name, id, sha256) || !is_wanted(s, id, sha256))
        return false;
    if (since > now) /* or it would be kept until then */
        (void) utimensat(s->parts_fd, name, times, AT_SYMLINK_NOFOLLOW);
    else if (now - since > STORE_PART_AGE)
        return false;
    return true;
}

/* Of a part "x" what is left is "x:etag", and what was to become that one. */
static bool has_part(struct store *s, const char *name) {
    char part[PART_NAME_MAX];
    const char *end = strstr(name, ETAG);

    if (!end || (size_t) (end - name) >= sizeof part || strcmp(end, ETAG) != 0)
        return false;
    memcpy(part, name, (size_t) (end - name));
    part[end - name] = '\0';
    return faccessat(s->parts_fd, part, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of its own: not what the file system needs to find them, nor holes. */
static uint64_t bytes_of(const struct stat *st) {
    uint64_t size = (uint64_t) st->st_size, blocks = (uint64_t) st->st_blocks * 512;

    return size < blocks ? size : blocks;
}

/* Goes through all once; the bytes of those that stay. oldest: of them, "": none. */
static uint64_t go_through(struct store *s, uint64_t now, char oldest[NAME_MAX + 1]) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(s->parts_fd);
    time_t since = 0;
    uint64_t sum = 0;

    oldest[0] = '\0';
    for (struct dirent *d; dir && (d = store_dir_next(dir));) {
        struct stat st;
        if (has_part(s, d->d_name) || fstatat(s->parts_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!tidy_one(s, d->d_name, &st, now)) {
            drop_file(s, d->d_name);
            continue;
        }
        sum += bytes_of(&st);
        if (!oldest[0] || st.st_mtim.tv_sec < since) {
            (void) snprintf(oldest, NAME_MAX + 1, "%s", d->d_name);
            since = st.st_mtim.tv_sec;
        }
    }
    return sum;
}

static void drop_tags_alone(struct store *s) {
    CLEANUP(store_dir_close_p) DIR *dir = store_dir_open(s->parts_fd);

    for (struct dirent *d; dir && (d = store_dir_next(dir));)
        if (strstr(d->d_name, ETAG) && !has_part(s, d->d_name))
            drop_file(s, d->d_name);
}

void store_parts_tidy(struct store *s, uint64_t now) {
    char oldest[NAME_MAX + 1];

    while (go_through(s, now, oldest) > STORE_PARTS_MAX && oldest[0])
        if (unlinkat(s->parts_fd, oldest, 0) < 0)
            break;
    drop_tags_alone(s);
}
