/* SPDX-License-Identifier: MIT
 * test_client_address.c - where the waiting client connects to, and what it says where it cannot.
 */
#include "supervisor/wire/client.h"

#include "supervisor/base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int bind_to(const char *path, size_t n) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(sa.sun_path, path, n);
    assert_int_equal(bind(fd, (struct sockaddr *) &sa, offsetof(struct sockaddr_un, sun_path) + n),
                     0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void expect_connects(const char *address, int listener) {
    struct client *c = NULL;
    struct err e = { 0 };

    if (client_open(address, &c, &e) != 0)
        fail_msg("%s", e.text);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    assert_true(client_fd(c) >= 0);
    assert_null(client_close(c));
    (void) close(fd);
}

static void expect_refused(const char *address, int code, const char *says) {
    struct client *c = (struct client *) 0x1;
    struct err e = { 0 };

    assert_int_equal(client_open(address, &c, &e), code);
    assert_ptr_equal(c, (struct client *) 0x1);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void test_addresses(void **state) {
    const char *folder = *state;
    char path[64], address[80];

    (void) snprintf(path, sizeof path, "%s/s", folder);
    int listener = bind_to(path, strlen(path) + 1);

    expect_connects(path, listener);
    (void) snprintf(address, sizeof address, "unix:%s", path);
    expect_connects(address, listener);

    (void) snprintf(address, sizeof address, "%s/missing", folder);
    expect_refused(address, -ENOENT, "missing': No such file");
    expect_refused("", -EINVAL, "names no socket");
    expect_refused("unix:", -EINVAL, "names no socket");
    expect_refused("unix:@", -EINVAL, "names no socket");

    (void) close(listener);
    expect_refused(path, -ECONNREFUSED, "cannot connect to");
    (void) unlink(path);
}

static void test_an_abstract_address(void **state) {
    (void) state;
    char name[64], address[80];

    (void) snprintf(name, sizeof name, "%cminiprog-test-%d", '\0', (int) getpid());
    int fd = bind_to(name, 1 + strlen(name + 1));
    (void) snprintf(address, sizeof address, "unix:@%s", name + 1);
    expect_connects(address, fd);
    (void) close(fd);
    expect_refused(address, -ECONNREFUSED, "cannot connect to 'unix:@miniprog-test-");
}

static void test_the_longest_path(void **state) {
    const char *folder = *state;
    char path[109];
    size_t n = strlen(folder);

    memset(path, 'x', sizeof path - 1);
    path[108] = '\0';
    memcpy(path, folder, n);
    path[n] = '/';
    expect_refused(path, -ENAMETOOLONG, "has 108 bytes, the most is 107");
    path[107] = '\0';
    int fd = bind_to(path, 108);
    expect_connects(path, fd);
    (void) close(fd);
    (void) unlink(path);
}

static int make_folder(void **state) {
    static char folder[32];

    (void) strcpy(folder, "/tmp/miniprog-client-XXXXXX");
    *state = mkdtemp(folder);
    return *state ? 0 : -1;
}

static int remove_folder(void **state) {
    return rmdir(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_an_abstract_address),
        cmocka_unit_test(test_the_longest_path),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
