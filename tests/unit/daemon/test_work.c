/* SPDX-License-Identifier: MIT
 * test_work.c - order, threads and ends of the lanes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/daemon/work.h"

#define JOBS 100

struct fixture {
    sd_event *event;
    struct work *work;
};

struct job {
    int number, result;
    pthread_t ran_on;
    char name[16];
    sigset_t mask;
    bool done;
    char text[200];
    struct work *work; /* to submit `next` from done() */
    struct job *next;
};

static int order[JOBS * 2];
static int n_order;

static int set_up(void **state) {
    static struct fixture f;
    n_order = 0;
    assert_true(sd_event_new(&f.event) >= 0);
    assert_int_equal(work_new(f.event, &f.work, NULL), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    work_free(f->work);
    sd_event_unref(f->event);
    return 0;
}

static int run_job(void *arg, struct err *e) {
    struct job *j = arg;
    j->ran_on = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &j->mask);
    prctl(PR_GET_NAME, j->name);
    if (j->number % 2)
        return err_set(e, -EDOM, "job %d is odd", j->number);
    return j->number;
}

static void job_done(void *arg, int result, const struct err *e) {
    struct job *j = arg;
    j->result = result;
    j->done = true;
    snprintf(j->text, sizeof j->text, "%s", e->text);
    order[n_order++] = j->number;
    if (j->next)
        assert_int_equal(work_submit(j->work, WORK_DISK, run_job, job_done, j->next), 0);
}

static void loop_until_done(struct fixture *f, int n) {
    while (n_order < n)
        assert_true(sd_event_run(f->event, 20 * 1000000) > 0); /* 0: nothing came for 20 s */
}

/* By name: a sanitizer has threads of its own. */
static bool is_lane(const char *tid, char *comm, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/task/%.10s/comm", tid);
    FILE *file = fopen(name, "re");
    bool read = file && fgets(comm, (int) size, file);
    if (file)
        fclose(file);
    return read && (strcmp(comm, "spawn\n") == 0 || strcmp(comm, "disk\n") == 0);
}

static int count_threads(void) {
    DIR *d = opendir("/proc/self/task");
    char comm[32];
    int n = 0;
    for (struct dirent *de; (de = readdir(d));)
        n += is_lane(de->d_name, comm, sizeof comm);
    closedir(d);
    return n;
}

static void test_threads_start_when_first_used(void **state) {
    struct fixture *f = *state;
    struct job a = { .number = 2 }, b = { .number = 4 };
    int before = count_threads();

    assert_int_equal(work_submit(f->work, WORK_DISK, run_job, job_done, &a), 0);
    assert_int_equal(count_threads(), before + 1);
    loop_until_done(f, 1);
    assert_int_equal(work_submit(f->work, WORK_DISK, run_job, job_done, &b), 0);
    loop_until_done(f, 2);
    assert_int_equal(count_threads(), before + 1);
    assert_true(pthread_equal(a.ran_on, b.ran_on));
    assert_false(pthread_equal(a.ran_on, pthread_self()));
    assert_string_equal(a.name, "disk");
}

static void test_jobs_and_results_keep_their_order(void **state) {
    struct fixture *f = *state;
    struct job jobs[JOBS];

    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].number = i;
        assert_int_equal(work_submit(f->work, WORK_SPAWN, run_job, job_done, &jobs[i]), 0);
    }
    loop_until_done(f, JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(order[i], i);
        assert_int_equal(jobs[i].result, i % 2 ? -EDOM : i);
    }
    assert_string_equal(jobs[7].text, "job 7 is odd");
    assert_string_equal(jobs[8].text, "");
}

static void test_lane_threads_take_no_signal(void **state) {
    struct fixture *f = *state;
    struct job j = { .number = 0 };
    sigset_t mine;

    assert_int_equal(work_submit(f->work, WORK_SPAWN, run_job, job_done, &j), 0);
    loop_until_done(f, 1);
    for (int sig = 1; sig < SIGRTMIN; sig++)
        if (sig != SIGKILL && sig != SIGSTOP && sig < 32)
            assert_true(sigismember(&j.mask, sig));
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

/* A job that waits for a job of the other lane: with one thread for both it would for ever. */
static int pipe_fds[2];
static int read_pipe(void *job, struct err *e) {
    char c;
    (void) job;
    (void) e;
    return (int) read(pipe_fds[0], &c, 1);
}
static int write_pipe(void *job, struct err *e) {
    (void) job;
    (void) e;
    return (int) write(pipe_fds[1], "x", 1);
}

static void test_lanes_do_not_wait_for_each_other(void **state) {
    struct fixture *f = *state;
    struct job a = { .number = 1 }, b = { .number = 2 };

    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(work_submit(f->work, WORK_SPAWN, read_pipe, job_done, &a), 0);
    assert_int_equal(work_submit(f->work, WORK_DISK, write_pipe, job_done, &b), 0);
    loop_until_done(f, 2);
    assert_int_equal(a.result, 1);
    assert_int_equal(b.result, 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void test_drain_runs_what_done_submits(void **state) {
    struct fixture *f = *state;
    struct job jobs[3] = { { .number = 0 }, { .number = 2 }, { .number = 4 } };

    for (int i = 0; i < 2; i++) {
        jobs[i].work = f->work;
        jobs[i].next = &jobs[i + 1];
    }
    assert_int_equal(work_submit(f->work, WORK_SPAWN, run_job, job_done, &jobs[0]), 0);
    work_drain(f->work);
    assert_true(jobs[0].done && jobs[1].done && jobs[2].done);
    assert_int_equal(n_order, 3);
    work_drain(f->work); /* nothing left: returns at once */
    assert_int_equal(n_order, 3);
}

static void test_free_finishes_all(void **state) {
    struct fixture *f = *state;
    struct job jobs[JOBS];
    int before = count_threads();

    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(work_submit(f->work, (enum work_lane)(i % 2), run_job, job_done, &jobs[i]),
                         0);
    assert_int_equal(work_submit(f->work, WORK_DISK, run_job, NULL, &jobs[0]), 0);
    f->work = work_free(f->work);
    assert_null(f->work);
    assert_int_equal(n_order, JOBS);
    assert_int_equal(count_threads(), before);
}

/* The loop sleeps on, and so does the thread: it is not woken to find nothing. */
static unsigned long switches_of_lane(void) {
    unsigned long n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *de; (de = readdir(d));) {
        char name[64], line[256];
        if (!is_lane(de->d_name, line, sizeof line))
            continue;
        snprintf(name, sizeof name, "/proc/self/task/%.10s/status", de->d_name);
        FILE *file = fopen(name, "re");
        while (fgets(line, sizeof line, file))
            (void) sscanf(line, "voluntary_ctxt_switches: %lu", &n);
        fclose(file);
    }
    closedir(d);
    return n;
}

static void test_idle_means_no_wake_up(void **state) {
    struct fixture *f = *state;
    struct job j = { .number = 0 };
    unsigned long before;

    assert_int_equal(work_submit(f->work, WORK_DISK, run_job, job_done, &j), 0);
    loop_until_done(f, 1);
    assert_int_equal(sd_event_run(f->event, 200 * 1000), 0);
    before = switches_of_lane();
    assert_int_equal(sd_event_run(f->event, 300 * 1000), 0);
    assert_int_equal(switches_of_lane(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads_start_when_first_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jobs_and_results_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lane_threads_take_no_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lanes_do_not_wait_for_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain_runs_what_done_submits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_finishes_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_means_no_wake_up, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
