/* SPDX-License-Identifier: MIT */
#include "cgroups/lib.h"

#include "cgroups/liberr.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

#include <errno.h>
#include <libcgroup.h>
#include <stdarg.h>
#include <string.h>

/* By default it writes to standard error. Every failure comes back as a number as well. */
static void quiet(void *userdata, int level, const char *fmt, va_list ap) {
    (void) userdata, (void) level, (void) fmt, (void) ap;
}

static void cgroup_free_p(struct cgroup **c) {
    if (*c)
        cgroup_free(c);
}

/* The library keeps one table of mounts for the process, read by cgroup_init(): 0.6 to 4 ms. */
static int start_once(void) {
    static bool started;

    if (started)
        return 0;
    cgroup_set_logger(quiet, CGROUP_LOG_ERROR, NULL);
    int r = cgrp_liberr(cgroup_init());
    started = r == 0;
    return r;
}

int cgrp_lib_create(const char *controller, const char *mount_point, const char *path,
                    struct err *e) {
    CLEANUP(free_p) char *seen = NULL;
    CLEANUP(cgroup_free_p) struct cgroup *group = NULL;

    int r = start_once();
    if (r < 0 || cgroup_get_subsys_mount_point(controller, &seen) != 0 || !seen ||
        strcmp(seen, mount_point) != 0)
        return err_set(e, -EXDEV, "libcgroup does not see %s at %s", controller, mount_point);
    group = cgroup_new_cgroup(path);
    if (!group || !cgroup_add_controller(group, controller))
        return err_set(e, -ENOMEM, "no memory for group '%s'", path);
    r = cgrp_liberr(cgroup_create_cgroup(group, 1));
    if (r < 0)
        return err_set(e, r, "cannot make group '%s' for %s: %s", path, controller, strerror(-r));
    return 0;
}
