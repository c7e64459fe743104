/* SPDX-License-Identifier: MIT
 * test_reconnect.c - the supervisor goes away and comes back. */
#include "fake.c"

#include <dirent.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define INFO_REPLY                                                                                 \
    "{\"parameters\":{\"id\":\"org.a\",\"version_code\":3,\"host_version_code\":1,"                \
    "\"base_library\":\"3.0.0\",\"start\":\"hot\",\"launch\":" SHOW_BODY ",\"enter\":" SHOW_BODY   \
    "}}"

static const struct miniprog_dialog dialog = { .size = sizeof dialog, .title = "", .content = "" };

static void test_events_go_on_after_a_restart(void **state) {
    struct fake *f = *state;

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    say_hide(watch.peer, 4, 1);
    say_hide(watch.peer, 5, 2);
    fake_die(f); /* what it said before is still heard */
    fake_hear(f, 2);
    assert_heard(f, "hide 1;hide 2;");
    fake_listen(f);
    watch = fake_expect(f, "Watch");
    assert_string_equal(watch.parameters, "{\"after\":5}");
    say_hide(watch.peer, 5, 2);
    say_hide(watch.peer, 6, 3);
    fake_hear(f, 1);
    assert_heard(f, "hide 3;");
}

static void test_the_back_off_doubles_and_ends(void **state) {
    struct fake *f = *state;
    struct lane *l;
    struct itimerspec left;

    fake_die(f);
    fake_open(f, &all_callbacks);
    l = &f->m->lanes[LANE_WATCH];
    for (uint64_t want = SDK_DELAY_MIN_US; want <= 8 * SDK_DELAY_MIN_US; want *= 2) {
        assert_int_equal(l->delay_us, want);
        assert_non_null(strstr(miniprog_error(f->m), f->path));
        fake_turn(f); /* the timer makes the descriptor readable; the next try fails as well */
    }
    l->delay_us = SDK_DELAY_MAX_US - 1;
    hurry(f);
    assert_int_equal(l->delay_us, SDK_DELAY_MAX_US);

    fake_listen(f);
    hurry(f);
    struct arrival watch = fake_expect(f, "Watch");
    say_hide(watch.peer, 1, 1);
    fake_hear(f, 1);
    assert_int_equal(l->delay_us, 0);
    /* Connected and idle, nothing wakes the app up. */
    assert_int_equal(timerfd_gettime(f->m->timer, &left), 0);
    assert_int_equal(left.it_value.tv_sec + left.it_value.tv_nsec, 0);
}

static void test_a_supervisor_that_only_hangs_up_is_not_run_after(void **state) {
    struct fake *f = *state;
    struct lane *l;

    fake_open(f, &all_callbacks);
    l = &f->m->lanes[LANE_WATCH];
    for (uint64_t want = SDK_DELAY_MIN_US; want <= 4 * SDK_DELAY_MIN_US; want *= 2) {
        drop_peer(fake_expect(f, "Watch").peer);
        wait_broken(f, LANE_WATCH);
        assert_int_equal(l->delay_us, want);
    }
}

static void test_unanswered_calls_are_sent_again(void **state) {
    struct fake *f = *state;
    struct arrival a = { .peer = NULL };

    fake_open(f, NULL);
    assert_int_equal(miniprog_save_exit_state(f->m, "{\"n\":1}", 0, on_done, f), 0);
    assert_int_equal(miniprog_get_info(f->m, on_info, f), 0);
    assert_int_equal(miniprog_report_page(f->m, "p", "{}", on_done, f), 0);
    a = fake_expect(f, "SaveExitState");
    say(a.peer, OK);
    fake_expect(f, "GetInfo");
    fake_die(f);
    wait_broken(f, LANE_CALLS);
    assert_heard(f, "done 0;");
    assert_int_equal(miniprog_request_host_update(f->m, NULL, on_done, f),
                     0); /* while it is away */
    fake_listen(f);
    say(fake_expect(f, "GetInfo").peer, INFO_REPLY);
    say(fake_expect(f, "ReportPage").peer, OK);
    say(fake_expect(f, "RequestHostUpdate").peer, OK);
    fake_hear(f, 3);
    assert_heard(f, "info 0 org.a 3 1 3.0.0 hot none;done 0;done 0;");
}

static void test_dialogs_and_ends_are_sent_again(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_show_dialog(f->m, &dialog, on_dialog, f), 0);
    fake_expect(f, "ShowDialog");
    assert_int_equal(miniprog_apply_update(f->m, on_done, f), 0);
    fake_expect(f, "ApplyUpdate");
    assert_int_equal(miniprog_restart(f->m, NULL, on_done, f), 0);
    assert_int_equal(miniprog_exit(f->m, on_done, f), 0);
    fake_die(f);
    wait_broken(f, LANE_END);
    wait_broken(f, LANE_DIALOG);
    fake_listen(f);
    hurry(f);
    for (int i = 0; i < 4; i++) {
        struct arrival a = { .peer = NULL };
        while (!fake_poll(f, &a))
            fake_turn(f);
        say(a.peer, strcmp(a.method, "ShowDialog") ? OK : "{\"parameters\":{\"confirm\":true}}");
    }
    fake_hear(f, 4);
    assert_non_null(strstr(str_text(&f->heard), "dialog 0 yes;"));
}

static void test_a_new_supervisor_is_told_what_is_in_force(void **state) {
    struct fake *f = *state;
    struct arrival a = { .peer = NULL };

    fake_open(f, NULL);
    assert_int_equal(miniprog_keep_running(f->m, "task", true, on_done, f), 0);
    assert_int_equal(miniprog_keep_running(f->m, "audio", true, on_done, f), 0);
    assert_int_equal(miniprog_keep_running(f->m, "audio", false, on_done, f), 0);
    assert_int_equal(miniprog_ready(f->m, on_done, f), 0);
    for (int i = 0; i < 3; i++)
        say(fake_expect(f, "KeepRunning").peer, OK);
    say(fake_expect(f, "Ready").peer, OK);
    fake_hear(f, 4);
    assert_heard(f, "done 0;done 0;done 0;done 0;");

    assert_int_equal(miniprog_keep_running(f->m, "task", false, on_done, f), 0);
    fake_expect(f, "KeepRunning");
    fake_die(f);
    wait_broken(f, LANE_CALLS);
    fake_listen(f);
    say(fake_expect(f, "Ready").peer, OK); /* ours come first, and their outcome is nobody's */
    a = fake_expect(f, "KeepRunning");
    assert_string_equal(a.parameters, "{\"kind\":\"task\",\"on\":true}");
    say(a.peer, "{\"error\":\"" WIRE_APP ".NotDeclared\",\"parameters\":{\"kind\":\"task\"}}");
    a = fake_expect(f, "KeepRunning");
    assert_string_equal(a.parameters, "{\"kind\":\"task\",\"on\":false}");
    say(a.peer, OK);
    fake_hear(f, 1);
    assert_heard(f, "done 0;");
    assert_int_equal(f->m->n_calls, 0); /* ours are not counted */

    fake_die(f);
    wait_broken(f, LANE_CALLS);
    fake_listen(f);
    fake_expect(f, "Ready"); /* without a call of the app's, and no reason is left */
    fake_settle(f);
    assert_false(fake_poll(f, &a));
}

static void test_an_unanswered_ready_is_not_told_twice(void **state) {
    struct fake *f = *state;
    struct arrival a = { .peer = NULL };

    fake_open(f, NULL);
    assert_int_equal(miniprog_ready(f->m, on_done, f), 0);
    fake_expect(f, "Ready");
    fake_die(f);
    wait_broken(f, LANE_CALLS);
    fake_listen(f);
    say(fake_expect(f, "Ready").peer, OK);
    fake_hear(f, 1);
    fake_settle(f);
    assert_false(fake_poll(f, &a));
    assert_heard(f, "done 0;");
}

/* A call into a socket whose other end is gone: what came before is heard, the call is sent anew.
 */
static void test_a_failed_write_loses_nothing(void **state) {
    struct fake *f = *state;

    fake_open(f, NULL);
    assert_int_equal(miniprog_save_exit_state(f->m, "{}", 0, on_done, f), 0);
    struct arrival a = fake_expect(f, "SaveExitState");
    say(a.peer, OK);
    assert_int_equal(shutdown(a.peer->fd, SHUT_RD), 0); /* reads no more, but does not hang up */
    assert_int_equal(miniprog_report_page(f->m, "p", "{}", on_done, f), 0);
    assert_true(f->m->lanes[LANE_CALLS].write_failed);
    wait_broken(f, LANE_CALLS);
    assert_heard(f, "done 0;");
    drop_peer(a.peer);
    say(fake_expect(f, "ReportPage").peer, OK);
    fake_hear(f, 1);
}

static void test_a_forked_child_does_not_keep_the_app_awake(void **state) {
    struct fake *f = *state;
    struct pollfd p;
    int hold[2];
    char c;

    fake_open(f, &all_callbacks);
    struct arrival watch = fake_expect(f, "Watch");
    assert_int_equal(pipe(hold), 0);
    pid_t pid = fork(); /* has all our descriptors */
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) close(hold[1]);
        _exit(read(hold[0], &c, 1) != 0);
    }
    say(watch.peer, "rubbish");
    wait_broken(f, LANE_WATCH);
    /* The child's copy of our end is at its end now, and would say so in our epoll. */
    assert_int_equal(shutdown(watch.peer->fd, SHUT_RDWR), 0);
    f->m->lanes[LANE_WATCH].retry_at += 3600ULL * 1000000;
    lane_pump(f->m);
    p = (struct pollfd){ .fd = miniprog_fd(f->m), .events = POLLIN };
    assert_int_equal(poll(&p, 1, 0), 0);
    (void) close(hold[1]);
    (void) close(hold[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static unsigned open_descriptors(void) {
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void) closedir(d);
    return n;
}

static void test_no_descriptor_is_left_behind(void **state) {
    struct fake *f = *state;
    unsigned before = open_descriptors();

    for (int i = 0; i < 50; i++) {
        fake_open(f, &all_callbacks);
        drop_peer(fake_expect(f, "Watch").peer);
        wait_broken(f, LANE_WATCH);
        assert_int_equal(miniprog_ready(f->m, NULL, NULL), 0);
        hurry(f);
        fake_turn(f);
        f->m = miniprog_close(f->m);
        for (unsigned k = 0; k < PEERS; k++)
            drop_peer(&f->peers[k]);
        int fd;
        while ((fd = accept(f->listener, NULL, NULL)) >= 0)
            (void) close(fd);
    }
    assert_int_equal(open_descriptors(), before);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(test_events_go_on_after_a_restart),
        T(test_the_back_off_doubles_and_ends),
        T(test_a_supervisor_that_only_hangs_up_is_not_run_after),
        T(test_unanswered_calls_are_sent_again),
        T(test_dialogs_and_ends_are_sent_again),
        T(test_a_new_supervisor_is_told_what_is_in_force),
        T(test_an_unanswered_ready_is_not_told_twice),
        T(test_a_failed_write_loses_nothing),
        T(test_a_forked_child_does_not_keep_the_app_awake),
        T(test_no_descriptor_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
