/* SPDX-License-Identifier: MIT
 * uids.h - a uid of its own for each app, never one whose data still exist.
 * Layer: 3, daemon. Uses: units. The owner of the data folder is the record. */
#ifndef DAEMON_UIDS_H
#define DAEMON_UIDS_H

#include <sys/types.h>

struct config;
struct err;
struct store;
struct uids;

/* Looks at every data folder of the store. */
int uids_new(const struct config *config, struct store *store, struct uids **ret, struct err *e);
struct uids *uids_free(struct uids *u);
/* -ENOSPC: the range is used up. */
int uids_take(struct uids *u, uid_t *ret, struct err *e);
void uids_give_back(struct uids *u, uid_t uid);

#endif
