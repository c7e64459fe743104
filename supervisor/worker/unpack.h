/* SPDX-License-Identifier: MIT
 * unpack.h - a package file becomes a staged package.
 * Layer: 3, worker. Uses: base, units. */
#ifndef WORKER_UNPACK_H
#define WORKER_UNPACK_H

#include <stdint.h>

#include "units/result.h"

struct err;
struct worker_request;

/* package_fd is read, the empty folder stage_fd is filled as stage.h says. Nothing is written
 * before the whole package is found sound, and as large as the request says (unpacked_size, files;
 * if it does). Returns 0 with ret: ok, or what is wrong with the package; else it is we who failed.
 */
int unpack_package(int package_fd, int stage_fd, const struct worker_request *request,
                   struct worker_result *ret, struct err *e);

#endif
