/* SPDX-License-Identifier: MIT
 * frame.h - bytes to messages: Varlink ends each with a NUL.
 * Layer: 2, wire. Uses: base. Never: sockets. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>

#include "supervisor/base/str.h"

#define FRAME_MAX_APP    ((size_t) 64 * 1024)   /* a message from an app. Source: design.md §6 */
#define FRAME_MAX_CLIENT ((size_t) 1024 * 1024) /* from a client */
#define FRAME_PUSH_MAX   ((size_t) 256 * 1024)  /* most bytes that wait beside one message */

struct frame {
    struct str in;  /* bytes from the peer; those before `handed` are done with */
    size_t max;     /* longest message, without its NUL */
    size_t scanned; /* no NUL between handed and here */
    size_t handed;  /* end of the message last handed out, with its NUL */
};

void frame_init(struct frame *f, size_t max);
void frame_clear(struct frame *f);
/* Adds received bytes. Take out all whole messages before the next push: at most max + 1 +
 * FRAME_PUSH_MAX bytes are ever held. -EMSGSIZE once a message is longer than max, or over that;
 * -ENOMEM. After a failure the peer is to be given up: every later call fails too. */
int frame_push(struct frame *f, const void *bytes, size_t n);
/* The next whole message: 1 with ret (NUL-terminated, valid until the next call on f) and its
 * length; 0 none yet; -EMSGSIZE. A NUL after a NUL is a message of length 0, which Varlink does
 * not have: varlink_call_parse() refuses it. Memory is given back when nothing is buffered. */
int frame_next(struct frame *f, const char **ret, size_t *ret_len);

#endif
