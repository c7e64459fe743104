/* SPDX-License-Identifier: MIT
 * harness.c - the daemon's life in a test: folders, start, signals, end. */
#include "tests/lib/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"

/* Short, so that a test sees a whole life; long enough that a loaded machine does not end it early.
 */
static const char default_config[] = "[lifecycle]\n"
                                     "suspend_after=300ms\n"
                                     "destroy_after=1h\n"
                                     "background_grace=300ms\n"
                                     "start_timeout=60s\n"
                                     "stop_timeout=20s\n"
                                     "[control]\n"
                                     "dialog_timeout=30s\n";

static const char *build_dir(void) {
    const char *dir = getenv("MINIPROG_BUILD");
    return dir ? dir : "build/debug";
}

void harness_write_config(struct harness *h, const char *config) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(1 << 20);
    struct err e = { 0 };

    (void) str_printf(&text, "%s%s", config,
                      strstr(config, "[memory]") ? "" : "\n[memory]\n" HARNESS_NO_STALLS);
    assert_int_equal(str_error(&text), 0);
    if (fs_replace(AT_FDCWD, h->config, text.data, text.len, 0644, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

static void make_folders(struct harness *h) {
    const char *in = getenv("MINIPROG_TEST_DIR"); /* the bench's is a tmpfs, as /run is */
    (void) snprintf(h->base, sizeof h->base, "%s/mp-XXXXXX", in ? in : "/tmp");
    if (!mkdtemp(h->base) || chmod(h->base, 0711) < 0)
        fail_msg("cannot make '%s': %s", h->base, strerror(errno));
    (void) snprintf(h->runtime, sizeof h->runtime, "%s/run", h->base);
    (void) snprintf(h->state, sizeof h->state, "%s/state", h->base);
    (void) snprintf(h->config, sizeof h->config, "%s/miniprogd.conf", h->base);
    (void) snprintf(h->control, sizeof h->control, "%s/control", h->runtime);
    (void) snprintf(h->packages, sizeof h->packages, "%s/packages", h->base);
    if (mkdir(h->packages, 0755) < 0)
        fail_msg("cannot make '%s': %s", h->packages, strerror(errno));
}

/* The daemon tells on a pipe that it is ready, as it would tell systemd: a notify socket of ours.
 */
static int ready_socket(struct harness *h, char path[64]) {
    (void) snprintf(path, 64, "%s/ready", h->base);
    (void) unlink(path);
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    (void) snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *) (void *) &sa, sizeof sa), 0);
    return fd;
}

void (*harness_in_child)(void);

static void run_daemon(struct harness *h, const char *ready) {
    const char *level = getenv("MINIPROG_TEST_LOG_LEVEL");
    char program[4096];
    (void) snprintf(program, sizeof program, "%s/miniprogd", build_dir());
    const char *argv[] = { program,    "--config",    h->config, "--runtime-dir",
                           h->runtime, "--state-dir", h->state,  "--log-level",
                           "debug",    NULL,          NULL,      NULL };
    if (level)
        argv[8] = level;
    if (h->backend[0]) {
        argv[9] = "--backend";
        argv[10] = h->backend;
    }
    (void) dup2(h->daemon_log, 1);
    (void) dup2(h->daemon_log, 2);
    (void) setenv("NOTIFY_SOCKET", ready, 1);
    (void) unsetenv("JOURNAL_STREAM");
    if (harness_in_child)
        harness_in_child();
    execv(program, (char **) argv);
    (void) fprintf(stderr, "cannot run '%s': %s\n", program, strerror(errno));
    _exit(127);
}

static void dump_log(struct harness *h) {
    CLEANUP(free_p) char *text = NULL;
    char path[64];
    (void) snprintf(path, sizeof path, "%s/daemon.log", h->base);
    if (fs_read(AT_FDCWD, path, 1 << 26, &text, NULL, NULL) == 0) /* print_message() cuts it */
        (void) printf("--- what the daemon said:\n%s---\n", text);
}

static void wait_ready(struct harness *h, int fd) {
    char text[256];
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                           { .fd = pidfd_open(h->daemon, 0), .events = POLLIN } };
    do {
        if (poll(p, 2, HARNESS_PATIENCE_MS) <= 0 || (p[1].revents && !p[0].revents)) {
            dump_log(h);
            fail_msg("the daemon did not get ready");
        }
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
    } while (!strstr(text, "READY=1"));
    (void) close(p[1].fd);
    (void) close(fd);
}

int harness_spawn(struct harness *h) {
    char ready[64], log[64];

    (void) snprintf(log, sizeof log, "%s/daemon.log", h->base);
    h->daemon_log = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int fd = ready_socket(h, ready);
    h->daemon = fork();
    if (h->daemon == 0)
        run_daemon(h, ready);
    (void) close(h->daemon_log);
    return fd;
}

void harness_meet(struct harness *h, int ready_fd) {
    struct err e = { 0 };

    wait_ready(h, ready_fd);
    if (client_open(h->control, &h->client, &e) < 0)
        fail_msg("%s", e.text);
    h->watcher = harness_send(h, "Watch", true, "{}");
    struct varlink_reply snapshot;
    (void) harness_wait_event(h, NULL, "snapshot", &snapshot);
    varlink_reply_clear(&snapshot);
}

void harness_restart(struct harness *h) {
    harness_meet(h, harness_spawn(h));
}

void harness_start_backend(struct harness *h, const char *config, const char *backend) {
    *h = (struct harness){ 0 };
    (void) snprintf(h->backend, sizeof h->backend, "%s", backend);
    make_folders(h);
    harness_write_config(h, config ? config : default_config);
    harness_restart(h);
}

void harness_start(struct harness *h, const char *config) {
    harness_start_backend(h, config, "");
}

void harness_signal(struct harness *h, int sig) {
    assert_int_equal(kill(h->daemon, sig), 0);
}

int harness_signal_and_wait(struct harness *h, int sig) {
    int status = 0;
    int pidfd = pidfd_open(h->daemon, 0);
    struct pollfd p = { .fd = pidfd, .events = POLLIN };

    harness_signal(h, sig);
    if (poll(&p, 1, HARNESS_PATIENCE_MS) <= 0) {
        dump_log(h);
        fail_msg("the daemon does not end");
    }
    (void) waitpid(h->daemon, &status, 0);
    (void) close(pidfd);
    h->daemon = 0;
    h->client = client_close(h->client);
    h->watcher = client_close(h->watcher);
    return status;
}

static void assert_nothing_left(struct harness *h) {
    char path[64];
    static const char *const names[] = { "control", "state", "output" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void) snprintf(path, sizeof path, "%s/%s", h->runtime, names[i]);
        DIR *d = opendir(path);
        struct dirent *ent;
        while (d && (ent = readdir(d)))
            if (ent->d_name[0] != '.')
                fail_msg("'%s/%s' is left behind", path, ent->d_name);
        if (d)
            (void) closedir(d);
    }
    (void) snprintf(path, sizeof path, "%s/control", h->runtime);
    assert_int_equal(access(path, F_OK), -1);
}

/* A stray close(0), of a structure full of zeroes, hurts only whoever opens something next. */
static void assert_input_is_open(const struct harness *h) {
    char path[64], ours[PATH_MAX] = "", its[PATH_MAX] = "";
    if (readlink("/proc/self/fd/0", ours, sizeof ours - 1) < 0)
        return; /* nor had it one */
    (void) snprintf(path, sizeof path, "/proc/%d/fd/0", h->daemon);
    (void) !readlink(path, its, sizeof its - 1);
    assert_string_equal(its, ours);
}

void harness_stop(struct harness *h) {
    assert_input_is_open(h);
    int status = harness_signal_and_wait(h, SIGTERM);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        dump_log(h);
        fail_msg("the daemon ended with wait status %d", status);
    }
    if (harness_daemon_said(h, "wire: ") || harness_daemon_said(h, "please report this")) {
        dump_log(h);
        fail_msg("the daemon found itself at fault");
    }
    assert_nothing_left(h);
    (void) fs_remove_tree(AT_FDCWD, h->base, NULL);
    h->base[0] = '\0';
}

void harness_clean(struct harness *h) {
    if (!h->base[0])
        return;
    dump_log(h);
    if (h->daemon == 0) { /* it takes a daemon to find and kill what an earlier one left */
        char ready[64];
        int fd = ready_socket(h, ready);
        h->daemon = fork();
        if (h->daemon == 0)
            run_daemon(h, ready);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        (void) poll(&p, 1, HARNESS_PATIENCE_MS);
        (void) close(fd);
    }
    (void) kill(h->daemon, SIGTERM);
    (void) kill(h->daemon, SIGTERM);
    (void) waitpid(h->daemon, NULL, 0);
    (void) client_close(h->client);
    (void) client_close(h->watcher);
    (void) fs_remove_tree(AT_FDCWD, h->base, NULL);
    *h = (struct harness){ 0 };
}

bool harness_daemon_said(struct harness *h, const char *text) {
    CLEANUP(free_p) char *log = NULL;
    char path[64];
    (void) snprintf(path, sizeof path, "%s/daemon.log", h->base);
    return fs_read(AT_FDCWD, path, 1 << 26, &log, NULL, NULL) == 0 && strstr(log, text);
}

int harness_daemon_fds(struct harness *h) {
    char path[64];
    int n = 0;
    (void) snprintf(path, sizeof path, "/proc/%d/fd", h->daemon);
    DIR *d = opendir(path);
    assert_non_null(d);
    while (readdir(d))
        n++;
    (void) closedir(d);
    return n - 2;
}

void harness_need(const char *what, bool there, const char *why) {
    const char *required = getenv("MINIPROG_REQUIRE");
    if (there)
        return;
    if (required && strstr(required, what))
        fail_msg("%s is required here, but %s", what, why);
    print_message("skipped: %s\n", why);
    skip();
}

bool harness_has_cgroups(void) {
    CLEANUP(free_p) char *mounts = NULL;
    return geteuid() == 0 &&
           fs_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL, NULL) == 0 &&
           strstr(mounts, " - cgroup2 ") != NULL;
}
