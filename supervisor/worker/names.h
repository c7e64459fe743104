/* SPDX-License-Identifier: MIT
 * names.h - the paths of a package: each means one file or folder, to whoever reads them.
 * Layer: 3, worker. Uses: base, units, libunistring.
 *
 * Folders that are only implied ("a" by "a/b") are made up, so that every path's folder is there.
 * No path is twice there, none is both a file and a folder, and no two would be one on a file
 * system that knows no case or composes accents. Source: W3C MiniApp Packaging. */
#ifndef WORKER_NAMES_H
#define WORKER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names;
struct verdict;

#define NAMES_IMPLIED ((size_t) -1) /* the entry of a folder that has none */

struct name {
    char *path; /* without a slash at its end */
    bool folder;
    size_t entry; /* what the caller gave, or NAMES_IMPLIED */
};

struct names *names_new(void); /* NULL without memory */
struct names *names_free(struct names *n);

/* Adds a path of `len` bytes, not NUL-terminated; with a slash at its end it is a folder's. Errors:
 * -EINVAL with the verdict (path, limits, format for one that is twice there); -ENOMEM. */
int names_add(struct names *n, const char *path, size_t len, size_t entry, struct verdict *v);

/* After the last one: checks that no two are twins, and sorts by path as bytes, so that a folder
 * comes before what is in it. */
int names_finish(struct names *n, struct verdict *v);

size_t names_count(const struct names *n);
const struct name *names_get(const struct names *n, size_t i);

#endif
