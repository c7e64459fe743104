/* SPDX-License-Identifier: MIT
 * event.h - events from Watch to the app's callbacks, each once.
 * Layer: 3, sdk. Uses: base. */
#ifndef SDK_EVENT_H
#define SDK_EVENT_H

struct json;
struct miniprog;

/* Delivers what one reply to Watch holds; an event seen before, or of a type not known here, is
 * passed over. -EBADMSG with m->err: not an event; -ENOMEM. Nothing was delivered then. */
int event_deliver(struct miniprog *m, const struct json *parameters);

#endif
