/* SPDX-License-Identifier: MIT
 * store_part.h - what there is of a download that broke off, for the next try.
 * Layer: 2, units. Uses: base. Never: the clock.
 *
 *   <state dir>/parts/<id>:<sha256>        the beginning of the file that an index names so
 *   <state dir>/parts/<id>:<sha256>:etag   what its server calls it
 *
 * Nothing here is synced, and nothing is believed: who goes on with it hashes it anew with the
 * rest. What a power cut or anybody else made of it costs a download, never a wrong version.
 * An app has one at most. It goes with the app; when its version is there or has failed; when
 * another one is fetched, or none is offered; after STORE_PART_AGE without a byte; and when all
 * take more than STORE_PARTS_MAX, the oldest first. */
#ifndef UNITS_STORE_PART_H
#define UNITS_STORE_PART_H

#include <stdint.h>

#include "units/request.h"

struct err;
struct store;

#define STORE_PART_AGE  (UINT64_C(7) * 24 * 3600) /* seconds; ours */
#define STORE_PARTS_MAX (UINT64_C(1) << 30)       /* bytes on the disk: one of the largest; ours */

/* The part of an installed app, empty where there is none, and its tag or "". Another one of the
 * app goes. It is nobody else's: one that a worker of a supervisor that died may still write to
 * is left to it, for a new one.
 * Errors: -ENOENT it is not installed; -EINVAL; storage's. */
int store_part_open(struct store *s, const char *id, const char *sha256,
                    char ret_etag[WORKER_ETAG_MAX + 1], int *ret_fd, struct err *e);
/* "": it has none. As long as the part is there. */
void store_part_tag(struct store *s, const char *id, const char *sha256, const char *etag);
/* All of an app, but the one of that file (NULL: that one too). */
void store_part_drop(struct store *s, const char *id, const char *but_sha256);
/* Removes those that nobody goes on with. now: seconds since 1970; by a clock that was set back
 * they are as of now. */
void store_parts_tidy(struct store *s, uint64_t now);

#endif
