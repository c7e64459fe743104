/* SPDX-License-Identifier: MIT
 * admit.h - may this index be heeded, may this package become that app's version?
 * Layer: 2, units. Uses: base.
 *
 * Pure decisions over what workers have verified: form, hashes and signatures are theirs, whose
 * signature counts and what may follow what is decided here. Keys are texts of MINISIGN_KEY_TEXT
 * characters, "" for none. All return 0, or -EINVAL with a sentence and the fault.
 * Source: design.md §7; facts/updates.md §5.2, §6. */
#ifndef UNITS_ADMIT_H
#define UNITS_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "units/manifest.h"

struct err;
struct index;

/* What is known of the app; id NULL: nothing, whichever comes is taken. */
struct admit_app {
    const char *id;
    uint64_t code;       /* of the current version; 0: none is installed */
    const char *pinned;  /* the key of its first signed version, or what took over since */
    uint64_t index_seen; /* the highest sequence of an index that was heeded */
    uint64_t floor;      /* no code below it, but by the server's order; 0: none */
};

/* A sequence grows by no more than this at once: a stolen key could else name the last number there
 * is, and no index of the owner's would ever be newer. A first index may begin anywhere, and a next
 * key begins anew. Source: facts/updates.md §6, 6. */
#define INDEX_SEQUENCE_STEP_MAX (UINT64_C(1) << 32)

/* key: that verified the index. While a key is handed over, the index of the old one goes on being
 * heeded where it names the pinned key as the next (devices that were off still need it); who wants
 * to be rid of the old key takes it out of the trusted ones. The same sequence again is heeded,
 * too: a download may have failed. */
int admit_index(const struct index *ix, const char *key, const struct admit_app *app,
                enum package_fault *ret_fault, struct err *e);

/* What is to be pinned once an index is heeded or (ix NULL) a signed package is installed: next_key
 * where the index names one, else what is pinned, else the key. Borrowed from the arguments. */
const char *admit_pin(const struct index *ix, const char *key, const char *pinned);
/* The sequence to be remembered with it: a next key begins anew, and an index of the old one moves
 * nothing any more. */
uint64_t admit_sequence(const struct index *ix, const char *key, const struct admit_app *app);

enum admit_source {
    ADMIT_FOLDER,  /* or an unsigned package: for development */
    ADMIT_SIGNED,  /* with its own signature */
    ADMIT_INDEXED, /* named by a heeded index, size and SHA-256 as it says */
    ADMIT_ORDERED  /* the same, by its downgrade_to */
};

struct admit_package {
    enum admit_source source;
    const char *app_id; /* of its manifest */
    uint64_t code;
    const char *key;        /* SIGNED: whose signature it has */
    uint64_t expected_code; /* INDEXED, ORDERED: the index's */
};
int admit_package(const struct admit_package *p, const struct admit_app *app,
                  enum package_fault *ret_fault, struct err *e);

/* May a package's URL be followed, or an index's (index_url NULL)? file only where the index itself
 * came from one. */
int admit_url(const char *url, const char *index_url, bool allow_http, struct err *e);

#endif
