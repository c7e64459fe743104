/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/installed.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"
#include "supervisor/base/map.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/env.h"
#include "supervisor/daemon/install.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/package.h"
#include "supervisor/daemon/revision.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/uids.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/work.h"
#include "units/exitstate.h"
#include "units/result.h"
#include "units/store_part.h"
#include "units/trial.h"
#include "units/updates.h"

/* --- what a staged copy becomes ----------------------------------------------------------- */

static bool is_ours(const struct config *c, uid_t uid) {
    return uid >= c->apps.uid_low && uid <= c->apps.uid_high;
}

/* An app keeps the uid that owns its data, also over a removal that kept them. */
static int choose_uid(struct daemon *d, const struct app *app, struct installed_job *job,
                      struct err *e) {
    uid_t owner;

    job->uid = (uid_t) -1;
    if (!d->isolates)
        return 0;
    if (app && app->uid != (uid_t) -1) {
        job->uid = app->uid;
        return 0;
    }
    if (store_data_owner(d->store, job->id, &owner, NULL) == 0 && is_ours(d->config, owner)) {
        job->uid = owner;
        return 0;
    }
    int r = uids_take(d->uids, &job->uid, e);
    job->data_is_new = r >= 0;
    return r;
}

static int refuse(struct installed_job *job, enum package_fault fault, int r) {
    job->fault = fault;
    return r;
}

static int decide(struct daemon *d, struct app *app, const struct worker_result *result,
                  const struct installed_source *source, struct installed_job *job, struct err *e) {
    if (app && app->removing)
        return err_set(e, -EBUSY, "'%s' is being removed", job->id);
    if (store_version_set(&job->version, result->code, result->files_hash,
                          source->how == ADMIT_FOLDER) < 0)
        return refuse(job, PACKAGE_MANIFEST,
                      err_set(e, -EINVAL, "its version code or hash is out of range"));
    return choose_uid(d, app, job, e);
}

void installed_prepare(struct daemon *d, const struct worker_result *result, const char *stage,
                       const struct installed_source *source, struct installed_job *job) {
    struct app *app = daemon_app(d, result->app_id);

    *job = (struct installed_job){ .d = d, .source = *source, .fault = PACKAGE_OK };
    (void) snprintf(job->id, sizeof job->id, "%s", result->app_id);
    (void) snprintf(job->stage, sizeof job->stage, "%s", stage);
    if (decide(d, app, result, source, job, &job->refusal) < 0)
        return;
    job->pending = app && (source->to_pending || app->state != LIFE_STOPPED);
    job->holds = app != NULL;
    if (app)
        app->storing++;
}

/* What the store has by now decides. */
static int admit(struct installed_job *job, const struct updates *u, struct err *e) {
    const struct admit_app app = { .id = job->source.app_id,
                                   .code = job->state.current.code,
                                   .pinned = u->key,
                                   .index_seen = u->sequence,
                                   .floor = u->floor };
    const struct admit_package package = { .source = job->source.how,
                                           .app_id = job->id,
                                           .code = job->version.code,
                                           .key = job->source.key,
                                           .expected_code = job->source.expected_code };
    if (job->source.index) {
        int r = admit_index(job->source.index, job->source.signer, &app, &job->fault, e);
        if (r < 0)
            return r;
    }
    return admit_package(&package, &app, &job->fault, e);
}

static int remember(const struct installed_source *from, bool pending, struct updates *u) {
    memcpy(pending ? u->pending_file : u->current_file, from->file, sizeof from->file);
    if (from->key[0] && (!u->key[0] || from->sequence))
        memcpy(u->key, from->key, sizeof u->key);
    if (from->sequence) {
        u->sequence = from->sequence;
        u->minimum = from->minimum;
        u->seen = from->seen;
    }
    if (from->index_url) {
        free(u->url);
        u->url = strdup(from->index_url);
        return u->url ? 0 : -ENOMEM;
    }
    return 0;
}

static int next_state(struct installed_job *job, struct updates *u, struct err *e) {
    struct store_state *s = &job->state;

    if (strcmp(s->current.name, job->version.name) == 0) {
        s->pending = (struct store_version){ 0 };
        job->pending = false; /* just what runs or would run */
        return 0;
    }
    trial_installed(u, job->pending);
    if (job->pending) {
        s->pending = job->version;
    } else {
        s->previous = s->current;
        s->current = job->version;
        s->pending = (struct store_version){ 0 };
    }
    if (remember(&job->source, job->pending, u) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    return s->rest || job->source.how != ADMIT_FOLDER ? updates_write(u, &s->rest, e) : 0;
}

static int commit_stage(struct installed_job *job, struct err *e) {
    int r = store_stage_commit(job->d->store, job->stage, job->id, &job->version, e);

    if (r == -EBADMSG)
        return refuse(job, PACKAGE_TREE, r);
    if (r == -E2BIG)
        return refuse(job, PACKAGE_LIMITS, r);
    return r;
}

static int install(struct installed_job *job, struct err *e) {
    CLEANUP(updates_clear_p) struct updates u = { 0 };
    struct store *store = job->d->store;

    if (job->refusal.code < 0) {
        store_stage_discard(store, job->stage);
        *e = job->refusal;
        return e->code;
    }
    int r = store_load(store, job->id, &job->state, e);
    if (r == -ENOENT)
        r = store_recall(store, job->id, &job->state, e);
    if (r == -ENOENT)
        r = 0;
    if (r >= 0)
        r = updates_read(job->state.rest, &u, e);
    if (r >= 0)
        r = admit(job, &u, e);
    if (r < 0) {
        store_stage_discard(store, job->stage);
        return r;
    }
    r = commit_stage(job, e);
    if (r >= 0)
        r = package_manifest(store, job->id, job->version.name, &job->manifest, e);
    if (r >= 0)
        r = store_data_prepare(store, job->id, job->uid == (uid_t) -1 ? geteuid() : job->uid,
                               job->uid == (uid_t) -1 ? getegid() : (gid_t) job->uid, e);
    if (r >= 0)
        r = next_state(job, &u, e);
    if (r >= 0)
        r = store_save(store, job->id, &job->state, e);
    return r;
}

int installed_run(void *arg, struct err *e) {
    struct installed_job *job = arg;
    int r = install(job, e);

    store_part_drop(job->d->store, job->id, NULL); /* there, or not to be had from these bytes */
    return r;
}

static int make_app(struct daemon *d, struct installed_job *job, struct app **ret, struct err *e) {
    struct app *app = NULL;

    int r = app_new(d, job->id, TAKE_PTR(job->manifest), &app);
    if (r >= 0)
        r = map_put(d->apps, app->id, app);
    if (r < 0) {
        app_free(app);
        return err_set(e, r, "cannot keep '%s' in memory: %s", job->id, strerror(-r));
    }
    app->uid = job->uid;
    *ret = app;
    return 0;
}

static void tell_ready(struct app *app) {
    uint64_t code = app->versions.pending.code;

    watch_update(app, "ready", code, NULL);
    if (app->run && app->state != LIFE_STOPPING) {
        channel_update_ready(app, code);
        channel_flush(app);
    }
}

struct collection {
    struct store *store;
    char id[65];
};

static int collect_run(void *arg, struct err *e) {
    struct collection *c = arg;
    return store_gc(c->store, c->id, NULL, e);
}

static void collect_done(void *arg, int result, const struct err *e) {
    (void) result;
    (void) e;
    free(arg);
}

/* What cannot be collected now is so by the next installation, or at the next start. */
static void collect(struct daemon *d, const char *id) {
    struct collection *c = calloc(1, sizeof *c);

    if (!c)
        return;
    c->store = d->store;
    (void) snprintf(c->id, sizeof c->id, "%s", id);
    if (work_submit(d->work, WORK_DISK, collect_run, collect_done, c) < 0)
        free(c);
}

int installed_take_over(struct daemon *d, struct installed_job *job, struct app **ret,
                        struct err *e) {
    struct app *app = daemon_app(d, job->id);

    if (!app) {
        int r = make_app(d, job, &app, e);
        if (r < 0)
            return r;
    } else if (!job->pending && (app->state == LIFE_STOPPED || app->start_waits)) {
        manifest_free(app->manifest);
        app->manifest = TAKE_PTR(job->manifest);
    }
    store_state_clear(&app->versions);
    app->versions = job->state;
    job->state = (struct store_state){ 0 };
    revision_look(app);
    if (job->holds)
        app->storing--;
    if (!job->source.to_pending) {
        app->opened_usec = loop_realtime();
        record_save(app); /* it may not be opened for long */
    }
    log_notice(app->id, "version %llu installed%s", (unsigned long long) job->version.code,
               job->pending ? ", for its next cold start" : "");
    if (job->pending)
        tell_ready(app);
    collect(d, app->id);
    start_go_on(app);
    *ret = app;
    return 0;
}

void installed_gave_up(struct daemon *d, struct installed_job *job) {
    struct app *app = job->holds ? daemon_app(d, job->id) : NULL;

    if (job->data_is_new)
        uids_give_back(d->uids, job->uid);
    if (app) {
        app->storing--;
        start_go_on(app);
    }
}

void installed_job_clear(struct installed_job *job) {
    job->manifest = manifest_free(job->manifest);
    store_state_clear(&job->state);
}

/* --- at start ----------------------------------------------------------------------------- */

static void load_exit_state(struct app *app) {
    CLEANUP(close_p) int app_fd = -1;
    CLEANUP(json_free_p) struct json *data = NULL;
    struct str text = STR_INIT(EXITSTATE_MAX);

    if (store_app_fd(app->d->store, app->id, &app_fd, NULL) < 0 ||
        exitstate_load(app_fd, loop_realtime(), &data, NULL) < 0)
        return;
    if (json_print(data, &text) == 0) {
        app->exit_state = str_take(&text);
        app->exit_state_until = UINT64_MAX; /* its file knows; it was good a moment ago */
    }
    str_clear(&text);
}

static void load_one(const char *id, void *userdata) {
    struct daemon *d = userdata;
    struct installed_job job = { .d = d, .uid = (uid_t) -1 };
    struct app *app = NULL;
    struct err e = { 0 };

    (void) snprintf(job.id, sizeof job.id, "%s", id);
    int r = store_load(d->store, id, &job.state, &e);
    if (r >= 0)
        r = package_manifest(d->store, id, job.state.current.name, &job.manifest, &e);
    if (r >= 0 && d->isolates)
        r = store_data_owner(d->store, id, &job.uid, &e);
    if (r >= 0 && d->isolates && !is_ours(d->config, job.uid)) {
        r = uids_take(d->uids, &job.uid, &e);
        if (r >= 0)
            r = store_data_prepare(d->store, id, job.uid, (gid_t) job.uid, &e);
    }
    if (r >= 0)
        r = make_app(d, &job, &app, &e);
    if (r < 0) {
        log_err(id, "%s: it is left out until that is mended", e.text);
        installed_job_clear(&job);
        return;
    }
    app->versions = job.state;
    revision_look(app);
    record_load(app);
    load_exit_state(app);
}

int install_load_all(struct daemon *d, struct err *e) {
    return store_list(d->store, load_one, d, e);
}

/* --- removal ------------------------------------------------------------------------------ */

struct removal {
    struct app *app;
    struct call *call;
    bool keep_data;
};

static void remove_runtime_folder(struct app *app) {
    char path[PATH_MAX];
    (void) rmdir(env_runtime_path(app, NULL, path, sizeof path));
}

static void remove_done(void *arg, int result, const struct err *e) {
    struct removal *job = arg;
    struct app *app = job->app;
    struct daemon *d = app->d;

    if (result < 0) {
        app->removing = false;
        control_storage(job->call, e->text);
    } else {
        log_notice(app->id, "removed%s", job->keep_data ? ", its data kept" : "");
        output_forget(d->output, app->id);
        remove_runtime_folder(app);
        if (!job->keep_data && app->uid != (uid_t) -1)
            uids_give_back(d->uids, app->uid);
        (void) map_take(d->apps, app->id);
        app_free(app);
        call_reply(job->call);
    }
    free(job);
}

static int remove_run(void *arg, struct err *e) {
    struct removal *job = arg;
    return store_remove(job->app->d->store, job->app->id, job->keep_data, e);
}

static void app_ended(struct waiter *w, struct app *app, const struct start_failure *failure) {
    (void) failure;
    struct removal *job = w->context;
    if (app->storing) { /* an end, too, can leave something to be written */
        list_append(&app->settles, &w->node);
        return;
    }
    waiter_free(w);
    int r = work_submit(app->d->work, WORK_DISK, remove_run, remove_done, job);
    if (r < 0) {
        const struct err e = { .code = r, .text = "out of memory" };
        remove_done(job, r, &e);
    }
}

int install_remove(struct app *app, struct call *call, bool keep_data) {
    if (app->removing) {
        control_busy(call, "it is being removed already");
        return 0;
    }
    struct waiter *w = waiter_new(call, app_ended);
    struct removal *job = calloc(1, sizeof *job);
    if (!w || !job) {
        waiter_free(w);
        free(job);
        return -ENOMEM;
    }
    *job = (struct removal){ .app = app, .call = call, .keep_data = keep_data };
    w->context = job;
    app->removing = true;
    app_end(app, EXIT_REMOVED_REASON, LIFE_EV_CLOSE);
    app_when_ended(app, w);
    return 0;
}
