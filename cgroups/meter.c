/* SPDX-License-Identifier: MIT
 * meter.c - a group whose usage is held against a limit: its ears, and when to look. */
#include "cgroups/sources_parts.h"

#include "cgroups/event.h"
#include "supervisor/base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

void cgrp_why(struct err **why, int code, const char *fmt, ...) {
    va_list ap;

    if (!*why && !(*why = calloc(1, sizeof **why)))
        return;
    (*why)->code = code;
    va_start(ap, fmt);
    (void) vsnprintf((*why)->text, sizeof(*why)->text, fmt, ap);
    va_end(ap);
}

void cgrp_why_clear(struct err **why) {
    free(*why);
    *why = NULL;
}

void cgrp_meter_init(struct cgrp_meter *m) {
    static uint64_t made;

    *m = (struct cgrp_meter){
        .serial = ++made,
        .dir_fd = -1,
        .limit = CGRP_NO_LIMIT,
        .base = CGRP_NO_LIMIT,
        .high = CGRP_NO_LIMIT,
        .event_fd = -1,
        .wd = -1,
    };
    list_init(&m->in_set);
    list_init(&m->busy);
}

static int open_v1(struct cgrp_sources *s, struct cgrp_meter *m) {
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &m->tag };
    bool limited = m->limit != CGRP_NO_LIMIT;

    m->tag = (struct cgrp_tag){ CGRP_EAR_METER, m };
    m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->event_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, m->event_fd, &ev) < 0)
        return -errno;
    int r = cgrp_event_v1_hints(m->dir_fd, m->event_fd, limited);
    m->to_arm = limited && s->config.arm_later;
    if (limited && !m->to_arm) {
        int x = cgrp_event_v1_thresholds(m->dir_fd, m->event_fd, m->limit);
        r = r < 0 ? r : x;
    }
    if (r < 0)
        cgrp_why(&m->why, r, CGRP_WHY_V1_EVENTS, strerror(-r));
    return r;
}

static int open_v2(struct cgrp_sources *s, struct cgrp_meter *m, const char *path) {
    struct cgrp_fact ignored;

    m->wd = inotify_add_watch(s->inotify_fd, path, IN_MODIFY);
    if (m->wd < 0)
        return -errno;
    /* Sets memory.high for the first time. */
    return m->limit == CGRP_NO_LIMIT ? 0 : cgrp_meter_read(m, CGRP_FACT_LIMIT, &ignored);
}

void cgrp_meter_open(struct cgrp_sources *s, struct cgrp_meter *m, const char *path) {
    cgrp_why_clear(&m->why);
    int r = m->v1 ? open_v1(s, m) : open_v2(s, m, path);
    if (r < 0 && !m->why)
        cgrp_why(&m->why, r, "its memory events cannot be had: %s", strerror(-r));
    list_append(&s->meters, &m->in_set);
    /* What was crossed before there was anybody to hear. */
    cgrp_meter_want(s, m);
}

void cgrp_meter_close(struct cgrp_sources *s, struct cgrp_meter *m) {
    if (m->event_fd >= 0)
        (void) epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, m->event_fd, NULL);
    close_p(&m->event_fd);
    if (m->wd >= 0)
        (void) inotify_rm_watch(s->inotify_fd, m->wd);
    m->event_fd = m->wd = -1;
    m->muted = m->to_arm = false;
    list_remove(&m->in_set);
    list_remove(&m->busy);
}

static void wait_for(struct cgrp_sources *s, struct cgrp_meter *m, bool wanted) {
    struct epoll_event ev = { .events = wanted ? EPOLLIN : 0, .data.ptr = &m->tag };

    if (m->event_fd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, m->event_fd, &ev) == 0)
        m->muted = !wanted;
}

/* Reclaim at a limit is told a thousand times a second while page cache is busy: what comes
 * within the gap wakes nobody. The counter keeps it. */
void cgrp_meter_hear(struct cgrp_sources *s, struct cgrp_meter *m, uint64_t now) {
    m->pace.heard = m->pace.wanted = true;
    list_append(&s->busy, &m->busy);
    if (now < m->pace.quiet)
        wait_for(s, m, false);
}

void cgrp_meter_want(struct cgrp_sources *s, struct cgrp_meter *m) {
    m->pace.wanted = true;
    m->pace.quiet = 0;
    list_append(&s->busy, &m->busy);
}

/* After something was heard one more look follows when the gap is over: a count may lag behind
 * its event (v1 tells of OOM before it kills), and what came meanwhile must not be lost. */
bool cgrp_meter_take(struct cgrp_sources *s, struct cgrp_meter *m, uint64_t now) {
    if (!m->pace.wanted || now < m->pace.quiet)
        return false;
    m->pace.wanted = m->pace.heard;
    m->pace.heard = false;
    m->pace.quiet = now + CGRP_LOOK_GAP_US;
    if (!m->pace.wanted)
        list_remove(&m->busy);
    if (m->muted)
        wait_for(s, m, true);
    return true;
}

int cgrp_meter_read(struct cgrp_meter *m, enum cgrp_fact_kind kind, struct cgrp_fact *ret) {
    uint64_t usage, cache;

    int r = cgrp_event_usage(m->dir_fd, m->v1, &usage, &cache);
    if (r < 0)
        return r;
    if (!m->v1) {
        uint64_t high = cgrp_event_high(usage, cache, m->limit, m->base);
        if (high != m->high && cgrp_event_set_high(m->dir_fd, high) == 0)
            m->high = high;
    }
    *ret = cgrp_fact_of_share(kind, usage, cache, m->limit);
    return 0;
}
