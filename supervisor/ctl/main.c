/* SPDX-License-Identifier: MIT
 * main.c - miniprogctl: reads the command line, finds the socket, runs the verb. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/verbs.h"
#include "supervisor/wire/client.h"

#define NAME          "miniprogctl"
#define SYSTEM_SOCKET "/run/miniprogd/control"
#define USER_SOCKET   "miniprogd/control"
#define HELP_MAX      ((size_t) 64 * 1024)

static int print_help(const struct verb *v) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(HELP_MAX);
    char option[64];
    int r;

    if (v) {
        (void) str_printf(&out, "usage: " NAME " %s %s\n  %s\n", v->name, v->usage, v->help);
    } else {
        (void) str_puts(&out,
                        "usage: " NAME " [OPTION]... VERB [ARGUMENT]...\n"
                        "Opens, watches and ends the mini-programs of a running miniprogd.\n\n");
        verbs_help(&out);
        (void) str_puts(&out, "\nOptions, before or after the verb:\n");
        for (enum option_id i = 0; i < OPT_COUNT; i++) {
            if (!option_help(i))
                continue;
            (void) snprintf(option, sizeof option, "--%s%s%s", option_name(i),
                            option_argument(i) ? "=" : "",
                            option_argument(i) ? option_argument(i) : "");
            (void) str_printf(&out, "  %-21s %s\n", option, option_help(i));
        }
        (void) str_puts(&out,
                        "\nInto a pipe, list is tab-separated. Exit status: 0 done, 1 refused or "
                        "failed,\n2 wrong usage, 4 the supervisor cannot be reached.\n");
    }
    r = ctl_write(&out);
    return r < 0 ? ctl_write_failed(r) : CTL_DONE;
}

static int print_version(void) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(HELP_MAX);
    int r;

    (void) str_puts(&out, NAME " " MINIPROG_VERSION "\n");
    r = ctl_write(&out);
    return r < 0 ? ctl_write_failed(r) : CTL_DONE;
}

/* --socket, else $MINIPROG_CONTROL, else the user's own, else the system's. */
static int find_socket(struct ctl *c) {
    const char *named = options_given(&c->options, OPT_SOCKET) ? c->options.value[OPT_SOCKET]
                                                               : getenv("MINIPROG_CONTROL");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int r;

    if (named && *named) {
        r = asprintf(&c->socket, "%s", named);
    } else if (!options_given(&c->options, OPT_USER)) {
        r = asprintf(&c->socket, "%s", SYSTEM_SOCKET);
    } else if (runtime && *runtime) {
        r = asprintf(&c->socket, "%s/%s", runtime, USER_SOCKET);
    } else {
        return ctl_fail(
            CTL_UNREACHABLE,
            "--user does not know where the socket is: XDG_RUNTIME_DIR is not set (name "
            "it with --socket)");
    }
    if (r < 0) {
        c->socket = NULL;
        return ctl_fail(CTL_FAILED, "out of memory");
    }
    return CTL_DONE;
}

static int set_up_term(struct ctl *c) {
    static const char *const names[] = {
        [TERM_AUTO] = "auto", [TERM_ALWAYS] = "always", [TERM_NEVER] = "never"
    };
    const char *value =
        options_given(&c->options, OPT_COLOR) ? c->options.value[OPT_COLOR] : "auto";

    for (int i = TERM_AUTO; i <= TERM_NEVER; i++)
        if (strcmp(value, names[i]) == 0) {
            term_init(&c->term, (enum term_when) i);
            ctl_say_utf8(c->term.utf8);
            return CTL_DONE;
        }
    return ctl_usage("--color must be auto, always or never, not '%s'", value);
}

static int check_usage(const struct options *o, const struct verb *v) {
    for (enum option_id i = 0; i < OPT_COUNT; i++)
        if (options_given(o, i) && !((v->options | OPT_EVERYWHERE) & 1u << i))
            return ctl_usage("'%s' does not take --%s", v->name, option_name(i));
    if (o->n_args < v->least)
        return ctl_usage("'%s' needs more: %s %s", v->name, v->name, v->usage);
    if (o->n_args > v->most)
        return ctl_usage("'%s' does not take '%s'", v->name, o->args[v->most]);
    return CTL_DONE;
}

static int run(struct ctl *c) {
    const struct options *o = &c->options;
    const struct verb *v = o->verb ? verb_find(o->verb) : NULL;
    int r;

    r = set_up_term(c);
    if (r != CTL_DONE)
        return r;
    if (options_given(o, OPT_VERSION))
        return print_version();
    if (o->verb && !v)
        return ctl_usage("there is no verb '%s'", o->verb);
    if (options_given(o, OPT_HELP))
        return print_help(v);
    if (!v)
        return ctl_usage("say what to do");
    r = check_usage(o, v);
    if (r != CTL_DONE)
        return r;
    r = find_socket(c);
    return r == CTL_DONE ? v->run(c) : r;
}

/* A socket must not land on a standard descriptor that the caller closed: output would go to the
 * daemon. What stands in for it cannot be written, so that a closed standard output is still an
 * error. */
static void fill_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void) open("/dev/null", O_RDONLY);
}

int main(int argc, char **argv) {
    struct ctl c = { 0 };
    struct err e = { 0 };
    int status;

    fill_standard_descriptors();
    (void) signal(SIGPIPE, SIG_IGN); /* a reader that left is seen by write() */
    if (options_parse(argc, argv, &c.options, &e) < 0)
        return ctl_usage("%s", e.text);
    status = run(&c);
    c.client = client_close(c.client);
    free(c.socket);
    options_clear(&c.options);
    return status;
}
