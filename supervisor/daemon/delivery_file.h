/* SPDX-License-Identifier: MIT
 * delivery_file.h - the files that a delivery fetches into; not for others than delivery.c.
 * Layer: 3, daemon. Uses: units. */
#ifndef DAEMON_DELIVERY_FILE_H
#define DAEMON_DELIVERY_FILE_H

struct daemon;
struct err;
struct store;

/* Without a name, gone with its descriptor. On the disk lane. */
int delivery_file(struct store *store, int *ret, struct err *e);
/* What the server calls what is being fetched, for whoever goes on with it, which may be the next
 * supervisor: noted at once, on the disk lane. */
void delivery_note_tag(struct daemon *d, const char *id, const char *sha256, const char *etag);

#endif
