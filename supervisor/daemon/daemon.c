/* SPDX-License-Identifier: MIT
 * The supervisor's parts, opened in the order in which they need one another. */
#include "supervisor/daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/map.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/adopt.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/dialog.h"
#include "supervisor/daemon/gid.h"
#include "supervisor/daemon/home.h"
#include "supervisor/daemon/install.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory.h"
#include "supervisor/daemon/orphans.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/place.h"
#include "supervisor/daemon/poller.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/scope.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/timers.h"
#include "supervisor/daemon/uids.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/work.h"
#include "units/store.h"
#include "units/store_part.h"

#define LOCK_TRIES   20 /* at start only, before there is a loop to block */
#define LOCK_WAIT_MS 50

struct app *daemon_app(struct daemon *d, const char *id) {
    return map_get(d->apps, id);
}

/* --- opening ------------------------------------------------------------------------------ */

static int open_runtime(struct daemon *d, struct err *e) {
    const char *dir = d->options.runtime_dir;

    int r = fs_mkdirs(dir, 0711, e);
    if (r >= 0)
        r = fs_open_dir(AT_FDCWD, dir, &d->runtime_fd, e);
    if (r >= 0)
        r = fs_mkdir(d->runtime_fd, "apps", 0711, &d->apps_fd, e);
    if (r < 0)
        return r;
    d->runtime_lock =
        openat(d->runtime_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->runtime_lock < 0)
        return err_set(e, -errno, "cannot make '%s/lock': %s", dir, strerror(errno));
    /* One that was just killed holds it until the kernel is done with it. */
    for (int tries = LOCK_TRIES; flock(d->runtime_lock, LOCK_EX | LOCK_NB) < 0; tries--) {
        if (tries == 0)
            return err_set(e, -EBUSY,
                           "another miniprogd uses the runtime folder '%s': end it first", dir);
        (void) poll(NULL, 0, LOCK_WAIT_MS);
    }
    return 0;
}

/* Uids of their own need root, and a range that this user namespace maps. */
static int decide_uids(struct daemon *d, struct err *e) {
    const struct config *c = d->config;

    if (d->options.user || geteuid() != 0) {
        if (c->apps.uid_range_given && !d->options.user)
            return err_set(e, -EPERM, "[apps] uid_range needs root: leave it out, or run as root");
        log_warning(NULL,
                    "apps run under this user's own uid and are not isolated from each other");
        return 0;
    }
    if (!place_uids_are_mapped(c->apps.uid_low, c->apps.uid_high)) {
        if (c->apps.uid_range_given)
            return err_set(e, -EINVAL,
                           "[apps] uid_range %u-%u is not mapped in this user namespace",
                           c->apps.uid_low, c->apps.uid_high);
        log_warning(NULL, "uids %u-%u are not mapped here: apps run under the daemon's uid",
                    c->apps.uid_low, c->apps.uid_high);
        return 0;
    }
    d->isolates = true;
    return uids_new(c, d->store, &d->uids, e);
}

static int resolve_groups(struct daemon *d, struct err *e) {
    char **names = d->config->apps.groups;
    size_t n = 0;

    while (names && names[n])
        n++;
    d->app_groups = n ? calloc(n, sizeof *d->app_groups) : NULL;
    if (n && !d->app_groups)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        int r = gid_of(names[i], &d->app_groups[d->n_app_groups]);
        if (r == 0)
            return err_set(e, -EINVAL, "[apps] groups: there is no group '%s'", names[i]);
        if (r < 0)
            return err_set(e, r, "[apps] groups: cannot look for '%s': %s", names[i], strerror(-r));
        d->n_app_groups++;
    }
    return 0;
}

static int on_groups(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) s;
    (void) fd;
    (void) revents;
    struct daemon *d = userdata;
    struct cgrp_group *group;

    while (cgrp_root_next_empty(d->groups, &group) == 1) {
        struct group_owner *owner = cgrp_group_owner(group);
        owner->emptied(owner);
    }
    return 0;
}

static int on_scope(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) fd;
    (void) revents;
    (void) userdata;
    log_err(NULL,
            "the scope of the apps is being stopped, ending: the next start asks for another");
    (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
    return sd_event_exit(sd_event_source_get_event(s), -EOWNERDEAD);
}

/* Under systemd the apps' groups stand in a unit of their own. */
static int open_scope(struct daemon *d, const char *suffix, struct err *e) {
    struct err own = { 0 };
    sd_event_source *s = NULL;

    if (d->options.backend == CGRP_NONE)
        return 0;
    int r = scope_open(d->options.user, suffix, &d->scope, &own);
    if (r < 0) {
        if (r != -EOPNOTSUPP)
            log_warning(NULL, "%s, staying in our own group: a restart may end the apps", own.text);
        return 0;
    }
    r = sd_event_add_io(d->event, &s, scope_fd(d->scope), POLLIN, on_scope, d);
    if (r < 0)
        return err_set(e, r, "cannot watch the scope: %s", strerror(-r));
    (void) sd_event_source_set_floating(s, true);
    (void) sd_event_source_unref(s);
    return 0;
}

static void make_suffix(const struct daemon *d, char ret[static 20]) {
    const char *dir = d->options.runtime_dir;
    (void) snprintf(ret, 20, "-%08" PRIx32, (uint32_t) text_hash64(dir, strlen(dir)));
}

static int open_groups(struct daemon *d, struct err *e) {
    char suffix[20] = "";
    sd_event_source *s = NULL;

    if (!d->options.default_runtime_dir)
        make_suffix(d, suffix);
    int r = open_scope(d, suffix, e);
    if (r < 0)
        return r;
    /* A user's own systemd keeps scopes apart; below a group of everybody's the name has to. */
    if (!d->scope && d->options.user)
        make_suffix(d, suffix);
    const struct cgrp_config config = { .want = d->options.backend,
                                        .suffix = suffix,
                                        .at = d->scope ? scope_path(d->scope) : NULL,
                                        .bare = true,
                                        .proc = "/proc" };
    r = cgrp_root_open(&config, &d->groups, e);
    if (r < 0)
        return r;
    if (cgrp_root_kind(d->groups) == CGRP_NONE) {
        log_warning(NULL, "%s", cgrp_root_describe(d->groups));
        r = orphans_take(d, e);
        if (r < 0)
            return r;
    } else {
        log_info(NULL, "%s", cgrp_root_describe(d->groups));
    }
    r = sd_event_add_io(d->event, &s, cgrp_root_fd(d->groups), POLLIN, on_groups, d);
    if (r < 0)
        return err_set(e, r, "cannot watch the groups: %s", strerror(-r));
    (void) sd_event_source_set_priority(s, LOOP_EXIT);
    (void) sd_event_source_set_floating(s, true);
    (void) sd_event_source_unref(s);
    return 0;
}

static int open_locked_store(struct daemon *d, struct err *e) {
    int r, tries = LOCK_TRIES;
    while ((r = store_open(d->options.state_dir, &d->store, e)) == -EBUSY && tries-- > 0)
        (void) poll(NULL, 0, LOCK_WAIT_MS);
    return r;
}

static int open_store(struct daemon *d, struct err *e) {
    int r = fs_mkdirs(d->options.state_dir, 0711, e);
    if (r >= 0)
        r = open_locked_store(d, e);
    if (r < 0)
        return r;
    if (store_is_volatile(d->store))
        log_warning(NULL, "'%s' is on tmpfs: what is installed does not outlive this boot",
                    d->options.state_dir);
    return 0;
}

static int open_output(struct daemon *d, struct err *e) {
    char fifos[PATH_MAX], logs[PATH_MAX];

    /* Where our own lines go, theirs go: started by hand, both are to be had without it. */
    d->journal = log_is_journal() && access("/run/systemd/journal/stdout", W_OK) == 0;
    (void) snprintf(fifos, sizeof fifos, "%s/output", d->options.runtime_dir);
    (void) snprintf(logs, sizeof logs, "%s/log", d->options.state_dir);
    return output_new(d->event, fifos, logs, d->config->apps.log_size, &d->output, e);
}

static int on_stopped(sd_event_source *s, void *userdata) {
    (void) s;
    app_finish_suspends(userdata);
    return 0;
}

/* After all timers that are due, before anybody can ask. */
static int open_after_stops(struct daemon *d, struct err *e) {
    int r = sd_event_add_defer(d->event, &d->after_stops, on_stopped, d);

    if (r >= 0)
        r = sd_event_source_set_priority(d->after_stops, LOOP_BOOKS);
    if (r >= 0)
        r = sd_event_source_set_enabled(d->after_stops, SD_EVENT_OFF);
    return r < 0 ? err_set(e, r, "cannot make an event source: %s", strerror(-r)) : 0;
}

static int open_parts(struct daemon *d, struct err *e) {
    d->apps = map_new();
    if (!d->apps)
        return err_set(e, -ENOMEM, "out of memory");
    d->watch = watch_new(d);
    d->dialogs = dialogs_new(d);
    d->installer = installer_new(d);
    if (!d->apps || !d->watch || !d->dialogs || !d->installer)
        return err_set(e, -ENOMEM, "out of memory");
    int r = poller_new(d->event, LOOP_CONTROL, &d->calls, e);
    if (r >= 0)
        r = poller_new(d->event, LOOP_EXIT, &d->exits, e);
    if (r >= 0)
        r = timers_new(d->event, LOOP_TIMER, &d->deadlines, e);
    if (r >= 0)
        r = open_after_stops(d, e);
    if (r >= 0)
        r = work_new(d->event, &d->work, e);
    if (r >= 0)
        r = open_output(d, e);
    if (r >= 0)
        r = runstates_new(d, &d->runstates, e);
    if (r >= 0)
        r = memory_new(d, &d->memory, e);
    return r;
}

/* The first socket that systemd handed over, if any. */
static int handed_socket(void) {
    return sd_listen_fds(true) > 0 ? SD_LISTEN_FDS_START : -1;
}

static int tidy(void *store, struct err *e) {
    store_parts_tidy(store, loop_realtime() / 1000000);
    return store_tidy(store, e);
}

static void tidied(void *store, int result, const struct err *e) {
    (void) store;
    if (result < 0)
        log_warning(NULL, "what is left of old versions stays until the next start: %s", e->text);
}

int daemon_open(struct daemon *d, const struct daemon_options *options, struct err *e) {
    *d =
        (struct daemon){ .options = *options, .runtime_fd = -1, .apps_fd = -1, .runtime_lock = -1 };
    list_init(&d->front);
    list_init(&d->warm);
    list_init(&d->kept);
    list_init(&d->suspending);

    int r = config_load(options->config_path, &d->config, e);
    if (r >= 0)
        r = place_check_folder(options->runtime_dir, "runtime", options->user, e);
    if (r >= 0)
        r = place_check_folder(options->state_dir, "state", options->user, e);
    if (r >= 0) {
        r = sd_event_default(&d->event);
        if (r < 0)
            r = err_set(e, r, "cannot make the event loop: %s", strerror(-r));
    }
    if (r >= 0)
        r = open_runtime(d, e);
    if (r >= 0)
        r = open_store(d, e);
    if (r >= 0)
        r = decide_uids(d, e);
    if (r >= 0)
        r = resolve_groups(d, e);
    if (r >= 0)
        r = control_resolve(d, e);
    if (r >= 0)
        r = open_groups(d, e);
    if (r >= 0)
        r = open_parts(d, e);
    if (r >= 0)
        r = install_load_all(d, e);
    if (r >= 0)
        r = adopt_all(d, e);
    if (r >= 0) /* what runs holds its version from here on */
        r = work_submit(d->work, WORK_DISK, tidy, tidied, d->store);
    if (r >= 0)
        r = control_open(d, handed_socket(), e);
    if (r < 0)
        return r;
    d->home = home_new(d);
    home_look(d->home);
    return 0;
}

/* --- closing ------------------------------------------------------------------------------ */

void daemon_close(struct daemon *d, bool leave_apps) {
    struct app *app;
    size_t at = 0;

    app_finish_suspends(d);
    d->home = home_free(d->home);
    d->control = server_free(d->control, leave_apps);
    if (d->work)
        work_drain(d->work); /* a spawn that is on its way must be known to the next daemon */
    if (d->runstates)
        runstate_flush(d->runstates);
    while (d->apps && (app = map_next(d->apps, &at))) {
        (void) map_take(d->apps, app->id);
        app_free(app);
    }
    d->installer = installer_free(d->installer);
    if (d->work)
        work_drain(d->work); /* reclaim jobs point at the memory side */
    d->memory = memory_free(d->memory);
    d->work = work_free(d->work);
    d->runstates = runstates_free(d->runstates);
    d->dialogs = dialogs_free(d->dialogs);
    d->watch = watch_free(d->watch);
    d->output = output_free(d->output);
    d->apps = map_free(d->apps);
    if (d->groups && !leave_apps)
        cgrp_root_remove(d->groups);
    d->groups = cgrp_root_free(d->groups);
    d->scope = scope_close(d->scope, leave_apps);
    d->uids = uids_free(d->uids);
    d->store = store_close(d->store);
    free(d->app_groups);
    close_p(&d->runtime_lock);
    close_p(&d->apps_fd);
    close_p(&d->runtime_fd);
    d->after_stops = sd_event_source_disable_unref(d->after_stops);
    d->deadlines = timers_free(d->deadlines);
    d->exits = poller_free(d->exits);
    d->calls = poller_free(d->calls);
    d->event = sd_event_unref(d->event);
    d->config = config_free(d->config);
}

/* --- signals ------------------------------------------------------------------------------ */

void daemon_reload(struct daemon *d) {
    struct config *fresh = NULL;
    struct err e = { 0 };

    /* Type=notify-reload wants to know that this is the answer to its signal, by the time. */
    (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, loop_clock(CLOCK_MONOTONIC));
    if (config_load(d->options.config_path, &fresh, &e) < 0) {
        log_err(NULL, "%s, keeping the present configuration", e.text);
    } else {
        config_free(d->config);
        d->config = fresh;
        server_set_max_connections(d->control, fresh->control.max_clients);
        output_set_log_size(d->output, fresh->apps.log_size);
        memory_configure(d->memory);
        app_enforce_warm(d);
        home_look(d->home);
        log_notice(NULL, "configuration read anew");
    }
    (void) sd_notify(false, "READY=1");
}

void daemon_end(struct daemon *d) {
    struct app *app;
    size_t at = 0;
    bool again = d->ending;

    d->ending = true;
    (void) sd_notify(false, "STOPPING=1");
    while ((app = map_next(d->apps, &at)))
        if (app->run)
            app_end(app, EXIT_SUPERVISOR_REASON, again ? LIFE_EV_KILL : LIFE_EV_CLOSE);
    daemon_check_ended(d);
}

void daemon_check_ended(struct daemon *d) {
    if (d->ending && d->n_live == 0 && d->n_strays == 0)
        (void) sd_event_exit(d->event, 0);
}
