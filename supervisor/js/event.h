/* SPDX-License-Identifier: MIT
 * event.h - who listens to what: wx.onX(listener) and wx.offX(listener).
 * Layer: 4, js. Uses: JavaScriptCore.
 *
 * An emission reaches those that listened when it began and still do when their turn comes: what a
 * listener adds is for the next one, so no listener can keep an emission going. */
#ifndef JS_EVENT_H
#define JS_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

struct js;

enum event_id {
    EVENT_APP_SHOW,
    EVENT_APP_HIDE,
    EVENT_ERROR,
    EVENT_REJECTION,
    EVENT_PAGE_NOT_FOUND,
    EVENT_MEMORY_WARNING,
    EVENT_UPDATE_CHECK,
    EVENT_UPDATE_READY,
    EVENT_UPDATE_FAILED,
    EVENT_COUNT
};

struct listeners {
    JSObjectRef *f; /* NULL: taken off during an emission */
    size_t n, cap;
    unsigned emitting;
};

struct events {
    struct listeners of[EVENT_COUNT];
};

/* -ENOMEM. */
int event_add(struct js *js, enum event_id id, JSObjectRef f);
/* NULL: all. */
void event_remove(struct js *js, enum event_id id, JSObjectRef f);
/* Calls each with arg (NULL: without); what they throw is reported. Returns how many there were. */
size_t event_emit(struct js *js, enum event_id id, JSValueRef arg);
bool event_is_heard(const struct js *js, enum event_id id);

#endif
