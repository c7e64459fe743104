/* SPDX-License-Identifier: MIT
 * filelist.h - the list of a version's files: what a worker wrote down, what the store checks.
 * Layer: 2, units. Uses: base.
 *
 * One line a file, sorted by path (as bytes), no other lines:
 *     <SHA-256, 64 hex> <bytes> <x or -> <path>\n
 * Paths are relative and have plain names only, so that a list has one spelling and its own
 * SHA-256 names the contents of the version. */
#ifndef UNITS_FILELIST_H
#define UNITS_FILELIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct str;

/* What a package may hold, whoever brings it. Ours: above any real app, below what hurts. */
#define PACKAGE_ENTRIES_MAX 20000 /* files and folders together */
#define PACKAGE_DEPTH_MAX   32    /* names in a path */
#define PACKAGE_PATH_MAX    4000  /* bytes of a path */
#define PACKAGE_NAME_MAX    255   /* bytes of a name. Source: W3C MiniApp Packaging; NAME_MAX */
#define PACKAGE_BYTES_MAX   ((uint64_t) 1 << 30) /* of all files */
#define FILELIST_SIZE_MAX   ((size_t) 16 << 20)  /* bytes of a list */

#define FILELIST_HASH_HEX 64

struct filelist_entry {
    const char *path;
    uint64_t size;
    bool executable;
    char sha256[FILELIST_HASH_HEX + 1]; /* lower case */
};

/* Why `name` may not be a name in a package ("is longer than 255 bytes"), or NULL. */
const char *package_name_fault(const char *name);

bool filelist_is_hash(const char *text); /* 64 lower-case hex digits */

/* Appends one line. Errors as str_append(). */
int filelist_append(struct str *out, const struct filelist_entry *entry);

struct filelist;
/* ret: the caller's to filelist_free(); the text is copied. Errors: -EBADMSG with the line; -E2BIG
 * above a cap; -ENOMEM. */
int filelist_parse(const char *text, size_t len, struct filelist **ret, struct err *e);
struct filelist *filelist_free(struct filelist *l);
void filelist_free_p(struct filelist **l); /* for CLEANUP() */
size_t filelist_count(const struct filelist *l);
/* NULL: not in it. */
const struct filelist_entry *filelist_find(const struct filelist *l, const char *path);

#endif
