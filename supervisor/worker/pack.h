/* SPDX-License-Identifier: MIT
 * pack.h - a folder becomes a package file.
 * Layer: 3, worker. Uses: base, units, libzip.
 *
 * Reproducible: the same names, bytes and x bits make the same file, whenever, wherever and by whom
 * it is packed. */
#ifndef WORKER_PACK_H
#define WORKER_PACK_H

#include <stdint.h>

struct err;

struct packed {
    char *output; /* the file's path; the caller's to free() */
    char app_id[65];
    uint64_t code, files, size;
};

/* output NULL: "<app id>-<code>.ma" in the working folder. What a device would refuse is refused:
 * names, kinds, limits, a manifest that does not fit. The file appears whole or not at all; one
 * that lies in the folder is refused, since it would be packed the next time. */
int pack_folder(const char *folder, const char *output, struct packed *ret, struct err *e);

#endif
