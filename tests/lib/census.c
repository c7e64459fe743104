/* SPDX-License-Identifier: MIT
 * census.c - /proc, read by owner. */
#include "tests/lib/census.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/harness.h"

#define RANGE 4 /* uids */

const char *census_uids(char ret[64]) {
    unsigned low = 1000000 + RANGE * (unsigned) getpid();
    (void) snprintf(ret, 64, "uid_range=%u-%u\n", low, low + RANGE - 1);
    return ret;
}

struct census census_take(uid_t uid) {
    struct census n = { 0 };
    struct dirent *ent;
    struct stat st;
    DIR *proc = opendir("/proc");

    assert_non_null(proc);
    while ((ent = readdir(proc))) {
        if (!isdigit((unsigned char) ent->d_name[0]) ||
            fstatat(dirfd(proc), ent->d_name, &st, 0) < 0 || st.st_uid != uid)
            continue;
        char state = harness_proc_state((pid_t) atoi(ent->d_name));
        if (!state || strchr("ZX", state))
            continue;
        n.all++;
        n.stopped += state == 'T';
        n.going += state != 'T';
    }
    (void) closedir(proc);
    return n;
}

static uint64_t now_ms(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

struct census census_wait(uid_t uid, bool (*good)(const struct census *), const char *what) {
    uint64_t end = now_ms() + HARNESS_PATIENCE_MS;
    for (;;) {
        struct census n = census_take(uid);
        if (good(&n))
            return n;
        if (now_ms() > end)
            fail_msg("not %s: %d processes, %d stopped, %d going", what, n.all, n.stopped, n.going);
        (void) poll(NULL, 0, 1);
    }
}

bool census_none(const struct census *c) {
    return c->all == 0;
}

bool census_stopped(const struct census *c) {
    return c->all > 0 && c->going == 0;
}

bool census_going(const struct census *c) {
    return c->all > 0 && c->stopped == 0;
}
