/* SPDX-License-Identifier: MIT
 * test_server_peers.c - who is let in, how many, and the socket's name. */
#include "server_scene.c"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"

static void again(struct fixture *f) {
    f->server = server_free(f->server, false);
    start(f);
}

static void test_a_cap_on_connections(void **state) {
    struct fixture *f = *state;
    struct peer p[4], more[30];

    f->config.max_connections = 4;
    again(f);
    for (int i = 0; i < 4; i++)
        p[i] = dial(f);
    for (int i = 0; i < 30; i++) { /* more than are accepted in a turn */
        more[i] = dial(f);
        say(f, &more[i], "{");
    }
    for (int i = 0; i < 30; i++)
        assert_closed(f, &more[i]);
    assert_int_equal(server_connections(f->server), 4);
    for (int i = 0; i < 4; i++)
        assert_serves(f, &p[i]);
    assert_in_range(lines_logged, 1, 20);
    assert_non_null(strstr(last_line, "is turned away: there are 4 connections"));

    hang_up(&p[0]);
    p[0] = dial(f); /* there is room again */
    assert_serves(f, &p[0]);
    server_set_max_connections(f->server, 2);
    assert_serves(f, &p[3]); /* nobody is thrown out */
    hang_up(&p[1]);
    hang_up(&p[2]);
    hang_up(&p[3]);
    settle(f);
    p[1] = dial(f);
    p[2] = dial(f);
    assert_serves(f, &p[1]);
    assert_closed(f, &p[2]);
    for (int i = 0; i < 3; i++)
        hang_up(&p[i]);
    for (int i = 0; i < 30; i++)
        hang_up(&more[i]);
}

/* Peers that leave while their calls wait still count: else a loop of them would open calls without
 * end. */
static void test_open_calls_count_as_connections(void **state) {
    struct fixture *f = *state;

    f->config.max_connections = 3;
    again(f);
    for (int i = 0; i < 10; i++) {
        struct peer p = dial(f);
        call_method_of(f, &p, "Later", "{\"tag\":\"a\"}", "");
        settle(f);
        hang_up(&p);
        settle(f);
    }
    assert_int_equal(f->n_held, 3);
    assert_int_equal(f->gone, 3);
    for (unsigned i = 0; i < 3; i++)
        call_drop(take_held(f, i));
    settle(f);
    assert_int_equal(server_connections(f->server), 0);
}

/* As another user: this thread's effective ids are what the kernel shows. */
static struct peer dial_as(const struct fixture *f, uid_t uid, gid_t gid, const gid_t *gids,
                           size_t n) {
    gid_t kept[256];
    int n_kept = getgroups(256, kept);

    assert_true(n_kept >= 0);
    assert_int_equal(setgroups(n, n > 0 ? gids : kept), 0);
    assert_int_equal(setegid(gid), 0);
    assert_int_equal(seteuid(uid), 0);
    struct peer p = dial(f);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(0), 0);
    assert_int_equal(setgroups((size_t) n_kept, kept), 0);
    return p;
}

static void need_root(void) {
    if (geteuid() == 0)
        return;
    print_message("skipped: becoming another user needs root\n");
    skip();
}

static void test_a_cap_for_each_user(void **state) {
    struct fixture *f = *state;
    struct peer p[6];

    need_root();
    assert_int_equal(chmod(f->dir, 0711), 0);
    f->config.mode = 0666;
    f->config.max_per_uid = 2;
    again(f);
    for (unsigned i = 0; i < 6; i++)
        p[i] = dial_as(f, 70001 + i / 3, 70001, NULL, 0);
    assert_serves(f, &p[0]);
    assert_serves(f, &p[1]);
    assert_closed(f, &p[2]);
    assert_serves(f, &p[3]);
    assert_serves(f, &p[4]);
    assert_closed(f, &p[5]);
    assert_non_null(strstr(last_line, "of uid 70002 is turned away: its user has 2 connections"));
    struct peer root = dial(f);
    assert_serves(f, &root);
    hang_up(&p[0]);
    settle(f);
    hang_up(&p[2]);
    p[2] = dial_as(f, 70001, 70001, NULL, 0);
    assert_serves(f, &p[2]);
    for (int i = 1; i < 6; i++)
        hang_up(&p[i]);
    hang_up(&root);
}

struct seen {
    struct ucred peer;
    gid_t gids[512];
    size_t n;
    unsigned asked;
    bool answer, free;
    struct fixture *f;
};
static struct seen seen;

static bool admit(void *userdata, const struct ucred *peer, const gid_t *gids, size_t n) {
    struct fixture *f = userdata;
    seen.asked++;
    seen.peer = *peer;
    seen.n = n;
    assert_true(n <= 512);
    if (n > 0)
        memcpy(seen.gids, gids, n * sizeof *gids);
    if (seen.free)
        f->server = server_free(f->server, false);
    return seen.answer;
}

static void test_admission_sees_the_peer(void **state) {
    struct fixture *f = *state;
    gid_t gids[400];

    need_root();
    for (unsigned i = 0; i < 400; i++)
        gids[i] = 5000 + i;
    assert_int_equal(chmod(f->dir, 0711), 0);
    f->config.mode = 0666;
    f->config.admit = admit;
    again(f);
    for (size_t n = 0; n <= 400; n += n < 4 ? 1 : 99) {
        seen = (struct seen){ .answer = n % 2 == 0 };
        struct peer p = dial_as(f, 70007, 70008, gids, n);
        settle(f);
        assert_int_equal(seen.asked, 1);
        assert_int_equal(seen.peer.uid, 70007);
        assert_int_equal(seen.peer.gid, 70008);
        assert_int_equal(seen.peer.pid, getpid());
        assert_int_equal(seen.n, n);
        assert_memory_equal(seen.gids, gids, n * sizeof *gids);
        if (seen.answer) {
            call_method_of(f, &p, "Later", "{\"tag\":\"\"}", "");
            settle(f);
            struct call *call = take_held(f, f->n_held - 1);
            size_t n_gids;
            const gid_t *own = call_peer_groups(call, &n_gids);
            assert_int_equal(n_gids, n);
            if (n > 0)
                assert_memory_equal(own, gids, n * sizeof *gids);
            assert_int_equal(call_peer(call)->uid, 70007);
            call_drop(call);
        } else {
            assert_closed(f, &p);
            assert_non_null(strstr(last_line, "is turned away: it has no permission"));
        }
        hang_up(&p);
    }
}

static void test_admission_may_free_the_server(void **state) {
    struct fixture *f = *state;

    f->config.admit = admit;
    again(f);
    seen = (struct seen){ .answer = true, .free = true };
    struct peer p = dial(f), q = dial(f);
    assert_closed(f, &p);
    assert_closed(f, &q);
    assert_null(f->server);
    assert_int_equal(seen.asked, 1);
    hang_up(&p);
    hang_up(&q);
}

static void test_a_thousand_at_once_and_in_turn(void **state) {
    struct fixture *f = *state;
    struct rlimit old, limit;
    static struct peer p[1000];
    unsigned n = 1000;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit = old;
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2200) {
        n = (unsigned) limit.rlim_cur / 2 - 100;
        print_message("only %u at once: at most %lu descriptors are allowed\n", n,
                      (unsigned long) limit.rlim_cur);
    }
    for (unsigned i = 0; i < n; i++)
        p[i] = dial(f);
    for (unsigned i = 0; i < n; i++)
        assert_serves(f, &p[i]);
    assert_int_equal(server_connections(f->server), n);
    for (unsigned i = 0; i < n; i++)
        hang_up(&p[i]);
    settle(f);
    assert_int_equal(server_connections(f->server), 0);

    for (int i = 0; i < 1000; i++) { /* says nothing and goes; asks and goes */
        p[0] = dial(f);
        if (i % 2)
            call_method_of(f, &p[0], "Echo", "{\"text\":\"\"}", "");
        hang_up(&p[0]);
    }
    settle(f);
    assert_int_equal(server_connections(f->server), 0);
    assert_int_equal(f->handled, n + 500);
    assert_int_equal(lines_logged, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* No new descriptors from now on. */
static struct rlimit allow_no_more(void) {
    struct rlimit old, none;
    int next = dup(0);

    assert_true(next >= 0);
    (void) close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = (rlim_t) next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return old;
}

static void test_without_descriptors_the_loop_does_not_spin(void **state) {
    struct fixture *f = *state;
    struct peer first = dial(f);

    assert_serves(f, &first);
    struct peer second = dial(f);
    struct rlimit old = allow_no_more();
    settle(f); /* which fails where the loop never comes to rest */
    assert_int_equal(server_connections(f->server), 1);
    assert_non_null(strstr(last_line, "peers wait at the door: Too many open files"));
    assert_serves(f, &first);

    /* A connection that closes makes room for the one that waits. */
    hang_up(&first);
    settle(f);
    assert_int_equal(server_connections(f->server), 1);
    assert_serves(f, &second);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    hang_up(&second);
}

static void test_descriptors_that_become_free_elsewhere(void **state) {
    struct fixture *f = *state;
    struct peer p = dial(f);
    struct rlimit old = allow_no_more();

    settle(f);
    assert_int_equal(server_connections(f->server), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_serves(f, &p); /* the loop tries again by itself */
    hang_up(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_cap_on_connections),
        TEST(test_open_calls_count_as_connections),
        TEST(test_a_cap_for_each_user),
        TEST(test_admission_sees_the_peer),
        TEST(test_admission_may_free_the_server),
        TEST(test_a_thousand_at_once_and_in_turn),
        TEST(test_without_descriptors_the_loop_does_not_spin),
        TEST(test_descriptors_that_become_free_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
