/* SPDX-License-Identifier: MIT
 * Versions in use, versions that go, apps that go, and a supervisor killed at every step. */
#include "store_kit.h"

#include <sys/file.h>
#include <sys/wait.h>

/* wrap: fsync syncfs renameat renameat2 unlinkat mkdirat fchmod beneath_open */

/* Each wrapped call is a place to die at, before and after it is done. 0: nobody dies. */
static int die_at, places;
#define KILLED 77

static void place(void) {
    if (++places == die_at)
        _exit(KILLED);
}

#define DYING(ret, name, args, ...)                                                                \
    ret __real_##name args;                                                                        \
    ret __wrap_##name args;                                                                        \
    ret __wrap_##name args {                                                                       \
        place();                                                                                   \
        ret r = __real_##name(__VA_ARGS__);                                                        \
        place();                                                                                   \
        return r;                                                                                  \
    }
DYING(int, fsync, (int fd), fd)
DYING(int, syncfs, (int fd), fd)
DYING(int, fchmod, (int fd, mode_t mode), fd, mode)
DYING(int, renameat, (int od, const char *o, int nd, const char *n), od, o, nd, n)
DYING(int, renameat2, (int od, const char *o, int nd, const char *n, unsigned f), od, o, nd, n, f)
DYING(int, unlinkat, (int fd, const char *name, int flags), fd, name, flags)
DYING(int, mkdirat, (int fd, const char *name, mode_t mode), fd, name, mode)

/* Also a door that can be closed: no descriptor left. */
static int beneath_fails_with;
int __real_beneath_open(int dir_fd, const char *path, int flags, mode_t mode);
int __wrap_beneath_open(int dir_fd, const char *path, int flags, mode_t mode);
int __wrap_beneath_open(int dir_fd, const char *path, int flags, mode_t mode) {
    return beneath_fails_with ? beneath_fails_with : __real_beneath_open(dir_fd, path, flags, mode);
}

static void save(struct kit *k, uint64_t current, uint64_t previous, uint64_t pending) {
    struct store_state s = { 0 };
    struct err e = { 0 };
    int r = store_load(k->store, APP, &s, NULL);
    assert_true(r == 0 || r == -ENOENT);
    s.current = current ? version_of(current, HASH_A) : (struct store_version){ 0 };
    s.previous = previous ? version_of(previous, HASH_A) : (struct store_version){ 0 };
    s.pending = pending ? version_of(pending, HASH_A) : (struct store_version){ 0 };
    if (store_save(k->store, APP, &s, &e) != 0)
        fail_msg("store_save: %s", e.text);
    store_state_clear(&s);
}

static bool has_version(struct kit *k, uint64_t code) {
    struct store_version v = version_of(code, HASH_A);
    char path[128];
    (void) snprintf(path, sizeof path, "apps/" APP "/versions/%s/package/bin/clock", v.name);
    return store_has(k, path);
}

static void test_a_version_in_use_stays(void **state) {
    struct kit *k = *state;
    int fd = -1, untouched = 4711;
    struct err e = { 0 };

    for (uint64_t code = 1; code <= 6; code++)
        install(k, APP, code, HASH_A);
    save(k, 4, 3, 5);
    assert_int_equal(store_version_open(k->store, APP, "2-aaaaaaaaaaaaaaaa", &fd, NULL), 0);
    assert_true(is_there(fd, "bin/clock"));
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    const char *const keep[] = { "6-aaaaaaaaaaaaaaaa", NULL };
    assert_int_equal(store_gc(k->store, APP, keep, NULL), 0);
    assert_false(has_version(k, 1));
    for (uint64_t code = 2; code <= 6; code++)
        assert_true(has_version(k, code));
    assert_int_equal(count_in(k, "trash"), 0);

    close(fd);
    assert_int_equal(store_gc(k->store, APP, NULL, NULL), 0);
    assert_false(has_version(k, 2));
    assert_false(has_version(k, 6));
    assert_int_equal(store_version_open(k->store, APP, "2-aaaaaaaaaaaaaaaa", &untouched, &e),
                     -ENOENT);
    assert_int_equal(store_version_open(k->store, APP, "..", &untouched, &e), -EINVAL);
    assert_int_equal(store_version_open(k->store, APP, "../../x", &untouched, &e), -EINVAL);
    assert_int_equal(store_version_open(k->store, "none", "1-a", &untouched, &e), -ENOENT);
    assert_int_equal(untouched, 4711);
}

static void test_the_lock_lives_with_the_descriptor_in_another_process(void **state) {
    struct kit *k = *state;
    int fd = -1, hold[2];
    install(k, APP, 1, HASH_A);
    install(k, APP, 2, HASH_A);
    save(k, 2, 0, 0);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    assert_int_equal(store_version_open(k->store, APP, "1-aaaaaaaaaaaaaaaa", &fd, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) { /* keeps its copy of fd until told */
        char byte;
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) != 0);
    }
    close(hold[0]);
    close(fd);
    assert_int_equal(store_gc(k->store, APP, NULL, NULL), 0);
    assert_true(has_version(k, 1));
    close(hold[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(store_gc(k->store, APP, NULL, NULL), 0);
    assert_false(has_version(k, 1));
}

static void test_a_version_that_is_being_removed_is_not_opened(void **state) {
    struct kit *k = *state;
    int gc_fd, untouched = 4711;
    install(k, APP, 1, HASH_A);
    gc_fd = openat(store_fd(k->store), "apps/" APP "/versions/1-aaaaaaaaaaaaaaaa/package",
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(gc_fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(store_version_open(k->store, APP, "1-aaaaaaaaaaaaaaaa", &untouched, NULL),
                     -ENOENT);
    assert_int_equal(untouched, 4711);
    close(gc_fd);
}

static void test_what_is_no_version_goes_too(void **state) {
    struct kit *k = *state;
    int fd = store_fd(k->store);
    install(k, APP, 1, HASH_A);
    save(k, 1, 0, 0);
    put_folder(fd, "apps/" APP "/versions/rubbish");
    put_folder(fd, "apps/" APP "/versions/2-aaaaaaaaaaaaaaaa");
    put_file(fd, "apps/" APP "/versions/2-aaaaaaaaaaaaaaaa/package", "no folder", 0600);
    put_file(fd, "apps/" APP "/versions/file", "x", 0600);
    assert_int_equal(symlinkat("/", fd, "apps/" APP "/versions/link"), 0);
    assert_int_equal(store_gc(k->store, APP, NULL, NULL), 0);
    assert_int_equal(count_in(k, "apps/" APP "/versions"), 1);
    assert_true(has_version(k, 1));
}

static void test_in_doubt_nothing_is_removed(void **state) {
    struct kit *k = *state;
    struct err e = { 0 };
    install(k, APP, 1, HASH_A);
    install(k, APP, 2, HASH_A);
    save(k, 2, 0, 0);
    beneath_fails_with = -EMFILE;
    assert_int_equal(store_gc(k->store, APP, NULL, &e), -EMFILE);
    beneath_fails_with = 0;
    assert_true(has_version(k, 1));
    put_file(store_fd(k->store), "apps/" APP "/state", "rubbish", 0600);
    put_file(store_fd(k->store), "copies/" APP ":state", "rubbish", 0600);
    assert_int_equal(store_gc(k->store, APP, NULL, &e), -EBADMSG);
    assert_true(has_version(k, 1) && has_version(k, 2));
    assert_int_equal(store_gc(k->store, "none", NULL, &e), -ENOENT);
}

static void test_an_app_goes_with_or_without_its_data(void **state) {
    struct kit *k = *state;
    struct store_state s;
    int fd = store_fd(k->store);

    assert_int_equal(store_remove(k->store, APP, false, NULL), -ENOENT);
    install(k, APP, 1, HASH_A);
    save(k, 1, 0, 0);
    assert_int_equal(store_data_prepare(k->store, APP, geteuid(), getegid(), NULL), 0);
    put_file(fd, "apps/" APP "/data/kept", "x", 0600);
    put_file(fd, "apps/" APP "/exit_state", "x", 0600);
    put_file(fd, "apps/" APP "/state.tmp", "x", 0600);

    assert_int_equal(store_remove(k->store, APP, true, NULL), 0);
    assert_int_equal(store_load(k->store, APP, &s, NULL), -ENOENT);
    assert_true(store_has(k, "apps/" APP "/data/kept"));
    assert_int_equal(count_in(k, "apps/" APP), 1);
    assert_int_equal(store_remove(k->store, APP, true, NULL), 0);
    assert_true(store_has(k, "apps/" APP "/data/kept"));

    install(k, APP, 2, HASH_A); /* comes back to its data */
    save(k, 2, 0, 0);
    assert_true(store_has(k, "apps/" APP "/data/kept"));
    assert_int_equal(store_remove(k->store, APP, false, NULL), 0);
    assert_false(store_has(k, "apps/" APP));
    assert_int_equal(count_in(k, "trash"), 0);

    install(k, APP, 3, HASH_A); /* keep_data with no data leaves nothing */
    assert_int_equal(store_remove(k->store, APP, true, NULL), 0);
    assert_false(store_has(k, "apps/" APP));
}

/* What the update of an app from 1 to 2 does, from the stage to the collection. */
static void update_story(struct kit *k, const char *stage) {
    struct store_version v = version_of(2, HASH_A);
    if (store_stage_commit(k->store, stage, APP, &v, NULL) != 0)
        _exit(1);
    struct store_state s = { 0 };
    if (store_load(k->store, APP, &s, NULL) != 0)
        _exit(2);
    s.previous = (struct store_version){ 0 };
    s.current = v;
    if (store_save(k->store, APP, &s, NULL) != 0 || store_gc(k->store, APP, NULL, NULL) != 0)
        _exit(3);
    store_state_clear(&s);
}

/* What must be so whenever the supervisor starts again. */
static uint64_t check_after_death(struct kit *k, int at) {
    struct store_state s = { 0 };
    struct err e = { 0 };
    int fd = -1;
    if (store_load(k->store, APP, &s, &e) != 0)
        fail_msg("killed at %d: %s", at, e.text);
    uint64_t code = s.current.code;
    if (code != 1 && code != 2)
        fail_msg("killed at %d: current is %ju", at, (uintmax_t) code);
    if (!has_version(k, code) || store_version_open(k->store, APP, s.current.name, &fd, &e) != 0)
        fail_msg("killed at %d: %s is not whole: %s", at, s.current.name, e.text);
    close(fd);
    if (count_in(k, "staging") > 0 || count_in(k, "trash") > 0)
        fail_msg("killed at %d: something is left", at);
    store_state_clear(&s);
    return code;
}

static void test_a_supervisor_may_be_killed_at_any_step(void **state) {
    struct kit *k = *state;
    unsigned saw[3] = { 0 };
    bool survived = false;

    for (int at = 1; !survived; at++) {
        char stage[17];
        int fd = -1, status = 0;

        k->store = store_close(k->store); /* as an earlier round left it, or new */
        kit_open(k);
        (void) store_remove(k->store, APP, false, NULL);
        install(k, APP, 1, HASH_A);
        save(k, 1, 0, 0);
        stage_good(k, stage, &fd);
        close(fd);

        pid_t pid = fork();
        if (pid == 0) {
            places = 0;
            die_at = at;
            update_story(k, stage);
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        survived = WEXITSTATUS(status) == 0;
        if (!survived && WEXITSTATUS(status) != KILLED)
            fail_msg("step %d of the story failed", WEXITSTATUS(status));

        k->store = store_close(k->store);
        kit_open(k);
        saw[check_after_death(k, at)]++;
        stage_good(k, stage, &fd); /* and the update can be done again */
        close(fd);
        update_story(k, stage);
        assert_int_equal(check_after_death(k, at), 2);
        assert_int_equal(count_in(k, "apps/" APP "/versions"), 1);
    }
    assert_true(saw[1] > 20 && saw[2] > 5); /* both sides of the commit were met */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_version_in_use_stays),
        TEST(test_the_lock_lives_with_the_descriptor_in_another_process),
        TEST(test_a_version_that_is_being_removed_is_not_opened),
        TEST(test_what_is_no_version_goes_too),
        TEST(test_in_doubt_nothing_is_removed),
        TEST(test_an_app_goes_with_or_without_its_data),
        TEST(test_a_supervisor_may_be_killed_at_any_step),
    };
    return cmocka_run_group_tests_name("units/store_version", tests, NULL, NULL);
}
