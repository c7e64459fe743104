/* SPDX-License-Identifier: MIT
 * api.h - the table of the API, and the object wx that is made from it.
 * Layer: 4, js. Uses: base, JavaScriptCore.
 *
 * A row's function is declared here from the row itself: a row without one does not link. */
#ifndef JS_API_H
#define JS_API_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/js/request.h"
#include "supervisor/js/value.h"

struct js;

enum api_kind {
    API_GLOBAL,
    API_LIFE,
    API_SYNC,
    API_ASYNC,
    API_CALLBACK,
    API_ON,
    API_OFF,
    API_MANAGER,
    API_PART
};

struct api_row {
    const char *path;  /* "showModal", "showModal.object.title", "App.onShow" */
    const char *since; /* "" as "0" */
    enum api_kind kind;
    const char *text; /* NULL: the row above says it, or a part */
};

/* All rows in the order of the table; the last one's path is NULL. */
extern const struct api_row api_rows[];

/* A synchronous function: the value, or *exc. */
#define API_SYNC_FUNCTION(name)                                                                    \
    JSValueRef api_##name(struct js *js, size_t n, const JSValueRef args[], JSValueRef *exc)
/* An asynchronous one: ends q sooner or later, or sets *exc when q is gone. */
#define API_ASYNC_FUNCTION(name) void api_##name(struct js *js, struct request *q, JSValueRef *exc)

#define GLOBAL(path, since, text)
#define LIFE(path, since, text)
#define SYNC(name, since, text)     API_SYNC_FUNCTION(name);
#define ASYNC(name, since, text)    API_ASYNC_FUNCTION(name);
#define CALLBACK(name, since, text) API_ASYNC_FUNCTION(name);
#define ON(name, event, since, text)
#define OFF(name, event, since, text)
#define MANAGER(name, since, text) JS_FUNCTION(manager_##name);
#define PART(path, since)
#include "supervisor/js/api.def"

void api_init(struct js *js); /* the global `wx` */

/* canIUse(): the path is a row, or leads to one, whose base library is at most `library`. */
bool api_has(const char *path, const char *library);
/* Compares "2.10.0" with "2.9.4" by their numbers: below, 0, above. */
int api_compare(const char *a, const char *b);

/* Prints the table: path, kind, since, text, tab-separated. */
void api_print(void);

#endif
