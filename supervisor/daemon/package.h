/* SPDX-License-Identifier: MIT
 * package.h - an installed version's manifest.
 * Layer: 3, daemon. Uses: units. Reads the disk. */
#ifndef DAEMON_PACKAGE_H
#define DAEMON_PACKAGE_H

struct err;
struct manifest;
struct store;

/* ret: the caller's to manifest_free(). */
int package_manifest(struct store *store, const char *id, const char *version_name,
                     struct manifest **ret, struct err *e);

#endif
