/* SPDX-License-Identifier: MIT
 * delivery.h - something from somewhere, verified: a package in a stage, or an update index.
 * Layer: 3, daemon. Uses: units.
 *
 *     folder    copy
 *     package   fetch its signature, if one is asked for; fetch; verify; unpack
 *     index     fetch; check its signature and read it
 * Each job is a worker of its own, gone before the next one begins; files between them are ours
 * and handed over as descriptors. */
#ifndef DAEMON_DELIVERY_H
#define DAEMON_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "units/answer.h"
#include "units/request.h"
#include "units/result.h"

struct daemon;
struct delivery;

enum delivery_kind { DELIVER_FOLDER, DELIVER_PACKAGE, DELIVER_INDEX };

struct delivered {
    enum package_fault fault; /* PACKAGE_OK: all below is there */
    char detail[256];
    char stage[17]; /* the taker's: to be committed or discarded */
    struct worker_result result;
    char key[MINISIGN_KEY_TEXT + 1];    /* whose signature it has; "": none was asked for */
    char sha256[FILELIST_HASH_HEX + 1]; /* of the package file */
    struct index *index;                /* the taker's, for index_free() */
};

struct delivery_order {
    enum delivery_kind kind;
    const char *source; /* copied: an absolute path or a URL */
    bool allow_file;
    bool want_signature; /* of a package, in the file beside it */
    const char *pinned;  /* trusted besides trust/; copied; "" or NULL for none */
    const struct index_package *as_index_says; /* borrowed until it has begun; NULL: unknown */
    bool as_caller;                            /* under these ids, else under nobody's */
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* borrowed until done() */
    size_t n_groups;
    /* Of a package as_index_says, the installed app that it is for: what there is of it is gone on
     * with, and kept when the line breaks or the daemon ends (units/store_part.h); copied. NULL: it
     * is fetched as a whole */
    const char *part_of;
    uint64_t timeout_us; /* of each fetch */
    /* phase: as update.phase of the wire; may be NULL */
    void (*progress)(void *userdata, const char *phase, uint64_t bytes, uint64_t total);
    void (*done)(void *userdata, struct delivered *what);
    void *userdata;
};

int delivery_begin(struct daemon *d, const struct delivery_order *order, struct delivery **ret);
/* done() is not called any more. */
struct delivery *delivery_drop(struct delivery *dl);

#endif
