/* SPDX-License-Identifier: MIT
 * stage.h - a package being written into a stage, whatever it comes from.
 * Layer: 3, worker. Uses: base, units.
 *
 * A stage is an empty folder of the store's. Folders and files are added by their paths in the
 * package, a folder before what is in it; stage_finish() reads the manifest, holds it against the
 * files and writes the list of them. The caps of units/filelist.h are kept here.
 *
 * All functions return 0 or a negative errno with a sentence in e; stage_fault() then tells what is
 * wrong with the package, or PACKAGE_OK when it is we who failed. */
#ifndef WORKER_STAGE_H
#define WORKER_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "units/manifest.h"
#include "units/result.h"

struct err;
struct stage;

/* stage_fd: borrowed. */
int stage_new(int stage_fd, struct stage **ret, struct err *e);
struct stage *stage_free(struct stage *s);
void stage_free_p(struct stage **s); /* for CLEANUP() */

/* Notes that the package is at fault; returns -EINVAL. */
int stage_refuse(struct stage *s, enum package_fault fault, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
enum package_fault stage_fault(const struct stage *s);

int stage_add_folder(struct stage *s, const char *path, struct err *e);

/* One file at a time: begin, its bytes in order, end. It has as many bytes as were announced, or
 * the package is at fault (PACKAGE_TREE). */
int stage_file_begin(struct stage *s, const char *path, uint64_t size, bool executable,
                     struct err *e);
int stage_file_write(struct stage *s, const void *bytes, size_t n, struct err *e);
int stage_file_end(struct stage *s, struct err *e);

/* ret: ok, with what the manifest and the list say. Nothing is synced: who takes the stage over
 * changes owners and modes first, and one sync is enough for all of it. */
int stage_finish(struct stage *s, struct worker_result *ret, struct err *e);

#endif
