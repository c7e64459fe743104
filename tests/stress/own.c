/* SPDX-License-Identifier: MIT */
#include "tests/stress/own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"
#include "tests/stress/kit.h"
#include "tests/stress/plan.h"

#define READY_MS 30000
#define END_MS   60000

int own_folder(struct own *o, struct err *e) {
    *o = (struct own){ .pidfd = -1 };
    (void) snprintf(o->base, sizeof o->base,
                    "/tmp/mp-stress-XXXXXX"); /* a socket's path is short */
    if (!mkdtemp(o->base) || chmod(o->base, 0711) < 0)
        return err_set(e, -errno, "cannot make '%s': %s", o->base, strerror(errno));
    (void) snprintf(o->control, sizeof o->control, "%s/run/control", o->base);
    return 0;
}

/* --- configuration ------------------------------------------------------------------------ */

#define KEYS_MAX (16 + PLAN_SETS_MAX)
struct keys {
    struct {
        char name[64]; /* section.key */
        char value[128];
    } key[KEYS_MAX];
    unsigned n;
};

static void set_key(struct keys *k, const char *name, const char *value) {
    unsigned i = 0;

    while (i < k->n && strcmp(k->key[i].name, name) != 0)
        i++;
    if (i == KEYS_MAX)
        return;
    if (i == k->n)
        (void) snprintf(k->key[k->n++].name, sizeof k->key[i].name, "%s", name);
    (void) snprintf(k->key[i].value, sizeof k->key[i].value, "%s", value);
}

/* "memory.budget=64M" */
static int set_by_user(struct keys *k, const char *setting, struct err *e) {
    const char *dot = strchr(setting, '.'), *equals = strchr(setting, '=');
    char name[64];

    if (!dot || !equals || dot > equals || (size_t) (equals - setting) >= sizeof name)
        return err_set(e, -EINVAL, "--set=%.60s is not SECTION.KEY=VALUE", setting);
    (void) snprintf(name, sizeof name, "%.*s", (int) (equals - setting), setting);
    set_key(k, name, equals + 1);
    return 0;
}

static int make_config(const struct plan *p, bool policy, struct str *out, struct err *e) {
    struct keys k = { .n = 0 };
    char budget[32];

    set_key(&k, "lifecycle.suspend_after", "500ms");
    set_key(&k, "lifecycle.destroy_after", "1d");
    set_key(&k, "lifecycle.max_warm", "0");
    set_key(&k, "lifecycle.stop_timeout", "2s");
    if (p->budget_bytes) {
        (void) snprintf(budget, sizeof budget, "%llu", (unsigned long long) p->budget_bytes);
        set_key(&k, "memory.budget", budget);
    }
    for (unsigned i = 0; i < p->n_sets; i++) {
        int r = set_by_user(&k, p->sets[i], e);
        if (r < 0)
            return r;
    }
    if (!policy)
        set_key(&k, "memory.policy", "off");
    for (unsigned i = 0; i < k.n; i++) {
        char *dot = strchr(k.key[i].name, '.');
        (void) str_printf(out, "[%.*s]\n%s=%s\n", (int) (dot - k.key[i].name), k.key[i].name,
                          dot + 1, k.key[i].value);
    }
    return str_error(out) < 0 ? err_set(e, str_error(out), "cannot write its configuration") : 0;
}

/* --- start -------------------------------------------------------------------------------- */

static int open_ready(const struct own *o, char path[64], struct err *e) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void) snprintf(path, 64, "%s/ready", o->base);
    (void) unlink(path);
    (void) snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *) (void *) &sa, sizeof sa) < 0) {
        int r = -errno;
        close_p(&fd);
        return err_set(e, r, "cannot make its notify socket: %s", strerror(-r));
    }
    return fd;
}

/* In the child: a group of its own, so that Ctrl-C is for us to act on; and it ends when we do. */
static void run_program(const struct own *o, const char *ready, int log_fd) {
    char runtime[48], state[48], config[64], here[PATH_MAX];
    sigset_t none;

    (void) snprintf(runtime, sizeof runtime, "%s/run", o->base);
    (void) snprintf(state, sizeof state, "%s/state", o->base);
    (void) snprintf(config, sizeof config, "%s/miniprogd.conf", o->base);
    (void) snprintf(here, sizeof here, "%s", o->program);
    *strrchr(here, '/') = '\0';
    const char *argv[] = { o->program, "--config",    config, "--runtime-dir",
                           runtime,    "--state-dir", state,  "--backend",
                           o->backend, NULL,          NULL };
    if (geteuid() != 0)
        argv[9] = "--user";

    char worker[PATH_MAX + 32];
    (void) snprintf(worker, sizeof worker, "%s/miniprog-worker", here);
    if (access(worker, X_OK) == 0) /* a build tree */
        (void) setenv("MINIPROG_LIBEXEC", here, 0);
    (void) setpgid(0, 0);
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    (void) dup2(log_fd, 1);
    (void) dup2(log_fd, 2);
    (void) setenv("NOTIFY_SOCKET", ready, 1);
    (void) unsetenv("JOURNAL_STREAM");
    execv(o->program, (char **) argv);
    (void) fprintf(stderr, "cannot run '%s': %s\n", o->program, strerror(errno));
    _exit(127);
}

static int wait_ready(struct own *o, int ready_fd, int stop_fd, struct err *e) {
    char text[256];
    ssize_t n;

    do {
        struct pollfd p[3] = { { .fd = ready_fd, .events = POLLIN },
                               { .fd = o->pidfd, .events = POLLIN },
                               { .fd = stop_fd, .events = POLLIN } };
        int r = poll(p, 3, READY_MS);
        if (r == 0)
            return err_set(e, -ETIMEDOUT, "miniprogd is not ready after %d s", READY_MS / 1000);
        if (p[2].revents)
            return err_set(e, -EINTR, "interrupted");
        if (!p[0].revents)
            return err_set(e, -ECHILD, "miniprogd ended at once; see '%.120s'", o->log);
        n = recv(ready_fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
    } while (!strstr(text, "READY=1"));
    return 0;
}

static int launch(struct own *o, int stop_fd, struct err *e) {
    CLEANUP(close_p) int ready_fd = -1;
    CLEANUP(close_p) int log_fd = -1;
    char ready[64];

    ready_fd = open_ready(o, ready, e);
    if (ready_fd < 0)
        return ready_fd;
    log_fd = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0)
        return err_set(e, -errno, "cannot open '%.120s': %s", o->log, strerror(errno));
    o->pid = fork();
    if (o->pid == 0)
        run_program(o, ready, log_fd);
    if (o->pid < 0) {
        int r = -errno;
        o->pid = 0;
        return err_set(e, r, "cannot fork: %s", strerror(-r));
    }
    o->pidfd = pidfd_open(o->pid, 0);
    return wait_ready(o, ready_fd, stop_fd, e);
}

int own_start(struct own *o, const struct plan *p, bool policy, const char *out, int stop_fd,
              struct err *e) {
    CLEANUP(str_clear_p) struct str config = STR_INIT(64 * 1024);
    char path[64];
    int r = 0;

    if (*p->miniprogd)
        (void) snprintf(o->program, sizeof o->program, "%s", p->miniprogd);
    else
        r = kit_find("miniprogd", "sbin", o->program, sizeof o->program, e);
    if (r >= 0 && !strchr(o->program, '/'))
        r = err_set(e, -EINVAL, "--miniprogd=%.60s is not a path", o->program);
    if (r >= 0)
        r = make_config(p, policy, &config, e);
    if (r < 0)
        return r;
    o->backend = p->backend;
    (void) snprintf(path, sizeof path, "%s/miniprogd.conf", o->base);
    (void) snprintf(o->log, sizeof o->log, "%s/miniprogd.log", out);
    (void) unlink(o->log);
    r = fs_replace(AT_FDCWD, path, config.data, config.len, 0644, FS_VOLATILE, e);
    return r < 0 ? r : launch(o, stop_fd, e);
}

/* --- end ---------------------------------------------------------------------------------- */

/* 0: it ended by itself and well. */
static int reap(struct own *o, struct err *e) {
    struct pollfd p = { .fd = o->pidfd, .events = POLLIN };
    int status = 0, r = 0;

    (void) kill(o->pid, SIGTERM);
    if (poll(&p, 1, END_MS) == 0) {
        r = err_set(e, -ETIMEDOUT, "miniprogd did not end in %d s and was killed", END_MS / 1000);
        (void) kill(o->pid, SIGKILL);
    }
    (void) waitpid(o->pid, &status, 0);
    close_p(&o->pidfd);
    o->pidfd = -1;
    o->pid = 0;
    if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        r = err_set(e, -ECHILD, "miniprogd ended with %s %d",
                    WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return r;
}

int own_end(struct own *o, struct err *e) {
    int r = 0;

    if (!o->base[0])
        return 0;
    if (o->pid > 0) {
        r = reap(o, e);
        /* The next one finds what that one left, and ends it. */
        if (r < 0 && (launch(o, -1, NULL) < 0 || reap(o, NULL) < 0))
            r = err_wrap(e, r, "its apps may be left, for the next one failed, too");
    }
    int removed = fs_remove_tree(AT_FDCWD, o->base, r < 0 ? NULL : e);
    o->base[0] = '\0';
    return r < 0 ? r : removed;
}
