/* SPDX-License-Identifier: MIT
 * The app's side of the wire: its events and its calls.
 *
 * A watcher remembers the number of the last event it was sent; flushing sends it what came after.
 * Nothing is sent to a suspended app: its events wait in the queue, so that they are merged. */
#include "supervisor/daemon/channel.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel_calls.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/env.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory.h"
#include "supervisor/daemon/peer.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/update_calls.h"
#include "supervisor/wire/frame.h"
#include "supervisor/wire/interfaces.h"

#define CONNECTIONS_MAX 8                     /* of one app. Source: design.md §6 */
#define BEHIND_MAX      ((size_t) 256 * 1024) /* bytes left unread before it is disconnected */
#define EVENT_MAX       ((size_t) 64 * 1024)

struct app_watcher {
    struct list node; /* in run->watchers */
    struct app *app;
    struct call *call;
    uint64_t sent; /* number of the last event it was sent */
};

/* --- watchers ----------------------------------------------------------------------------- */

static void watcher_gone(struct call *call) {
    struct app_watcher *w = call_context(call);
    list_remove(&w->node);
    free(w);
    call_drop(call);
}

bool channel_is_listening(const struct app *app) {
    return app->run && !list_empty(&app->run->watchers);
}

static void flush_one(struct run *run, struct app_watcher *w) {
    const struct queue_event *ev;

    while ((ev = queue_after(&run->queue, w->sent))) {
        w->sent = ev->seq;
        queue_mark(&run->queue, ev->seq);
        call_send_text(w->call, ev->text, ev->len);
    }
}

void channel_flush(struct app *app) {
    struct run *run = app->run;
    struct app_watcher *w;

    if (app->state == LIFE_SUSPENDED)
        return;
    list_for_each (w, &run->watchers, struct app_watcher, node)
        flush_one(run, w);
}

static int on_watch(struct call *call) {
    struct app *app = call_userdata(call);
    const struct json *p = call_parameters(call);
    struct run *run = app->run;
    int64_t after = json_get_int(p, "after", 0);

    if (after < 0) {
        call_invalid(call, "after");
        return 0;
    }
    struct app_watcher *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    list_init(&w->node);
    w->app = app;
    w->call = call;
    if (json_get(p, "after")) {
        w->sent = (uint64_t) after;
        queue_seen(&run->queue, w->sent);
    } else {
        w->sent = run->queue.delivered;
        const struct queue_event *update = queue_last_update(&run->queue);
        if (update && update->seq <= w->sent && app->state != LIFE_SUSPENDED)
            call_send_text(call, update->text, update->len);
    }
    call_set_context(call, w, watcher_gone);
    list_append(&run->watchers, &w->node);
    if (app->state != LIFE_SUSPENDED)
        flush_one(run, w);
    runstate_mark(app);
    return 0;
}

/* --- events ------------------------------------------------------------------------------- */

void launch_write(const struct app *app, const struct launch *l, struct jsonw *w, const char *key) {
    const struct manifest *m = app->manifest;
    const char *first = m->pages && m->pages[0] ? m->pages[0] : "";

    jsonw_object(w, key);
    jsonw_string(w, "path", l->path ? l->path : first);
    if (l->query)
        jsonw_raw(w, "query", l->query, strlen(l->query));
    else {
        jsonw_object(w, "query");
        jsonw_end_object(w);
    }
    jsonw_int(w, "scene", l->scene);
    jsonw_end_object(w);
}

static void begin_event(struct jsonw *w, uint64_t seq, const char *type) {
    jsonw_object(w, NULL);
    jsonw_object(w, "event");
    jsonw_u64(w, "seq", seq);
    jsonw_string(w, "type", type);
}

static void end_event(struct app *app, struct jsonw *w, enum queue_kind kind) {
    jsonw_end_object(w);
    jsonw_end_object(w);

    size_t len = w->out->len;
    char *text = str_error(w->out) ? NULL : str_take(w->out);
    str_clear(w->out);
    if (!text || queue_push(&app->run->queue, kind, text, len) < 0)
        log_err(app->id, "out of memory: an event to the app is lost");
    runstate_mark(app);
}

static void queue_launch_event(struct app *app, const struct launch *l, const char *type,
                               enum queue_kind kind) {
    struct str out = STR_INIT(EVENT_MAX);
    struct jsonw w = JSONW_INIT(&out);

    begin_event(&w, queue_next_seq(&app->run->queue), type);
    launch_write(app, l, &w, type);
    end_event(app, &w, kind);
}

void channel_launch(struct app *app) {
    queue_launch_event(app, &app->run->launch, "launch", QUEUE_LAUNCH);
}

void channel_show(struct app *app) {
    queue_launch_event(app, &app->run->enter, "show", QUEUE_SHOW);
}

void channel_hide(struct app *app, int64_t reason) {
    struct str out = STR_INIT(EVENT_MAX);
    struct jsonw w = JSONW_INIT(&out);

    begin_event(&w, queue_next_seq(&app->run->queue), "hide");
    jsonw_object(&w, "hide");
    jsonw_int(&w, "reason", reason);
    jsonw_end_object(&w);
    end_event(app, &w, QUEUE_HIDE);
}

void channel_unload(struct app *app, enum exit_reason reason, uint64_t timeout_us) {
    struct str out = STR_INIT(EVENT_MAX);
    struct jsonw w = JSONW_INIT(&out);

    begin_event(&w, queue_next_seq(&app->run->queue), "unload");
    jsonw_object(&w, "unload");
    jsonw_string(&w, "reason", exit_reason_name(reason));
    jsonw_u64(&w, "timeout_usec", timeout_us);
    jsonw_end_object(&w);
    end_event(app, &w, QUEUE_UNLOAD);
}

static void queue_update(struct app *app, const char *type, uint64_t code, const char *reason) {
    struct str out = STR_INIT(EVENT_MAX);
    struct jsonw w = JSONW_INIT(&out);

    begin_event(&w, queue_next_seq(&app->run->queue), type);
    jsonw_object(&w, type);
    if (reason)
        jsonw_string(&w, "reason", reason);
    else
        jsonw_u64(&w, "version_code", code);
    jsonw_end_object(&w);
    end_event(app, &w, QUEUE_UPDATE);
}

void channel_update_ready(struct app *app, uint64_t code) {
    queue_update(app, "update_ready", code, NULL);
}

void channel_update_failed(struct app *app, const char *reason) {
    queue_update(app, "update_failed", 0, reason);
}

void channel_update_check(struct app *app, bool has_update) {
    struct str out = STR_INIT(EVENT_MAX);
    struct jsonw w = JSONW_INIT(&out);

    begin_event(&w, queue_next_seq(&app->run->queue), "update_check");
    jsonw_object(&w, "update_check");
    jsonw_bool(&w, "has_update", has_update);
    jsonw_end_object(&w);
    end_event(app, &w, QUEUE_UPDATE);
}

/* Numbered, so that `after` stays true, but never kept: a warning is about now. */
bool channel_memory_warning(struct app *app, int level, const char *source) {
    struct run *run = app->run;
    struct app_watcher *watcher;
    struct str out = STR_INIT(EVENT_MAX);
    struct jsonw w = JSONW_INIT(&out);

    if (list_empty(&run->watchers))
        return false;
    begin_event(&w, queue_skip(&run->queue), "memory_warning");
    jsonw_object(&w, "memory_warning");
    jsonw_int(&w, "level", level);
    jsonw_string(&w, "source", source);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
    if (str_error(&out) == 0)
        list_for_each (watcher, &run->watchers, struct app_watcher, node) {
            watcher->sent = run->queue.last_seq;
            call_send_text(watcher->call, out.data, out.len);
        }
    queue_mark(&run->queue, run->queue.last_seq);
    str_clear(&out);
    runstate_mark(app);
    return true;
}

/* --- the socket --------------------------------------------------------------------------- */

/* Each call of the app ends a resume that is being measured. */
#define HEARD(handler)                                                                             \
    static int handler##_heard(struct call *call) {                                                \
        memory_heard(call_userdata(call));                                                         \
        return handler(call);                                                                      \
    }
HEARD(channel_on_ready)
HEARD(channel_on_get_info)
HEARD(channel_on_save_exit_state)
HEARD(channel_on_apply_update)
HEARD(channel_on_exit)
HEARD(channel_on_restart)
HEARD(channel_on_show_dialog)
HEARD(channel_on_keep_running)
HEARD(channel_on_report_page)
HEARD(channel_on_request_host_update)
#undef HEARD

static const struct method methods[] = {
    { .name = "Watch", .handle = on_watch, .needs_more = true },
    { .name = "Ready", .handle = channel_on_ready_heard },
    { .name = "GetInfo", .handle = channel_on_get_info_heard },
    { .name = "SaveExitState", .handle = channel_on_save_exit_state_heard },
    { .name = "ApplyUpdate", .handle = channel_on_apply_update_heard },
    { .name = "Exit", .handle = channel_on_exit_heard },
    { .name = "Restart", .handle = channel_on_restart_heard },
    { .name = "ShowDialog", .handle = channel_on_show_dialog_heard },
    { .name = "KeepRunning", .handle = channel_on_keep_running_heard },
    { .name = "ReportPage", .handle = channel_on_report_page_heard },
    { .name = "RequestHostUpdate", .handle = channel_on_request_host_update_heard },
    { .name = NULL },
};

/* Another app, or another user, is a stranger here, root included: only the app speaks for itself.
 */
static bool admit(void *userdata, const struct ucred *peer, const gid_t *gids, size_t n_gids) {
    (void) gids;
    (void) n_gids;
    const struct app *app = userdata;
    return peer->uid == (app->d->isolates ? app->uid : geteuid());
}

/* Sessions instead of groups can only be taken at their uid's word. */
static bool admit_socket(void *userdata, int fd, const struct ucred *peer) {
    const struct app *app = userdata;
    return cgrp_root_kind(app->d->groups) == CGRP_NONE || !app->run->group ||
           peer_is_member(app->run->group, fd, peer->pid);
}

int channel_open(struct app *app, struct err *e) {
    char path[PATH_MAX];
    const struct idl *idl = wire_app();

    if (!idl)
        return err_set(e, -ENOMEM, "out of memory");
    const struct server_config config = {
        .path = env_runtime_path(app, "socket", path, sizeof path),
        .fd = -1,
        .mode = 0660,
        .uid = (uid_t) -1,
        .gid = app->d->isolates ? (gid_t) app->uid : (gid_t) -1,
        .idl = idl,
        .methods = methods,
        .message_max = FRAME_MAX_APP,
        .queue_max = BEHIND_MAX,
        .max_connections = CONNECTIONS_MAX,
        .admit = admit,
        .admit_socket = admit_socket,
        .userdata = app,
        .log_name = app->id,
    };
    return server_new(app->d->calls, &config, &app->run->channel, e);
}
