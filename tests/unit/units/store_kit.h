/* SPDX-License-Identifier: MIT
 * store_kit.h - a store in a scratch folder, and stages as a worker would leave them. */
#ifndef TESTS_UNITS_STORE_KIT_H
#define TESTS_UNITS_STORE_KIT_H

#include "scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "units/filelist.h"
#include "units/store.h"

#define APP    "org.example.clock"
#define HASH_A "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
#define HASH_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME_A "3-aaaaaaaaaaaaaaaa"
#define NAME_B "4-0123456789abcdef"

struct kit {
    struct scratch scratch;
    char state_dir[96];
    struct store *store;
};

static inline void kit_open(struct kit *k) {
    struct err e = { 0 };
    if (store_open(k->state_dir, &k->store, &e) != 0)
        fail_msg("store_open: %s", e.text);
}

static inline int kit_set_up(void **state) {
    static struct kit k;
    k = (struct kit){ .scratch = scratch_make() };
    (void) snprintf(k.state_dir, sizeof k.state_dir, "%s/state", k.scratch.path);
    kit_open(&k);
    *state = &k;
    return 0;
}

static inline int kit_tear_down(void **state) {
    struct kit *k = *state;
    k->store = store_close(k->store);
    scratch_remove(&k->scratch);
    return 0;
}

/* The uid a worker would have: as root somebody else's, so that taking over is seen. */
static inline uid_t worker_uid(void) {
    return geteuid() == 0 ? 65534 : geteuid();
}
static inline gid_t worker_gid(void) {
    return geteuid() == 0 ? 65534 : getegid();
}

static inline struct store_version version_of(uint64_t code, const char *hash) {
    struct store_version v;
    assert_int_equal(store_version_set(&v, code, hash, true), 0);
    return v;
}

struct staged {
    const char *path, *text;
    bool executable;
};

static inline void give(int dir_fd, const char *name) {
    assert_int_equal(fchownat(dir_fd, name, worker_uid(), worker_gid(), AT_SYMLINK_NOFOLLOW), 0);
}

static inline void put_list(int stage_fd, const struct staged *files, size_t n) {
    struct str text = STR_INIT(FILELIST_SIZE_MAX);
    for (size_t i = 0; i < n; i++) {
        struct filelist_entry entry = { files[i].path, strlen(files[i].text), files[i].executable,
                                        HASH_A };
        assert_int_equal(filelist_append(&text, &entry), 0);
    }
    put_file(stage_fd, "files", str_text(&text), 0600);
    give(stage_fd, "files");
    str_clear(&text);
}

static const struct staged good_files[] = {
    { "bin/clock", "#!/bin/sh\n", true },
    { "empty", "", false },
    { "manifest.json", "{}", false },
};
#define N_GOOD 3

/* A stage with a good package and its list; *ret_fd stays open for what a test does to it. */
static inline void stage_good(struct kit *k, char name[17], int *ret_fd) {
    struct err e = { 0 };
    if (store_stage_begin(k->store, worker_uid(), worker_gid(), name, ret_fd, &e) != 0)
        fail_msg("store_stage_begin: %s", e.text);
    put_folder(*ret_fd, "package");
    put_folder(*ret_fd, "package/bin");
    put_folder(*ret_fd, "package/hollow");
    for (size_t i = 0; i < N_GOOD; i++) {
        char path[64];
        (void) snprintf(path, sizeof path, "package/%s", good_files[i].path);
        put_file(*ret_fd, path, good_files[i].text, good_files[i].executable ? 0700 : 0600);
        give(*ret_fd, path);
    }
    give(*ret_fd, "package/bin");
    give(*ret_fd, "package");
    put_list(*ret_fd, good_files, N_GOOD);
}

static inline void install(struct kit *k, const char *id, uint64_t code, const char *hash) {
    struct store_version v = version_of(code, hash);
    struct err e = { 0 };
    char name[17];
    int fd = -1;
    stage_good(k, name, &fd);
    close(fd);
    if (store_stage_commit(k->store, name, id, &v, &e) != 0)
        fail_msg("store_stage_commit: %s", e.text);
}

static inline size_t count_in(struct kit *k, const char *path) {
    return count_entries(store_fd(k->store), path);
}

static inline bool store_has(struct kit *k, const char *path) {
    return is_there(store_fd(k->store), path);
}

#endif
