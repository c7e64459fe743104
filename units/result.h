/* SPDX-License-Identifier: MIT
 * result.h - the one line in which a worker says what came of its job.
 * Layer: 2, units. Uses: base.
 *
 *     {"ok":true,"app_id":"org.example.clock","code":3,"files_hash":"<64
 * hex>","files":9,"bytes":4711}
 *     {"ok":false,"reason":"type","detail":"'pages/x' is a symbolic link"}
 * The worker runs under another uid on input of others: its word is checked like theirs. */
#ifndef UNITS_RESULT_H
#define UNITS_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "units/filelist.h"
#include "units/manifest.h"

struct err;
struct json;
struct jsonw;
struct str;

#define WORKER_RESULT_MAX ((size_t) 4096) /* bytes of the line, its newline included */

struct worker_result {
    bool ok;
    char app_id[65];                        /* of the manifest; with ok, as all to bytes */
    uint64_t code;                          /* at least 1 */
    char files_hash[FILELIST_HASH_HEX + 1]; /* SHA-256 of the file list */
    uint64_t files, bytes;
    enum package_fault fault; /* PACKAGE_OK with ok */
    char detail[256];         /* one sentence, without ok; an err.text */
};

/* Appends the line. Errors as str_append(). */
int worker_result_print(const struct worker_result *result, struct str *out);

/* All that the worker wrote, with or without the last newline. Errors: -EBADMSG with what is wrong;
 * -ENOMEM. ret is untouched then. */
int worker_result_parse(const char *text, size_t len, struct worker_result *ret, struct err *e);

/* The members of a failure, which all answers have (answer.h). */
void worker_failure_print(enum package_fault fault, const char *detail, struct jsonw *w);
int worker_failure_parse(const struct json *doc, enum package_fault *ret_fault,
                         char ret_detail[256], struct err *e);
/* A line as JSON, and its "ok". */
int worker_line_parse(const char *line, size_t len, struct json **ret, bool *ret_ok, struct err *e);

#endif
