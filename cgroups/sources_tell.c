/* SPDX-License-Identifier: MIT
 * sources_tell.c - what works, what is missing, and why, for people. */
#include "cgroups/sources.h"

#include "cgroups/backend.h"
#include "cgroups/sources_parts.h"
#include "supervisor/base/parse.h"

#include <stdio.h>
#include <string.h>

static void tell_budget(const struct cgrp_sources *s, struct cgrp_source_info *info) {
    const struct cgrp_meter *m = &s->budget;
    char size[16];

    info->name = cgrp_fact_name(CGRP_FACT_BUDGET);
    info->works = !list_empty(&m->in_set);
    info->last = s->last_budget;
    if (s->config.budget != CGRP_NO_LIMIT)
        (void) snprintf(info->threshold, sizeof info->threshold,
                        "85%% is 5, 92%% is 10, 97%% is 15 of %s",
                        format_size(s->config.budget, size, sizeof size));
    const struct err *why = m->why ? m->why : s->why_budget;
    (void) snprintf(info->detail, sizeof info->detail, "%s", why ? why->text : "");
}

static void tell_available(const struct cgrp_sources *s, struct cgrp_source_info *info) {
    const struct cgrp_available *a = &s->config.available;

    info->name = cgrp_fact_name(CGRP_FACT_AVAILABLE);
    info->works = !s->why_available;
    info->last = s->last_available;
    (void) snprintf(info->threshold, sizeof info->threshold,
                    "below %u.%u%% is 10 until %u.%u%%, below %u.%u%% is 15 until %u.%u%%",
                    a->enter[0] / 10, a->enter[0] % 10, a->leave[0] / 10, a->leave[0] % 10,
                    a->enter[1] / 10, a->enter[1] % 10, a->leave[1] / 10, a->leave[1] % 10);
    (void) snprintf(info->detail, sizeof info->detail, "%s",
                    info->works ? "read only when another source is heard, or a level holds"
                                : s->why_available->text);
}

static void tell_psi(const struct cgrp_sources *s, int place, struct cgrp_source_info *info) {
    size_t at = 0;
    bool longer = false;

    info->name =
        cgrp_fact_name(place == CGRP_PSI_OF_SYSTEM ? CGRP_FACT_PSI_SYSTEM : CGRP_FACT_PSI_APPS);
    info->works = true;
    for (int i = 0; i < CGRP_STEPS; i++) {
        const struct cgrp_watch_psi *p = &s->psi[place][i];
        bool armed = p->psi.fd >= 0;
        const struct cgrp_psi_want *w = armed ? &p->psi.want : &s->config.psi[i];
        char stall[32], window[32];
        at += (size_t) snprintf(
            info->threshold + at, sizeof info->threshold - at, "%s%s %s in %s is %d", i ? ", " : "",
            w->full ? "full" : "some", format_duration(w->stall_us, stall, sizeof stall),
            format_duration(w->window_us, window, sizeof window), CGRP_LEVEL(i));
        if (at >= sizeof info->threshold)
            at = sizeof info->threshold - 1;
        longer = longer || (armed && w->window_us != s->config.psi[i].window_us);
        if (p->last > info->last)
            info->last = p->last;
        if (!armed && info->works)
            (void) snprintf(info->detail, sizeof info->detail, "%s", p->why ? p->why->text : "");
        info->works = info->works && armed;
    }
    if (info->works && longer)
        (void) snprintf(info->detail, sizeof info->detail,
                        "windows of 2 s multiples with the same share: without CAP_SYS_RESOURCE "
                        "the kernel takes no others");
}

static void tell_apps(const struct cgrp_sources *s, struct cgrp_source_info *limit,
                      struct cgrp_source_info *killed) {
    bool counts = s->root->limits_memory;
    const struct cgrp_app_source *app;
    const char *none = "no memory controller counts what an app uses";

    limit->name = cgrp_fact_name(CGRP_FACT_LIMIT);
    killed->name = cgrp_fact_name(CGRP_FACT_KILLED);
    limit->works = killed->works = counts;
    limit->last = s->last_limit;
    killed->last = s->last_killed;
    (void) snprintf(limit->threshold, sizeof limit->threshold,
                    "85%% is 5, 92%% is 10, 97%% is 15 of an app's memory_high, else memory_max");
    (void) snprintf(killed->threshold, sizeof killed->threshold, "each kill by the kernel");
    (void) snprintf(limit->detail, sizeof limit->detail, "%s", counts ? "" : none);
    (void) snprintf(killed->detail, sizeof killed->detail, "%s", counts ? "" : none);
    list_for_each (app, &s->apps, struct cgrp_app_source, in_set)
        if (counts && app->meter.why && !limit->detail[0])
            (void) snprintf(limit->detail, sizeof limit->detail, "'%.60s': %.120s",
                            cgrp_group_label(app->group), app->meter.why->text);
}

void cgrp_sources_tell(const struct cgrp_sources *s,
                       struct cgrp_source_info ret[CGRP_SOURCE_INFOS]) {
    memset(ret, 0, CGRP_SOURCE_INFOS * sizeof ret[0]);
    tell_budget(s, &ret[0]);
    tell_available(s, &ret[1]);
    tell_psi(s, CGRP_PSI_OF_SYSTEM, &ret[2]);
    tell_psi(s, CGRP_PSI_OF_APPS, &ret[3]);
    tell_apps(s, &ret[4], &ret[5]);
}
