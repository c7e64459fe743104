/* SPDX-License-Identifier: MIT
 * installed.h - from a staged copy to an installed app, and from the store to the set of apps.
 * Layer: 3, daemon. Uses: units.
 *
 * prepare and take_over run on the loop, run on the disk lane between them. While it is there the
 * app does not start (app.storing). */
#ifndef DAEMON_INSTALLED_H
#define DAEMON_INSTALLED_H

#include <stdbool.h>
#include <sys/types.h>

#include "supervisor/base/err.h"
#include "units/admit.h"
#include "units/filelist.h"
#include "units/manifest.h"
#include "units/minisign.h"
#include "units/store.h"

struct app;
struct daemon;
struct index;
struct worker_result;

/* Where a package came from, and what is remembered with it. */
struct installed_source {
    enum admit_source how;
    const char *app_id;               /* what it must be; NULL: any. Borrowed while the job is */
    uint64_t expected_code;           /* INDEXED, ORDERED */
    bool to_pending;                  /* of an app that is there: also of a stopped one */
    char key[MINISIGN_KEY_TEXT + 1];  /* SIGNED: whose signature; with an index: to be pinned */
    char file[FILELIST_HASH_HEX + 1]; /* SHA-256 of the package file; "": a folder */
    uint64_t sequence, minimum, seen; /* of a first index; else 0 */
    const char *index_url;            /* of a first index; else NULL. Borrowed */
    const struct index *index;        /* that one, and whose signature it has: held once more */
    char
        signer[MINISIGN_KEY_TEXT + 1]; /* against what is known of an app that was lost. Borrowed */
};

struct installed_job {
    struct installed_source source;
    struct daemon *d;
    char id[65];
    char stage[17];
    struct store_version version;
    bool pending; /* the app lives: its next cold start gets it */
    bool holds, data_is_new;
    struct err refusal;        /* of prepare; code 0: none */
    uid_t uid;                 /* owner of its data; (uid_t) -1: the daemon itself */
    struct store_state state;  /* after run: what the store has */
    struct manifest *manifest; /* after run: of the version installed */
    enum package_fault fault;
};

/* Decides against what is installed. A refusal is in the job: it is run all the same, which takes
 * the stage away (not for the loop either) and fails for that reason. */
void installed_prepare(struct daemon *d, const struct worker_result *result, const char *stage,
                       const struct installed_source *source, struct installed_job *ret);
/* A work_run_t on a struct installed_job. On failure fault tells whether the package is to blame.
 */
int installed_run(void *job, struct err *e);
/* Leaves garbage collection to the disk lane: nobody has to wait for it. */
int installed_take_over(struct daemon *d, struct installed_job *job, struct app **ret,
                        struct err *e);
void installed_gave_up(struct daemon *d, struct installed_job *job);
void installed_job_clear(struct installed_job *job);

#endif
