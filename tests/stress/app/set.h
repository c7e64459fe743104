/* SPDX-License-Identifier: MIT
 * set.h - the memory that a synthetic app holds: anonymous blocks and pages of a file.
 * Layer: tests. Uses: libc only.
 *
 * Blocks come and go one at a time, so that what is freed goes back to the kernel at once. */
#ifndef STRESS_APP_SET_H
#define STRESS_APP_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SET_BLOCK ((size_t) 256 * 1024)

struct set {
    void **block;     /* each its own mapping */
    size_t n, cap;    /* held, room */
    size_t n_cached;  /* the first of them are pages of the file */
    unsigned random;  /* permille of the others that do not compress */
    int file;         /* -1: none */
    uint64_t pattern; /* of the random ones */
};

/* data_dir: where the file is made, unlinked at once; NULL: in $TMPDIR or /tmp. Errors: as open(2).
 */
int set_open(struct set *s, const char *data_dir, uint64_t cached_bytes, unsigned random_permille);

/* Grows by anonymous blocks to so many bytes in all; stops where the kernel says no. */
void set_grow(struct set *s, uint64_t bytes);
/* Writes to every anonymous page, reads every cached one. */
void set_touch(struct set *s);
/* Gives back this share of the anonymous blocks, and drops as much of the cached pages. Returns
 * the bytes. */
uint64_t set_shrink(struct set *s, unsigned permille);

static inline uint64_t set_bytes(const struct set *s) {
    return (uint64_t) s->n * SET_BLOCK;
}

#endif
