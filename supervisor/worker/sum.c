/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/sum.h"

#include <sodium.h>

_Static_assert(FILELIST_HASH_HEX == 2 * SHA256_DIGEST_SIZE, "a hash is a SHA-256 in hex");

void sum_begin(struct sum *s) {
    sha256_init(&s->state);
}

void sum_add(struct sum *s, const void *bytes, size_t n) {
    sha256_update(&s->state, n, bytes);
}

void sum_hex(const struct sum *s, char ret[FILELIST_HASH_HEX + 1]) {
    struct sha256_ctx copy = s->state; /* the end of it begins it anew */
    unsigned char digest[SHA256_DIGEST_SIZE];

    sha256_digest(&copy, sizeof digest, digest);
    (void) sodium_bin2hex(ret, FILELIST_HASH_HEX + 1, digest, sizeof digest);
}
