/* SPDX-License-Identifier: MIT
 * page.h - Page(), and one page on the stack: its data, its methods.
 * Layer: 4, js. Uses: base, JavaScriptCore.
 *
 * A page's file is run when the page is first wanted; the Page() in it says what its instances are
 * made of. Each instance has a copy of data of its own. */
#ifndef JS_PAGE_H
#define JS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

struct js;
struct str;

struct page {
    unsigned number; /* never used twice */
    char *route;
    char *query; /* JSON object */
    JSObjectRef instance;
    bool shown;
    bool ready; /* onReady was called */
};

void page_init(struct js *js); /* the globals Page and getCurrentPages */

/* Runs the page's file, if it has not been run. -ENOENT: no such page; -EIO: its script failed, or
 * has no Page(); that has been reported. */
int page_prepare(struct js *js, const char *route);
/* A prepared page's instance; exit_state: JSON text for this.exitState, or NULL. onLoad has not
 * been called. NULL without memory, or where a getter of Page()'s object threw (reported). */
struct page *page_new(struct js *js, const char *route, const char *query, const char *exit_state);
struct page *page_free(struct js *js, struct page *p);

JSValueRef page_call(struct js *js, struct page *p, const char *method, size_t n,
                     const JSValueRef args[]);
/* this.data as JSON; as value_to_json(). */
int page_data(struct js *js, const struct page *p, struct str *out);

#endif
