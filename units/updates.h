/* SPDX-License-Identifier: MIT
 * updates.h - what an app's state remembers of its updates besides the versions.
 * Layer: 2, units. Uses: base. Never: the disk, the clock.
 *
 * It is the member "update" of store_state.rest. Members of it that are not known are kept, as are
 * the others of rest. A member that is not of its form is as if it were not there: what is lost
 * then is asked for again, while an app that does not start would be lost altogether. */
#ifndef UNITS_UPDATES_H
#define UNITS_UPDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "units/filelist.h"
#include "units/minisign.h"

struct err;

#define UPDATES_FAILED_MAX 16  /* the oldest is forgotten; ours */
#define UPDATES_REASON_MAX 160 /* bytes */
#define UPDATES_BOOT       36  /* a boot id's length: a UUID. Source: random(4) */

/* A package that was tried here and did not live. */
struct updates_failed {
    char hash[FILELIST_HASH_HEX + 1]; /* of its file; of its list of files where it had none */
    uint64_t code;
    char reason[UPDATES_REASON_MAX + 1];
};

struct updates {
    /* the trial of the current version; trial.h */
    unsigned tries; /* left, the present one included once it is taken; 0: not on trial */
    bool taken;     /* a try was counted and its end not yet judged */
    char boot[UPDATES_BOOT + 1]; /* which boot that was in; "": not known */
    bool retreat; /* fell back: current has yet to live, `previous` is the one that failed */
    /* what may follow */
    uint64_t held;                   /* Rollback: no code up to it; 0: none */
    uint64_t floor;                  /* no code below it; 0: none */
    uint64_t sequence;               /* highest one of a heeded index */
    uint64_t minimum;                /* the index's minimum_usable; 0: any will do */
    uint64_t seen;                   /* when an index was last heeded, seconds since 1970 */
    uint64_t offered;                /* the code that was last found and is not here yet; 0: none */
    char key[MINISIGN_KEY_TEXT + 1]; /* pinned; "": none */
    char *url;                       /* of the index, where the manifest names none; or NULL */
    /* the files that the versions came from; "": a folder, or not known */
    char current_file[FILELIST_HASH_HEX + 1], pending_file[FILELIST_HASH_HEX + 1];
    struct updates_failed *failed; /* oldest first */
    size_t n_failed;
    char *unknown; /* JSON object text, or NULL */
};

/* rest: as store_state has it, or NULL. ret: to be updates_clear()ed. Errors: -ENOMEM alone. */
int updates_read(const char *rest, struct updates *ret, struct err *e);
/* *rest is replaced; untouched on failure: -ENOMEM; -EINVAL rest is no object. */
int updates_write(const struct updates *u, char **rest, struct err *e);
void updates_clear(struct updates *u);
void updates_clear_p(struct updates *u); /* for CLEANUP() */

/* What must not go back does not: floor, pinned key, sequence and minimum_usable, the clock, raised
 * to what a newer state knew. */
void updates_raise(struct updates *u, const struct updates *newer);

/* Notes or renews a failure. -ENOMEM. */
int updates_note_failed(struct updates *u, const char *hash, uint64_t code, const char *reason);
void updates_forgive(struct updates *u, const char *hash);
/* The last failure of that code, NULL: none. */
const struct updates_failed *updates_failed_code(const struct updates *u, uint64_t code);

/* How long to wait after a failure before the next try, microseconds: a minute, then twice as long
 * each time, at most `most`. before: what this said the last time; 0: it is the first failure.
 * Source: design.md §10. */
#define UPDATES_WAIT_FIRST_US (UINT64_C(60) * 1000000)
uint64_t updates_next_wait(uint64_t before, uint64_t most);

#endif
