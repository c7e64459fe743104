/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cgroups/check.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/place.h"
#include "supervisor/daemon/scope.h"

static const char *mark_of(enum cgrp_verdict verdict) {
    switch (verdict) {
    case CGRP_WORKS:
        return "ok     ";
    case CGRP_PARTLY:
        return "partly ";
    case CGRP_MISSING:
        return "MISSING";
    }
    return "?";
}

static void found(const struct cgrp_finding *f, void *userdata) {
    (void) userdata;
    (void) printf("%s  %-18s", mark_of(f->verdict), f->what);
    if (f->took_us)
        (void) printf("%7" PRIu64 " us  ", f->took_us);
    else
        (void) printf("%12s", "");
    (void) printf("%s\n", f->detail);
}

static bool say(const char *what, int r, const struct err *e, const char *fine) {
    (void) printf("%s  %-18s%12s%s\n", r < 0 ? "MISSING" : "ok     ", what, "",
                  r < 0 ? e->text : fine);
    return r >= 0;
}

int check_run(const struct daemon_options *o) {
    struct config *config = NULL;
    struct err e = { 0 };

    bool fine = say("configuration", config_load(o->config_path, &config, &e), &e,
                    "read, every value is good");
    fine &= say("runtime folder", place_check_folder(o->runtime_dir, "runtime", o->user, &e), &e,
                o->runtime_dir);
    fine &= say("state folder", place_check_folder(o->state_dir, "state", o->user, &e), &e,
                o->state_dir);
    if (config && geteuid() == 0 && !o->user &&
        !place_uids_are_mapped(config->apps.uid_low, config->apps.uid_high))
        (void) printf(
            "partly   %-18s%12suids %u-%u are not mapped here: apps share the daemon's uid\n",
            "app uids", "", config->apps.uid_low, config->apps.uid_high);

    struct scope *scope = NULL;
    char suffix[24];
    (void) snprintf(suffix, sizeof suffix, "-check-%d", getpid());
    int r = o->backend == CGRP_NONE ? -EOPNOTSUPP : scope_open(o->user, suffix, &scope, &e);
    if (r != -EOPNOTSUPP)
        (void) say("scope", r, &e, "systemd made one, and hands it on to us");
    const struct cgrp_config want = { .want = o->backend,
                                      .suffix = "",
                                      .at = scope ? scope_path(scope) : NULL,
                                      .bare = true,
                                      .proc = "/proc" };
    r = cgrp_check(&want, found, NULL, &e);
    (void) scope_close(scope, false);
    if (r < 0)
        (void) printf("MISSING  %-18s%12s%s\n", "groups", "", e.text);
    config_free(config);
    fine &= r >= 0;
    (void) puts(fine ? "A supervisor can run here."
                     : "A supervisor cannot run here as configured.");
    return fine ? 0 : 1;
}
