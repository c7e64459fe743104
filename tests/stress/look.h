/* SPDX-License-Identifier: MIT
 * look.h - figures of the machine, of the supervisor's apps, of the app in front.
 * Layer: tests. Uses: cgroups (mounts, PSI files), base. */
#ifndef STRESS_LOOK_H
#define STRESS_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct json;
struct record;
struct record_sample;

/* PSI, /proc/meminfo and zram into a sample; what is missing stays unknown. */
void look_at_system(struct record_sample *s);

/* The reply of Memory, or of List where Memory is not there, into the sample: what each app holds.
 * What has been reclaimed goes into the record. Returns -ENOMEM. */
int look_at_apps(struct record *r, struct record_sample *s, const struct json *reply);

/* The full stall of one app's group (v2), else of the system. */
struct look_stall {
    int fd; /* the group's memory.pressure; -1: the system's */
};
#define LOOK_STALL_NONE                                                                            \
    { .fd = -1 }
/* Opens it for the group of a process; ret_own: it is the group's. */
void look_stall_open(struct look_stall *s, pid_t pid, bool *ret_own);
void look_stall_close(struct look_stall *s);
uint64_t look_stall_us(const struct look_stall *s); /* RECORD_NONE: not known any more */

/* The most memory that a process had resident, in bytes; 0: not known. */
uint64_t look_peak(pid_t pid);

#endif
