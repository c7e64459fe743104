/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/meminfo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/fs.h"

static void kilobytes(const char *text, const char *name, uint64_t *ret) {
    const char *at = strstr(text, name);
    if (at)
        *ret = strtoull(at + strlen(name), NULL, 10) * 1024;
}

void meminfo_read(uint64_t *ret_total, uint64_t *ret_available) {
    char buf[4096];

    if (fs_read_into(AT_FDCWD, "/proc/meminfo", buf, sizeof buf) <= 0)
        return;
    kilobytes(buf, "MemTotal:", ret_total);
    kilobytes(buf, "MemAvailable:", ret_available);
}
