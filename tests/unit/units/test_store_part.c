/* SPDX-License-Identifier: MIT
 * What there is of a download outlives the supervisor, is one app's and one file's, is nobody
 * else's when it is gone on with, and is there for no longer than it may be needed. */
#include "store_kit.h"

#include <sys/stat.h>

#include "units/store_part.h"
#include "units/updates.h"

#define OTHER "org.example.clock2"
#define NOW   UINT64_C(1764000000)
#define DAY   UINT64_C(86400)

/* wrap: fstatat */
static const char *large; /* this one fills all the room that there is for them */

int __real_fstatat(int, const char *, struct stat *, int);
int __wrap_fstatat(int fd, const char *name, struct stat *st, int flags) {
    int r = __real_fstatat(fd, name, st, flags);
    if (r == 0 && large && strcmp(name, large) == 0) {
        st->st_size = (off_t) STORE_PARTS_MAX;
        st->st_blocks = (blkcnt_t) (STORE_PARTS_MAX / 512 + 8);
    }
    return r;
}

static char etag[WORKER_ETAG_MAX + 1];

static void have_app(struct kit *k, const char *id, const struct updates *u) {
    struct store_state s = { .current = version_of(3, HASH_A) };
    install(k, id, 3, HASH_A);
    if (u)
        assert_int_equal(updates_write(u, &s.rest, NULL), 0);
    assert_int_equal(store_save(k->store, id, &s, NULL), 0);
    store_state_clear(&s);
}

static int open_one(struct kit *k, const char *id, const char *sha256) {
    struct err e = { 0 };
    int fd = -1;
    if (store_part_open(k->store, id, sha256, etag, &fd, &e) != 0)
        fail_msg("store_part_open: %s", e.text);
    return fd;
}

/* What is in it; it gets "x" more. */
static size_t grow(struct kit *k, const char *id, const char *sha256) {
    struct stat st;
    int fd = open_one(k, id, sha256);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pwrite(fd, "x", 1, st.st_size), 1);
    close(fd);
    return (size_t) st.st_size;
}

static void set_time(struct kit *k, const char *path, uint64_t seconds) {
    const struct timespec times[2] = { { .tv_sec = (time_t) seconds },
                                       { .tv_sec = (time_t) seconds } };
    assert_int_equal(utimensat(store_fd(k->store), path, times, 0), 0);
}

static uint64_t time_of(struct kit *k, const char *path) {
    struct stat st;
    assert_int_equal(fstatat(store_fd(k->store), path, &st, 0), 0);
    return (uint64_t) st.st_mtim.tv_sec;
}

#define PART_A "parts/" APP ":" HASH_A
#define PART_B "parts/" APP ":" HASH_B

static void test_it_outlives_the_store(void **state) {
    struct kit *k = *state;
    have_app(k, APP, NULL);
    assert_int_equal(grow(k, APP, HASH_A), 0);
    assert_string_equal(etag, "");
    store_part_tag(k->store, APP, HASH_A, "\"one\"");
    k->store = store_close(k->store);
    kit_open(k);
    store_parts_tidy(k->store, NOW);
    assert_int_equal(grow(k, APP, HASH_A), 1);
    assert_string_equal(etag, "\"one\"");
    assert_int_equal(grow(k, APP, HASH_A), 2);
    store_part_tag(k->store, APP, HASH_A, "");
    assert_int_equal(grow(k, APP, HASH_A), 3);
    assert_string_equal(etag, "");
}

static void test_another_file_or_app_begins_anew(void **state) {
    struct kit *k = *state;
    have_app(k, APP, NULL);
    have_app(k, OTHER, NULL); /* whose name begins like the other's */
    (void) grow(k, OTHER, HASH_A);
    (void) grow(k, APP, HASH_A);
    store_part_tag(k->store, APP, HASH_A, "\"one\"");
    assert_int_equal(grow(k, APP, HASH_B), 0);
    assert_string_equal(etag, "");
    assert_false(store_has(k, PART_A));
    assert_false(store_has(k, PART_A ":etag"));
    store_part_drop(k->store, APP, HASH_B);
    assert_int_equal(grow(k, APP, HASH_B), 1);
    store_part_drop(k->store, APP, NULL);
    assert_int_equal(count_in(k, "parts"), 1);
    assert_int_equal(grow(k, OTHER, HASH_A), 1);
}

static void test_a_tag_without_its_part_is_not_made(void **state) {
    struct kit *k = *state;
    have_app(k, APP, NULL);
    store_part_tag(k->store, APP, HASH_A, "\"one\"");
    assert_int_equal(count_in(k, "parts"), 0);
}

static void test_a_tag_that_is_none_is_as_if_not_there(void **state) {
    static const char *const bad[] = { "\"a\nb\"", "\"\xff\"", "" };
    struct kit *k = *state;
    char longer[WORKER_ETAG_MAX + 2];
    have_app(k, APP, NULL);
    for (size_t i = 0; i < 3; i++) {
        (void) grow(k, APP, HASH_A);
        put_file(store_fd(k->store), PART_A ":etag", bad[i], 0600);
        assert_int_equal(grow(k, APP, HASH_A), 2 * i + 1);
        assert_string_equal(etag, "");
    }
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    put_file(store_fd(k->store), PART_A ":etag", longer, 0600);
    (void) grow(k, APP, HASH_A);
    assert_string_equal(etag, "");
}

/* As a worker of a supervisor that died, which writes on until it is killed. */
static void test_one_that_somebody_has_open_is_left_to_him(void **state) {
    struct kit *k = *state;
    struct stat mine, his;
    have_app(k, APP, NULL);
    int old = open_one(k, APP, HASH_A);
    assert_int_equal(write(old, "old", 3), 3);
    store_part_tag(k->store, APP, HASH_A, "\"one\"");
    int fd = open_one(k, APP, HASH_A);
    assert_int_equal(fstat(fd, &mine), 0);
    assert_int_equal(fstat(old, &his), 0);
    assert_int_not_equal(mine.st_ino, his.st_ino);
    assert_int_equal(mine.st_size, 0);
    assert_string_equal(etag, "");
    close(old);
    close(fd);
}

/* Links and the like, whoever put them there: nothing is written through them. */
static void test_what_is_no_file_is_replaced(void **state) {
    struct kit *k = *state;
    int dir = store_fd(k->store);
    have_app(k, APP, NULL);
    put_file(dir, "precious", "precious", 0600);
    assert_int_equal(symlinkat("../precious", dir, PART_A), 0);
    assert_int_equal(grow(k, APP, HASH_A), 0);
    assert_int_equal(unlinkat(dir, PART_A, 0), 0);
    assert_int_equal(linkat(dir, "precious", dir, PART_A, 0), 0);
    assert_int_equal(grow(k, APP, HASH_A), 0);
    assert_int_equal(unlinkat(dir, PART_A, 0), 0);
    put_folder(dir, PART_A);
    put_folder(dir, PART_A "/in");
    assert_int_equal(grow(k, APP, HASH_A), 0);
    struct stat st;
    assert_int_equal(fstatat(dir, "precious", &st, 0), 0);
    assert_int_equal(st.st_size, 8);
}

static void test_of_an_app_that_is_there(void **state) {
    struct kit *k = *state;
    struct err e = { 0 };
    int fd = -7;
    assert_int_equal(store_part_open(k->store, APP, HASH_A, etag, &fd, &e), -ENOENT);
    assert_int_equal(store_part_open(k->store, "../x", HASH_A, etag, &fd, &e), -EINVAL);
    assert_int_equal(store_part_open(k->store, APP, "/etc/passwd", etag, &fd, &e), -EINVAL);
    assert_int_equal(fd, -7);
    have_app(k, APP, NULL);
    (void) grow(k, APP, HASH_A);
    store_part_tag(k->store, APP, HASH_A, "\"one\"");
    assert_int_equal(store_remove(k->store, APP, false, &e), 0);
    assert_int_equal(count_in(k, "parts"), 0);
    have_app(k, APP, NULL);
    (void) grow(k, APP, HASH_A);
    assert_int_equal(store_data_prepare(k->store, APP, geteuid(), getegid(), &e), 0);
    assert_int_equal(store_remove(k->store, APP, true, &e), 0);
    assert_int_equal(count_in(k, "parts"), 0);
    assert_int_equal(store_part_open(k->store, APP, HASH_A, etag, &fd, &e), -ENOENT);
}

static void test_tidy_takes_what_nobody_goes_on_with(void **state) {
    struct kit *k = *state;
    struct updates u = { .current_file = HASH_A };
    int dir = store_fd(k->store);
    have_app(k, APP, &u);
    (void) grow(k, APP, HASH_A); /* its version is there */
    store_parts_tidy(k->store, NOW);
    assert_int_equal(count_in(k, "parts"), 0);
    u = (struct updates){ 0 };
    assert_int_equal(updates_note_failed(&u, HASH_A, 4, "crashed"), 0);
    have_app(k, APP, &u);
    (void) grow(k, APP, HASH_A);
    store_parts_tidy(k->store, NOW);
    assert_int_equal(count_in(k, "parts"), 0);
    updates_clear(&u);
    have_app(k, APP, NULL);
    put_file(dir, "parts/org.example.gone:" HASH_A, "x", 0600);
    put_file(dir, "parts/org.example.gone:" HASH_A ":etag", "x", 0600);
    put_file(dir, "parts/" APP ":" HASH_B ":etag", "x", 0600);
    put_file(dir, "parts/" APP ":" HASH_A ":etag.tmp", "x", 0600);
    put_file(dir, "parts/:etag", "x", 0600);
    put_file(dir, "parts/odd", "x", 0600);
    put_file(dir, "parts/" APP ":", "x", 0600);
    put_folder(dir, "parts/folder");
    store_parts_tidy(k->store, NOW);
    assert_int_equal(count_in(k, "parts"), 0);
}

static void test_it_is_kept_for_a_week(void **state) {
    struct kit *k = *state;
    have_app(k, APP, NULL);
    (void) grow(k, APP, HASH_A);
    store_part_tag(k->store, APP, HASH_A, "\"one\"");
    set_time(k, PART_A, NOW - 7 * DAY);
    store_parts_tidy(k->store, NOW);
    assert_int_equal(count_in(k, "parts"), 2);
    set_time(k, PART_A, NOW - 7 * DAY - 1);
    store_parts_tidy(k->store, NOW);
    assert_int_equal(count_in(k, "parts"), 0);
}

/* Written under a clock of 2106, or read under one of 1970. */
static void test_a_clock_that_is_wrong_keeps_nothing_for_ever(void **state) {
    struct kit *k = *state;
    have_app(k, APP, NULL);
    (void) grow(k, APP, HASH_A);
    set_time(k, PART_A, UINT32_MAX);
    store_parts_tidy(k->store, NOW);
    assert_int_equal(time_of(k, PART_A), NOW);
    store_parts_tidy(k->store, 60);
    assert_int_equal(time_of(k, PART_A), 60);
    store_parts_tidy(k->store, NOW);
    assert_int_equal(count_in(k, "parts"), 0);
}

static void test_all_of_them_take_a_gigabyte_at_most(void **state) {
    struct kit *k = *state;
    have_app(k, APP, NULL);
    have_app(k, OTHER, NULL);
    (void) grow(k, APP, HASH_A);
    (void) grow(k, OTHER, HASH_B);
    large = OTHER ":" HASH_B;
    set_time(k, PART_A, NOW - 2);
    set_time(k, "parts/" OTHER ":" HASH_B, NOW - 1);
    store_parts_tidy(k->store, NOW);
    assert_false(store_has(k, PART_A));
    assert_true(store_has(k, "parts/" OTHER ":" HASH_B));
    (void) grow(k, APP, HASH_A);
    set_time(k, PART_A, NOW);
    store_parts_tidy(k->store, NOW);
    assert_true(store_has(k, PART_A));
    assert_int_equal(count_in(k, "parts"), 1);
}

#define PART(test) cmocka_unit_test_setup_teardown(test, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PART(test_it_outlives_the_store),
        PART(test_another_file_or_app_begins_anew),
        PART(test_a_tag_without_its_part_is_not_made),
        PART(test_a_tag_that_is_none_is_as_if_not_there),
        PART(test_one_that_somebody_has_open_is_left_to_him),
        PART(test_what_is_no_file_is_replaced),
        PART(test_of_an_app_that_is_there),
        PART(test_tidy_takes_what_nobody_goes_on_with),
        PART(test_it_is_kept_for_a_week),
        PART(test_a_clock_that_is_wrong_keeps_nothing_for_ever),
        PART(test_all_of_them_take_a_gigabyte_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
