/* SPDX-License-Identifier: MIT */
#include "cgroups/sources.h"

#include "cgroups/backend.h"
#include "cgroups/event.h"
#include "cgroups/sources_parts.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

void cgrp_psi_watch(struct cgrp_sources *s, struct cgrp_watch_psi *p, int dir_fd, const char *file,
                    const struct cgrp_psi_want *want) {
    struct epoll_event ev = { .events = EPOLLPRI, .data.ptr = &p->tag };
    struct err e = { 0 };

    p->tag = (struct cgrp_tag){ CGRP_EAR_PSI, p };
    cgrp_why_clear(&p->why);
    int r = cgrp_psi_arm(dir_fd, file, want, &p->psi, &e);
    if (r < 0) {
        cgrp_why(&p->why, r, "%s", e.text);
        return;
    }
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, p->psi.fd, &ev) < 0) {
        cgrp_why(&p->why, -errno, "cannot wait for '%s': %s", file, strerror(errno));
        cgrp_psi_disarm(&p->psi);
    }
}

/* Closing takes it out of the set. */
void cgrp_psi_unwatch(struct cgrp_sources *s, struct cgrp_watch_psi *p) {
    (void) s;
    cgrp_psi_disarm(&p->psi);
    p->heard = false;
}

static const char *const psi_files[CGRP_PSI_PLACES] = {
    [CGRP_PSI_OF_SYSTEM] = "pressure/memory",
    [CGRP_PSI_OF_APPS] = "memory.pressure",
};

static void arm_psi(struct cgrp_sources *s) {
    const int dirs[CGRP_PSI_PLACES] = {
        [CGRP_PSI_OF_SYSTEM] = s->root->proc_fd,
        [CGRP_PSI_OF_APPS] = s->root->v2.apps_fd,
    };

    for (int place = 0; place < CGRP_PSI_PLACES; place++)
        for (int i = 0; i < CGRP_STEPS; i++) {
            struct cgrp_watch_psi *p = &s->psi[place][i];
            if (p->psi.fd >= 0)
                continue;
            if (dirs[place] < 0)
                cgrp_why(&p->why, -EOPNOTSUPP, "the apps have no cgroup2 group");
            else
                cgrp_psi_watch(s, p, dirs[place], psi_files[place], &s->config.psi[i]);
        }
}

/* Where the memory controller has the group of all apps; -1: nowhere. */
static int apps_memory(const struct cgrp_root *root, bool *ret_v1) {
    *ret_v1 = root->backend->kind == CGRP_HYBRID;
    if (root->backend->kind == CGRP_NONE)
        return -1;
    return *ret_v1 ? root->v1[CGRP_V1_MEMORY].apps_fd : root->v2.apps_fd;
}

/* The kernel holds the line when all else came too late. */
static void write_hard_limit(struct cgrp_sources *s, int dir_fd, bool v1) {
    char text[24];
    const char *file = v1 ? "memory.limit_in_bytes" : "memory.max";

    if (s->config.budget == CGRP_NO_LIMIT)
        (void) snprintf(text, sizeof text, "%s", v1 ? "-1" : "max");
    else
        (void) snprintf(text, sizeof text, "%" PRIu64, s->config.budget);
    cgrp_why_clear(&s->why_budget);
    int r = fs_write_existing(dir_fd, file, text, strlen(text));
    if (r < 0)
        cgrp_why(&s->why_budget, r, "cannot set %s to %s: %s", file, text, strerror(-r));
}

/* Set below what is in use it would have the kernel reclaim, and kill whom it likes, in this call:
 * a budget that was lowered is the policy's to reach first. */
static void set_hard_limit(struct cgrp_sources *s, int dir_fd, bool v1) {
    uint64_t usage, cache;

    s->hard_waits = s->config.budget != CGRP_NO_LIMIT &&
                    cgrp_event_usage(dir_fd, v1, &usage, &cache) == 0 &&
                    cgrp_share(usage, cache, s->config.budget) >= cgrp_share_entry[CGRP_STEPS - 1];
    if (s->hard_waits)
        cgrp_why(&s->why_budget, -EBUSY, "the apps use more: it is no hard limit yet");
    else
        write_hard_limit(s, dir_fd, v1);
}

static void arm_budget(struct cgrp_sources *s) {
    struct cgrp_meter *m = &s->budget;
    char path[PATH_MAX] = "";

    if (!list_empty(&m->in_set))
        return;
    m->dir_fd = apps_memory(s->root, &m->v1);
    m->limit = s->config.budget;
    if (m->dir_fd < 0) {
        cgrp_why(&m->why, -EOPNOTSUPP, "no memory controller counts what the apps use");
        return;
    }
    set_hard_limit(s, m->dir_fd, m->v1);
    if (m->limit == CGRP_NO_LIMIT) {
        cgrp_why(&m->why, -ENOENT, "no budget is configured");
        if (!m->v1) /* an earlier supervisor's */
            (void) cgrp_event_set_high(m->dir_fd, CGRP_NO_LIMIT);
        return;
    }
    if (!m->v1)
        (void) snprintf(path, sizeof path, "%s/memory.events.local", s->root->v2.path);
    cgrp_meter_open(s, m, path);
}

static void sources_free_p(struct cgrp_sources **s) {
    (void) cgrp_sources_free(*s);
}

int cgrp_sources_open(struct cgrp_root *root, const struct cgrp_sources_config *config,
                      struct cgrp_sources **ret, struct err *e) {
    struct epoll_event ev = { .events = EPOLLIN };

    CLEANUP(sources_free_p) struct cgrp_sources *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "no memory for memory sources");
    s->root = root;
    s->config = *config;
    s->epoll_fd = s->inotify_fd = -1;
    list_init(&s->meters);
    list_init(&s->busy);
    list_init(&s->apps);
    cgrp_meter_init(&s->budget);
    for (int place = 0; place < CGRP_PSI_PLACES; place++)
        for (int i = 0; i < CGRP_STEPS; i++)
            s->psi[place][i].psi.fd = -1;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    s->inotify_tag = (struct cgrp_tag){ CGRP_EAR_INOTIFY, s };
    ev.data.ptr = &s->inotify_tag;
    if (s->epoll_fd < 0 || s->inotify_fd < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->inotify_fd, &ev) < 0)
        return err_set(e, -errno, "cannot wait for memory events: %s", strerror(errno));
    arm_psi(s);
    arm_budget(s);
    s->available.wanted = true;
    *ret = TAKE_PTR(s);
    return 0;
}

struct cgrp_sources *cgrp_sources_free(struct cgrp_sources *s) {
    struct cgrp_app_source *app;

    if (!s)
        return NULL;
    list_for_each (app, &s->apps, struct cgrp_app_source, in_set)
        (void) cgrp_sources_drop(app);
    cgrp_meter_close(s, &s->budget);
    for (int place = 0; place < CGRP_PSI_PLACES; place++)
        for (int i = 0; i < CGRP_STEPS; i++) {
            cgrp_psi_unwatch(s, &s->psi[place][i]);
            cgrp_why_clear(&s->psi[place][i].why);
        }
    cgrp_why_clear(&s->budget.why);
    cgrp_why_clear(&s->why_budget);
    cgrp_why_clear(&s->why_available);
    close_p(&s->inotify_fd);
    close_p(&s->epoll_fd);
    free(s);
    return NULL;
}

int cgrp_sources_fd(const struct cgrp_sources *s) {
    return s->epoll_fd;
}

void cgrp_sources_rearm(struct cgrp_sources *s) {
    arm_psi(s);
    arm_budget(s);
}

static struct cgrp_app_source *app_of(struct cgrp_sources *s, struct cgrp_meter *m) {
    return m == &s->budget ? NULL : list_entry(m, struct cgrp_app_source, meter);
}

static void take_inotify(struct cgrp_sources *s, uint64_t now) {
    char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;

    while ((n = read(s->inotify_fd, buf, sizeof buf)) > 0)
        for (char *p = buf; p < buf + n;) {
            const struct inotify_event *ev = (const struct inotify_event *) (void *) p;
            struct cgrp_meter *m;
            p += sizeof *ev + ev->len;
            list_for_each (m, &s->meters, struct cgrp_meter, in_set)
                if (m->wd >= 0 && (m->wd == ev->wd || ev->mask & IN_Q_OVERFLOW))
                    cgrp_meter_hear(s, m, now);
        }
}

/* PSI tells of its own group's end by EPOLLERR. An app's is but a hint to look at its meter. */
static void take_psi(struct cgrp_sources *s, struct cgrp_watch_psi *p, uint32_t events,
                     uint64_t now) {
    if (events & EPOLLERR) {
        cgrp_psi_unwatch(s, p);
        cgrp_why(&p->why, -ENODEV, "its group is gone");
    } else if (p->hint_for) {
        cgrp_meter_hear(s, p->hint_for, now);
    } else {
        p->heard = true;
    }
}

/* Available memory has no event of its own: it is read whenever another one comes. */
static void drain(struct cgrp_sources *s, uint64_t now) {
    struct epoll_event ev[32];
    uint64_t count;

    int n = epoll_wait(s->epoll_fd, ev, sizeof ev / sizeof ev[0], 0);
    for (int i = 0; i < n; i++) {
        const struct cgrp_tag *tag = ev[i].data.ptr;
        switch (tag->ear) {
        case CGRP_EAR_METER: {
            struct cgrp_meter *m = tag->owner;
            (void) !read(m->event_fd, &count, sizeof count);
            cgrp_meter_hear(s, m, now);
            break;
        }
        case CGRP_EAR_INOTIFY:
            take_inotify(s, now);
            break;
        case CGRP_EAR_PSI:
            take_psi(s, tag->owner, ev[i].events, now);
            break;
        }
    }
    if (n > 0)
        s->available.wanted = true;
}

static int budget_next(struct cgrp_sources *s, uint64_t now, struct cgrp_fact *ret) {
    if (!cgrp_meter_take(s, &s->budget, now))
        return 0;
    int r = cgrp_meter_read(&s->budget, CGRP_FACT_BUDGET, ret);
    if (r < 0) {
        cgrp_meter_close(s, &s->budget);
        cgrp_why(&s->budget.why, r, "cannot read what the apps use: %s", strerror(-r));
        return 0;
    }
    s->last_budget = now;
    if (s->hard_waits)
        set_hard_limit(s, s->budget.dir_fd, s->budget.v1);
    return 1;
}

static int psi_next(struct cgrp_sources *s, int place, int i, struct cgrp_fact *ret) {
    struct cgrp_watch_psi *p = &s->psi[place][i];
    struct cgrp_psi_line line;

    if (!p->heard)
        return 0;
    p->heard = false;
    int r = cgrp_psi_heard(&p->psi, &line);
    if (r < 0) {
        cgrp_psi_unwatch(s, p);
        cgrp_why(&p->why, r, "cannot be read: %s", strerror(-r));
    }
    if (r <= 0)
        return 0;
    *ret = (struct cgrp_fact){
        .kind = place == CGRP_PSI_OF_SYSTEM ? CGRP_FACT_PSI_SYSTEM : CGRP_FACT_PSI_APPS,
        .source = CGRP_SOURCE_SYSTEM,
        .level = CGRP_LEVEL(i),
        .slot = -1,
        .figure = { line.avg10, line.total_us, p->psi.want.stall_us, p->psi.want.window_us },
    };
    return 1;
}

/* "MemAvailable:   24110564 kB" */
static bool meminfo_number(const char *text, const char *key, uint64_t *ret_bytes) {
    const char *at = strstr(text, key);
    uint64_t kb;

    if (!at || (at != text && at[-1] != '\n') ||
        sscanf(at + strlen(key), ": %" SCNu64 " kB", &kb) != 1)
        return false;
    *ret_bytes = kb * 1024;
    return true;
}

static int available_next(struct cgrp_sources *s, uint64_t now, struct cgrp_fact *ret) {
    uint64_t available, total;
    char text[8192];

    if (!s->available.wanted || now < s->available.quiet)
        return 0;
    s->available.wanted = false;
    s->available.quiet = now + CGRP_LOOK_GAP_US;
    ssize_t n = fs_read_into(s->root->proc_fd, "meminfo", text, sizeof text);
    if (n >= 0 && (!meminfo_number(text, "MemAvailable", &available) ||
                   !meminfo_number(text, "MemTotal", &total)))
        n = -EPROTO;
    if (n < 0) {
        cgrp_why(&s->why_available, (int) n, "cannot read meminfo: %s", strerror((int) -n));
        return 0;
    }
    cgrp_why_clear(&s->why_available);
    *ret = cgrp_fact_of_available(available, total, &s->config.available);
    s->last_available = now;
    return 1;
}

static int apps_next(struct cgrp_sources *s, uint64_t now, bool kills, struct cgrp_fact *ret) {
    struct cgrp_app_source *app;

    list_for_each (app, &s->apps, struct cgrp_app_source, in_set) {
        int r = kills ? cgrp_app_source_kills(app, now, ret) : cgrp_app_source_limit(app, ret);
        if (r > 0) {
            *(kills ? &s->last_killed : &s->last_limit) = now;
            return r;
        }
    }
    return 0;
}

static int next_of_all(struct cgrp_sources *s, uint64_t now, struct cgrp_fact *ret) {
    int r = apps_next(s, now, true, ret);

    if (r == 0)
        r = budget_next(s, now, ret);
    for (int place = 0; r == 0 && place < CGRP_PSI_PLACES; place++)
        for (int i = CGRP_STEPS - 1; r == 0 && i >= 0; i--)
            if ((r = psi_next(s, place, i, ret)) > 0)
                s->psi[place][i].last = now;
    if (r == 0)
        r = available_next(s, now, ret);
    return r == 0 ? apps_next(s, now, false, ret) : r;
}

int cgrp_sources_next(struct cgrp_sources *s, uint64_t now, struct cgrp_fact *ret) {
    struct cgrp_fact fact = { 0 };

    drain(s, now);
    if (next_of_all(s, now, &fact) == 0)
        return 0;
    fact.at = now;
    *ret = fact;
    return 1;
}

uint64_t cgrp_sources_due(const struct cgrp_sources *s) {
    struct cgrp_meter *m;
    uint64_t due = s->available.wanted ? s->available.quiet : UINT64_MAX;

    list_for_each (m, &s->busy, struct cgrp_meter, busy)
        if (m->pace.quiet < due)
            due = m->pace.quiet;
    return due;
}

void cgrp_sources_look(struct cgrp_sources *s) {
    struct cgrp_meter *m;

    s->available.wanted = true;
    s->available.quiet = 0;
    list_for_each (m, &s->meters, struct cgrp_meter, in_set) {
        const struct cgrp_app_source *app = app_of(s, m);
        if (!app || app->level > 0)
            cgrp_meter_want(s, m);
    }
}
