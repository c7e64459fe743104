/* SPDX-License-Identifier: MIT
 * A state that is lost, damaged or put back to an older one takes back neither floor nor sequence
 * nor key: there is a copy of it, and what can be restored is. */
#include "store_kit.h"

#include "supervisor/base/fs.h"
#include "units/updates.h"

#define KEY      "RWQAAQIDBAUGB6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur"
#define NEXT_KEY "RWQBAQIDBAUGB6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur"

/* wrap: renameat */
static bool no_copy; /* the rename of a copy fails */

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int od, const char *o, int nd, const char *n) {
    if (no_copy && strcmp(n, APP ":state") == 0) {
        errno = EIO;
        return -1;
    }
    return __real_renameat(od, o, nd, n);
}

static void save(struct kit *k, uint64_t current, uint64_t previous, const struct updates *u) {
    struct store_state s = { 0 };
    struct err e = { 0 };
    if (store_load(k->store, APP, &s, NULL) < 0)
        s = (struct store_state){ 0 };
    s.current = current ? version_of(current, HASH_A) : (struct store_version){ 0 };
    s.previous = previous ? version_of(previous, HASH_A) : (struct store_version){ 0 };
    assert_int_equal(updates_write(u, &s.rest, NULL), 0);
    if (store_save(k->store, APP, &s, &e) < 0)
        fail_msg("%s", e.text);
    store_state_clear(&s);
}

/* Versions 3 and 4 are there; `old` has what the state file was when 3 was current. */
static void two_states(struct kit *k) {
    struct updates u = { .floor = 2, .sequence = 7, .key = KEY };
    install(k, APP, 3, HASH_A);
    install(k, APP, 4, HASH_A);
    save(k, 3, 0, &u);
    assert_int_equal(linkat(store_fd(k->store), "apps/" APP "/state", store_fd(k->store), "old", 0),
                     0);
    u.floor = 4;
    u.sequence = 9;
    u.minimum = 4;
    save(k, 4, 3, &u);
}

static void holds(struct kit *k, uint64_t current, uint64_t floor, uint64_t sequence,
                  const char *key) {
    struct store_state s = { 0 };
    struct updates u = { 0 };
    struct err e = { 0 };
    if (store_load(k->store, APP, &s, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(updates_read(s.rest, &u, NULL), 0);
    assert_int_equal(s.current.code, current);
    assert_int_equal(u.floor, floor);
    assert_int_equal(u.sequence, sequence);
    assert_string_equal(u.key, key);
    updates_clear(&u);
    store_state_clear(&s);
}

static void reopen(struct kit *k) {
    k->store = store_close(k->store);
    kit_open(k);
}

static void test_an_older_state_that_comes_back_lowers_nothing(void **state) {
    struct kit *k = *state;
    two_states(k);
    int fd = store_fd(k->store);
    assert_int_equal(__real_renameat(fd, "old", fd, "apps/" APP "/state"), 0);
    reopen(k);
    holds(k, 3, 4, 9, KEY);
    save(k, 3, 0, &(struct updates){ .floor = 4, .sequence = 9, .key = KEY });
    holds(k, 3, 4, 9, KEY);
}

static void test_a_lost_state_is_restored(void **state) {
    struct kit *k = *state;
    two_states(k);
    assert_int_equal(unlinkat(store_fd(k->store), "apps/" APP "/state", 0), 0);
    reopen(k);
    holds(k, 4, 4, 9, KEY);
    assert_true(store_has(k, "apps/" APP "/state"));
}

static void test_a_damaged_state_is_restored_with_what_is_there(void **state) {
    static const char *const damages[] = { "", "\n", "{\"seq\":99}\ncrc32 00000000\n" };
    struct kit *k = *state;
    two_states(k);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        put_file(store_fd(k->store), "apps/" APP "/state", damages[i], 0600);
        reopen(k);
        holds(k, 4, 4, 9, KEY);
    }
    struct err e = { 0 };
    struct store_state s = { 0 };
    assert_int_equal(store_gc(k->store, APP, NULL, &e), 0);
    assert_int_equal(fs_remove_tree(store_fd(k->store),
                                    "apps/" APP "/versions/3-"
                                    "aaaaaaaaaaaaaaaa",
                                    &e),
                     0);
    put_file(store_fd(k->store), "apps/" APP "/state", "", 0600);
    assert_int_equal(store_load(k->store, APP, &s, NULL), 0);
    assert_int_equal(s.current.code, 4);
    assert_int_equal(s.previous.code, 0); /* it was named, and is not there any more */
    store_state_clear(&s);
}

static void test_an_app_that_was_lost_is_remembered(void **state) {
    struct kit *k = *state;
    struct store_state s = { 0 };
    struct updates u = { 0 };
    struct err e = { 0 };
    two_states(k);
    assert_int_equal(store_recall(k->store, "org.example.other", &s, NULL), -ENOENT);
    assert_int_equal(fs_remove_tree(store_fd(k->store), "apps/" APP, &e), 0);
    reopen(k);
    assert_int_equal(store_tidy(k->store, &e), 0);
    assert_int_equal(store_load(k->store, APP, &s, NULL), -ENOENT);
    assert_int_equal(store_recall(k->store, APP, &s, &e), 0);
    assert_int_equal(s.seq, 2);
    assert_int_equal(s.current.code, 0);
    assert_int_equal(updates_read(s.rest, &u, NULL), 0);
    assert_int_equal(u.floor, 4);
    assert_int_equal(u.sequence, 9);
    assert_string_equal(u.key, KEY);
    updates_clear(&u);
    store_state_clear(&s);
}

static void test_a_removed_one_is_not(void **state) {
    struct kit *k = *state;
    struct store_state s = { 0 };
    for (int keep = 0; keep < 2; keep++) {
        two_states(k);
        assert_int_equal(unlinkat(store_fd(k->store), "old", 0), 0);
        put_folder(store_fd(k->store), "apps/" APP "/data");
        assert_int_equal(store_remove(k->store, APP, keep, NULL), 0);
        assert_int_equal(store_load(k->store, APP, &s, NULL), -ENOENT);
        assert_int_equal(store_recall(k->store, APP, &s, NULL), -ENOENT);
        assert_int_equal(count_in(k, "copies"), 0);
    }
}

static void test_a_newer_copy_commits_nothing(void **state) {
    struct kit *k = *state;
    struct store_state s = { 0 };
    two_states(k);
    int fd = store_fd(k->store);
    assert_int_equal(__real_renameat(fd, "old", fd, "apps/" APP "/state"), 0);
    holds(k, 3, 4, 9, KEY); /* current is the state's word */
    assert_int_equal(store_load(k->store, APP, &s, NULL), 0);
    s.current = version_of(4, HASH_A);
    no_copy = true;
    assert_int_equal(store_save(k->store, APP, &s, NULL), -EIO);
    no_copy = false;
    store_state_clear(&s);
    holds(k, 3, 4, 9, KEY);
}

static void test_a_key_that_took_over_counts_anew(void **state) {
    struct kit *k = *state;
    struct updates u = { .sequence = 1, .key = NEXT_KEY };
    two_states(k);
    save(k, 4, 0, &u);
    holds(k, 4, 0, 1, NEXT_KEY);
    int fd = store_fd(k->store);
    assert_int_equal(__real_renameat(fd, "old", fd, "apps/" APP "/state"), 0);
    holds(k, 3, 2, 1, NEXT_KEY);
}

#define COPY(test) cmocka_unit_test_setup_teardown(test, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        COPY(test_an_older_state_that_comes_back_lowers_nothing),
        COPY(test_a_lost_state_is_restored),
        COPY(test_a_damaged_state_is_restored_with_what_is_there),
        COPY(test_an_app_that_was_lost_is_remembered),
        COPY(test_a_removed_one_is_not),
        COPY(test_a_newer_copy_commits_nothing),
        COPY(test_a_key_that_took_over_counts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
