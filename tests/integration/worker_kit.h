/* SPDX-License-Identifier: MIT
 * worker_kit.h - the real miniprog-worker, run as the daemon runs it.
 *
 * As root each run has a uid that owns nothing but its stage. */
#ifndef TESTS_WORKER_KIT_H
#define TESTS_WORKER_KIT_H

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/unit/units/scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "units/answer.h"
#include "units/request.h"
#include "units/result.h"

#define WORKER_UID     ((uid_t) 65533)
#define WORKER_TIME_MS 120000

struct worker {
    const char *job, *argument;           /* argument NULL: none */
    int fd3, fd6;                         /* -1: none */
    const struct worker_request *request; /* NULL: none is asked for */
    const char *environment;              /* "NAME=value" more, or NULL */
    const char *folder;                   /* working folder, or NULL */
    bool as_root;                         /* keeps the test's own uid */

    int status;       /* of the end, as waitpid(2) gives it */
    struct str said;  /* all it wrote to descriptor 4 */
    char error[4096]; /* and to standard error */
};

static inline const char *worker_path(void) {
    static char path[512];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(path, sizeof path, "%s/miniprog-worker", build ? build : "build/debug");
    return path;
}

static inline const char *source_path(const char *name) {
    static char path[512];
    const char *source = getenv("MINIPROG_SOURCE");
    (void) snprintf(path, sizeof path, "%s/%s", source ? source : ".", name);
    return path;
}

static inline int memory_file(const void *bytes, size_t n) {
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    return fd;
}

/* What it is run by: fetching by URL has a program of its own. */
static inline const char *worker_program(const struct worker *w) {
    static char path[520];
    if (!w->request || !w->request->url || w->request->url[0] == '/')
        return worker_path();
    (void) snprintf(path, sizeof path, "%.*s/miniprog-fetch",
                    (int) (strrchr(worker_path(), '/') - worker_path()), worker_path());
    return path;
}

/* In the child: `fds` become 3, 4, 5 and 6, nothing else is left open. */
static inline void worker_child(const struct worker *w, const int fds[4], int error_fd) {
    char *argv[] = { (char *) (uintptr_t) "miniprog-worker", (char *) (uintptr_t) w->job,
                     (char *) (uintptr_t) w->argument, NULL };
    char *envp[] = { (char *) (uintptr_t) "PATH=/usr/bin:/bin", (char *) (uintptr_t) w->environment,
                     NULL };
    int high[4];
    for (int i = 0; i < 4; i++)
        high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD, 20);
    dup2(error_fd, 2);
    for (int i = 0; i < 4; i++) {
        close(3 + i);
        if (high[i] >= 0)
            dup2(high[i], 3 + i);
    }
    int program = open(worker_program(w), O_RDONLY | O_CLOEXEC);
    if (w->folder && chdir(w->folder) < 0)
        _exit(90);
    if (geteuid() == 0 && !w->as_root &&
        (setgroups(0, NULL) < 0 || setresgid(WORKER_UID, WORKER_UID, WORKER_UID) < 0 ||
         setresuid(WORKER_UID, WORKER_UID, WORKER_UID) < 0))
        _exit(91);
    close_range(7, (unsigned) program - 1, 0);
    close_range((unsigned) program + 1, ~0u, 0);
    /* By descriptor: the build tree may lie where that uid has no way in. */
    fexecve(program, argv, envp);
    _exit(92);
}

static inline void worker_drain(struct worker *w, int fd, pid_t pid) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char piece[4096];
    ssize_t n;
    do {
        if (poll(&p, 1, WORKER_TIME_MS) != 1) {
            (void) kill(pid, SIGKILL);
            fail_msg("the worker did not end");
        }
        n = read(fd, piece, sizeof piece);
        if (n > 0)
            (void) str_append(&w->said, piece, (size_t) n);
    } while (n > 0);
}

static inline void worker_run_once(struct worker *w) {
    struct str request = STR_INIT(WORKER_REQUEST_MAX);
    int pipe_fds[2], fds[4] = { w->fd3, -1, -1, w->fd6 }, error_fd = memory_file("", 0);
    w->said = (struct str) STR_INIT(1 << 20);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    fds[1] = pipe_fds[1];
    if (w->request) {
        assert_int_equal(worker_request_print(w->request, &request), 0);
        fds[2] = memory_file(request.data, request.len);
    }
    pid_t pid = fork();
    if (pid == 0)
        worker_child(w, fds, error_fd);
    close(pipe_fds[1]);
    worker_drain(w, pipe_fds[0], pid);
    assert_int_equal(waitpid(pid, &w->status, 0), pid);
    ssize_t n = pread(error_fd, w->error, sizeof w->error - 1, 0);
    w->error[n > 0 ? n : 0] = '\0';
    close(pipe_fds[0]);
    close(error_fd);
    if (fds[2] >= 0)
        close(fds[2]);
    str_clear(&request);
}

static inline void worker_clear(struct worker *w) {
    str_clear(&w->said);
}

/* The last line it said. */
static inline const char *worker_last_line(const struct worker *w, size_t *ret_len) {
    const char *text = str_text(&w->said);
    size_t len = w->said.len;
    if (len == 0 || text[len - 1] != '\n')
        fail_msg("%s said nothing whole: '%s', status %x, '%s'", w->job, text, w->status, w->error);
    size_t at = len - 1;
    while (at > 0 && text[at - 1] != '\n')
        at--;
    *ret_len = len - at;
    return text + at;
}

static inline struct worker_result worker_result_of(const struct worker *w) {
    struct worker_result result = { 0 };
    struct err e = { 0 };
    size_t len;
    const char *line = worker_last_line(w, &len);
    if (worker_result_parse(line, len, &result, &e) != 0)
        fail_msg("%s: %s", e.text, line);
    return result;
}

static inline struct worker_file worker_file_of(const struct worker *w) {
    struct worker_file file = { 0 };
    struct err e = { 0 };
    size_t len;
    const char *line = worker_last_line(w, &len);
    if (worker_file_parse(line, len, &file, &e) != 0)
        fail_msg("%s: %s", e.text, line);
    return file;
}

/* --- stages -------------------------------------------------------------------------------- */

/* A new empty stage in the scratch folder, the worker's own. */
static inline int stage_make(struct scratch *s, char name[17]) {
    static unsigned count;
    (void) snprintf(name, 17, "stage%u", count++);
    assert_int_equal(mkdirat(s->fd, name, 0700), 0);
    if (geteuid() == 0)
        assert_int_equal(fchownat(s->fd, name, WORKER_UID, WORKER_UID, 0), 0);
    int fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Unpacks a package file into a new stage, which stays for the caller if ret_stage is given. */
static inline struct worker_result unpack(struct scratch *s, int package_fd,
                                          const struct worker_request *request, int *ret_stage) {
    struct worker_request none = WORKER_REQUEST_INIT;
    char name[17];
    int stage = stage_make(s, name);
    struct worker w = {
        .job = "unpack", .fd3 = stage, .fd6 = package_fd, .request = request ? request : &none
    };
    worker_run_once(&w);
    struct worker_result result = worker_result_of(&w);
    if (w.status != 0 && result.fault != PACKAGE_STORAGE)
        fail_msg("unpack ended with %x: %s", w.status, w.error);
    worker_clear(&w);
    if (ret_stage) {
        *ret_stage = stage;
    } else {
        close(stage);
        assert_int_equal(fs_remove_tree(s->fd, name, NULL), 0);
    }
    return result;
}

static inline int open_in(struct scratch *s, const char *name) {
    int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", name, strerror(errno));
    return fd;
}

/* Runs a shell command in the scratch folder; it must succeed. */
static inline void shell(struct scratch *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline void shell(struct scratch *s, const char *fmt, ...) {
    char command[2048], whole[2200];
    va_list ap;
    va_start(ap, fmt);
    (void) vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    (void) snprintf(whole, sizeof whole, "cd %s && { %s ; } >shell.log 2>&1", s->path, command);
    if (system(whole) != 0) {
        char *log = NULL;
        (void) fs_read(s->fd, "shell.log", 65536, &log, NULL, NULL);
        fail_msg("%s: %s", command, log ? log : "");
    }
}

#endif
