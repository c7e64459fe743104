/* SPDX-License-Identifier: MIT
 * An app's data folder: whose it is, and how it is given to another uid. */
#include "store_kit.h"

#define OTHER 71234 /* uids that nobody has */
#define NEXT  71235

static void make_app(struct kit *k, const char *id) {
    install(k, id, 1, HASH_A);
}

static void test_it_is_made_private(void **state) {
    struct kit *k = *state;
    uid_t owner = 4711;
    struct err e = { 0 };

    assert_int_equal(store_data_prepare(k->store, APP, geteuid(), getegid(), &e), -ENOENT);
    make_app(k, APP);
    assert_int_equal(store_data_owner(k->store, APP, &owner, &e), -ENOENT);
    assert_int_equal(owner, 4711);
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_data_prepare(k->store, APP, geteuid(), getegid(), &e), 0);
    struct stat st = look(store_fd(k->store), "apps/" APP "/data");
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(store_data_owner(k->store, APP, &owner, &e), 0);
    assert_int_equal(owner, geteuid());
}

static void test_a_widened_one_is_closed_again(void **state) {
    struct kit *k = *state;
    make_app(k, APP);
    assert_int_equal(store_data_prepare(k->store, APP, geteuid(), getegid(), NULL), 0);
    assert_int_equal(fchmodat(store_fd(k->store), "apps/" APP "/data", 0777, 0), 0);
    assert_int_equal(store_data_prepare(k->store, APP, geteuid(), getegid(), NULL), 0);
    assert_int_equal(look(store_fd(k->store), "apps/" APP "/data").st_mode & 07777, 0700);
}

static void test_a_link_is_no_data_folder(void **state) {
    struct kit *k = *state;
    uid_t owner;
    make_app(k, APP);
    assert_int_equal(symlinkat("/tmp", store_fd(k->store), "apps/" APP "/data"), 0);
    assert_true(store_data_prepare(k->store, APP, geteuid(), getegid(), NULL) < 0);
    assert_int_equal(store_data_owner(k->store, APP, &owner, NULL), -ENOTDIR);
}

/* For root only: others can give nothing away. */
static bool not_root(void) {
    if (geteuid() == 0)
        return false;
    print_message("skipped: giving files to another uid needs root\n");
    return true;
}

static void assert_owner(int fd, const char *name, uid_t uid) {
    struct stat st = look(fd, name);
    if (st.st_uid != uid)
        fail_msg("%s belongs to %u, not %u", name, st.st_uid, uid);
}

static void test_it_is_given_over_with_all_that_is_its_owners(void **state) {
    struct kit *k = *state;
    struct err e = { 0 };
    if (not_root())
        skip();
    make_app(k, APP);
    assert_int_equal(store_data_prepare(k->store, APP, OTHER, OTHER, &e), 0);
    int fd = openat(store_fd(k->store), "apps/" APP "/data", O_DIRECTORY | O_CLOEXEC);

    put_folder(fd, "deep");
    put_folder(fd, "deep/er");
    put_file(fd, "deep/er/file", "x", 0600);
    put_file(k->scratch.fd, "roots", "x", 0600);
    assert_int_equal(linkat(k->scratch.fd, "roots", fd, "deep/roots", 0), 0);
    assert_int_equal(symlinkat("../../../../../../roots", fd, "deep/link"), 0);
    static const char *const own[] = { "deep", "deep/er", "deep/er/file", "deep/link" };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fchownat(fd, own[i], OTHER, OTHER, AT_SYMLINK_NOFOLLOW), 0);

    assert_int_equal(store_data_prepare(k->store, APP, NEXT, NEXT, &e), 0);
    for (size_t i = 0; i < 4; i++)
        assert_owner(fd, own[i], NEXT);
    assert_owner(fd, ".", NEXT);
    assert_owner(k->scratch.fd, "roots", 0); /* neither by hard link nor by symbolic link */
    close(fd);
}

static void test_it_is_not_given_over_by_halves(void **state) {
    struct kit *k = *state;
    struct err e = { 0 };
    uid_t owner = 0;
    if (not_root())
        skip();
    make_app(k, APP);
    assert_int_equal(store_data_prepare(k->store, APP, OTHER, OTHER, &e), 0);
    int fd = openat(store_fd(k->store), "apps/" APP "/data", O_DIRECTORY | O_CLOEXEC);
    int at = dup(fd);
    for (int i = 0; i < 110; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        assert_int_equal(fchownat(at, "d", OTHER, OTHER, 0), 0);
        int next = openat(at, "d", O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
    assert_int_equal(store_data_prepare(k->store, APP, NEXT, NEXT, &e), -ELOOP);
    assert_int_equal(store_data_owner(k->store, APP, &owner, &e), 0);
    assert_int_equal(owner, OTHER); /* so that the next try goes on */
    close(fd);
}

static void note(const char *id, uid_t owner, void *userdata) {
    char *seen = userdata;
    (void) snprintf(seen + strlen(seen), 64, "%s=%u ", id, owner);
}

static void test_uids_in_use_are_listed_also_of_removed_apps(void **state) {
    struct kit *k = *state;
    char seen[256] = "", want[64];
    make_app(k, "with");
    make_app(k, "without");
    make_app(k, "removed");
    assert_int_equal(store_data_prepare(k->store, "with", geteuid(), getegid(), NULL), 0);
    assert_int_equal(store_data_prepare(k->store, "removed", geteuid(), getegid(), NULL), 0);
    assert_int_equal(store_remove(k->store, "removed", true, NULL), 0);
    assert_int_equal(store_list_data(k->store, note, seen, NULL), 0);
    (void) snprintf(want, sizeof want, "with=%u ", geteuid());
    assert_non_null(strstr(seen, want));
    (void) snprintf(want, sizeof want, "removed=%u ", geteuid());
    assert_non_null(strstr(seen, want));
    assert_null(strstr(seen, "without"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_made_private),
        TEST(test_a_widened_one_is_closed_again),
        TEST(test_a_link_is_no_data_folder),
        TEST(test_it_is_given_over_with_all_that_is_its_owners),
        TEST(test_it_is_not_given_over_by_halves),
        TEST(test_uids_in_use_are_listed_also_of_removed_apps),
    };
    return cmocka_run_group_tests_name("units/store_data", tests, NULL, NULL);
}
