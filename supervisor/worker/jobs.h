/* SPDX-License-Identifier: MIT
 * jobs.h - the worker's command line: one job a run.
 * Layer: 3, worker. Uses: base, units.
 *
 * The daemon has set uid, groups, no_new_privs, limits and an own process group. Descriptor 3 is
 * the stage, 4 takes the one line of the result (units/result.h). */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#define WORKER_STAGE_FD  3
#define WORKER_RESULT_FD 4

/* The exit status: 0 a result was written, whatever it says; 1 the worker failed (a sentence on
 * standard error); 2 wrong usage. */
int worker_run(int argc, char **argv);

#endif
