/* SPDX-License-Identifier: MIT
 * test_store.c - keys and values on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"
#include "supervisor/js/store.h"

struct fixture {
    char folder[32];
    struct store *store;
};

#define KEY(text) ((struct store_key){ text, sizeof text - 1 })

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = { 0 };

    assert_non_null(f);
    (void) snprintf(f->folder, sizeof f->folder, "/tmp/test-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(store_open(f->folder, &f->store, &e), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    f->store = store_close(f->store);
    (void) fs_remove_tree(AT_FDCWD, f->folder, NULL);
    free(f);
    return 0;
}

static void set(struct fixture *f, struct store_key key, const char *value) {
    assert_int_equal(store_set(f->store, key, 7, value, strlen(value), NULL), 0);
}

static void assert_value(struct fixture *f, struct store_key key, const char *value) {
    struct str out = STR_INIT(1024);
    int kind = -1;

    assert_int_equal(store_get(f->store, key, &kind, &out, NULL), value ? 0 : -ENOENT);
    assert_int_equal(kind, value ? 7 : -1);
    assert_string_equal(str_text(&out), value ? value : "");
    str_clear(&out);
}

static void again(struct fixture *f) {
    f->store = store_close(f->store);
    assert_int_equal(store_open(f->folder, &f->store, NULL), 0);
}

static void test_values_come_back(void **state) {
    struct fixture *f = *state;

    assert_value(f, KEY("a"), NULL);
    set(f, KEY("a"), "one");
    set(f, KEY("a\0b"), "nul"); /* a key is bytes */
    set(f, KEY(""), "");
    assert_value(f, KEY("a"), "one");
    assert_value(f, KEY("a\0b"), "nul");
    assert_value(f, KEY(""), "");
    set(f, KEY("a"), "two");
    assert_int_equal(store_size(f->store), 1 + 3 + 3 + 3);
    again(f);
    assert_value(f, KEY("a"), "two");
    assert_int_equal(store_size(f->store), 1 + 3 + 3 + 3);
    assert_int_equal(store_remove(f->store, KEY("a"), NULL), 0);
    assert_int_equal(store_remove(f->store, KEY("a"), NULL), 0);
    assert_value(f, KEY("a"), NULL);
    assert_int_equal(store_size(f->store), 6);
    assert_int_equal(store_clear(f->store, NULL), 0);
    assert_value(f, KEY("a\0b"), NULL);
    assert_int_equal(store_size(f->store), 0);
}

static void put_key(struct store_key key, void *data) {
    (void) str_append(data, key.text, key.n);
    (void) str_putc(data, ' ');
}

static void test_keys_in_their_order(void **state) {
    struct fixture *f = *state;
    struct str keys = STR_INIT(64);

    set(f, KEY("b"), "1");
    set(f, KEY("a"), "2");
    set(f, KEY("b"), "3");
    assert_int_equal(store_keys(f->store, put_key, &keys, NULL), 0);
    assert_string_equal(str_text(&keys), "b a ");
    str_clear(&keys);
}

static void test_there_are_limits(void **state) {
    struct fixture *f = *state;
    char *big = malloc(STORE_VALUE_MAX + 1);
    struct err e = { 0 };
    char key[16];
    int r = 0, n;

    assert_non_null(big);
    memset(big, 'x', STORE_VALUE_MAX + 1);
    assert_int_equal(store_set(f->store, KEY("k"), 0, big, STORE_VALUE_MAX + 1, &e), -EMSGSIZE);
    assert_string_equal(e.text, "a value is larger than 1 MB");
    assert_value(f, KEY("k"), NULL);
    for (n = 0; r == 0; n++) {
        (void) snprintf(key, sizeof key, "%d", n);
        r = store_set(f->store, (struct store_key){ key, strlen(key) }, 0, big, STORE_VALUE_MAX,
                      &e);
    }
    assert_int_equal(r, -EDQUOT);
    assert_int_equal(n, 10); /* the keys' bytes count, too */
    assert_true(store_size(f->store) <= STORE_TOTAL_MAX);
    /* A smaller one in the place of a large one is always possible. */
    assert_int_equal(store_set(f->store, KEY("0"), 0, "x", 1, NULL), 0);
    assert_int_equal(store_set(f->store, KEY("k"), 0, big, STORE_VALUE_MAX - 16, NULL), 0);
    free(big);
}

/* A process that says each value only once it has been set, killed in the middle of it. */
static void test_what_was_set_outlives_kill_9(void **state) {
    struct fixture *f = *state;
    int fds[2], last = -1, said;
    char text[16];

    f->store = store_close(f->store);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s = NULL;
        if (store_open(f->folder, &s, NULL) < 0)
            _exit(1);
        for (int i = 0;; i++) {
            (void) snprintf(text, sizeof text, "%d", i);
            if (store_set(s, KEY("k"), 7, text, strlen(text), NULL) < 0 ||
                write(fds[1], &i, sizeof i) != sizeof i)
                _exit(1);
        }
    }
    (void) close(fds[1]);
    while (last < 20 && read(fds[0], &said, sizeof said) == sizeof said)
        last = said;
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(fds[0], &said, sizeof said) == sizeof said)
        last = said;
    (void) waitpid(pid, NULL, 0);
    (void) close(fds[0]);

    struct str out = STR_INIT(64);
    int kind;
    assert_int_equal(store_open(f->folder, &f->store, NULL), 0);
    assert_int_equal(store_get(f->store, KEY("k"), &kind, &out, NULL), 0);
    assert_in_range(atoi(str_text(&out)), last, last + 1);
    str_clear(&out);
}

static void test_a_damaged_file_is_said(void **state) {
    struct fixture *f = *state;
    char path[64], noise[8192];
    struct err e = { 0 };
    struct store *untouched = (struct store *) 1;

    f->store = store_close(f->store);
    (void) snprintf(path, sizeof path, "%s/" STORE_FILE, f->folder);
    memset(noise, 'x', sizeof noise);
    assert_int_equal(fs_replace(AT_FDCWD, path, noise, sizeof noise, 0600, FS_VOLATILE, NULL), 0);
    assert_int_equal(store_open(f->folder, &untouched, &e), -EUCLEAN);
    assert_ptr_equal(untouched, (struct store *) 1);
    assert_non_null(strstr(e.text, "the storage: "));
    assert_int_equal(store_open("/nowhere", &untouched, &e), -EACCES);
    assert_int_equal(unlink(path), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(values_come_back),       TEST(keys_in_their_order),
        TEST(there_are_limits),       TEST(what_was_set_outlives_kill_9),
        TEST(a_damaged_file_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
