/* SPDX-License-Identifier: MIT
 * jobs.h - the worker's command line: one job a run.
 * Layer: 3, worker. Uses: base, units.
 *
 * Two programs are made of it: miniprog-fetch knows the job fetch alone, miniprog-worker all of
 * them but what needs a URL. So libcurl, whose thirty libraries take longer to load than a package
 * to verify, is in the one process that may talk to a network, and in no other.
 *
 * The daemon has set uid, groups, no_new_privs, an own process group; what more a job can do
 * without it gives up itself (sandbox.h). What it needs is handed over as descriptors:
 *
 *     job      3                     4     5        6
 *     copy     stage (folder)        line  -        -                  argument: the source folder
 *     fetch    file to write         lines request  -
 *     verify   file                  line  request  signature, if keys are asked for
 *     index    file                  line  request  -
 *     unpack   stage (folder)        line  request  package file
 *
 * request: units/request.h, read to its end, from its start where it can be. line: units/result.h
 * of copy and unpack, units/answer.h of the others; one at the end, before it with fetch those of
 * progress. pack and make-index are for people, by miniprogctl (people.h). */
#ifndef WORKER_JOBS_H
#define WORKER_JOBS_H

#define WORKER_STAGE_FD     3
#define WORKER_FILE_FD      3
#define WORKER_RESULT_FD    4
#define WORKER_REQUEST_FD   5
#define WORKER_SIGNATURE_FD 6
#define WORKER_PACKAGE_FD   6

struct fetch_net;

/* net: fetch_http in miniprog-fetch, else NULL. The exit status: 0 a result was written, whatever
 * it says; 1 the worker failed (a sentence on standard error, and where it can be a line with the
 * reason "storage"); 2 wrong usage. */
int worker_run(int argc, char **argv, const struct fetch_net *net);

#endif
