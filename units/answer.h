/* SPDX-License-Identifier: MIT
 * answer.h - the lines in which the workers that fetch, verify and read an index answer.
 * Layer: 2, units. Uses: base.
 *
 *     fetch    {"progress":65536,"total":1048576,"etag":"\"abc\""}       any number of them, then
 *              {"ok":true,"size":1048576,"sha256":"<64 hex>","etag":"\"abc\""}
 *     verify   {"ok":true,"size":1048576,"sha256":"<64 hex>","key":"RW…"}
 *     index    {"ok":true,"key":"RW…","index":{…}}                       as index.h has it
 *     all      {"ok":false,"reason":"network","detail":"…"}
 * The worker's word is checked like a stranger's, as in result.h. */
#ifndef UNITS_ANSWER_H
#define UNITS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "units/index.h"
#include "units/manifest.h"
#include "units/request.h"
#include "units/result.h"

struct err;
struct str;

#define WORKER_LINE_MAX ((size_t) 4096) /* bytes of a line of fetch or verify */
#define WORKER_INDEX_MAX                                                                           \
    (INDEX_SIZE_MAX + WORKER_LINE_MAX) /* of index: no byte of it grows on the way */

struct worker_progress {
    uint64_t bytes;                 /* in the file so far, what was there before included */
    uint64_t total;                 /* of the whole file; 0: not known */
    char etag[WORKER_ETAG_MAX + 1]; /* what a later fetch is to give to go on; "": none */
};

struct worker_file {
    bool ok;
    uint64_t size; /* with ok, as all to key */
    char sha256[FILELIST_HASH_HEX + 1];
    char etag[WORKER_ETAG_MAX + 1];  /* fetch; "": none */
    char key[MINISIGN_KEY_TEXT + 1]; /* verify: whose signature it has; "": none was asked for */
    enum package_fault fault;        /* PACKAGE_OK with ok */
    char detail[256];                /* one sentence, without ok */
};

struct worker_index {
    bool ok;
    char key[MINISIGN_KEY_TEXT + 1];
    struct index *index; /* owned; NULL without ok */
    enum package_fault fault;
    char detail[256];
};

/* Append one line. Errors as str_append(). */
int worker_progress_print(const struct worker_progress *progress, struct str *out);
int worker_file_print(const struct worker_file *file, struct str *out);
int worker_index_print(const struct worker_index *index, struct str *out);

/* Read one line, with or without its newline; ret is untouched on failure. Errors: -EBADMSG with
 * what is wrong; -ENOMEM. worker_progress_parse(): -ENOENT for a line that is none of progress. */
int worker_progress_parse(const char *line, size_t len, struct worker_progress *ret, struct err *e);
int worker_file_parse(const char *line, size_t len, struct worker_file *ret, struct err *e);
int worker_index_parse(const char *line, size_t len, struct worker_index *ret, struct err *e);
void worker_index_clear(struct worker_index *index);

#endif
