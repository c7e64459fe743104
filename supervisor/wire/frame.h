/* SPDX-License-Identifier: MIT
 * frame.h - bytes to messages: Varlink ends each with a NUL.
 * Layer: 2, wire. Uses: base. Never: sockets. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>

#include "supervisor/base/str.h"

#define FRAME_MAX_APP    ((size_t) 64 * 1024)   /* a message from an app. Source: design.md §6 */
#define FRAME_MAX_CLIENT ((size_t) 1024 * 1024) /* from a client */

struct frame {
    struct str in;    /* bytes not yet handed out */
    size_t max;       /* longest message, without its NUL */
    size_t scanned;   /* no NUL before this offset */
    size_t handed;    /* bytes of the message last handed out, with its NUL */
};

void frame_init(struct frame *f, size_t max);
void frame_clear(struct frame *f);
/* Adds received bytes. -EMSGSIZE once a message is longer than max; -ENOMEM. */
int frame_push(struct frame *f, const void *bytes, size_t n);
/* The next whole message: 1 with ret (NUL-terminated, valid until the next call on f) and its length; 0 none yet;
 * -EMSGSIZE. Memory is given back when nothing is buffered. */
int frame_next(struct frame *f, const char **ret, size_t *ret_len);

#endif
