/* SPDX-License-Identifier: MIT
 * request.h - what a worker is to do, as the JSON object it reads from descriptor 5.
 * Layer: 2, units. Uses: base.
 *
 * One form for all jobs; each takes the members it knows (supervisor/worker/jobs.h). Not on the
 * command line: a URL may hold what not everybody may read. */
#ifndef UNITS_REQUEST_H
#define UNITS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "units/filelist.h"

struct err;
struct str;

#define WORKER_REQUEST_MAX   ((size_t) 64 * 1024)
#define WORKER_KEYS_MAX      32
#define WORKER_ETAG_MAX      128
#define WORKER_REQUEST_UNSET UINT64_MAX

struct worker_request {
    /* fetch */
    char *url;           /* https://, http://, file:/// or an absolute path */
    uint64_t max;        /* not one byte more is taken; at least 1 */
    uint64_t timeout_ms; /* for all of it; at least 1 */
    uint64_t min_rate; /* bytes/s: half a minute below it, or less on the whole, is given up; 0: the
                          worker's own */
    bool allow_http, allow_file;
    bool resume; /* go on with what is in the file, as far as the server has the same */
    char *etag;  /* of what is in the file; or NULL */
    /* fetch, verify: what the signed index says of the file */
    uint64_t size;                      /* or UNSET */
    char sha256[FILELIST_HASH_HEX + 1]; /* or "" */
    /* verify, index: texts of minisign public keys; one of them must have signed. NULL-terminated;
     * NULL: no signature is asked for */
    char **keys;
    /* unpack: what the signed index says of the contents; or UNSET */
    uint64_t unpacked_size, files;
};

/* All that is not given, as it is then. */
#define WORKER_REQUEST_INIT                                                                        \
    {                                                                                              \
        .size = WORKER_REQUEST_UNSET, .unpacked_size = WORKER_REQUEST_UNSET,                       \
        .files = WORKER_REQUEST_UNSET                                                              \
    }

/* Appends the text; it ends in a newline. Errors as str_append(). */
int worker_request_print(const struct worker_request *request, struct str *out);
/* ret: to be worker_request_clear()ed; untouched on failure. Errors: -EINVAL; -ENOMEM. */
int worker_request_parse(const char *text, size_t len, struct worker_request *ret, struct err *e);
void worker_request_clear(struct worker_request *request);
void worker_request_clear_p(struct worker_request *request); /* for CLEANUP() */

#endif
