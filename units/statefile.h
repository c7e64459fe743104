/* SPDX-License-Identifier: MIT
 * statefile.h - the text of an app's state file.
 * Layer: 2, units. Uses: base. Never: the disk.
 *
 * Two lines: a JSON object, and "crc32 <8 hex>" over the first one with its newline. Members that
 * this version does not know are kept (store_state.rest), so that an older daemon loses nothing of
 * a newer one's. */
#ifndef UNITS_STATEFILE_H
#define UNITS_STATEFILE_H

#include <stddef.h>

#include "units/store.h"

struct str;

#define STATEFILE_MAX ((size_t) 64 * 1024) /* bytes; ours */

/* Appends both lines. Errors: -EINVAL a version whose name does not fit its code and hash, or rest
 * is no object; -E2BIG above STATEFILE_MAX; -ENOMEM. */
int statefile_encode(const struct store_state *state, struct str *out, struct err *e);

/* ret: for store_state_clear(). Errors: -EBADMSG with what is wrong; -ENOMEM. */
int statefile_decode(const char *text, size_t len, struct store_state *ret, struct err *e);

/* The seq of a text whose checksum is wrong, as far as it can be read; else 0. */
uint64_t statefile_guess_seq(const char *text, size_t len);

#endif
