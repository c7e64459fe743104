/* SPDX-License-Identifier: MIT */
#include "cgroups/liberr.h"

#include <errno.h>
#include <libcgroup.h>

int cgrp_liberr(int code) {
    switch (code) {
    case 0:
        return 0;
    case ECGOTHER: {
        int cause = cgroup_get_last_errno();
        return cause > 0 ? -cause : -EIO;
    }
    case ECGROUPNOTCOMPILED:
    case ECGROUPNOTMOUNTED:
    case ECGROUPSUBSYSNOTMOUNTED:
    case ECGROUPMULTIMOUNTED:
        return -EOPNOTSUPP;
    case ECGROUPNOTEXIST:
    case ECGROUPVALUENOTEXIST:
        return -ENOENT;
    case ECGROUPNOTOWNER:
    case ECGROUPNOTALLOWED:
        return -EACCES;
    case ECGMAXVALUESEXCEEDED:
        return -E2BIG;
    case ECGCONTROLLEREXISTS:
    case ECGVALUEEXISTS:
        return -EEXIST;
    case ECGINVAL:
        return -EINVAL;
    case ECGROUPNOTINITIALIZED:
        return -ENXIO;
    case ECGNONEMPTY:
        return -EBUSY;
    case ECGEOF:
        return -ENODATA;
    default: /* libcgroup's numbers, not an enum of ours */
        return -EIO;
    }
}
