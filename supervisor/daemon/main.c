/* SPDX-License-Identifier: MIT
 * miniprogd: arguments, signals, the loop. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/check.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory.h"
#include "supervisor/daemon/replay.h"
#include "supervisor/daemon/spawn.h"

#define DEFAULT_RUNTIME "/run/miniprogd"
#define DEFAULT_STATE   "/var/lib/miniprogd"

struct arguments {
    struct daemon_options options;
    enum log_level log_level;
    bool check;
    const char *replay; /* a trace */
    char runtime[PATH_MAX], state[PATH_MAX];
};

static const char help[] =
    "Usage: miniprogd [OPTION]...\n"
    "Give Linux processes the life of a mini-program.\n"
    "\n"
    "  --config FILE        configuration (default /etc/miniprogd.conf and its .d folder)\n"
    "  --runtime-dir DIR    sockets and run states (default " DEFAULT_RUNTIME ")\n"
    "  --state-dir DIR      what is installed, data, logs (default " DEFAULT_STATE ")\n"
    "  --backend NAME       auto, unified, hybrid or none (default auto: the best that works)\n"
    "  --user               for this user alone: no isolation, folders under $XDG_*\n"
    "  --log-level LEVEL    err, warning, notice, info or debug (default info)\n"
    "  --check              test the configuration and this machine, say what works, and end\n"
    "  --replay FILE        decide a recorded memory trace anew, say what and why, and end\n"
    "  --help, --version\n"
    "\n"
    "SIGHUP reads the configuration anew; SIGTERM ends apps and daemon; SIGUSR1 ends the daemon\n"
    "and leaves the apps to the next one; SIGUSR2 begins or ends a record of memory facts and\n"
    "decisions, memory-trace in the state folder.\n";

enum {
    OPT_CONFIG = 256,
    OPT_RUNTIME,
    OPT_STATE,
    OPT_BACKEND,
    OPT_USER,
    OPT_LEVEL,
    OPT_CHECK,
    OPT_REPLAY,
    OPT_HELP,
    OPT_VERSION
};
static const struct option long_options[] = {
    { "config", required_argument, NULL, OPT_CONFIG },
    { "runtime-dir", required_argument, NULL, OPT_RUNTIME },
    { "state-dir", required_argument, NULL, OPT_STATE },
    { "backend", required_argument, NULL, OPT_BACKEND },
    { "user", no_argument, NULL, OPT_USER },
    { "log-level", required_argument, NULL, OPT_LEVEL },
    { "check", no_argument, NULL, OPT_CHECK },
    { "replay", required_argument, NULL, OPT_REPLAY },
    { "help", no_argument, NULL, OPT_HELP },
    { "version", no_argument, NULL, OPT_VERSION },
    { NULL, 0, NULL, 0 },
};

static int wrong_usage(const char *what, const char *value) {
    (void) fprintf(stderr, "miniprogd: %s '%s': see 'miniprogd --help'\n", what, value);
    return 2;
}

/* -1: go on; else the exit status. */
static int take_option(struct arguments *a, int opt) {
    switch (opt) {
    case OPT_CONFIG:
        a->options.config_path = optarg;
        return -1;
    case OPT_RUNTIME:
        a->options.runtime_dir = optarg;
        return -1;
    case OPT_STATE:
        a->options.state_dir = optarg;
        return -1;
    case OPT_BACKEND:
        return cgrp_kind_parse(optarg, &a->options.backend) < 0
                   ? wrong_usage("unknown backend", optarg)
                   : -1;
    case OPT_USER:
        a->options.user = true;
        return -1;
    case OPT_LEVEL:
        return log_level_parse(optarg, &a->log_level) < 0 ? wrong_usage("unknown level", optarg)
                                                          : -1;
    case OPT_CHECK:
        a->check = true;
        return -1;
    case OPT_REPLAY:
        a->replay = optarg;
        return -1;
    case OPT_HELP:
        (void) fputs(help, stdout);
        return 0;
    case OPT_VERSION:
        (void) puts("miniprogd " MINIPROG_VERSION);
        return 0;
    default:
        (void) fputs("miniprogd: see 'miniprogd --help'\n", stderr);
        return 2;
    }
}

/* $XDG_RUNTIME_DIR and $XDG_STATE_HOME, else what their specification says. */
static int user_folders(struct arguments *a) {
    const char *run = getenv("XDG_RUNTIME_DIR"), *state = getenv("XDG_STATE_HOME"),
               *home = getenv("HOME");

    if (run && run[0] == '/')
        (void) snprintf(a->runtime, sizeof a->runtime, "%s/miniprogd", run);
    else if (!a->options.runtime_dir)
        return wrong_usage("--user without --runtime-dir needs XDG_RUNTIME_DIR, which is",
                           run ? run : "unset");
    if (!a->options.runtime_dir)
        a->options.runtime_dir = a->runtime;
    a->options.default_runtime_dir = strcmp(a->options.runtime_dir, a->runtime) == 0;
    if (!a->options.state_dir) {
        if (state && state[0] == '/')
            (void) snprintf(a->state, sizeof a->state, "%s/miniprogd", state);
        else
            (void) snprintf(a->state, sizeof a->state, "%s/.local/state/miniprogd",
                            home ? home : "");
        a->options.state_dir = a->state;
    }
    return -1;
}

static int take_arguments(struct arguments *a, int argc, char **argv) {
    int opt, r;

    while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        if ((r = take_option(a, opt)) >= 0)
            return r;
    if (optind < argc)
        return wrong_usage("unexpected argument", argv[optind]);
    if (a->replay)
        return replay_run(a->replay);
    if (a->options.user)
        return user_folders(a);
    if (!a->options.runtime_dir)
        a->options.runtime_dir = DEFAULT_RUNTIME;
    if (!a->options.state_dir)
        a->options.state_dir = DEFAULT_STATE;
    a->options.default_runtime_dir = strcmp(a->options.runtime_dir, DEFAULT_RUNTIME) == 0;
    return -1;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
    struct daemon *d = userdata;

    switch (si->ssi_signo) {
    case SIGHUP:
        daemon_reload(d);
        break;
    case SIGUSR2:
        memory_toggle_trace(d->memory);
        break;
    case SIGUSR1:
        log_notice(NULL, "ending, and leaving the apps to the next supervisor");
        d->leaving = true;
        (void) sd_notify(false, "STOPPING=1");
        (void) sd_event_exit(sd_event_source_get_event(s), 0);
        break;
    default:
        log_notice(NULL, d->ending ? "asked again to end: killing what is left"
                                   : "ending the apps in order");
        daemon_end(d);
        break;
    }
    return 0;
}

static int take_signals(struct daemon *d, struct err *e) {
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sd_event_source *s = NULL;
        int r = sd_event_add_signal(d->event, &s, signals[i], on_signal, d);
        if (r < 0)
            return err_set(e, r, "cannot take signal %d: %s", signals[i], strerror(-r));
        (void) sd_event_source_set_priority(s, LOOP_SIGNAL);
        (void) sd_event_source_set_floating(s, true);
        (void) sd_event_source_unref(s);
    }
    return 0;
}

static void block_signals(void) {
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGHUP);
    (void) sigaddset(&set, SIGUSR1);
    (void) sigaddset(&set, SIGUSR2);
    (void) sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL); /* before any thread is made */
    (void) signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
    static struct arguments a = { .options = { .backend = CGRP_AUTO },
                                  .log_level = LOG_LEVEL_INFO };
    static struct daemon d;
    struct err e = { 0 };

    int r = take_arguments(&a, argc, argv);
    if (r >= 0)
        return r;
    log_init(a.log_level);
    if (a.check)
        return check_run(&a.options);
    block_signals();
    (void) mallopt(M_ARENA_MAX, 1); /* the threads take too little to have heaps of their own */
    (void) umask(0);                /* modes are said where things are made, and hold */
    spawn_init();
    r = daemon_open(&d, &a.options, &e);
    if (r >= 0)
        r = take_signals(&d, &e);
    if (r >= 0) {
        log_notice(NULL, "ready: miniprogd " MINIPROG_VERSION ", control socket %s/control",
                   a.options.runtime_dir);
        (void) sd_event_set_watchdog(d.event, true); /* fed while the loop turns, and only then */
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(d.event);
        if (r < 0)
            r = err_set(&e, r, "the event loop failed: %s", strerror(-r));
    }
    if (r < 0)
        log_err(NULL, "%s", e.text);
    daemon_close(&d, r < 0 || d.leaving);
    return r < 0 ? 1 : 0;
}
