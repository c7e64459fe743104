/* SPDX-License-Identifier: MIT
 * sources_arm.c - v1's usage thresholds, registered off the loop. */
#include "cgroups/sources.h"

#include "cgroups/event.h"
#include "cgroups/sources_parts.h"
#include "supervisor/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int cgrp_sources_arm(struct cgrp_sources *s, struct cgrp_arm *ret) {
    struct cgrp_meter *m;

    list_for_each (m, &s->meters, struct cgrp_meter, in_set) {
        if (!m->to_arm)
            continue;
        m->to_arm = false;
        CLEANUP(close_p) int dir_fd = fcntl(m->dir_fd, F_DUPFD_CLOEXEC, 3);
        CLEANUP(close_p) int event_fd = fcntl(m->event_fd, F_DUPFD_CLOEXEC, 3);
        if (dir_fd < 0 || event_fd < 0) {
            int r = -errno;
            cgrp_why(&m->why, r, CGRP_WHY_V1_EVENTS, strerror(-r));
            return r;
        }
        *ret = (struct cgrp_arm){ .dir_fd = TAKE_FD(dir_fd),
                                  .event_fd = TAKE_FD(event_fd),
                                  .limit = m->limit,
                                  .serial = m->serial };
        return 1;
    }
    return 0;
}

void cgrp_arm_run(struct cgrp_arm *job) {
    job->result = cgrp_event_v1_thresholds(job->dir_fd, job->event_fd, job->limit);
}

/* What was crossed before there was anybody to hear is looked at now. */
void cgrp_sources_armed(struct cgrp_sources *s, struct cgrp_arm *job) {
    struct cgrp_meter *m;

    list_for_each (m, &s->meters, struct cgrp_meter, in_set) {
        if (m->serial != job->serial)
            continue;
        if (job->result < 0)
            cgrp_why(&m->why, job->result, CGRP_WHY_V1_EVENTS, strerror(-job->result));
        cgrp_meter_want(s, m);
    }
    close_p(&job->dir_fd);
    close_p(&job->event_fd);
    job->dir_fd = job->event_fd = -1;
}
