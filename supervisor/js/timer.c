/* SPDX-License-Identifier: MIT */
#include "supervisor/js/timer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "supervisor/js/js.h"

#define DELAY_MAX_MS 2147483647.0 /* as browsers: what does not fit in 32 bits was a mistake */

struct timer {
    size_t at; /* in the heap */
    uint32_t number;
    int64_t due, period; /* µs; period 0: once */
    JSObjectRef call;
    size_t n_args;
    JSValueRef args[];
};

/* --- the heap ----------------------------------------------------------------------------- */

static bool before(const struct timer *a, const struct timer *b) {
    return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void put(struct timers *t, size_t at, struct timer *timer) {
    t->heap[at] = timer;
    timer->at = at;
}

static void rise(struct timers *t, struct timer *timer) {
    size_t at = timer->at;

    while (at > 0 && before(timer, t->heap[(at - 1) / 2])) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(t, at, timer);
}

static void sink(struct timers *t, struct timer *timer) {
    size_t at = timer->at;

    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < t->n && before(t->heap[child + 1], t->heap[child]))
            child++;
        if (child >= t->n || !before(t->heap[child], timer))
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, timer);
}

static int heap_add(struct timers *t, struct timer *timer) {
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct timer **heap = realloc(t->heap, cap * sizeof *heap);
        if (!heap)
            return -ENOMEM;
        t->heap = heap;
        t->cap = cap;
    }
    put(t, t->n++, timer);
    rise(t, timer);
    return 0;
}

static void heap_remove(struct timers *t, struct timer *timer) {
    struct timer *last = t->heap[--t->n];

    if (last == timer)
        return;
    put(t, timer->at, last);
    rise(t, last);
    sink(t, last);
}

/* --- one timer ---------------------------------------------------------------------------- */

static gpointer key_of(uint32_t number) {
    return GUINT_TO_POINTER(number);
}

static struct timer *timer_new(struct js *js, JSObjectRef call, size_t n, const JSValueRef args[]) {
    struct timer *timer = malloc(sizeof *timer + n * sizeof args[0]);

    if (!timer)
        return NULL;
    *timer = (struct timer){ .call = value_keep(js->ctx, call), .n_args = n };
    for (size_t i = 0; i < n; i++) {
        timer->args[i] = args[i];
        JSValueProtect(js->ctx, args[i]);
    }
    return timer;
}

static void timer_free(struct js *js, struct timer *timer) {
    (void) value_drop(js->ctx, timer->call);
    for (size_t i = 0; i < timer->n_args; i++)
        JSValueUnprotect(js->ctx, timer->args[i]);
    free(timer);
}

static void forget(struct js *js, struct timer *timer) {
    heap_remove(&js->timers, timer);
    (void) g_hash_table_remove(js->timers.by_number, key_of(timer->number));
    if (timer == js->timers.running)
        js->timers.cleared = true; /* its arguments are still in use */
    else
        timer_free(js, timer);
}

static int64_t delay_of(JSContextRef ctx, size_t n, const JSValueRef args[], JSValueRef *exc) {
    double ms = n > 1 ? JSValueToNumber(ctx, args[1], exc) : 0;

    if (!(ms >= 1)) /* NaN too */
        ms = 1;
    return (int64_t) (fmin(ms, DELAY_MAX_MS) * 1000);
}

static JSValueRef add(JSContextRef ctx, const char *name, bool repeat, size_t n,
                      const JSValueRef args[], JSValueRef *exc) {
    struct js *js = js_of(ctx);
    struct timers *t = &js->timers;
    JSObjectRef call = value_function(ctx, value_arg(ctx, n, args, 0));

    if (!call)
        return value_throw(ctx, exc, "%s: the first argument should be a Function instead of %s",
                           name, value_kind(ctx, value_arg(ctx, n, args, 0)));
    int64_t delay = delay_of(ctx, n, args, exc);
    if (*exc)
        return JSValueMakeUndefined(ctx);
    struct timer *timer = timer_new(js, call, n > 2 ? n - 2 : 0, n > 2 ? args + 2 : NULL);
    if (!timer)
        return value_throw(ctx, exc, "%s: out of memory", name);
    do
        t->last++;
    while (t->last == 0 || g_hash_table_contains(t->by_number, key_of(t->last)));
    timer->number = t->last;
    timer->due = g_get_monotonic_time() + delay;
    timer->period = repeat ? delay : 0;
    if (heap_add(t, timer) < 0) {
        timer_free(js, timer);
        return value_throw(ctx, exc, "%s: out of memory", name);
    }
    (void) g_hash_table_insert(t->by_number, key_of(timer->number), timer);
    return JSValueMakeNumber(ctx, timer->number);
}

static JS_FUNCTION(set_timeout) {
    (void) function;
    (void) self;
    return add(ctx, "setTimeout", false, n, args, exc);
}

static JS_FUNCTION(set_interval) {
    (void) function;
    (void) self;
    return add(ctx, "setInterval", true, n, args, exc);
}

/* Both names clear both kinds, as everywhere; what is no timer is no error. */
static JS_FUNCTION(clear) {
    struct js *js = js_of(ctx);
    JSValueRef v = value_arg(ctx, n, args, 0);

    (void) function;
    (void) self;
    (void) exc;
    double number = JSValueIsNumber(ctx, v) ? JSValueToNumber(ctx, v, NULL) : 0;
    if (!(number >= 1 && number <= UINT32_MAX))
        return JSValueMakeUndefined(ctx);
    struct timer *timer = g_hash_table_lookup(js->timers.by_number, key_of((uint32_t) number));
    if (timer)
        forget(js, timer);
    return JSValueMakeUndefined(ctx);
}

int timers_init(struct js *js) {
    static const struct {
        const char *name;
        JSObjectCallAsFunctionCallback f;
    } functions[] = { { "setTimeout", set_timeout },
                      { "setInterval", set_interval },
                      { "clearTimeout", clear },
                      { "clearInterval", clear } };
    JSObjectRef global = JSContextGetGlobalObject(js->ctx);

    js->timers.by_number = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        value_hide(js->ctx, global, functions[i].name,
                   value_make_function(js->ctx, functions[i].name, functions[i].f));
    return 0;
}

int64_t timers_due(const struct js *js) {
    return js->timers.n ? js->timers.heap[0]->due : -1;
}

/* --- running ------------------------------------------------------------------------------ */

static void run(struct js *js, struct timer *timer) {
    struct timers *t = &js->timers;
    bool once = timer->period == 0;

    t->running = timer;
    t->cleared = false;
    if (once) {
        forget(js, timer);
    } else {
        timer->due = g_get_monotonic_time() + timer->period;
        sink(t, timer);
    }
    (void) js_call(js, timer->call, NULL, timer->n_args, timer->args);
    t->running = NULL;
    if (t->cleared)
        timer_free(js, timer);
}

void timers_run(struct js *js, int most) {
    int64_t now = g_get_monotonic_time();

    for (int i = 0; i < most && !turn_holds(js); i++) {
        if (js->timers.n == 0 || js->timers.heap[0]->due > now)
            return;
        TURN(js);
        run(js, js->timers.heap[0]);
    }
}
