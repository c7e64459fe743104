/* SPDX-License-Identifier: MIT
 * A package in the making: caps and paths, whatever brings them. */
#include "tests/unit/units/store_kit.h"

#include "supervisor/worker/stage.h"

/* The whole is capped, not each file. A hole takes long to copy: the stage is asked itself. */
static void test_sizes_add_up(void **state) {
    struct kit *k = *state;
    struct stage *stage = NULL;
    struct err e = { 0 };
    char name[17];
    int fd = -1;
    assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), name, &fd, NULL), 0);
    assert_int_equal(stage_new(fd, &stage, NULL), 0);
    assert_int_equal(stage_file_begin(stage, "one", 1, false, &e), 0);
    assert_int_equal(stage_file_write(stage, "x", 1, &e), 0);
    assert_int_equal(stage_file_end(stage, &e), 0);
    assert_int_equal(stage_file_begin(stage, "two", PACKAGE_BYTES_MAX, false, &e), -EINVAL);
    assert_int_equal(stage_fault(stage), PACKAGE_LIMITS);
    assert_int_equal(stage_file_begin(stage, "two", UINT64_MAX, false, &e), -EINVAL);
    assert_int_equal(stage_file_begin(stage, "two", PACKAGE_BYTES_MAX - 1, false, &e), 0);
    stage_free(stage);
    close(fd);
}

/* The stage stands for itself: what unpacks an archive will bring it any path. */
static void test_a_stage_takes_plain_paths_only(void **state) {
    struct kit *k = *state;
    static const char *const paths[] = { "",     "/",      "/a",  "a/",     "a//b",  "..",
                                         "../a", "a/../b", "./a", "a\nb\n", "b\xff", "a\x01" };
    struct stage *stage = NULL;
    struct err e = { 0 };
    char name[17], longest[PACKAGE_NAME_MAX + 2];
    int fd = -1;
    assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), name, &fd, NULL), 0);
    assert_int_equal(stage_new(fd, &stage, NULL), 0);
    assert_int_equal(stage_add_folder(stage, "a", &e), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(stage_file_begin(stage, paths[i], 0, false, &e), -EINVAL);
        assert_int_equal(stage_add_folder(stage, paths[i], &e), -EINVAL);
        assert_int_equal(stage_fault(stage), PACKAGE_PATH);
    }
    memset(longest, 'n', sizeof longest);
    longest[PACKAGE_NAME_MAX + 1] = '\0';
    assert_int_equal(stage_add_folder(stage, longest, &e), -EINVAL);
    assert_non_null(strstr(e.text, "longer than 255"));
    longest[PACKAGE_NAME_MAX] = '\0';
    assert_int_equal(stage_add_folder(stage, longest, &e), 0);
    stage_free(stage);
    close(fd);
}

/* A size that lies, as an archive's may. */
static void test_as_many_bytes_as_were_announced(void **state) {
    struct kit *k = *state;
    struct stage *stage = NULL;
    struct err e = { 0 };
    char name[17];
    int fd = -1;
    assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), name, &fd, NULL), 0);
    assert_int_equal(stage_new(fd, &stage, NULL), 0);
    assert_int_equal(stage_file_begin(stage, "a", 3, false, &e), 0);
    assert_int_equal(stage_file_write(stage, "ab", 2, &e), 0);
    assert_int_equal(stage_file_write(stage, "cd", 2, &e), -EINVAL);
    assert_int_equal(stage_fault(stage), PACKAGE_TREE);
    assert_int_equal(look(fd, "package/a").st_size, 2);
    assert_int_equal(stage_file_end(stage, &e), -EINVAL);
    assert_non_null(strstr(e.text, "'a' is shorter"));
    stage_free(stage);
    close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sizes_add_up),
        TEST(test_a_stage_takes_plain_paths_only),
        TEST(test_as_many_bytes_as_were_announced),
    };
    return cmocka_run_group_tests_name("worker/stage", tests, NULL, NULL);
}
