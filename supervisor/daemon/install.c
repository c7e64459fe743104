/* SPDX-License-Identifier: MIT
 * install.c - one Install call: deliver, commit, take over.
 *
 *   delivery     an index, if that is what the URL names; then the package, into a stage
 *   disk lane    installed_run()
 *   loop         the app is known, or its next version is pending
 */
#include "supervisor/daemon/install.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/list.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/delivery.h"
#include "supervisor/daemon/home.h"
#include "supervisor/daemon/installed.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/work.h"
#include "supervisor/daemon/worker_run.h"
#include "units/admit.h"
#include "units/index.h"
#include "units/store.h"
#include "units/updates.h"

struct install {
    struct list node;
    struct installer *all;
    struct call *call;
    char *source;
    enum delivery_kind kind;
    bool is_unsigned;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    struct delivery *delivery;
    struct index *index;
    struct installed_source from;
    uint64_t code;
    struct installed_job commit;
};

struct installer {
    struct daemon *d;
    struct list waiting; /* struct install; the first one is in work */
};

static void begin_next(struct installer *all);

/* --- making and freeing ------------------------------------------------------------------- */

struct installer *installer_new(struct daemon *d) {
    struct installer *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->d = d;
    list_init(&all->waiting);
    return all;
}

static void install_free(struct install *in) {
    list_remove(&in->node);
    delivery_drop(in->delivery);
    installed_job_clear(&in->commit);
    index_free(in->index);
    free(in->groups);
    free(in->source);
    free(in);
}

/* At the end of the daemon: the callers have lost their connections, stages are cleared at the next
 * start. */
struct installer *installer_free(struct installer *all) {
    struct install *in;
    if (!all)
        return NULL;
    list_for_each (in, &all->waiting, struct install, node) {
        call_drop(in->call);
        install_free(in);
    }
    free(all);
    return NULL;
}

bool installer_owns(const struct installer *all, pid_t pid) {
    (void) all;
    return worker_owns(pid);
}

/* --- the end of one ----------------------------------------------------------------------- */

static void end_with(struct install *in) {
    struct installer *all = in->all;
    install_free(in);
    begin_next(all);
}

static void refuse(struct install *in, enum package_fault fault, const char *detail) {
    if (fault == PACKAGE_STORAGE)
        control_storage(in->call, detail);
    else
        control_bad_package(in->call, package_fault_name(fault), detail);
    end_with(in);
}

static void fail(struct install *in, const char *detail) {
    refuse(in, PACKAGE_STORAGE, detail);
}

/* --- commit ------------------------------------------------------------------------------- */

static void commit_done(void *arg, int result, const struct err *e) {
    struct install *in =
        (struct install *) (void *) ((char *) arg - offsetof(struct install, commit));
    struct daemon *d = in->all->d;
    struct app *app = NULL;
    struct err err = *e;

    if (result == 0)
        result = installed_take_over(d, &in->commit, &app, &err);
    else
        installed_gave_up(d, &in->commit);
    if (result < 0) {
        refuse(in, in->commit.fault != PACKAGE_OK ? in->commit.fault : PACKAGE_STORAGE, err.text);
        return;
    }
    struct jsonw *w = call_begin(in->call, false);
    jsonw_string(w, "id", app->id);
    jsonw_u64(w, "version_code", in->code);
    jsonw_bool(w, "pending", in->commit.pending);
    call_end(in->call);
    end_with(in);
    home_look(d->home);
}

/* The worker is gone, whole group and all: nobody can change the stage any more. */
static void commit(struct install *in, const struct delivered *what) {
    struct daemon *d = in->all->d;

    in->code = what->result.code;
    memcpy(in->from.file, what->sha256, sizeof in->from.file);
    if (in->kind == DELIVER_PACKAGE)
        memcpy(in->from.key, what->key, sizeof in->from.key);
    installed_prepare(d, &what->result, what->stage, &in->from, &in->commit);
    int r = work_submit(d->work, WORK_DISK, installed_run, commit_done, &in->commit);
    if (r >= 0)
        return;
    store_stage_discard(d->store, what->stage); /* here, since nothing else can be begun */
    installed_gave_up(d, &in->commit);
    fail(in, strerror(-r));
}

/* --- deliveries --------------------------------------------------------------------------- */

static void begin(struct install *in, enum delivery_kind kind, const char *source,
                  const struct index_package *package);

static int known_of(const struct app *app, struct updates *ret) {
    *ret = (struct updates){ 0 };
    return app && app->versions.rest ? updates_read(app->versions.rest, ret, NULL) : 0;
}

/* An index names the app; the highest version that it has for this device is installed. */
static void choose(struct install *in, struct delivered *what) {
    CLEANUP(updates_clear_p) struct updates u = { 0 };
    struct daemon *d = in->all->d;
    const struct index *ix = in->index = what->index;
    struct app *app = daemon_app(d, ix->app_id);
    const uint64_t now = loop_realtime() / 1000000;
    struct index_choice choice;
    enum package_fault fault = PACKAGE_OK;
    struct err e = { 0 };

    if (known_of(app, &u) < 0) {
        fail(in, "out of memory");
        return;
    }
    const struct admit_app known = {
        .id = app ? app->id : NULL, .pinned = u.key, .index_seen = u.sequence, .floor = u.floor
    };
    if (admit_index(ix, what->key, &known, &fault, &e) < 0) {
        refuse(in, fault, e.text);
        return;
    }
    const struct index_device device = { .current = app ? app->versions.current.code : 0,
                                         .pending = app ? app->versions.pending.code : 0,
                                         .now = now,
                                         .clock_low = u.seen };
    index_choose(ix, &device, &choice);
    if (!choice.package) {
        refuse(in, choice.verdict == INDEX_EXPIRED ? PACKAGE_EXPIRED : PACKAGE_SAME_VERSION,
               index_verdict_sentence(choice.verdict));
        return;
    }
    if (admit_url(choice.package->url, in->source, d->config->update.allow_http, &e) < 0) {
        refuse(in, PACKAGE_NETWORK, e.text);
        return;
    }
    in->from = (struct installed_source){
        .how = choice.verdict == INDEX_BACK ? ADMIT_ORDERED : ADMIT_INDEXED,
        .app_id = ix->app_id,
        .expected_code = choice.package->code,
        .sequence = admit_sequence(ix, what->key, &known),
        .minimum = ix->minimum_usable,
        .seen = now,
        .index_url = in->source,
        .index = ix,
    };
    (void) strcpy(in->from.signer, what->key);
    (void) strcpy(in->from.key, admit_pin(ix, what->key, u.key));
    begin(in, DELIVER_PACKAGE, choice.package->url, choice.package);
}

static void delivered(void *userdata, struct delivered *what) {
    struct install *in = userdata;

    in->delivery = NULL;
    if (what->fault != PACKAGE_OK)
        refuse(in, what->fault, what->detail);
    else if (what->index)
        choose(in, what);
    else
        commit(in, what);
}

static void progress(void *userdata, const char *phase, uint64_t bytes, uint64_t total) {
    struct install *in = userdata;
    watch_install(in->all->d->watch, phase, in->from.expected_code, bytes, total);
}

static void begin(struct install *in, enum delivery_kind kind, const char *source,
                  const struct index_package *package) {
    struct daemon *d = in->all->d;
    const struct delivery_order order = {
        .kind = kind,
        .source = source,
        .allow_file = in->source[0] == '/' || strncmp(in->source, "file:", 5) == 0,
        .want_signature = in->kind == DELIVER_PACKAGE && !in->is_unsigned,
        .as_index_says = package,
        .as_caller = true,
        .uid = in->uid,
        .gid = in->gid,
        .groups = in->groups,
        .n_groups = in->n_groups,
        .timeout_us = d->config->update.install_timeout,
        .progress = kind == DELIVER_PACKAGE ? progress : NULL,
        .done = delivered,
        .userdata = in,
    };
    if (delivery_begin(d, &order, &in->delivery) < 0)
        fail(in, "out of memory");
}

static void begin_next(struct installer *all) {
    struct install *in = list_first(&all->waiting, struct install, node);

    if (in)
        begin(in, in->kind, in->source, NULL);
}

/* --- the call ----------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_url(const char *source) {
    return strstr(source, "://") != NULL;
}

static enum delivery_kind kind_of(const char *source) {
    if (ends_in(source, ".ma"))
        return DELIVER_PACKAGE;
    return is_url(source) ? DELIVER_INDEX : DELIVER_FOLDER;
}

/* What cannot be installed, in words; NULL: it can be tried. */
static const char *objection(struct daemon *d, const struct json *p, enum package_fault *ret,
                             struct err *e) {
    const char *source = json_get_string(p, "source", "");
    bool is_unsigned = json_get_bool(p, "unsigned", false);

    *ret = PACKAGE_NETWORK;
    if (is_url(source) && admit_url(source, NULL, d->config->update.allow_http, e) < 0)
        return e->text;
    *ret = PACKAGE_FORMAT;
    if (strlen(source) >= PATH_MAX)
        return "the source's path is too long";
    if (!is_url(source) && source[0] != '/')
        return "the source must be an absolute path";
    *ret = PACKAGE_SIGNATURE;
    if (is_url(source) && is_unsigned)
        return "what comes by a URL must be signed";
    if (kind_of(source) == DELIVER_FOLDER && !is_unsigned)
        return "a folder has no signature: install it as unsigned if it is yours, for development";
    return NULL;
}

static struct install *install_new(struct installer *all, struct call *call) {
    const struct ucred *peer = call_peer(call);
    const struct json *p = call_parameters(call);
    struct install *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    list_init(&in->node);
    in->all = all;
    in->call = call;
    in->uid = peer->uid;
    in->gid = peer->gid;
    in->source = strdup(json_get_string(p, "source", ""));
    in->is_unsigned = json_get_bool(p, "unsigned", false);
    in->kind = kind_of(json_get_string(p, "source", ""));
    in->from.how = in->is_unsigned ? ADMIT_FOLDER : ADMIT_SIGNED;
    const gid_t *groups = call_peer_groups(call, &in->n_groups);
    if (in->n_groups > 0 && (in->groups = calloc(in->n_groups, sizeof *in->groups)))
        memcpy(in->groups, groups, in->n_groups * sizeof *groups);
    if (!in->source || (in->n_groups > 0 && !in->groups)) {
        install_free(in);
        return NULL;
    }
    return in;
}

int install_request(struct installer *all, struct call *call) {
    enum package_fault fault;
    struct err e = { 0 };
    const char *why_not = objection(all->d, call_parameters(call), &fault, &e);

    if (why_not) {
        control_bad_package(call, package_fault_name(fault), why_not);
        return 0;
    }
    struct install *in = install_new(all, call);
    if (!in)
        return -ENOMEM;
    bool idle = list_empty(&all->waiting);
    list_append(&all->waiting, &in->node);
    if (idle)
        begin_next(all);
    return 0;
}
