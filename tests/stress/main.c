/* SPDX-License-Identifier: MIT
 * main.c - miniprog-stress: reads the command line, runs, writes what came of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"
#include "tests/stress/page.h"
#include "tests/stress/plan.h"
#include "tests/stress/record.h"
#include "tests/stress/run.h"
#include "tests/stress/summary.h"

#define NAME          "miniprog-stress"
#define SYSTEM_SOCKET "/run/miniprogd/control"
#define OUT_MAX       ((size_t) 256 * 1024 * 1024)

enum { DONE = 0, FAILED = 1, USAGE = 2, UNREACHABLE = 4 };

static int fail(int status, const char *text) {
    (void) fprintf(stderr, NAME ": %s\n", text);
    return status;
}

static int fail_of(const struct err *e) {
    bool nobody = e->code == -ECONNREFUSED || e->code == -ENOENT;

    return fail(nobody && strstr(e->text, "connect") ? UNREACHABLE : FAILED, e->text);
}

static const char *socket_of(const struct plan *p) {
    const char *named = *p->socket ? p->socket : getenv("MINIPROG_CONTROL");

    return named && *named ? named : SYSTEM_SOCKET;
}

/* --- what comes of it --------------------------------------------------------------------- */

struct result {
    struct record record;
    struct summary summary;
    bool there;
};

static int write_file(const char *folder, const char *name, const struct str *text, struct err *e) {
    char path[PATH_MAX];

    if (str_error(text) < 0)
        return err_set(e, str_error(text), "cannot write '%s': %s", name,
                       strerror(-str_error(text)));
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    return fs_replace(AT_FDCWD, path, str_text(text), text->len, 0644, FS_VOLATILE, e);
}

static int write_all(const struct plan *p, const char *folder, const struct result *main_one,
                     const struct result *baseline, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(OUT_MAX);
    CLEANUP(str_clear_p) struct str json = STR_INIT(OUT_MAX);
    CLEANUP(str_clear_p) struct str page = STR_INIT(OUT_MAX);
    const struct outcome it = { &main_one->record, &main_one->summary };
    const struct outcome other = { &baseline->record, &baseline->summary };
    const struct outcome *base = baseline->there ? &other : NULL;

    summary_text(p, &it, base, &text);
    summary_json(p, &it, base, &json);
    page_write(p, &it, base, &page);
    int r = write_file(folder, "summary.txt", &text, e);
    if (r >= 0)
        r = write_file(folder, "summary.json", &json, e);
    if (r >= 0)
        r = write_file(folder, "report.html", &page, e);
    (void) fputs(str_text(&text), stdout);
    (void) printf("The timeline: %s/report.html\n", folder);
    (void) fflush(stdout);
    return r;
}

/* --- runs --------------------------------------------------------------------------------- */

static int one_run(const struct run_job *job, struct result *ret, struct err *e) {
    int r = fs_mkdirs(job->out, 0755, e);

    if (r >= 0)
        r = run(job, &ret->record, e);
    if (r >= 0)
        r = summary_make(job->plan, &ret->record, &ret->summary);
    if (r == -ENOMEM)
        return err_set(e, r, "out of memory");
    ret->there = r >= 0;
    return r;
}

static int run_baseline(const struct run_job *like, struct result *ret, struct err *e) {
    struct run_job job = *like;
    char out[PATH_MAX];

    (void) snprintf(out, sizeof out, "%s/baseline", like->out);
    job.socket = NULL;
    job.policy = false;
    job.out = out;
    job.what = "baseline";
    int r = one_run(&job, ret, e);
    return r < 0 ? err_wrap(e, r, "the baseline") : 0;
}

static int run_all(const struct plan *p, const char *folder, int stop_fd) {
    struct result it = { .there = false }, base = { .there = false };
    const struct run_job job = {
        .plan = p,
        .socket = p->own ? NULL : socket_of(p),
        .out = folder,
        .what = scenario_name(p->scenario),
        .policy = true,
        .progress = !p->quiet && isatty(STDERR_FILENO),
        .stop_fd = stop_fd,
    };
    struct err e = { 0 };
    int status = DONE;

    int r = one_run(&job, &it, &e);
    if (r >= 0 && p->baseline && !it.record.interrupted)
        r = run_baseline(&job, &base, &e);
    if (r < 0 && r != -EINTR)
        status = fail_of(&e);
    if (it.there) {
        r = write_all(p, folder, &it, &base, &e);
        if (r < 0)
            status = fail_of(&e);
        if (!it.summary.held && !it.record.interrupted)
            status = fail(FAILED, it.summary.broken[0]);
    }
    record_clear(&it.record);
    record_clear(&base.record);
    return status;
}

/* --- the process -------------------------------------------------------------------------- */

/* Signals are read, never handled: what is under way is ended in order, also at the second one. */
static int open_signals(void) {
    sigset_t set;

    (void) signal(SIGPIPE, SIG_IGN);
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGHUP);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int tidy(const struct plan *p) {
    struct err e = { 0 };
    unsigned n = 0;

    if (run_tidy(socket_of(p), &n, &e) < 0)
        return fail_of(&e);
    (void) printf("%u app%s removed\n", n, n == 1 ? "" : "s");
    return DONE;
}

static int print_help(void) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(OUT_MAX);

    plan_help(&out);
    (void) fputs(str_text(&out), stdout);
    return fflush(stdout) == 0 ? DONE : FAILED;
}

int main(int argc, char **argv) {
    struct plan plan;
    struct signalfd_siginfo got;
    struct err e = { 0 };
    char folder[PATH_MAX];

    if (plan_parse(argc, argv, &plan, &e) < 0)
        return fail(USAGE, e.text);
    if (plan.help)
        return print_help();
    if (plan.version)
        return printf(NAME " " MINIPROG_VERSION "\n") > 0 ? DONE : FAILED;
    int stop_fd = open_signals();
    if (stop_fd < 0)
        return fail(FAILED, "cannot make a signalfd");
    if (plan.tidy)
        return tidy(&plan);
    (void) snprintf(folder, sizeof folder, "%s%s", *plan.out ? plan.out : "stress-",
                    *plan.out ? "" : scenario_name(plan.scenario));
    /* What it measures must not be its own stall; where that is not allowed it is so. */
    (void) mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    int status = run_all(&plan, folder, stop_fd);
    if (read(stop_fd, &got, sizeof got) == (ssize_t) sizeof got)
        return 128 + (int) got.ssi_signo;
    return status;
}
