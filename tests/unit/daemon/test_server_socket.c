/* SPDX-License-Identifier: MIT
 * test_server_socket.c - the socket's name, its mode, and sockets that are handed over. */
#include "server_scene.c"

#include <fcntl.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"

static void again(struct fixture *f) {
    f->server = server_free(f->server, false);
    start(f);
}

static mode_t mode_of(const char *path) {
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

static void test_the_name_has_its_mode_and_goes(void **state) {
    struct fixture *f = *state;
    struct stat st;
    mode_t old = umask(0077);

    assert_int_equal(mode_of(f->path), S_IFSOCK | 0660);
    f->config.mode = 0666;
    f->config.uid = geteuid();
    f->config.gid = geteuid() == 0 ? 70001 : getegid();
    again(f);
    (void) umask(old);
    assert_int_equal(mode_of(f->path), S_IFSOCK | 0666);
    assert_int_equal(lstat(f->path, &st), 0);
    assert_int_equal(st.st_gid, f->config.gid);
    f->server = server_free(f->server, false);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_a_stale_name_is_taken_over(void **state) {
    struct fixture *f = *state;

    f->server = server_free(f->server, true);
    assert_int_equal(access(f->path, F_OK), 0);
    start(f);
    struct peer p = dial(f);
    assert_serves(f, &p);
    hang_up(&p);
}

static void test_names_that_cannot_be_bound(void **state) {
    struct fixture *f = *state;
    struct server *s = (struct server *) 0x1;
    struct err e = { 0 };
    char path[256];

    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -EADDRINUSE);
    assert_non_null(strstr(e.text, "somebody listens on"));

    (void) snprintf(path, sizeof path, "%s/file", f->dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void) close(fd);
    f->config.path = path;
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -EEXIST);
    assert_int_equal(mode_of(path), S_IFREG | 0600);
    assert_int_equal(unlink(path), 0);

    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -ENAMETOOLONG);
    path[0] = '\0';
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -ENAMETOOLONG);
    (void) snprintf(path, sizeof path, "%s/nowhere/socket", f->dir);
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -ENOENT);

    assert_ptr_equal(s, (struct server *) 0x1);
    f->config.path = f->path;
    struct peer p = dial(f);
    assert_serves(f, &p); /* the first one was left alone */
    hang_up(&p);
}

/* What cannot be dressed as it should be is not left lying there. */
static void test_a_name_that_cannot_be_given_away(void **state) {
    struct fixture *f = *state;
    struct server *s = (struct server *) 0x1;
    struct err e = { 0 };

    if (geteuid() != 0) {
        print_message("skipped: becoming another user needs root\n");
        skip();
    }
    f->server = server_free(f->server, false);
    assert_int_equal(chmod(f->dir, 0777), 0);
    f->config.gid = 70002;
    assert_int_equal(seteuid(70001), 0);
    int r = server_new(f->poller, &f->config, &s, &e);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, -EPERM);
    assert_non_null(strstr(e.text, "cannot chown"));
    assert_ptr_equal(s, (struct server *) 0x1);
    assert_int_equal(access(f->path, F_OK), -1);
}

/* The next daemon has bound the name anew while the last one was still going. */
static void test_another_ones_name_is_left(void **state) {
    struct fixture *f = *state;
    struct server *first = TAKE_PTR(f->server);

    assert_int_equal(unlink(f->path), 0);
    start(f);
    (void) server_free(first, false);
    struct peer p = dial(f);
    assert_serves(f, &p);
    hang_up(&p);
}

static int listening(const struct fixture *f, bool listens) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* blocking, and not close-on-exec */

    assert_true(fd >= 0);
    memcpy(a.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
    if (listens)
        assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static void test_a_socket_that_is_handed_over(void **state) {
    struct fixture *f = *state;
    struct server *s = (struct server *) 0x1;
    struct err e = { 0 };

    f->server = server_free(f->server, false);
    f->config.fd = listening(f, false);
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -EINVAL);
    assert_ptr_equal(s, (struct server *) 0x1);
    assert_true(fcntl(f->config.fd, F_GETFD) >= 0); /* still ours */
    assert_int_equal(listen(f->config.fd, 10), 0);
    start(f);
    assert_int_equal(fcntl(f->config.fd, F_GETFD), FD_CLOEXEC);
    struct peer p = dial(f);
    assert_serves(f, &p);
    hang_up(&p);
    int fd = f->config.fd;
    f->server = server_free(f->server, false);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(access(f->path, F_OK), 0); /* the name is not ours */

    f->config.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(server_new(f->poller, &f->config, &s, &e), -ENOTSOCK);
    (void) close(f->config.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_name_has_its_mode_and_goes), TEST(test_a_stale_name_is_taken_over),
        TEST(test_names_that_cannot_be_bound),     TEST(test_a_name_that_cannot_be_given_away),
        TEST(test_another_ones_name_is_left),      TEST(test_a_socket_that_is_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
