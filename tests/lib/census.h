/* SPDX-License-Identifier: MIT
 * census.h - how many processes a user has, and what they are doing.
 * Layer: tests. Uses: harness.
 *
 * For an app that has a uid of its own: census_uids() makes a range that no other test on this
 * machine uses at the same time. */
#ifndef TESTS_CENSUS_H
#define TESTS_CENSUS_H

#include <stdbool.h>
#include <sys/types.h>

/* Those that are alive: a dead one that nobody has reaped is not counted. */
struct census {
    int all, stopped, going;
};

/* "uid_range=LOW-HIGH\n" for [apps]. */
const char *census_uids(char ret[64]);
struct census census_take(uid_t uid);
/* Looks again and again, with a deadline: there is no event for what strangers' processes do. */
struct census census_wait(uid_t uid, bool (*good)(const struct census *), const char *what);

/* A process leaves its group a moment before it is dead: one that has outlived its app is there for
 * ever, and fails census_wait(). */
bool census_none(const struct census *c);
bool census_stopped(const struct census *c); /* all, and there are some */
bool census_going(const struct census *c);

#endif
