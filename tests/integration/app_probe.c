/* SPDX-License-Identifier: MIT
 * app_probe.c - a mini-program that prints what it hears and does what it is told.
 *
 * Its argument is a list of manners, separated by commas; the path of a `show` that begins with '!'
 * is an order. manners: frail (exits with 4 if its data has "broken"), late (is not ready before
 * "!ready"), deaf (no Watch), stubborn (ignores SIGTERM and unload), child (leaves a child in a
 * session of its own that ignores SIGTERM), mute (connects to nothing) orders:  !exit N, !segv,
 * !ready, !save TEXT, !last TEXT, !info, !dialog, !keep KIND, !drop KIND, !page, !host, !restart
 * PATH, !apply, !quit, !hang */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "miniprog.h"

static bool stubborn;

static void say(const char *what, const char *detail) {
    (void) printf("%s%s%s\n", what, detail[0] ? " " : "", detail);
    (void) fflush(stdout);
}

static void on_done(struct miniprog *m, int error, void *data) {
    char text[256];
    (void) snprintf(text, sizeof text, "%s %d %s", (const char *) data, error,
                    error ? miniprog_error(m) : "");
    say("done", text);
}

static void on_dialog(struct miniprog *m, int error, bool confirm, void *data) {
    (void) m;
    (void) data;
    char text[64];
    (void) snprintf(text, sizeof text, "%d %s", error, confirm ? "yes" : "no");
    say("answer", text);
}

static void on_info(struct miniprog *m, int error, const struct miniprog_info *info, void *data) {
    (void) m;
    (void) data;
    char text[1024];
    if (error) {
        say("info", "failed");
        return;
    }
    (void) snprintf(
        text, sizeof text, "id=%s version=%d start=%s launch=%s enter=%s scene=%d state=%s",
        info->id, (int) info->version_code, info->hot ? "hot" : "cold", info->launch->path,
        info->enter->path, info->enter->scene, info->exit_state ? info->exit_state : "-");
    say("info", text);
}

static void ask(struct miniprog *m) {
    const struct miniprog_dialog dialog = {
        .size = sizeof dialog, .title = "question", .content = "yes or no?", .show_cancel = true
    };
    (void) miniprog_show_dialog(m, &dialog, on_dialog, NULL);
}

/* Without the library: says it, and is gone before anybody can have read it. */
static void save_and_vanish(const char *text) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    char message[512];
    const char *address = getenv("MINIPROG_ADDRESS");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void) snprintf(sa.sun_path, sizeof sa.sun_path, "%s", address + strlen("unix:"));
    int n = snprintf(message, sizeof message,
                     "{\"method\":\"org.miniprog.App.SaveExitState\",\"parameters\":"
                     "{\"data\":{\"text\":\"%s\"}}}",
                     text);
    if (connect(fd, (struct sockaddr *) (void *) &sa, sizeof sa) == 0)
        (void) !write(fd, message, (size_t) n + 1);
    _exit(0);
}

static void obey(struct miniprog *m, const char *order) {
    const char *rest = strchr(order, ' ');
    char text[512];

    rest = rest ? rest + 1 : "";
    if (strncmp(order, "!exit", 5) == 0)
        _exit(atoi(rest));
    if (strcmp(order, "!segv") == 0) {
        (void) signal(SIGSEGV, SIG_DFL);
        (void) raise(SIGSEGV);
    }
    if (strcmp(order, "!hang") == 0)
        for (;;)
            (void) pause();
    if (strcmp(order, "!ready") == 0)
        (void) miniprog_ready(m, on_done, "ready");
    if (strncmp(order, "!save", 5) == 0) {
        (void) snprintf(text, sizeof text, "{\"text\":\"%s\"}", rest);
        (void) miniprog_save_exit_state(m, text, 0, on_done, "save");
    }
    if (strncmp(order, "!last", 5) == 0)
        save_and_vanish(rest);
    if (strcmp(order, "!info") == 0)
        (void) miniprog_get_info(m, on_info, NULL);
    if (strcmp(order, "!dialog") == 0)
        ask(m);
    if (strncmp(order, "!keep", 5) == 0)
        (void) miniprog_keep_running(m, rest, true, on_done, "keep");
    if (strncmp(order, "!drop", 5) == 0)
        (void) miniprog_keep_running(m, rest, false, on_done, "drop");
    if (strcmp(order, "!page") == 0)
        (void) miniprog_report_page(m, "pages/index", "{\"n\":1}", on_done, "page");
    if (strcmp(order, "!host") == 0)
        (void) miniprog_request_host_update(m, "too old", on_done, "host");
    if (strncmp(order, "!restart", 8) == 0)
        (void) miniprog_restart(m, rest[0] ? rest : NULL, on_done, "restart");
    if (strcmp(order, "!apply") == 0)
        (void) miniprog_apply_update(m, on_done, "apply");
    if (strcmp(order, "!quit") == 0)
        (void) miniprog_exit(m, on_done, "exit");
}

static void on_launch(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    (void) m;
    (void) data;
    say("launch", l->path);
}
static void on_show(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    (void) data;
    say("show", l->path);
    if (l->path[0] == '!')
        obey(m, l->path);
}
static void on_hide(struct miniprog *m, int reason, void *data) {
    (void) m;
    (void) data;
    char text[16];
    (void) snprintf(text, sizeof text, "%d", reason);
    say("hide", text);
}
static void on_warning(struct miniprog *m, int level, const char *source, void *data) {
    (void) m;
    (void) data;
    char text[64];
    (void) snprintf(text, sizeof text, "%d %s", level, source);
    say("warning", text);
}
static void on_unload(struct miniprog *m, const char *reason, uint64_t timeout_usec, void *data) {
    (void) m;
    (void) timeout_usec;
    (void) data;
    say("unload", reason);
    if (!stubborn)
        exit(0);
}

static void on_update_check(struct miniprog *m, bool has_update, void *data) {
    (void) m;
    (void) data;
    say("update_check", has_update ? "yes" : "no");
}
static void on_update_ready(struct miniprog *m, int64_t version_code, void *data) {
    (void) m;
    (void) data;
    char text[24];
    (void) snprintf(text, sizeof text, "%d", (int) version_code);
    say("update_ready", text);
}
static void on_update_failed(struct miniprog *m, const char *reason, void *data) {
    (void) m;
    (void) data;
    say("update_failed", reason);
}

static void leave_a_child(void) {
    if (fork() != 0)
        return;
    (void) setsid();
    (void) signal(SIGTERM, SIG_IGN);
    for (;;)
        (void) pause();
}

static void on_term(int sig) {
    (void) sig;
    static const char text[] = "term\n";
    (void) !write(1, text, sizeof text - 1);
    _exit(0);
}

static const char *data_file(const char *name) {
    static char path[256];
    const char *folder = getenv("MINIPROG_DATA");
    (void) snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    return path;
}

int main(int argc, char **argv) {
    const char *manners = argc > 1 ? argv[1] : "";
    struct miniprog *m = NULL;
    static const struct miniprog_callbacks callbacks = {
        .size = sizeof callbacks,
        .launch = on_launch,
        .show = on_show,
        .hide = on_hide,
        .memory_warning = on_warning,
        .unload = on_unload,
        .update_check = on_update_check,
        .update_ready = on_update_ready,
        .update_failed = on_update_failed,
    };

    stubborn = strstr(manners, "stubborn") != NULL;
    (void) signal(SIGTERM, stubborn ? SIG_IGN : on_term);
    if (strstr(manners, "child"))
        leave_a_child();
    if (strstr(manners, "frail") && access(data_file("broken"), F_OK) == 0)
        return 4;
    say("up", miniprog_id() ? miniprog_id() : "alone");
    if (strstr(manners, "mute"))
        for (;;)
            (void) pause();
    int r = miniprog_open(&m, strstr(manners, "deaf") ? NULL : &callbacks, NULL);
    if (r < 0) {
        (void) fprintf(stderr, "cannot connect: %s\n", strerror(-r));
        return 1;
    }
    if (!strstr(manners, "late"))
        (void) miniprog_ready(m, on_done, "ready");
    for (;;) {
        struct pollfd p = { .fd = miniprog_fd(m), .events = POLLIN };
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return 1;
        r = miniprog_dispatch(m);
        if (r < 0)
            return 1;
    }
}
