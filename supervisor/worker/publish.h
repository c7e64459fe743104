/* SPDX-License-Identifier: MIT
 * publish.h - an update index from package files.
 * Layer: 3, worker. Uses: base, units. */
#ifndef WORKER_PUBLISH_H
#define WORKER_PUBLISH_H

#include <stdint.h>

#include "units/index.h"

struct err;
struct str;

/* Adds a package file to the index: reads all of it, as unpack does, so that what would be refused
 * there is refused here. base_url: where it will lie; its name is put behind. */
int publish_add(struct index *ix, const char *path, const char *base_url, struct err *e);

/* Checks the whole as a device will and appends its JSON. rollout: of the package with the highest
 * code, in percent; the others are for all. */
int publish_finish(struct index *ix, uint64_t rollout, struct str *out, struct err *e);

#endif
