/* SPDX-License-Identifier: MIT
 * index.h - an app's update index: what versions there are, where, for whom, until when.
 * Layer: 2, units. Uses: base. Never: the clock, the network, signatures.
 *
 * { "app_id", "sequence", "expires", "minimum_usable"?, "downgrade_to"?, "next_key"?,
 *   "packages": [{ "code", "name", "url", "size", "sha256", "unpacked_size", "files",
 *                  "rollout"? }] }
 * On a server this JSON stands behind the four lines of its own minisign signature (minisign.h), in
 * one file, so that it changes atomically. Members that are not known are passed over.
 * Source: design.md §7. */
#ifndef UNITS_INDEX_H
#define UNITS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "units/filelist.h"
#include "units/minisign.h"

struct err;
struct str;

/* Caps; ours, far above any real index. */
#define INDEX_SIZE_MAX     ((size_t) 64 * 1024) /* bytes of the file, its signature included */
#define INDEX_PACKAGES_MAX 64
#define INDEX_URL_MAX      2048
#define INDEX_NAME_MAX     128
#define PACKAGE_FILE_MAX   PACKAGE_BYTES_MAX /* bytes of a package file */

struct index_package {
    uint64_t code; /* at least 1; each once */
    char *name;    /* of the version, for people */
    char *url;     /* https, http or file */
    uint64_t size; /* bytes of the file; at least 1 */
    char sha256[FILELIST_HASH_HEX + 1];
    uint64_t unpacked_size, files; /* of what is in it; files at least 1 */
    unsigned rollout;              /* percent of the devices, 0 to 100 */
};

struct index {
    char app_id[65];
    uint64_t sequence;                    /* at least 1; grows with each edition */
    uint64_t expires;                     /* seconds since 1970 */
    uint64_t minimum_usable;              /* a code; 0: any will do */
    uint64_t downgrade_to;                /* the code of one of the packages; 0: none */
    char next_key[MINISIGN_KEY_TEXT + 1]; /* "": none */
    struct index_package *packages;       /* highest code first */
    size_t n_packages;
};

/* Reads the JSON. ret: the caller's to index_free(). Errors: -EINVAL with the member; -ENOMEM. */
int index_parse(const char *text, size_t len, struct index **ret, struct err *e);
struct index *index_free(struct index *ix);
void index_free_p(struct index **ix); /* for CLEANUP() */

/* Appends the JSON, compact. Errors as str_append(). */
int index_print(const struct index *ix, struct str *out);

/* "https://", "http://" with a host, or "file:///", without spaces and control characters. */
bool index_url_is_sound(const char *url);

/* --- which version is for this device -----------------------------------------------------  */

#define INDEX_VERDICTS(X)                                                                          \
    X(UP_TO_DATE, "nothing newer is there")                                                        \
    X(NEWER, "a newer version is there")                                                           \
    X(BACK, "the server orders to go back to this version")                                        \
    X(WITHDRAWN, "the server takes the waiting version back")                                      \
    X(EXPIRED, "a newer version is there, but the index has expired")                              \
    X(HELD, "a newer version is there, but one up to it was rolled back by hand")                  \
    X(FAILED, "a newer version is there, but it has failed here")                                  \
    X(ROLLOUT, "a newer version is there, but not for this device yet")
#define X(id, sentence) INDEX_##id,
enum index_verdict { INDEX_VERDICTS(X) INDEX_VERDICT_COUNT };
#undef X
const char *index_verdict_sentence(enum index_verdict verdict);

struct index_device {
    uint64_t current, pending; /* codes; 0: none */
    uint64_t held;             /* Rollback: what is not above it is not offered; 0: none */
    const char *const *failed; /* SHA-256 of packages that failed here, NULL-terminated; or NULL */
    unsigned place;            /* index_place() */
    uint64_t now;              /* seconds since 1970, as the clock says */
    uint64_t clock_low; /* what it can say at least: the later of our build and the last sight of
                           it; a clock below it is wrong, and nothing expires by it */
};

struct index_choice {
    enum index_verdict verdict;
    const struct index_package *package; /* NEWER, BACK: to be staged; else NULL */
    uint64_t code; /* that it is about: the package's, or of the highest passed over; 0: none */
};
void index_choose(const struct index *ix, const struct index_device *device,
                  struct index_choice *ret);
/* As far as the device's clock can be believed. */
bool index_has_expired(const struct index *ix, const struct index_device *device);

/* 0 to 99: a package with rollout N is for the places below N. The same on every check. */
unsigned index_place(const char *machine_id, const char *app_id);

#endif
