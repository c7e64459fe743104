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
#include "supervisor/worker/fetch.h"
#include "supervisor/worker/people.h"
#include "supervisor/worker/sandbox.h"
#include "supervisor/worker/unpack.h"
#include "supervisor/worker/verdict.h"
#include "supervisor/worker/verify.h"
#include "units/answer.h"
#include "units/request.h"
#include "units/result.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MIB          ((uint64_t) 1 << 20)

/* Each job appends its line to the answer; on failure there is none yet. */
struct order {
    const struct fetch_net *net;
    char **arguments;
    struct worker_request request;
    struct str answer;
};

static int print_result(struct worker_result *result, struct str *answer, struct err *e) {
    if (worker_result_print(result, answer) < 0)
        return err_set(e, -ENOMEM, "no memory for the result");
    return 0;
}

static int print_file(struct worker_file *file, struct str *answer, struct err *e) {
    if (worker_file_print(file, answer) < 0)
        return err_set(e, -ENOMEM, "no memory for the result");
    return 0;
}

/* --- the jobs ------------------------------------------------------------------------------ */

static int job_copy(struct order *o, struct err *e) {
    const struct sandbox_path paths[] = {
        { o->arguments[0], -1, SANDBOX_READ },
        { NULL, WORKER_STAGE_FD, SANDBOX_WRITE },
    };
    const struct sandbox sandbox = { .file_bytes = PACKAGE_BYTES_MAX,
                                     .memory_bytes = 512 * MIB,
                                     .cpu_seconds = 300,
                                     .descriptors = 128,
                                     .paths = paths,
                                     .n_paths = COUNT(paths) };
    struct worker_result result = { 0 };
    int r;

    if ((r = sandbox_enter(&sandbox, e)) < 0 ||
        (r = copy_package(o->arguments[0], WORKER_STAGE_FD, &result, e)) < 0)
        return r;
    return print_result(&result, &o->answer, e);
}

static int job_unpack(struct order *o, struct err *e) {
    const struct sandbox_path stage = { NULL, WORKER_STAGE_FD, SANDBOX_WRITE };
    const struct sandbox sandbox = { .file_bytes = PACKAGE_BYTES_MAX,
                                     .memory_bytes = 512 * MIB,
                                     .cpu_seconds = 300,
                                     .descriptors = 32,
                                     .paths = &stage,
                                     .n_paths = 1 };
    struct worker_result result = { 0 };
    int r;

    if ((r = sandbox_enter(&sandbox, e)) < 0 ||
        (r = unpack_package(WORKER_PACKAGE_FD, WORKER_STAGE_FD, &o->request, &result, e)) < 0)
        return r;
    return print_result(&result, &o->answer, e);
}

static const struct sandbox reading_only = { .memory_bytes = 256 * MIB,
                                             .cpu_seconds = 120,
                                             .descriptors = 16 };

static int job_verify(struct order *o, struct err *e) {
    struct worker_file file = { 0 };
    int r;

    if ((r = sandbox_enter(&reading_only, e)) < 0 ||
        (r = verify_package(WORKER_FILE_FD, WORKER_SIGNATURE_FD, &o->request, &file, e)) < 0)
        return r;
    return print_file(&file, &o->answer, e);
}

static int job_index(struct order *o, struct err *e) {
    struct worker_index index = { 0 };
    int r;

    if ((r = sandbox_enter(&reading_only, e)) < 0 ||
        (r = verify_index(WORKER_FILE_FD, &o->request, &index, e)) < 0)
        return r;
    if (worker_index_print(&index, &o->answer) < 0)
        r = err_set(e, -ENOMEM, "no memory for the result");
    worker_index_clear(&index);
    return r;
}

/* What the resolver and TLS read; files that may lead to where these point are among them. */
static const struct sandbox_path network_paths[] = {
    { "/etc", -1, SANDBOX_READ },
    { "/usr", -1, SANDBOX_READ },
    { "/lib", -1, SANDBOX_READ },
    { "/lib64", -1, SANDBOX_READ },
    { "/run/systemd/resolve", -1, SANDBOX_READ },
    { "/run/resolvconf", -1, SANDBOX_READ },
    { "/run/NetworkManager", -1, SANDBOX_READ },
};

static int job_fetch(struct order *o, struct err *e) {
    CLEANUP(fetch_free_p) struct fetch *f = NULL;
    struct sandbox sandbox = { .file_bytes = o->request.max,
                               .memory_bytes = 1024 * MIB, /* its threads reserve much */
                               .cpu_seconds = 300,
                               .descriptors = 64 };
    struct worker_file file = { 0 };
    int r = fetch_open(&o->request, o->net, WORKER_FILE_FD, WORKER_RESULT_FD, &f, &file, e);

    if (r < 0)
        return r;
    if (f && fetch_needs_network(f)) {
        sandbox.network = true;
        sandbox.paths = network_paths;
        sandbox.n_paths = COUNT(network_paths);
    }
    if (f && ((r = sandbox_enter(&sandbox, e)) < 0 || (r = fetch_run(f, &file, e)) < 0))
        return r;
    return print_file(&file, &o->answer, e);
}

/* descriptors, from 3 on: d a folder, f a file, o the output, r the request. */
static const struct job {
    const char *name, *arguments, *what, *descriptors;
    int n_arguments;
    int (*run)(struct order *o, struct err *e);
} jobs[] = {
    { "copy", "SOURCE", "stage the folder SOURCE as a package", "do", 1, job_copy },
    { "fetch", "", "fetch a file", "for", 0, job_fetch },
    { "verify", "", "check a package's signature or hash", "for", 0, job_verify },
    { "index", "", "check an update index and print it", "for", 0, job_index },
    { "unpack", "", "stage a package file", "dorf", 0, job_unpack },
};

/* --- one run ------------------------------------------------------------------------------- */

static const char *program(const struct fetch_net *net) {
    return net ? "miniprog-fetch" : "miniprog-worker";
}

static int complain(const struct order *o, int status, const char *text) {
    (void) fprintf(stderr, "%s: %s\n", program(o->net), text);
    return status;
}

/* What the daemon handed over must not go further. */
static bool take_descriptors(const struct job *job) {
    int fd = 3;

    for (const char *kind = job->descriptors; *kind; kind++, fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
            (*kind == 'd' && !S_ISDIR(st.st_mode)) || (*kind == 'f' && !S_ISREG(st.st_mode)))
            return false;
    }
    return true;
}

static int write_answer(const struct order *o, const struct str *answer) {
    for (size_t done = 0; done < answer->len;) {
        ssize_t n = write(WORKER_RESULT_FD, answer->data + done, answer->len - done);
        if (n < 0)
            return complain(o, 1, "nobody takes the result");
        done += (size_t) n;
    }
    return 0;
}

/* So that who started this can say why; where even that fails, the missing line says enough. */
static int write_failure(const struct order *o, const struct err *why) {
    CLEANUP(str_clear_p) struct str line = STR_INIT(WORKER_RESULT_MAX);
    struct worker_result result = { .fault = PACKAGE_STORAGE };

    (void) snprintf(result.detail, sizeof result.detail, "%s", why->text);
    if (worker_result_print(&result, &line) == 0)
        (void) write_answer(o, &line);
    return complain(o, 1, why->text);
}

static int read_request(struct worker_request *ret, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(WORKER_REQUEST_MAX);
    char piece[4096];
    ssize_t n;

    (void) lseek(WORKER_REQUEST_FD, 0, SEEK_SET); /* a pipe has no start */
    while ((n = read(WORKER_REQUEST_FD, piece, sizeof piece)) > 0)
        if (str_append(&text, piece, (size_t) n) < 0)
            return err_set(e, str_error(&text), "the request is too long");
    if (n < 0)
        return err_set(e, -errno, "cannot read the request: %s", strerror(errno));
    return worker_request_parse(str_text(&text), text.len, ret, e);
}

static int run_job(const struct job *job, const struct fetch_net *net, char **arguments) {
    struct order o = { .net = net,
                       .arguments = arguments,
                       .request = WORKER_REQUEST_INIT,
                       .answer = STR_INIT(WORKER_INDEX_MAX) };
    struct err e = { 0 };
    int r = 0;

    if (!take_descriptors(job))
        return complain(&o, 1,
                        "a descriptor is missing or of the wrong kind: miniprogd starts this");
    if (sodium_init() < 0)
        return complain(&o, 1, "libsodium cannot be used");
    if (strchr(job->descriptors, 'r'))
        r = read_request(&o.request, &e);
    if (r == 0)
        r = job->run(&o, &e);
    r = r < 0 ? write_failure(&o, &e) : write_answer(&o, &o.answer);
    worker_request_clear(&o.request);
    str_clear(&o.answer);
    return r;
}

/* Of miniprog-fetch: what has libcurl in it has no other job. */
static bool has_job(const struct fetch_net *net, const struct job *job) {
    return !net || job->run == job_fetch;
}

static void print_usage(const struct fetch_net *net, FILE *out) {
    (void) fprintf(out,
                   "Usage: %s JOB [ARGUMENT]\n"
                   "Does one job for miniprogd or miniprogctl, which start it; not for people.\n\n",
                   program(net));
    for (size_t i = 0; i < COUNT(jobs); i++)
        if (has_job(net, &jobs[i]))
            (void) fprintf(out, "  %-6s %-10s %s\n", jobs[i].name, jobs[i].arguments, jobs[i].what);
    (void) fputs("\n  --help            show this\n"
                 "  --version         show the version\n",
                 out);
}

static void become_private(void) {
    /* Under the caller's uid: no other process of that uid may write in here by ptrace(2) or
     * /proc/<pid>/mem, or get at the stage by /proc/<pid>/fd. Before main() it is the program
     * file's lack of read permission that does this. Source: prctl(2), PR_SET_DUMPABLE. */
    (void) prctl(PR_SET_DUMPABLE, 0);
    /* A write past a limit or to nobody is an error to be told, not an end. */
    (void) signal(SIGXFSZ, SIG_IGN);
    (void) signal(SIGPIPE, SIG_IGN);
}

int worker_run(int argc, char **argv, const struct fetch_net *net) {
    become_private();
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(net, stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void) printf("%s " MINIPROG_VERSION "\n", program(net));
        return 0;
    }
    if (argc >= 2 && !net && people_know(argv[1]))
        return people_run(argc, argv);
    (void) umask(0077);
    for (size_t i = 0; argc >= 2 && i < COUNT(jobs); i++)
        if (has_job(net, &jobs[i]) && strcmp(jobs[i].name, argv[1]) == 0 &&
            argc - 2 == jobs[i].n_arguments)
            return run_job(&jobs[i], net, argv + 2);
    print_usage(net, stderr);
    return 2;
}
