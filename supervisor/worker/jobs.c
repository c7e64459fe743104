/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/jobs.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/worker/copy.h"
#include "units/result.h"

static int job_copy(char **arguments, struct worker_result *ret, struct err *e) {
    return copy_package(arguments[0], WORKER_STAGE_FD, ret, e);
}

static const struct job {
    const char *name, *arguments, *what;
    int n_arguments;
    int (*run)(char **arguments, struct worker_result *ret, struct err *e);
} jobs[] = {
    { "copy", "SOURCE", "stage the folder SOURCE as a package", 1, job_copy },
};
#define N_JOBS (sizeof jobs / sizeof jobs[0])

static void print_usage(FILE *out) {
    (void) fputs("Usage: miniprog-worker JOB [ARGUMENT]\n"
                 "Does one job for miniprogd, which starts it; not for people.\n\n",
                 out);
    for (size_t i = 0; i < N_JOBS; i++)
        (void) fprintf(out, "  %s %-10s %s\n", jobs[i].name, jobs[i].arguments, jobs[i].what);
    (void) fputs("\n  --help           show this\n"
                 "  --version        show the version\n",
                 out);
}

static int complain(int status, const char *text) {
    (void) fprintf(stderr, "miniprog-worker: %s\n", text);
    return status;
}

/* What the daemon handed over must not go further. */
static bool take_descriptors(void) {
    struct stat st;
    return fstat(WORKER_STAGE_FD, &st) == 0 && S_ISDIR(st.st_mode) &&
           fcntl(WORKER_STAGE_FD, F_SETFD, FD_CLOEXEC) == 0 &&
           fcntl(WORKER_RESULT_FD, F_SETFD, FD_CLOEXEC) == 0;
}

static int write_result(const struct worker_result *result) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(WORKER_RESULT_MAX);

    if (worker_result_print(result, &text) < 0)
        return complain(1, "no memory for the result");
    for (size_t done = 0; done < text.len;) {
        ssize_t n = write(WORKER_RESULT_FD, text.data + done, text.len - done);
        if (n < 0)
            return complain(1, "nobody takes the result");
        done += (size_t) n;
    }
    return 0;
}

static int run_job(const struct job *job, char **arguments) {
    struct worker_result result = { 0 };
    struct err e = { 0 };

    if (!take_descriptors())
        return complain(1, "descriptor 3 is no folder or 4 is closed: miniprogd starts this");
    if (sodium_init() < 0)
        return complain(1, "libsodium cannot be used");
    if (job->run(arguments, &result, &e) < 0)
        return complain(1, e.text);
    return write_result(&result);
}

int worker_run(int argc, char **argv) {
    /* Under the caller's uid: no other process of that uid may write in here by ptrace(2) or
     * /proc/<pid>/mem, or get at the stage by /proc/<pid>/fd. Before main() it is the program
     * file's lack of read permission that does this. Source: prctl(2), PR_SET_DUMPABLE. */
    (void) prctl(PR_SET_DUMPABLE, 0);
    /* A write past a limit or to nobody is an error to be told, not an end. */
    (void) signal(SIGXFSZ, SIG_IGN);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) umask(0077);

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void) puts("miniprog-worker " MINIPROG_VERSION);
        return 0;
    }
    for (size_t i = 0; argc >= 2 && i < N_JOBS; i++)
        if (strcmp(jobs[i].name, argv[1]) == 0 && argc - 2 == jobs[i].n_arguments)
            return run_job(&jobs[i], argv + 2);
    print_usage(stderr);
    return 2;
}
