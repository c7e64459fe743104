/* SPDX-License-Identifier: MIT */
#include "tests/stress/look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/mount.h"
#include "cgroups/psi.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"
#include "tests/stress/record.h"

#define SYSTEM_PSI "/proc/pressure/memory"

/* --- the machine -------------------------------------------------------------------------- */

static uint64_t kib_line(const char *text, const char *name) {
    const char *at = strstr(text, name);

    return at ? (uint64_t) strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* Compressed size of all that is in zram. Source: the kernel's zram documentation, mm_stat. */
static uint64_t zram_bytes(void) {
    DIR *d = opendir("/sys/block");
    struct dirent *ent;
    uint64_t sum = 0;

    while (d && (ent = readdir(d))) {
        char path[300], text[256];
        unsigned long long used;
        if (strncmp(ent->d_name, "zram", 4) != 0)
            continue;
        (void) snprintf(path, sizeof path, "/sys/block/%s/mm_stat", ent->d_name);
        if (fs_read_into(AT_FDCWD, path, text, sizeof text) > 0 &&
            sscanf(text, "%*u %*u %llu", &used) == 1)
            sum += used;
    }
    if (d)
        (void) closedir(d);
    return sum;
}

void look_at_system(struct record_sample *s) {
    char text[8192];
    struct cgrp_psi_line some, full;

    s->some_us = s->full_us = RECORD_NONE;
    if (fs_read_into(AT_FDCWD, SYSTEM_PSI, text, sizeof text) > 0 &&
        cgrp_psi_parse(text, false, &some) == 0 && cgrp_psi_parse(text, true, &full) == 0) {
        s->some_us = some.total_us;
        s->full_us = full.total_us;
        s->some_avg10 = some.avg10;
        s->full_avg10 = full.avg10;
    }
    if (fs_read_into(AT_FDCWD, "/proc/meminfo", text, sizeof text) > 0) {
        s->total = kib_line(text, "MemTotal:");
        s->available = kib_line(text, "MemAvailable:");
    }
    s->zram = zram_bytes();
}

uint64_t look_peak(pid_t pid) {
    char path[64], text[4096];

    (void) snprintf(path, sizeof path, "/proc/%d/status", pid);
    return fs_read_into(AT_FDCWD, path, text, sizeof text) > 0 ? kib_line(text, "VmHWM:") : 0;
}

/* --- the apps ----------------------------------------------------------------------------- */

static void look_at_app(struct record *r, struct record_sample *s, const struct json *app) {
    int i = record_find(r, json_get_string(app, "id", ""));

    if (i < 0 || (unsigned) i >= s->n)
        return;
    int64_t bytes = json_get_int(app, "current", json_get_int(app, "memory_current", 0));
    s->bytes[i] = bytes > 0 ? (uint64_t) bytes : 0;
    s->current += s->bytes[i];

    /* Told of this run of the app alone: it grows until the run ends. */
    int64_t reclaimed = json_get_int(app, "reclaimed", 0);
    struct record_app *a = &r->app[i];
    if (reclaimed > 0 && (uint64_t) reclaimed > a->reclaimed) {
        r->reclaimed += (uint64_t) reclaimed - a->reclaimed;
        a->reclaimed = (uint64_t) reclaimed;
    }
}

int look_at_apps(struct record *r, struct record_sample *s, const struct json *reply) {
    s->bytes = calloc(r->n_apps + 1, sizeof *s->bytes);
    s->state = calloc(r->n_apps + 1, sizeof *s->state);
    if (!s->bytes || !s->state)
        return -ENOMEM;
    s->n = (unsigned) r->n_apps;
    s->front = -1;
    s->warm = record_warm(r);
    for (unsigned i = 0; i < s->n; i++) {
        s->state[i] = (uint8_t) r->app[i].state;
        if (r->app[i].state == STATE_FOREGROUND)
            s->front = (int) i;
    }
    for (const struct json *a = json_first(json_get(reply, "apps")); a; a = json_next(a))
        look_at_app(r, s, a);
    s->level =
        (int) json_get_int(reply, "level", r->n_levels ? r->level[r->n_levels - 1].level : 0);
    s->budget = (uint64_t) json_get_int(reply, "budget", 0);
    return 0;
}

/* --- the app in front --------------------------------------------------------------------- */

static int open_group(pid_t pid) {
    CLEANUP(close_p) int proc_fd = -1;
    CLEANUP(free_p) char *path = NULL;
    struct cgrp_mounts mounts = { 0 };
    char process[16], file[4096];
    int fd = -1;

    (void) snprintf(process, sizeof process, "%d", pid);
    if (fs_open_dir(AT_FDCWD, "/proc", &proc_fd, NULL) < 0 ||
        cgrp_mount_path_of(proc_fd, process, CGRP_TREE_V2, &path) < 0 ||
        cgrp_mounts_read(proc_fd, &mounts, NULL) < 0)
        return -1;
    const struct cgrp_mount *m = &mounts.tree[CGRP_TREE_V2];
    const char *below = m->point ? cgrp_mount_below(m, path) : NULL;
    if (below && *below) {
        (void) snprintf(file, sizeof file, "%s/%s/memory.pressure", m->point, below);
        fd = open(file, O_RDONLY | O_CLOEXEC);
    }
    cgrp_mounts_clear(&mounts);
    return fd;
}

void look_stall_open(struct look_stall *s, pid_t pid, bool *ret_own) {
    look_stall_close(s);
    s->fd = open_group(pid);
    *ret_own = s->fd >= 0;
}

void look_stall_close(struct look_stall *s) {
    close_p(&s->fd);
    s->fd = -1;
}

uint64_t look_stall_us(const struct look_stall *s) {
    struct cgrp_psi_line full;
    char text[256];
    ssize_t n;

    if (s->fd >= 0)
        n = pread(s->fd, text, sizeof text - 1, 0);
    else
        n = fs_read_into(AT_FDCWD, SYSTEM_PSI, text, sizeof text);
    if (n <= 0)
        return RECORD_NONE;
    text[n] = '\0';
    return cgrp_psi_parse(text, true, &full) == 0 ? full.total_us : RECORD_NONE;
}
