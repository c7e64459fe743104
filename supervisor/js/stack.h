/* SPDX-License-Identifier: MIT
 * stack.h - the pages that are open, and how one leads to another.
 * Layer: 4, js. Uses: base, sdk, JavaScriptCore.
 *
 * Scripts cannot change the stack while it is being changed: wx.navigateTo and the like only queue
 * what is done in a turn of its own. A tab's page outlives its place on the stack. */
#ifndef JS_STACK_H
#define JS_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

#define STACK_MAX 10 /* Source: WeChat, wx.navigateTo */

struct js;
struct map;
struct page;

struct stack {
    struct page *pages[STACK_MAX]; /* the one in front last */
    size_t n;
    struct page **tabs; /* one for each tab of the package; NULL: not open, or on the stack */
    struct map *registered;
    const char *loading; /* the page whose file is being run */
    JSObjectRef prototype;
    unsigned last_number;
    bool reporting, report_again; /* a report is on its way; the page changed since */
    unsigned report_refused;      /* the page whose report was refused last */
    bool saved;                   /* one was saved in this run */
};

int stack_init(struct js *js);

/* The first onShow: opens the entry page. */
void stack_enter(struct js *js);
/* A later onShow that names a page: all are closed and that one is opened, as reLaunch does. */
void stack_move(struct js *js);
void stack_show(struct js *js); /* a later onShow: the front page is shown */
void stack_hide(struct js *js);
/* Asks the front page for its exit state and hands it over, with the page's address. */
void stack_save(struct js *js);

/* Two launch options (JSON texts) name the same page with the same query. */
bool stack_same_place(struct js *js, const char *a, const char *b);

struct page *stack_front(const struct js *js); /* NULL: none is open */
struct page *stack_find(const struct js *js, JSObjectRef instance);

/* The ways of navigation. The page has been prepared; query: JSON object. -EXFULL: the stack is
 * full; -ENOMEM. */
int stack_push(struct js *js, const char *route, const char *query, const char *exit_state);
int stack_replace(struct js *js, const char *route, const char *query);
int stack_relaunch(struct js *js, const char *route, const char *query, const char *exit_state);
int stack_switch_tab(struct js *js, const char *route);
void stack_back(struct js *js, size_t delta); /* 1 to n - 1 */

#endif
