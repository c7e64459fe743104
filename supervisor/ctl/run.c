/* SPDX-License-Identifier: MIT */
#include "supervisor/ctl/run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/folder.h"
#include "supervisor/ctl/refusal.h"
#include "supervisor/ctl/safe.h"
#include "supervisor/wire/client.h"
#include "supervisor/wire/frame.h"
#include "supervisor/wire/interfaces.h"

#define QUIET_MS       200 /* an editor's write is over: a change comes as several events */
#define LINE_MAX_BYTES ((size_t) 1024 * 1024)

struct run {
    struct ctl *c;
    const char *folder;
    char *id;
    struct client *log; /* follows; NULL: the journal has it */
    size_t old_lines;   /* of runs before: still to be passed over */
    pid_t journal;
    int changes, stop;
};

static void run_clear(struct run *r) {
    if (r->journal > 0) {
        (void) kill(r->journal, SIGTERM);
        (void) waitpid(r->journal, NULL, 0);
    }
    r->log = client_close(r->log);
    free(r->id);
    close_p(&r->changes);
    close_p(&r->stop);
}

/* --- calls -------------------------------------------------------------------------------- */

static int lost(const struct run *r, const struct err *e) {
    return ctl_fail(CTL_UNREACHABLE, "the supervisor at '%s' cannot be reached: %s", r->c->socket,
                    e->text);
}

/* Sends a call on a connection of its own. member: of one text parameter; flag: of one that is
 * true, or NULL. */
static int send_call(struct run *r, const char *method, const char *member, const char *value,
                     const char *flag, bool more, struct client **ret) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(FRAME_MAX_CLIENT);
    struct jsonw w = JSONW_INIT(&text);
    struct err e = { 0 };
    char name[128];

    jsonw_object(&w, NULL);
    jsonw_string(&w, member, value);
    if (flag)
        jsonw_bool(&w, flag, true);
    jsonw_end_object(&w);
    (void) snprintf(name, sizeof name, WIRE_SUPERVISOR ".%s", method);
    if (client_open(r->c->socket, ret, &e) < 0 ||
        client_send(*ret, name, str_text(&text), more, false, &e) < 0)
        return lost(r, &e);
    return CTL_DONE;
}

/* A call and its answer; a refusal has been said. */
static int ask(struct run *r, const char *method, const char *member, const char *value,
               const char *flag, struct varlink_reply *ret) {
    CLEANUP(client_close_p) struct client *client = NULL;
    struct err e = { 0 };
    int status = send_call(r, method, member, value, flag, false, &client);

    if (status != CTL_DONE)
        return status;
    if (client_receive(client, -1, ret, &e) < 0)
        return lost(r, &e);
    return ret->error ? refusal_tell(ret->error, ret->parameters) : CTL_DONE;
}

static int ask_for_app(struct run *r, const char *method) {
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    return ask(r, method, "id", r->id, NULL, &reply);
}

static int install(struct run *r) {
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    int status = ask(r, "Install", "source", r->folder, "unsigned", &reply);

    if (status != CTL_DONE)
        return status;
    free(r->id);
    r->id = strdup(json_get_string(reply.parameters, "id", ""));
    return r->id ? CTL_DONE : ctl_fail(CTL_FAILED, "out of memory");
}

/* A live app has the new files at its next cold start, so it ends before. */
static int start_anew(struct run *r) {
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    int status = ask_for_app(r, "Close");

    if (status == CTL_DONE)
        status = ask(r, "Open", "id", r->id, NULL, &reply);
    if (status == CTL_DONE)
        ctl_hint("-- %s runs, version %" PRId64, r->id,
                 json_get_int(reply.parameters, "version_code", 0));
    return status;
}

/* --- the log ------------------------------------------------------------------------------ */

/* How many lines are there already. -ENOSYS: the supervisor keeps none, the journal does. */
static int count_lines(struct run *r, size_t *ret) {
    CLEANUP(client_close_p) struct client *client = NULL;
    struct err e = { 0 };
    bool more = true;

    if (send_call(r, "Logs", "id", r->id, NULL, true, &client) != CTL_DONE)
        return -ECONNREFUSED;
    for (*ret = 0; more;) {
        CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
        int got = client_receive(client, -1, &reply, &e);
        if (got < 0)
            return got;
        if (reply.error)
            return -ENOSYS;
        more = reply.continues;
        /* An empty log is one reply, too, with an empty line. */
        *ret += more || *ret > 0 || json_get_string(reply.parameters, "line", "")[0];
    }
    return 0;
}

static int follow_journal(struct run *r) {
    r->journal = fork();
    if (r->journal < 0)
        return ctl_fail(CTL_FAILED, "cannot run journalctl: %s", strerror(errno));
    if (r->journal > 0)
        return CTL_DONE;
    sigset_t none;
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void) execlp("journalctl", "journalctl", "--quiet", "--no-pager", "-o", "cat", "-n", "0", "-f",
                  "-t", r->id, (char *) NULL);
    _exit(127);
}

static int follow(struct run *r) {
    int got = count_lines(r, &r->old_lines);

    if (got == -ENOSYS)
        return follow_journal(r);
    if (got < 0)
        return ctl_fail(CTL_UNREACHABLE, "the log of '%s' cannot be read", r->id);
    return send_call(r, "Logs", "id", r->id, "follow", true, &r->log);
}

static int show_line(struct run *r, const char *line) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(8 * LINE_MAX_BYTES);

    if (r->old_lines > 0) {
        r->old_lines--;
        return CTL_DONE;
    }
    safe_text(&out, line, r->c->term.utf8);
    (void) str_putc(&out, '\n');
    int w = ctl_write(&out);
    return w < 0 ? ctl_write_failed(w) : CTL_DONE;
}

/* All lines that are there now. */
static int show_lines(struct run *r) {
    for (;;) {
        CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
        struct err e = { 0 };
        int got = client_receive(r->log, 0, &reply, &e);

        if (got == -ETIMEDOUT)
            return CTL_DONE;
        if (got < 0)
            return lost(r, &e);
        if (reply.error)
            return refusal_tell(reply.error, reply.parameters);
        int status = show_line(r, json_get_string(reply.parameters, "line", ""));
        if (status != CTL_DONE)
            return status;
    }
}

/* --- the loop ----------------------------------------------------------------------------- */

/* What cannot be installed is said, and mended by the next change; a supervisor that is gone ends
 * the run. */
static int reload(struct run *r) {
    struct err e = { 0 };

    if (folder_watch_more(r->changes, r->folder, &e) < 0)
        return ctl_fail(CTL_FAILED, "%s", e.text);
    int status = install(r);
    if (status == CTL_DONE)
        status = start_anew(r);
    return status == CTL_UNREACHABLE ? status : CTL_DONE;
}

static int watch(struct run *r) {
    struct pollfd p[] = { { .fd = r->stop, .events = POLLIN },
                          { .fd = r->changes, .events = POLLIN },
                          { .fd = r->log ? client_fd(r->log) : -1, .events = POLLIN },
                          { .fd = STDOUT_FILENO } }; /* POLLERR: nobody reads any more */
    bool changed = false;
    int status = CTL_DONE;

    while (status == CTL_DONE) {
        int n = poll(p, sizeof p / sizeof p[0], changed ? QUIET_MS : -1);
        if (n < 0 && errno != EINTR)
            return ctl_fail(CTL_FAILED, "cannot wait: %s", strerror(errno));
        if (n < 0)
            continue;
        if (p[0].revents || p[3].revents)
            return CTL_DONE;
        if (p[1].revents && folder_changed(r->changes))
            changed = true;
        if (p[2].revents)
            status = show_lines(r);
        if (n == 0 && status == CTL_DONE) {
            changed = false;
            status = reload(r);
        }
    }
    return status;
}

/* Ctrl-C and SIGTERM as a descriptor: the app is to be closed after them. */
static int take_signals(struct run *r) {
    sigset_t set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGTERM);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    r->stop = signalfd(-1, &set, SFD_CLOEXEC);
    return r->stop < 0 ? ctl_fail(CTL_FAILED, "cannot wait for Ctrl-C: %s", strerror(errno))
                       : CTL_DONE;
}

int run_folder(struct ctl *c, const char *folder) {
    CLEANUP(free_p) char *absolute = realpath(folder, NULL);
    CLEANUP(run_clear) struct run r = { .c = c, .folder = absolute, .changes = -1, .stop = -1 };
    struct err e = { 0 };

    if (!absolute)
        return ctl_fail(CTL_FAILED, "cannot run '%s': %s", folder, strerror(errno));
    int status = take_signals(&r);
    /* Watched before it is copied: a change meanwhile is not missed. */
    if (status == CTL_DONE && folder_watch(absolute, &r.changes, &e) < 0)
        status = ctl_fail(CTL_FAILED, "%s", e.text);
    if (status == CTL_DONE)
        status = install(&r);
    if (status == CTL_DONE)
        status = ask_for_app(&r, "Close");
    if (status == CTL_DONE)
        status = follow(&r);
    if (status != CTL_DONE)
        return status;
    (void) start_anew(&r); /* one that fails has been said, and may be mended */
    status = watch(&r);
    int closed = status == CTL_UNREACHABLE ? status : ask_for_app(&r, "Close");
    return status == CTL_DONE ? closed : status;
}
