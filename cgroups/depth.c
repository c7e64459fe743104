/* SPDX-License-Identifier: MIT */
#include "cgroups/depth.h"

static uint32_t depth_of(const struct cgrp_depth *d) {
    return d->permille ? d->permille : CGRP_DEPTH_FIRST;
}

uint64_t cgrp_depth_bytes(const struct cgrp_depth *d, uint64_t usage) {
    return usage / 1000 * depth_of(d) + usage % 1000 * depth_of(d) / 1000;
}

void cgrp_depth_learn(struct cgrp_depth *d, const struct cgrp_resume *resume, uint64_t budget_us) {
    uint32_t now = depth_of(d);

    /* Nothing was taken: the resume says nothing about what taking costs. */
    if (resume->reclaimed_bytes == 0)
        return;
    if (resume->took_us <= budget_us / 2) {
        now += CGRP_DEPTH_STEP;
    } else if (resume->took_us > budget_us &&
               resume->refault_bytes > resume->reclaimed_bytes / 20) {
        uint64_t less = (uint64_t) ((unsigned __int128) now * budget_us / resume->took_us);
        now = less > CGRP_DEPTH_LEAST ? (uint32_t) less : CGRP_DEPTH_LEAST;
    }
    d->permille = now > 1000 ? 1000 : now;
}
