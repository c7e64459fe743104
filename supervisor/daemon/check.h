/* SPDX-License-Identifier: MIT
 * check.h - miniprogd --check: the configuration and this machine, tried and told.
 * Layer: 3, daemon. Uses: cgroups. */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

struct daemon_options;

/* Prints a report on standard output; the exit status: 0 when a supervisor can run here. */
int check_run(const struct daemon_options *options);

#endif
