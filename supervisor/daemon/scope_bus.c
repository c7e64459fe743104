/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/scope_bus.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/loop.h"

#define SYSTEMD     "org.freedesktop.systemd1"
#define PATH        "/org/freedesktop/systemd1"
#define MANAGER     "org.freedesktop.systemd1.Manager"
#define UNIT        "org.freedesktop.systemd1.Unit"
#define SCOPE       "org.freedesktop.systemd1.Scope"
#define PATIENCE_US UINT64_C(20000000)
#define STOP_US     UINT64_C(10000000) /* what is left in the scope at a shutdown */

struct scope_bus {
    sd_bus *bus;
    /* The job that scope_bus_start() waits for. Its end may be told before we know its name. */
    char *job, *ended_job, *result;
};

static void message_p(sd_bus_message **m) {
    (void) sd_bus_message_unref(*m);
}

static int refused(struct err *e, int r, const char *what, const sd_bus_error *error) {
    return err_set(e, r < 0 ? r : -EIO, "systemd: cannot %s: %.120s", what,
                   error->message ? error->message : strerror(-r));
}

int scope_bus_open(bool user, struct scope_bus **ret, struct err *e) {
    struct scope_bus *bus = calloc(1, sizeof *bus);

    if (!bus)
        return err_set(e, -ENOMEM, "out of memory");
    int r = user ? sd_bus_open_user(&bus->bus) : sd_bus_open_system(&bus->bus);
    if (r >= 0)
        r = sd_bus_set_method_call_timeout(bus->bus, PATIENCE_US);
    if (r < 0) {
        (void) scope_bus_close(bus);
        return err_set(e, r, "cannot reach the %s's D-Bus: %s", user ? "user" : "system",
                       strerror(-r));
    }
    *ret = bus;
    return 0;
}

struct scope_bus *scope_bus_close(struct scope_bus *bus) {
    if (!bus)
        return NULL;
    (void) sd_bus_flush_close_unref(bus->bus);
    free(bus->job);
    free(bus->ended_job);
    free(bus->result);
    free(bus);
    return NULL;
}

/* --- how it is ---------------------------------------------------------------------------- */

static int property(struct scope_bus *bus, const char *path, const char *interface,
                    const char *name, char **ret, struct err *e) {
    sd_bus_error error = SD_BUS_ERROR_NULL;

    int r = sd_bus_get_property_string(bus->bus, SYSTEMD, path, interface, name, &error, ret);
    if (r < 0)
        r = refused(e, r, "tell of the scope", &error);
    sd_bus_error_free(&error);
    return r < 0 ? r : 0;
}

static enum scope_state state_of(const char *active) {
    if (strcmp(active, "active") == 0)
        return SCOPE_ACTIVE;
    return strcmp(active, "inactive") == 0 ? SCOPE_MISSING : SCOPE_ENDING;
}

int scope_bus_look(struct scope_bus *bus, const char *unit, enum scope_state *ret_state,
                   char **ret_path, struct err *e) {
    CLEANUP(message_p) sd_bus_message *reply = NULL;
    CLEANUP(free_p) char *active = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const char *path;

    int r =
        sd_bus_call_method(bus->bus, SYSTEMD, PATH, MANAGER, "GetUnit", &error, &reply, "s", unit);
    if (r < 0) {
        bool missing = sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit");
        if (missing)
            *ret_state = SCOPE_MISSING;
        else
            r = refused(e, r, "look for the scope", &error);
        sd_bus_error_free(&error);
        return missing ? 0 : r;
    }
    r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return err_set(e, r, "systemd's answer makes no sense");
    r = property(bus, path, UNIT, "ActiveState", &active, e);
    if (r < 0)
        return r;
    enum scope_state state = state_of(active);
    if (state == SCOPE_ACTIVE)
        r = property(bus, path, SCOPE, "ControlGroup", ret_path, e);
    if (r == 0)
        *ret_state = state;
    return r;
}

/* --- making it ---------------------------------------------------------------------------- */

/* "252.39-1~deb12u1" */
static long version_of(struct scope_bus *bus) {
    CLEANUP(free_p) char *text = NULL;

    if (property(bus, PATH, MANAGER, "Version", &text, NULL) < 0)
        return 0;
    return strtol(text, NULL, 10);
}

static int add_properties(sd_bus_message *m, long version, const pid_t *pids, size_t n) {
    int r = sd_bus_message_open_container(m, 'a', "(sv)");

    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)", "Description", "s", "Mini-programs");
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)", "Slice", "s", "miniprog.slice");
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1);
    if (r >= 0) /* so that at a shutdown the supervisor ends the apps, and not systemd */
        r = sd_bus_message_append(m, "(sv)", "Before", "as", 1, "miniprogd.service");
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)", "CollectMode", "s", "inactive-or-failed");
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)", "TimeoutStopUSec", "t", STOP_US);
    if (r >= 0) /* each app has a limit of its own */
        r = sd_bus_message_append(m, "(sv)", "TasksMax", "t", UINT64_MAX);
    /* An app that is killed for its memory is its own affair. Scopes know the word since 253. */
    if (r >= 0 && version >= 253)
        r = sd_bus_message_append(m, "(sv)", "OOMPolicy", "s", "continue");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'r', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", "PIDs");
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "au");
    if (r >= 0)
        r = sd_bus_message_append_array(m, 'u', pids, n * sizeof *pids);
    for (int i = 0; r >= 0 && i < 3; i++)
        r = sd_bus_message_close_container(m);
    return r;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    struct scope_bus *bus = userdata;
    const char *job, *result;
    uint32_t id;

    (void) error;
    if (sd_bus_message_read(m, "uoss", &id, &job, NULL, &result) < 0)
        return 0;
    if (bus->job ? strcmp(bus->job, job) != 0 : false)
        return 0;
    free(bus->ended_job);
    free(bus->result);
    bus->ended_job = strdup(job);
    bus->result = strdup(result);
    return 0;
}

static bool job_has_ended(const struct scope_bus *bus) {
    return bus->ended_job && bus->result && strcmp(bus->ended_job, bus->job) == 0;
}

static int wait_for_job(struct scope_bus *bus, struct err *e) {
    uint64_t end = loop_boottime() + PATIENCE_US;

    while (!job_has_ended(bus)) {
        int r = sd_bus_process(bus->bus, NULL);
        uint64_t now = loop_boottime();
        if (r == 0 && now < end && !job_has_ended(bus))
            r = sd_bus_wait(bus->bus, end - now);
        if (r < 0)
            return err_set(e, r, "systemd went away: %s", strerror(-r));
        if (now >= end)
            return err_set(e, -ETIMEDOUT, "systemd does not get the scope started");
    }
    if (strcmp(bus->result, "done") != 0)
        return err_set(e, -ECANCELED, "systemd could not start the scope: %.60s", bus->result);
    return 0;
}

static int start_call(struct scope_bus *bus, const char *unit, const pid_t *pids, size_t n,
                      struct err *e) {
    CLEANUP(message_p) sd_bus_message *m = NULL, *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const char *job;

    int r =
        sd_bus_message_new_method_call(bus->bus, &m, SYSTEMD, PATH, MANAGER, "StartTransientUnit");
    if (r >= 0)
        r = sd_bus_message_append(m, "ss", unit, "fail");
    if (r >= 0)
        r = add_properties(m, version_of(bus), pids, n);
    if (r >= 0)
        r = sd_bus_message_append(m, "a(sa(sv))", 0);
    if (r < 0)
        return err_set(e, r, "cannot write to systemd: %s", strerror(-r));
    r = sd_bus_call(bus->bus, m, PATIENCE_US, &error, &reply);
    if (r < 0) {
        if (sd_bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists"))
            r = -EEXIST;
        r = refused(e, r, "make a scope", &error);
        sd_bus_error_free(&error);
        return r;
    }
    r = sd_bus_message_read(reply, "o", &job);
    bus->job = r < 0 ? NULL : strdup(job);
    return bus->job ? 0 : err_set(e, r < 0 ? r : -ENOMEM, "systemd's answer makes no sense");
}

int scope_bus_start(struct scope_bus *bus, const char *unit, const pid_t *pids, size_t n,
                    struct err *e) {
    free(bus->job);
    bus->job = NULL;
    int r = sd_bus_match_signal(bus->bus, NULL, SYSTEMD, PATH, MANAGER, "JobRemoved",
                                on_job_removed, bus);
    if (r >= 0) /* else it tells nobody of its jobs */
        r = sd_bus_call_method(bus->bus, SYSTEMD, PATH, MANAGER, "Subscribe", NULL, NULL, NULL);
    if (r < 0)
        return err_set(e, r, "cannot listen to systemd: %s", strerror(-r));
    r = start_call(bus, unit, pids, n, e);
    return r < 0 ? r : wait_for_job(bus, e);
}

int scope_bus_attach(struct scope_bus *bus, const char *unit, const char *group, pid_t pid,
                     struct err *e) {
    sd_bus_error error = SD_BUS_ERROR_NULL;

    int r = sd_bus_call_method(bus->bus, SYSTEMD, PATH, MANAGER, "AttachProcessesToUnit", &error,
                               NULL, "ssau", unit, group, 1, (uint32_t) pid);
    if (r < 0)
        r = refused(e, r, "put a process into the scope", &error);
    sd_bus_error_free(&error);
    return r < 0 ? r : 0;
}
