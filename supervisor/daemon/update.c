/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/update_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/revision.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"
#include "supervisor/daemon/work.h"
#include "units/admit.h"
#include "units/store_part.h"

#define INDEX_TIMEOUT_US (UINT64_C(60) * 1000000)
#define MACHINE_ID       "/etc/machine-id"
#define SENTENCE_MAX     400

struct update *update_of(struct app *app) {
    if (app->update)
        return app->update;
    struct update *u = calloc(1, sizeof *u);
    if (u) {
        u->app = app;
        list_init(&u->calls);
    }
    return app->update = u;
}

static void rest(struct update *u) {
    u->busy = false;
    u->index = index_free(u->index);
    free(u->url);
    u->url = NULL;
    installed_job_clear(&u->commit);
    update_let_go(u);
}

/* Its jobs on the disk lane are counted by app.storing, and such an app is not freed but at the
 * daemon's end, when the lanes are empty. */
struct update *update_free(struct update *u) {
    if (!u)
        return NULL;
    waiters_drop(&u->calls);
    u->delivery = delivery_drop(u->delivery);
    u->retry = sd_event_source_disable_unref(u->retry);
    u->holding = false; /* the app goes as well */
    rest(u);
    free(u);
    return NULL;
}

/* --- who is told -------------------------------------------------------------------------- */

static bool hears(const struct app *app) {
    return app->run && app->state != LIFE_STOPPING;
}

void update_answer(struct update *u, bool has_update, uint64_t code) {
    struct waiter *w;

    list_for_each (w, &u->calls, struct waiter, node) {
        struct jsonw *out = call_begin(w->call, false);
        jsonw_bool(out, "has_update", has_update);
        if (code)
            jsonw_u64(out, "version_code", code);
        call_end(w->call);
        waiter_free(w);
    }
}

static void checked(struct update *u, bool has_update, uint64_t code) {
    u->checked = true;
    u->not_before = 0;
    u->has_update = has_update;
    u->checked_at = loop_boottime();
    watch_update(u->app, has_update ? "available" : "check", has_update ? code : 0, NULL);
    if (hears(u->app)) {
        channel_update_check(u->app, has_update);
        channel_flush(u->app);
    }
    update_answer(u, has_update, code);
}

/* A machine that is off the net all day fails the same way each time: that is noted once. */
static void note(struct update *u, const char *action, const char *text) {
    uint64_t hash = text_hash64(text, strlen(text));

    if (u->said != hash)
        why_record(u->app, &(struct why){ .action = action, .text = text });
    u->said = hash;
}

/* No newer version was known: the app hears nothing. */
static void check_failed(struct update *u, enum package_fault fault, const char *detail) {
    char text[SENTENCE_MAX];
    struct waiter *w;

    (void) snprintf(text, sizeof text, "cannot check for an update (%s): %s",
                    package_fault_name(fault), detail);
    log_warning(u->app->id, "%s", text);
    note(u, "check_failed", text);
    u->not_before = loop_boottime() + update_back_off(u);
    watch_update(u->app, "failed", 0, package_fault_name(fault));
    list_for_each (w, &u->calls, struct waiter, node) {
        if (fault == PACKAGE_STORAGE)
            control_storage(w->call, detail);
        else
            control_bad_package(w->call, package_fault_name(fault), detail);
        waiter_free(w);
    }
    rest(u);
}

static void download_failed(struct update *u, enum package_fault fault, const char *detail) {
    struct app *app = u->app;
    char text[SENTENCE_MAX];

    (void) snprintf(text, sizeof text,
                    "version %" PRIu64 " cannot be had (%s): %s, keeping version %" PRIu64,
                    u->choice.code, package_fault_name(fault), detail, app->versions.current.code);
    log_warning(app->id, "%s", text);
    note(u, "update_failed", text);
    watch_update(app, "failed", u->choice.code, package_fault_name(fault));
    if (hears(app)) {
        channel_update_failed(app, package_fault_name(fault));
        channel_flush(app);
    }
    update_try_later(u);
    rest(u);
}

static void progress(void *userdata, const char *phase, uint64_t bytes, uint64_t total) {
    struct update *u = userdata;

    watch_progress(u->app, phase, u->choice.code, bytes, total);
}

/* --- the package -------------------------------------------------------------------------- */

static void committed(void *arg, int result, const struct err *e) {
    struct update *u = (struct update *) (void *) ((char *) arg - offsetof(struct update, commit));
    struct daemon *d = u->app->d;
    struct app *app;
    struct err err = *e;

    if (result == 0)
        result = installed_take_over(d, &u->commit, &app, &err);
    else
        installed_gave_up(d, &u->commit);
    if (result < 0)
        download_failed(u, u->commit.fault != PACKAGE_OK ? u->commit.fault : PACKAGE_STORAGE,
                        err.text);
    else {
        u->retry_after = 0;
        rest(u);
    }
}

static void delivered(void *userdata, struct delivered *what) {
    struct update *u = userdata;
    struct daemon *d = u->app->d;

    u->delivery = NULL;
    if (what->fault != PACKAGE_OK) {
        download_failed(u, what->fault, what->detail);
        return;
    }
    struct installed_source source = {
        .how = u->choice.verdict == INDEX_BACK ? ADMIT_ORDERED : ADMIT_INDEXED,
        .app_id = u->app->id,
        .expected_code = u->choice.package->code,
        .to_pending = true,
    };
    memcpy(source.file, what->sha256, sizeof source.file);
    installed_prepare(d, &what->result, what->stage, &source, &u->commit);
    int r = work_submit(d->work, WORK_DISK, installed_run, committed, &u->commit);
    if (r >= 0)
        return;
    store_stage_discard(d->store, what->stage); /* here, since nothing else can be begun */
    installed_gave_up(d, &u->commit);
    download_failed(u, PACKAGE_STORAGE, strerror(-r));
}

static void download(struct update *u) {
    struct daemon *d = u->app->d;
    struct err e = { 0 };
    const struct delivery_order order = {
        .kind = DELIVER_PACKAGE,
        .source = u->choice.package->url,
        .allow_file = strncmp(u->url, "file:", 5) == 0,
        .as_index_says = u->choice.package,
        .part_of = u->app->id,
        .timeout_us = d->config->update.install_timeout,
        .progress = progress,
        .done = delivered,
        .userdata = u,
    };
    if (admit_url(order.source, u->url, d->config->update.allow_http, &e) < 0)
        download_failed(u, PACKAGE_NETWORK, e.text);
    else if (delivery_begin(d, &order, &u->delivery) < 0)
        download_failed(u, PACKAGE_STORAGE, "out of memory");
}

/* --- the index ---------------------------------------------------------------------------- */

static unsigned place_of(const char *app_id) {
    CLEANUP(free_p) char *machine = NULL;
    size_t len;

    if (fs_read(AT_FDCWD, MACHINE_ID, 128, &machine, &len, NULL) < 0)
        return index_place("", app_id);
    machine[strcspn(machine, "\n")] = '\0';
    return index_place(machine, app_id);
}

static void choose(struct update *u, const struct store_state *s, const struct updates *known,
                   uint64_t now) {
    const char *failed[UPDATES_FAILED_MAX + 1] = { NULL };
    const struct index_device device = {
        .current = s->current.code,
        .pending = s->pending.code,
        .held = known->held,
        .failed = failed,
        .place = place_of(u->app->id),
        .now = now,
        .clock_low = known->seen,
    };
    for (size_t i = 0; i < known->n_failed; i++)
        failed[i] = known->failed[i].hash;
    index_choose(u->index, &device, &u->choice);
    u->stale = index_has_expired(u->index, &device);
}

/* On the disk lane: what the index says against what the store has by now. */
static int heed(struct revision *r, struct err *e) {
    struct update *u = r->context;
    struct updates *known = &r->updates;
    const uint64_t now = loop_realtime() / 1000000;
    const struct admit_app app = { .id = r->app->id,
                                   .code = r->state.current.code,
                                   .pinned = known->key,
                                   .index_seen = known->sequence,
                                   .floor = known->floor };
    char pin[MINISIGN_KEY_TEXT + 1];

    int result = admit_index(u->index, u->key, &app, &u->fault, e);
    if (result < 0)
        return result;
    choose(u, &r->state, known, now);
    if (u->choice.verdict != INDEX_EXPIRED) /* else it may be the clock that is wrong */
        store_part_drop(r->app->d->store, r->app->id,
                        u->choice.package ? u->choice.package->sha256 : NULL);
    uint64_t sequence = admit_sequence(u->index, u->key, &app);
    (void) snprintf(pin, sizeof pin, "%s", admit_pin(u->index, u->key, known->key));
    memcpy(known->key, pin, sizeof pin);
    known->sequence = sequence;
    known->minimum = u->index->minimum_usable;
    /* A clock is taken for right by an index that it does not call expired: one that was far ahead
     * once would else be believed for ever, and nothing would ever expire again. */
    known->seen = now > known->seen && !u->stale ? now : known->seen;
    known->offered = u->choice.package ? u->choice.code : 0;
    if (u->choice.verdict == INDEX_WITHDRAWN) {
        r->state.pending = (struct store_version){ 0 };
        known->pending_file[0] = '\0';
    }
    trial_raise_floor(&r->state, known);
    KILLPOINT(INDEX_HEEDED);
    return 1;
}

/* Somebody may go on showing an old index so that a newer one is not seen; the version that is here
 * runs on all the same. */
static void warn_stale(struct update *u) {
    static const char text[] = "its update index has expired: nothing new is taken from it, and "
                               "whether there is something newer is not known";

    log_warning(u->app->id, "%s", text);
    note(u, "stale", text);
}

static void heeded(struct revision *r, int result, const struct err *e) {
    struct update *u = r->context;
    struct app *app = r->app;

    if (result < 0) {
        check_failed(u, u->fault != PACKAGE_OK ? u->fault : PACKAGE_STORAGE, e->text);
        return;
    }
    log_info(app->id, "checked for an update: %s", index_verdict_sentence(u->choice.verdict));
    if (u->stale)
        warn_stale(u);
    if (u->choice.package) {
        checked(u, true, u->choice.code);
        download(u);
        return;
    }
    u->retry_after = 0;
    checked(u, app->versions.pending.name[0] != '\0', app->versions.pending.code);
    rest(u);
}

static void read_index(void *userdata, struct delivered *what) {
    struct update *u = userdata;
    const struct revision order = { .app = u->app, .change = heed, .done = heeded, .context = u };

    u->delivery = NULL;
    if (what->fault != PACKAGE_OK) {
        check_failed(u, what->fault, what->detail);
        return;
    }
    u->index = what->index;
    u->fault = PACKAGE_OK;
    memcpy(u->key, what->key, sizeof u->key);
    if (revision_begin(&order) < 0)
        check_failed(u, PACKAGE_STORAGE, "out of memory");
}

/* --- when --------------------------------------------------------------------------------- */

/* Where its index is; malloc'd. */
static char *index_url(const struct app *app, char pinned[MINISIGN_KEY_TEXT + 1]) {
    CLEANUP(updates_clear_p) struct updates known = { 0 };

    pinned[0] = '\0';
    if (app->versions.rest && updates_read(app->versions.rest, &known, NULL) == 0)
        memcpy(pinned, known.key, sizeof known.key);
    if (app->manifest->update_url)
        return strdup(app->manifest->update_url);
    return TAKE_PTR(known.url);
}

bool update_begin(struct update *u) {
    struct app *app = u->app;
    char pinned[MINISIGN_KEY_TEXT + 1];
    struct err e = { 0 };

    u->url = index_url(app, pinned);
    if (!u->url)
        return false;
    const struct delivery_order order = {
        .kind = DELIVER_INDEX,
        .source = u->url,
        .allow_file = strncmp(u->url, "file:", 5) == 0,
        .pinned = pinned,
        .timeout_us = INDEX_TIMEOUT_US,
        .done = read_index,
        .userdata = u,
    };
    log_debug(app->id, "its update index is asked for");
    u->busy = true;
    u->retry = sd_event_source_disable_unref(u->retry); /* this is it */
    u->choice = (struct index_choice){ .verdict = INDEX_UP_TO_DATE };
    if (admit_url(u->url, NULL, app->d->config->update.allow_http, &e) < 0)
        check_failed(u, PACKAGE_NETWORK, e.text);
    else if (delivery_begin(app->d, &order, &u->delivery) < 0)
        check_failed(u, PACKAGE_STORAGE, "out of memory");
    return true;
}
