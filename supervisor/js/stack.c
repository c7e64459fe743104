/* SPDX-License-Identifier: MIT */
#include "supervisor/js/stack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/map.h"
#include "supervisor/js/js.h"
#include "supervisor/js/page.h"
#include "supervisor/js/report.h"

int stack_init(struct js *js) {
    js->stack.registered = map_new();
    js->stack.tabs = calloc(js->package.n_tabs + 1, sizeof(struct page *));
    return js->stack.registered && js->stack.tabs ? 0 : -ENOMEM;
}

struct page *stack_front(const struct js *js) {
    return js->stack.n ? js->stack.pages[js->stack.n - 1] : NULL;
}

struct page *stack_find(const struct js *js, JSObjectRef instance) {
    for (size_t i = 0; i < js->stack.n; i++)
        if (js->stack.pages[i]->instance == instance)
            return js->stack.pages[i];
    for (size_t i = 0; i < js->package.n_tabs; i++)
        if (js->stack.tabs[i] && js->stack.tabs[i]->instance == instance)
            return js->stack.tabs[i];
    return NULL;
}

/* --- shown, ready, hidden ----------------------------------------------------------------- */

/* A page may be gone, or hidden, before the turn comes in which it is ready: then its next onShow
 * asks again. */
static void run_ready(struct js *js, void *data) {
    struct page *p = stack_front(js);

    if (!p || p->number != (uintptr_t) data || p->ready || !p->shown)
        return;
    p->ready = true;
    (void) page_call(js, p, "onReady", 0, NULL);
}

static void show_front(struct js *js) {
    struct page *p = stack_front(js);

    if (!p || p->shown || !js->shown)
        return;
    p->shown = true;
    (void) page_call(js, p, "onShow", 0, NULL);
    if (!p->ready)
        (void) turn_later(js, run_ready, (void *) (uintptr_t) p->number);
    report_page_changed(js, p);
}

static void hide_page(struct js *js, struct page *p) {
    if (!p || !p->shown)
        return;
    p->shown = false;
    (void) page_call(js, p, "onHide", 0, NULL);
}

void stack_show(struct js *js) {
    show_front(js);
}

void stack_hide(struct js *js) {
    hide_page(js, stack_front(js));
}

/* --- on and off --------------------------------------------------------------------------- */

static void unload(struct js *js, struct page *p) {
    p->shown = false;
    (void) page_call(js, p, "onUnload", 0, NULL);
    (void) page_free(js, p);
}

static void pop(struct js *js) {
    struct page *p = js->stack.pages[--js->stack.n];
    unload(js, p);
}

static struct page **tab_slot(struct js *js, const char *route) {
    for (size_t i = 0; i < js->package.n_tabs; i++)
        if (strcmp(js->package.tabs[i], route) == 0)
            return &js->stack.tabs[i];
    return NULL;
}

/* Opens it on the top of the stack, where there is room. */
static int open_page(struct js *js, const char *route, const char *query, const char *exit_state) {
    struct page *p = page_new(js, route, query, exit_state);

    if (!p)
        return -ENOMEM;
    js->stack.pages[js->stack.n++] = p;
    JSValueRef options = value_json(js->ctx, p->query);
    (void) page_call(js, p, "onLoad", options ? 1 : 0, &options);
    show_front(js);
    return 0;
}

int stack_push(struct js *js, const char *route, const char *query, const char *exit_state) {
    if (js->stack.n == STACK_MAX)
        return -EXFULL;
    hide_page(js, stack_front(js));
    return open_page(js, route, query, exit_state);
}

int stack_replace(struct js *js, const char *route, const char *query) {
    if (js->stack.n > 0)
        pop(js);
    return open_page(js, route, query, NULL);
}

int stack_relaunch(struct js *js, const char *route, const char *query, const char *exit_state) {
    while (js->stack.n > 0)
        pop(js);
    for (size_t i = 0; i < js->package.n_tabs; i++) {
        struct page *p = js->stack.tabs[i];
        js->stack.tabs[i] = NULL;
        if (p)
            unload(js, p);
    }
    return open_page(js, route, query, exit_state);
}

int stack_switch_tab(struct js *js, const char *route) {
    struct page **to = tab_slot(js, route), **from;
    struct page *p = stack_front(js);

    if (js->stack.n == 1 && strcmp(p->route, route) == 0)
        return 0;
    while (js->stack.n > 0) {
        p = stack_front(js);
        from = tab_slot(js, p->route);
        if (from && !*from) {
            hide_page(js, p);
            js->stack.n--;
            *from = p;
        } else {
            pop(js);
        }
    }
    if (!to || !*to)
        return open_page(js, route, "{}", NULL);
    js->stack.pages[js->stack.n++] = *to;
    *to = NULL;
    show_front(js);
    return 0;
}

void stack_back(struct js *js, size_t delta) {
    for (size_t i = 0; i < delta && js->stack.n > 1; i++)
        pop(js);
    show_front(js);
}
