/* SPDX-License-Identifier: MIT
 * test_no_memory.c - each allocation of the wire fails once: -ENOMEM, results untouched, no leak
 * (the last is for the run under AddressSanitizer to see). */
/* wrap: malloc calloc realloc */
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/client.h"
#include "supervisor/wire/frame.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t fails_at = -1; /* so many allocations more succeed; -1: all do */

static bool fails_now(void) {
    return fails_at >= 0 && fails_at-- == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) {
    return fails_now() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n) {
    return fails_now() ? NULL : __real_realloc(p, n);
}

/* Calls step with the first, second … allocation failing until it succeeds; returns how many
 * times it failed. */
static unsigned fail_each(int (*step)(struct err *e)) {
    unsigned failures = 0;

    for (;; failures++) {
        struct err e = { 0 };
        fails_at = failures;
        int r = step(&e);
        bool unused = fails_at >= 0;
        fails_at = -1;
        if (r == 0) {
            assert_true(unused);
            return failures;
        }
        assert_int_equal(r, -ENOMEM);
        assert_true(failures < 1000);
    }
}

static int parse_interface(struct err *e) {
    static const char *text;
    struct idl *idl = (struct idl *) 0x1;

    if (!text) /* the files themselves are parsed once, and kept */
        text = idl_text(wire_supervisor());
    int r = idl_parse(text, strlen(text), &idl, e);
    if (r == 0)
        (void) idl_free(idl);
    else
        assert_ptr_equal(idl, (struct idl *) 0x1);
    return r;
}

static void test_an_interface(void **state) {
    (void) state;
    assert_non_null(wire_supervisor());
    assert_true(fail_each(parse_interface) > 2);
}

static int push(struct err *e) {
    char more[100]; /* more than the buffer that the first push makes */
    struct frame f;
    const char *text;
    size_t len;

    (void) e;
    memset(more, 'x', sizeof more);
    frame_init(&f, FRAME_MAX_APP);
    int r = frame_push(&f, "a", 1);
    if (r == 0)
        r = frame_push(&f, more, sizeof more);
    if (r < 0)
        assert_int_equal(frame_next(&f, &text, &len), -ENOMEM);
    frame_clear(&f);
    return r;
}

static void test_a_frame(void **state) {
    (void) state;
    assert_true(fail_each(push) > 1);
}

static int refuse_to_connect(struct err *e) {
    struct client *c = (struct client *) 0x1;
    int r = client_open("/nonexistent/socket", &c, e);

    assert_ptr_equal(c, (struct client *) 0x1);
    return r == -ENOENT ? 0 : r; /* memory was there */
}

static void test_a_client(void **state) {
    (void) state;
    assert_int_equal(fail_each(refuse_to_connect), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_interface),
        cmocka_unit_test(test_a_frame),
        cmocka_unit_test(test_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
