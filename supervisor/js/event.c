/* SPDX-License-Identifier: MIT */
#include "supervisor/js/event.h"

#include <errno.h>
#include <stdlib.h>

#include "supervisor/js/js.h"

int event_add(struct js *js, enum event_id id, JSObjectRef f) {
    struct listeners *l = &js->events.of[id];

    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        JSObjectRef *more = realloc(l->f, cap * sizeof(JSObjectRef));
        if (!more)
            return -ENOMEM;
        l->f = more;
        l->cap = cap;
    }
    l->f[l->n++] = value_keep(js->ctx, f);
    return 0;
}

static void compact(struct listeners *l) {
    size_t kept = 0;

    if (l->emitting)
        return;
    for (size_t i = 0; i < l->n; i++)
        if (l->f[i])
            l->f[kept++] = l->f[i];
    l->n = kept;
}

void event_remove(struct js *js, enum event_id id, JSObjectRef f) {
    struct listeners *l = &js->events.of[id];

    for (size_t i = 0; i < l->n; i++)
        if (l->f[i] && (!f || l->f[i] == f))
            l->f[i] = value_drop(js->ctx, l->f[i]);
    compact(l);
}

size_t event_emit(struct js *js, enum event_id id, JSValueRef arg) {
    struct listeners *l = &js->events.of[id];
    size_t n = l->n, called = 0;

    l->emitting++;
    for (size_t i = 0; i < n; i++) {
        JSObjectRef f = value_keep(js->ctx, l->f[i]); /* it may take itself off */
        if (!f)
            continue;
        (void) js_call(js, f, NULL, arg ? 1 : 0, &arg);
        (void) value_drop(js->ctx, f);
        called++;
    }
    l->emitting--;
    compact(l);
    return called;
}

bool event_is_heard(const struct js *js, enum event_id id) {
    const struct listeners *l = &js->events.of[id];

    for (size_t i = 0; i < l->n; i++)
        if (l->f[i])
            return true;
    return false;
}
