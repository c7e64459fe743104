/* SPDX-License-Identifier: MIT
 * sum.h - SHA-256, as hex digits.
 * Layer: 3, worker. Uses: units, nettle.
 *
 * Not libsodium's, which is plain C: nettle takes the processor's own instructions where it has
 * them, and every byte of a package is summed in each step of its way. */
#ifndef WORKER_SUM_H
#define WORKER_SUM_H

#include <nettle/sha2.h>
#include <stddef.h>

#include "units/filelist.h"

struct sum {
    struct sha256_ctx state;
};

void sum_begin(struct sum *s);
void sum_add(struct sum *s, const void *bytes, size_t n);
/* Of all so far; more may follow. */
void sum_hex(const struct sum *s, char ret[FILELIST_HASH_HEX + 1]);

#endif
