/* SPDX-License-Identifier: MIT
 * people.h - the worker's jobs that a publisher asks for, through miniprogctl.
 * Layer: 3, worker. Uses: base, units.
 *
 *     pack FOLDER [--output=FILE]
 *     make-index FILE... --base-url=URL --sequence=N --expires=WHEN [--minimum-usable=CODE]
 *                [--downgrade-to=CODE] [--next-key=KEY] [--rollout=PERCENT] [--output=FILE]
 * They read and write by path, under the caller's rights, and speak to people. WHEN is a time as
 * units/utctime.h has it, or a span from now ("30d"). KEY is a minisign public key or its file. */
#ifndef WORKER_PEOPLE_H
#define WORKER_PEOPLE_H

#include <stdbool.h>

bool people_know(const char *job);
/* The exit status: 0 done, 1 failed, 2 wrong usage; a sentence on standard error, which begins with
 * argv[0]. */
int people_run(int argc, char **argv);

#endif
