/* SPDX-License-Identifier: MIT
 * raw.h - a peer that speaks bytes, whatever they are, under whatever uid.
 * Layer: tests. Uses: harness, base. */
#ifndef TESTS_RAW_H
#define TESTS_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "supervisor/base/str.h"
#include "tests/lib/harness.h"

/* A peer; fd is -1 when it is closed. */
struct raw {
    int fd;
    struct str in; /* what came; handed: of that, the reply last returned */
    size_t handed;
};

/* Connects as uid and gid (0: as we are) with the supplementary groups of nobody; -errno. */
int raw_connect_as(const char *path, uid_t uid, gid_t gid, struct raw *ret);
/* Connects as we are, or fails the test. */
struct raw raw_open(const char *path);
/* As a process of the live app, on the socket of its own. */
struct raw raw_open_app(struct harness *h, const char *id);
void raw_close(struct raw *r);

/* Sends the bytes; a daemon that hangs up half-way is no failure, one that stops reading is. */
void raw_say(struct raw *r, const void *bytes, size_t n);
void raw_call(struct raw *r, const char *text); /* with its NUL */
void raw_end(struct raw *r);                    /* sends no more, goes on reading */
/* The next reply, valid until the next call; NULL: the daemon hung up. */
const char *raw_hear(struct raw *r);
/* Reads on until the daemon hangs up. */
void raw_wait_hangup(struct raw *r);

/* Sends a datagram to the app's notify socket, from a process of that uid and gid. */
void raw_notify(struct harness *h, const char *id, uid_t uid, gid_t gid, const char *text,
                size_t n);

/* Facts about an app. */
const char *raw_app_path(struct harness *h, const char *id, const char *name, char ret[128]);
uid_t raw_app_uid(struct harness *h, const char *id);

/* What was sent before this, on whatever connection, has been looked at. */
void raw_barrier(struct harness *h);
/* The daemon answers, and found neither itself nor us to be a reason to report a fault. */
void raw_assert_sound(struct harness *h);

#endif
