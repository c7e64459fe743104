/* SPDX-License-Identifier: MIT
 * Reclaim in slices, with a kernel that is played by the wrapped write. */
/* wrap: fs_write_existing */
#include "tests/unit/cgroups/fake_group.h"

#include <errno.h>

#include "cgroups/reclaim.h"
#include "supervisor/base/err.h"

#define MB UINT64_C(1048576)

static struct {
    struct cgrp_reclaim *r; /* cancelled after so many writes */
    int cancel_after;
    uint64_t can_go, usage, slice[64];
    int writes, fails_with;
} kernel;

int __wrap_fs_write_existing(int dir_fd, const char *name, const void *bytes, size_t n);
int __wrap_fs_write_existing(int dir_fd, const char *name, const void *bytes, size_t n) {
    char text[32] = "";
    bool all = strcmp(name, "memory.force_empty") == 0;

    assert_true(all || strcmp(name, "memory.reclaim") == 0);
    assert_true(n < sizeof text && kernel.writes < 64);
    memcpy(text, bytes, n);
    uint64_t wanted = all ? UINT64_MAX : strtoull(text, NULL, 10);
    kernel.slice[kernel.writes++] = wanted;
    if (kernel.writes == kernel.cancel_after)
        atomic_store(&kernel.r->cancel, true);
    if (kernel.fails_with)
        return kernel.fails_with;
    uint64_t got = wanted < kernel.can_go ? wanted : kernel.can_go;
    kernel.can_go -= got;
    kernel.usage -= got;
    fake_usage(dir_fd, kernel.usage, 0);
    return !all && got < wanted ? -EAGAIN : 0; /* having done what it could */
}

static struct fake *begin(const struct cgrp_backend *backend, struct cgrp_reclaim *r,
                          uint64_t usage, uint64_t can_go) {
    struct fake *f = fake_new(backend);
    struct err e = { 0 };

    memset(&kernel, 0, sizeof kernel);
    kernel.r = r;
    kernel.usage = usage;
    kernel.can_go = can_go;
    fake_usage(fake_app(f), usage, 0);
    if (cgrp_reclaim_open(&f->group, r, &e) < 0)
        fail_msg("%s", e.text);
    return f;
}

static void end(struct fake *f, struct cgrp_reclaim *r) {
    cgrp_reclaim_close(r);
    assert_int_equal(r->dir_fd, -1);
    cgrp_reclaim_close(r);
    fake_free(f);
}

static void test_slices_until_asked_for(void **state) {
    struct cgrp_reclaim r;
    (void) state;

    struct fake *f = begin(&cgrp_unified, &r, 100 * MB, 90 * MB);
    assert_int_equal(cgrp_reclaim_run(&r, 9 * MB, NULL), 0);
    assert_true(r.freed == 9 * MB && r.slices == 3);
    assert_true(kernel.slice[0] == CGRP_RECLAIM_SLICE && kernel.slice[2] == MB);
    assert_int_equal(cgrp_reclaim_run(&r, 0, NULL), 0);
    assert_int_equal(kernel.writes, 3);
    end(f, &r);
}

static void test_until_there_is_no_more(void **state) {
    struct cgrp_reclaim r;
    (void) state;

    struct fake *f = begin(&cgrp_unified, &r, 100 * MB, 10 * MB);
    assert_int_equal(cgrp_reclaim_run(&r, CGRP_NO_LIMIT, NULL), 0);
    assert_true(r.freed == 10 * MB && kernel.writes == 3); /* the third brings the rest */
    end(f, &r);
}

static void test_cancelled_between_slices(void **state) {
    struct cgrp_reclaim r;
    (void) state;

    struct fake *f = begin(&cgrp_unified, &r, 100 * MB, 90 * MB);
    kernel.cancel_after = 2;
    assert_int_equal(cgrp_reclaim_run(&r, CGRP_NO_LIMIT, NULL), 0);
    assert_true(r.freed == 2 * CGRP_RECLAIM_SLICE && kernel.writes == 2);
    end(f, &r);
}

static void test_v1_takes_all_at_once(void **state) {
    struct cgrp_reclaim r;
    (void) state;

    struct fake *f = begin(&cgrp_hybrid, &r, 100 * MB, 70 * MB);
    assert_true(r.v1);
    assert_int_equal(cgrp_reclaim_run(&r, MB, NULL), 0);
    assert_true(r.freed == 70 * MB && kernel.writes == 1);
    end(f, &r);
}

static void test_errors(void **state) {
    static const struct {
        int fails, result;
    } rows[] = { { -EAGAIN, 0 }, { -ENODEV, 0 }, { -ENOENT, 0 }, { -EINVAL, -EINVAL } };
    struct cgrp_reclaim r;
    (void) state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { 0 };
        struct fake *f = begin(&cgrp_unified, &r, 100 * MB, 90 * MB);
        kernel.fails_with = rows[i].fails;
        assert_int_equal(cgrp_reclaim_run(&r, CGRP_NO_LIMIT, &e), rows[i].result);
        assert_true(kernel.writes == 1 && r.freed == 0);
        assert_int_equal(e.text[0] != '\0', rows[i].result < 0);
        end(f, &r);
    }
}

static void test_what_cannot_is_named(void **state) {
    struct cgrp_reclaim r = { .dir_fd = 77 };
    struct err e = { 0 };
    (void) state;

    struct fake *f = fake_new(&cgrp_none);
    assert_int_equal(cgrp_reclaim_open(&f->group, &r, &e), -EOPNOTSUPP);
    assert_non_null(strstr(e.text, "no memory controller"));
    fake_free(f);
    f = fake_new(&cgrp_unified);
    assert_int_equal(unlinkat(f->group.dir_fd, "memory.reclaim", 0), 0);
    assert_int_equal(cgrp_reclaim_open(&f->group, &r, &e), -EOPNOTSUPP);
    assert_string_equal(e.text, "this kernel has no memory.reclaim");
    assert_int_equal(r.dir_fd, 77);
    fake_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices_until_asked_for),
        cmocka_unit_test(test_until_there_is_no_more),
        cmocka_unit_test(test_cancelled_between_slices),
        cmocka_unit_test(test_v1_takes_all_at_once),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_cannot_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
