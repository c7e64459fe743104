/* SPDX-License-Identifier: MIT
 * test_open.c - the handle: opening, closing, what a callback may do, running, waiting. */
#include "fake.c"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "supervisor/sdk/call.h"

static void test_addresses(void **state) {
    struct fake *f = *state;
    struct miniprog *const untouched = (struct miniprog *) f;
    struct miniprog *m = untouched;
    char text[200];
    static const struct {
        const char *address;
        int error;
    } rows[] = {
        { "", -ENOENT },       { "/run/x", -EINVAL },      { "unix:", -EINVAL },
        { "unix:x", -EINVAL }, { "unix:@", -EINVAL },      { "unix:;mode=0600", -EINVAL },
        { "unix:/", -EINVAL }, { "tcp:1.2.3.4", -EINVAL },
    };

    assert_int_equal(unsetenv("MINIPROG_ADDRESS"), 0);
    assert_int_equal(miniprog_open(&m, &all_callbacks, f), -ENOENT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(setenv("MINIPROG_ADDRESS", rows[i].address, 1), 0);
        assert_int_equal(miniprog_open(&m, &all_callbacks, f), rows[i].error);
    }
    (void) snprintf(text, sizeof text, "unix:/%0*d", SDK_ADDRESS_MAX - 1, 0);
    assert_int_equal(setenv("MINIPROG_ADDRESS", text, 1), 0);
    assert_int_equal(miniprog_open(&m, &all_callbacks, f), -ENAMETOOLONG);
    assert_ptr_equal(m, untouched);

    (void) snprintf(text, sizeof text, "unix:%s;mode=0600", f->path);
    assert_int_equal(setenv("MINIPROG_ADDRESS", text, 1), 0);
    fake_open(f, &all_callbacks);
    fake_expect(f, "Watch");
}

static void test_an_abstract_address(void **state) {
    struct fake *f = *state;
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    char text[80];
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "%s", f->dir);

    (void) close(f->listener);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *) &name,
                          offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n),
                     0);
    assert_int_equal(listen(f->listener, PEERS), 0);
    (void) snprintf(text, sizeof text, "unix:@%s", f->dir);
    assert_int_equal(setenv("MINIPROG_ADDRESS", text, 1), 0);
    fake_open(f, &all_callbacks);
    fake_expect(f, "Watch");
}

static void test_the_size_of_the_callbacks(void **state) {
    struct fake *f = *state;
    struct {
        struct miniprog_callbacks known;
        void (*later)(void);
    } newer = { .known = all_callbacks };
    struct miniprog *m = NULL;

    newer.known.size = 0;
    assert_int_equal(miniprog_open(&m, &newer.known, f), -EINVAL);
    newer.known.size = sizeof newer.known - 1;
    assert_int_equal(miniprog_open(&m, &newer.known, f), -EINVAL);
    newer.known.size = sizeof newer;
    newer.later = abort;
    assert_int_equal(miniprog_open(&m, &newer.known, f), -E2BIG);
    newer.later = NULL;
    fake_open(f, &newer.known);
    say_hide(fake_expect(f, "Watch").peer, 1, 1);
    fake_hear(f, 1);
    assert_heard(f, "hide 1;");
}

static void test_a_supervisor_that_comes_later_is_found(void **state) {
    struct fake *f = *state;

    fake_die(f);
    fake_open(f, &all_callbacks);
    assert_int_equal(miniprog_ready(f->m, on_done, f), 0);
    fake_turn(f);
    fake_listen(f);
    struct arrival a = { .peer = NULL }, b = a;
    while (!fake_poll(f, &a))
        fake_turn(f);
    while (!fake_poll(f, &b))
        fake_turn(f);
    assert_true(strcmp(a.method, "Watch") == 0 || strcmp(b.method, "Watch") == 0);
    assert_true(strcmp(a.method, "Ready") == 0 || strcmp(b.method, "Ready") == 0);
}

static void test_the_environment(void **state) {
    (void) state;

    (void) unsetenv("MINIPROG_ID");
    (void) unsetenv("MINIPROG_VERSION");
    (void) unsetenv("MINIPROG_DATA");
    (void) unsetenv("MINIPROG_PACKAGE");
    assert_null(miniprog_id());
    assert_int_equal(miniprog_version(), 0);
    assert_null(miniprog_data_dir());
    assert_null(miniprog_package_dir());
    (void) setenv("MINIPROG_ID", "org.a", 1);
    (void) setenv("MINIPROG_VERSION", "5000000000", 1);
    (void) setenv("MINIPROG_DATA", "/d", 1);
    (void) setenv("MINIPROG_PACKAGE", "/p", 1);
    assert_string_equal(miniprog_id(), "org.a");
    assert_int_equal(miniprog_version(), 5000000000);
    assert_string_equal(miniprog_data_dir(), "/d");
    assert_string_equal(miniprog_package_dir(), "/p");
    (void) setenv("MINIPROG_VERSION", "3x", 1);
    assert_int_equal(miniprog_version(), 0);
}

static void close_on_hide(struct miniprog *m, int reason, void *data) {
    on_hide(m, reason, data);
    assert_null(miniprog_close(m));
    assert_int_equal(miniprog_ready(m, on_done, data), 0); /* not yet freed */
}

static void test_a_callback_may_close_the_handle(void **state) {
    struct fake *f = *state;
    struct miniprog_callbacks cb = { .size = sizeof cb, .hide = close_on_hide };

    fake_open(f, &cb);
    struct arrival watch = fake_expect(f, "Watch");
    say_hide(watch.peer, 1, 1);
    say_hide(watch.peer, 2, 2);
    assert_int_equal(miniprog_dispatch(f->m), -ECANCELED);
    f->m = NULL;
    assert_heard(f, "hide 1;");
}

static void call_on_hide(struct miniprog *m, int reason, void *data) {
    struct fake *f = data;

    on_hide(m, reason, data);
    assert_int_equal(miniprog_dispatch(m), -EBUSY);
    assert_int_equal(miniprog_run(m), -EBUSY);
    assert_int_equal(miniprog_save_exit_state(m, "{}", 0, on_done, f), 0);
}

static void test_a_callback_may_call(void **state) {
    struct fake *f = *state;
    struct miniprog_callbacks cb = { .size = sizeof cb, .hide = call_on_hide };

    fake_open(f, &cb);
    say_hide(fake_expect(f, "Watch").peer, 1, 1);
    say(fake_expect(f, "SaveExitState").peer, OK);
    fake_hear(f, 2);
    assert_heard(f, "hide 1;done 0;");
}

/* ---- what blocks: the supervisor is a thread of its own ---- */

struct server {
    struct fake *f;
    const char *event; /* the answer to Watch; NULL: none */
    const char *reply; /* to anything else; NULL: none */
    unsigned seen;     /* calls but Watch */
    pthread_t thread, app;
    bool signals; /* to the app, from Watch on */
    int stop[2];
};

static void serve_one(struct server *s) {
    struct arrival a = { .peer = NULL };

    while (fake_poll(s->f, &a)) {
        bool watch = strcmp(a.method, "Watch") == 0;
        s->seen += !watch;
        if (watch && s->event)
            say_event(a.peer, s->event);
        if (!watch && s->reply)
            say(a.peer, s->reply);
    }
}

static void *serve(void *data) {
    struct server *s = data;

    for (;;) {
        struct pollfd p[PEERS + 2] = { { .fd = s->stop[0], .events = POLLIN },
                                       { .fd = s->f->listener, .events = POLLIN } };
        for (unsigned i = 0; i < PEERS; i++)
            p[i + 2] = (struct pollfd){ .fd = s->f->peers[i].fd, .events = POLLIN };
        /* A signal that comes before the app waits is lost: so it comes again and again. */
        if (poll(p, PEERS + 2, s->signals ? 1 : -1) < 0 || p[0].revents)
            return NULL;
        if (s->signals)
            (void) pthread_kill(s->app, SIGUSR1);
        serve_one(s);
    }
}

static void server_start(struct server *s, struct fake *f) {
    s->f = f;
    s->app = pthread_self();
    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s) {
    (void) close(s->stop[1]);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void) close(s->stop[0]);
}

#define UNLOAD(timeout)                                                                            \
    "{\"seq\":1,\"type\":\"unload\",\"unload\":{\"reason\":\"closed\",\"timeout_usec\":" timeout   \
    "}}"

static void save_on_unload(struct miniprog *m, const char *reason, uint64_t timeout, void *data) {
    on_unload(m, reason, timeout, data);
    assert_int_equal(miniprog_save_exit_state(m, "{\"n\":1}", 0, on_done, data), 0);
}

static void test_run_ends_with_unload_when_all_is_answered(void **state) {
    struct fake *f = *state;
    struct server s = { .event = UNLOAD("3600000000"), .reply = OK };
    struct miniprog_callbacks cb = { .size = sizeof cb, .unload = save_on_unload };

    server_start(&s, f);
    fake_open(f, &cb);
    assert_int_equal(miniprog_run(f->m), 0);
    server_stop(&s);
    assert_int_equal(s.seen, 1);
    assert_true(f->m->unload_by <= sdk_now() + 1800000000); /* half: then comes SIGTERM */
    assert_heard(f, "unload closed 3600000000;done 0;");
}

static void test_run_ends_with_unload_when_nobody_answers(void **state) {
    struct fake *f = *state;
    struct server s = { .event = UNLOAD("2000") };
    struct miniprog_callbacks cb = { .size = sizeof cb, .unload = save_on_unload };

    server_start(&s, f);
    fake_open(f, &cb);
    assert_int_equal(miniprog_run(f->m), 0);
    server_stop(&s);
    assert_heard(f, "unload closed 2000;");
}

static void on_signal(int number) {
    (void) number;
}

static void test_run_ends_at_a_signal(void **state) {
    struct fake *f = *state;
    struct server s = { .signals = true };
    struct sigaction act = { .sa_handler = on_signal }, old;

    assert_int_equal(sigaction(SIGUSR1, &act, &old), 0);
    server_start(&s, f);
    fake_open(f, &all_callbacks);
    assert_int_equal(miniprog_run(f->m), -EINTR);
    server_stop(&s);
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

static void test_run_ends_with_the_handle(void **state) {
    struct fake *f = *state;
    struct server s = { .event = "{\"seq\":1,\"type\":\"hide\",\"hide\":{\"reason\":1}}" };
    struct miniprog_callbacks cb = { .size = sizeof cb, .hide = close_on_hide };

    server_start(&s, f);
    fake_open(f, &cb);
    assert_int_equal(miniprog_run(f->m), -ECANCELED);
    f->m = NULL;
    server_stop(&s);
}

static void test_info_can_be_waited_for(void **state) {
    struct fake *f = *state;
    struct server s = {
        .event = "{\"seq\":1,\"type\":\"hide\",\"hide\":{\"reason\":1}}",
        .reply =
            "{\"parameters\":{\"id\":\"org.a\",\"version_code\":3,\"host_version_code\":1,"
            "\"base_library\":\"3.0.0\",\"start\":\"cold\",\"launch\":{\"path\":\"a\","
            "\"query\":{\"k\":\"v\"},\"scene\":1001},\"enter\":" SHOW_BODY ",\"exit_state\":{}}}",
    };
    struct miniprog_info *info = NULL;

    server_start(&s, f);
    fake_open(f, &all_callbacks);
    assert_int_equal(miniprog_get_info_sync(f->m, -1, &info), 0);
    assert_string_equal(info->id, "org.a");
    assert_string_equal(info->launch->path, "a");
    assert_string_equal(miniprog_launch_query(info->launch, "k"), "v");
    assert_string_equal(info->enter->path, "p");
    assert_string_equal(info->exit_state, "{}");
    info = miniprog_info_free(info);
    assert_null(info);
    assert_heard(f, ""); /* the event waits for dispatch */
    fake_hear(f, 1);
    assert_heard(f, "hide 1;");
    server_stop(&s);
}

static void test_info_that_does_not_come(void **state) {
    struct fake *f = *state;
    struct miniprog_info *const untouched = (struct miniprog_info *) f;
    struct miniprog_info *info = untouched;
    struct server s = { .reply = "{\"error\":\"" WIRE_SERVICE ".MethodNotFound\"}" };

    fake_open(f, NULL);
    assert_int_equal(miniprog_get_info_sync(f->m, 20, &info), -ETIMEDOUT); /* it says nothing */
    assert_string_not_equal(miniprog_error(f->m), "");
    fake_die(f);
    assert_int_equal(miniprog_get_info_sync(f->m, 0, &info), -ETIMEDOUT); /* it is not there */
    fake_listen(f);
    server_start(&s, f);
    assert_int_equal(miniprog_get_info_sync(f->m, -1, &info), -EOPNOTSUPP);
    assert_non_null(strstr(miniprog_error(f->m), "GetInfo"));
    server_stop(&s);
    assert_ptr_equal(info, untouched);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(test_addresses),
        T(test_an_abstract_address),
        T(test_the_size_of_the_callbacks),
        T(test_a_supervisor_that_comes_later_is_found),
        cmocka_unit_test(test_the_environment),
        T(test_a_callback_may_close_the_handle),
        T(test_a_callback_may_call),
        T(test_run_ends_with_unload_when_all_is_answered),
        T(test_run_ends_with_unload_when_nobody_answers),
        T(test_run_ends_at_a_signal),
        T(test_run_ends_with_the_handle),
        T(test_info_can_be_waited_for),
        T(test_info_that_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
