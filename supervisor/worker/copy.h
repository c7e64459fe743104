/* SPDX-License-Identifier: MIT
 * copy.h - a folder on this machine becomes a staged package.
 * Layer: 3, worker. Uses: base, units.
 *
 * The folder is somebody's who may change it meanwhile: every part is opened by descriptor, without
 * following a link, and what is copied is what was opened. */
#ifndef WORKER_COPY_H
#define WORKER_COPY_H

#include "units/result.h"

struct err;

/* Copies regular files and folders of `source` (absolute) into the empty folder stage_fd, as
 * stage.h says. Returns 0 with ret: ok, or what is wrong with the source; else it is we who failed.
 */
int copy_package(const char *source, int stage_fd, struct worker_result *ret, struct err *e);

#endif
