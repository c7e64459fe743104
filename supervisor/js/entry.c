/* SPDX-License-Identifier: MIT
 * entry.c - which page an opening leads to, and the exit state that a cold start comes back with.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/js/console.h"
#include "supervisor/js/fault.h"
#include "supervisor/js/js.h"
#include "supervisor/js/page.h"
#include "supervisor/sdk/miniprog.h"

#define QUERY_MAX ((size_t) 1024 * 1024)
#define STATE_MAX ((size_t) 32 * 1024) /* Source: design.md §4 */

/* --- places ------------------------------------------------------------------------------- */

/* The page and the query of launch options, or of a saved exit state. */
struct place {
    struct json *doc; /* owned */
    const char *route;
    struct str query; /* JSON object */
};

static void place_clear(struct place *p) {
    (void) json_free(p->doc);
    str_clear(&p->query);
}

static int place_read(const char *text, struct place *ret) {
    *ret = (struct place){ .query = STR_INIT(QUERY_MAX) };
    int r = text ? json_parse(text, strlen(text), &ret->doc, NULL) : -ENOENT;

    if (r < 0)
        return r;
    const struct json *query = json_get(ret->doc, "query");
    ret->route = json_get_string(ret->doc, "path", "");
    return query ? json_print(query, &ret->query) : str_puts(&ret->query, "{}");
}

bool stack_same_place(struct js *js, const char *a, const char *b) {
    CLEANUP(place_clear) struct place x = { 0 }, y = { 0 };

    (void) js;
    if (place_read(a, &x) < 0 || place_read(b, &y) < 0)
        return false;
    return strcmp(x.route, y.route) == 0 && strcmp(str_text(&x.query), str_text(&y.query)) == 0;
}

/* --- opening ------------------------------------------------------------------------------ */

static void open_home(struct js *js) {
    const char *home = js->package.n_pages ? js->package.pages[0] : "";

    if (page_prepare(js, home) == 0)
        (void) stack_relaunch(js, home, "{}", NULL);
    else
        console_say(CONSOLE_ERROR, "the home page \"%s\" cannot be opened", home);
}

static bool has_handler(struct js *js) {
    JSValueRef v = js->app ? value_get(js->ctx, js->app, "onPageNotFound", NULL) : NULL;

    return value_function(js->ctx, v) || event_is_heard(js, EVENT_PAGE_NOT_FOUND);
}

/* The app's handler may lead elsewhere; where there is none, the home page is better than none. */
static void not_found(struct js *js, const struct place *place, bool is_entry) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(QUERY_MAX + 4096);
    struct jsonw w = JSONW_INIT(&json);

    console_say(CONSOLE_WARN, "page \"%s\" is not found", place->route);
    if (!has_handler(js)) {
        open_home(js);
        return;
    }
    jsonw_object(&w, NULL);
    jsonw_string(&w, "path", place->route);
    jsonw_raw(&w, "query", str_text(&place->query), place->query.len);
    jsonw_bool(&w, "isEntryPage", is_entry);
    jsonw_end_object(&w);
    JSValueRef for_app = value_json(js->ctx, str_text(&json));
    if (js->app)
        (void) js_call_method(js, js->app, "onPageNotFound", for_app ? 1 : 0, &for_app);
    (void) event_emit(js, EVENT_PAGE_NOT_FOUND, value_json(js->ctx, str_text(&json)));
}

static void open_place(struct js *js, const struct place *place, const char *exit_state,
                       bool is_entry) {
    int r = page_prepare(js, place->route);

    if (r == 0)
        r = stack_relaunch(js, place->route, str_text(&place->query), exit_state);
    else if (r == -ENOENT)
        not_found(js, place, is_entry);
    else if (is_entry && strcmp(place->route, js->package.pages[0]) != 0)
        open_home(js);
    if (r == -ENOMEM)
        console_say(CONSOLE_ERROR, "page \"%s\": out of memory", place->route);
}

/* Opened without a path, as far as can be told: the supervisor puts the home page in its place. */
static bool is_plain(const struct js *js, const struct place *place) {
    return js->package.n_pages > 0 && strcmp(place->route, js->package.pages[0]) == 0 &&
           strcmp(str_text(&place->query), "{}") == 0;
}

/* What the last run left leads back to its page, if that still wants it. */
static bool restore(struct js *js) {
    CLEANUP(place_clear) struct place place = { 0 };
    CLEANUP(str_clear_p) struct str data = STR_INIT(STATE_MAX);

    if (place_read(js->exit_state, &place) < 0 || !package_has_page(&js->package, place.route) ||
        !package_keeps_page(&js->package, place.route))
        return false;
    const struct json *kept = json_get(place.doc, "data");
    if (kept && json_print(kept, &data) < 0)
        return false;
    open_place(js, &place, kept ? str_text(&data) : NULL, true);
    return true;
}

void stack_enter(struct js *js) {
    CLEANUP(place_clear) struct place place = { 0 };

    js->entered = true;
    if (place_read(js->enter, &place) < 0)
        open_home(js);
    else if (!is_plain(js, &place) || !restore(js))
        open_place(js, &place, NULL, true);
}

void stack_move(struct js *js) {
    CLEANUP(place_clear) struct place place = { 0 };

    if (place_read(js->enter, &place) == 0)
        open_place(js, &place, NULL, js->stack.n == 0);
    stack_show(js); /* where nothing was opened, what was there is in front again */
}

/* --- the exit state ----------------------------------------------------------------------- */

static void save_done(struct miniprog *m, int error, void *data) {
    struct js *js = data;

    js->awaited--;
    if (error < 0)
        console_say(CONSOLE_ERROR, "the exit state is not saved: %s", miniprog_error(m));
}

static int hand_over(struct js *js, const char *json, uint64_t expires_usec) {
    int r = miniprog_save_exit_state(js->m, json, expires_usec, save_done, js);

    if (r == 0)
        js->awaited++;
    return r;
}

/* { data, expireTimeStamp } of onSaveExitState; data as JSON, "" where there is none. */
static void ask_page(struct js *js, struct page *p, struct str *data, uint64_t *ret_expires) {
    JSObjectRef state = value_object(js->ctx, page_call(js, p, "onSaveExitState", 0, NULL));
    JSValueRef thrown = NULL, v;

    if (!state)
        return;
    v = value_get(js->ctx, state, "data", &thrown);
    if (v && !JSValueIsUndefined(js->ctx, v) &&
        value_to_json(js->ctx, v, data, &thrown) == -EMSGSIZE)
        console_say(CONSOLE_ERROR, "the exit state is larger than %zu bytes", STATE_MAX);
    v = thrown ? NULL : value_get(js->ctx, state, "expireTimeStamp", &thrown);
    double ms = v && JSValueIsNumber(js->ctx, v) ? JSValueToNumber(js->ctx, v, NULL) : 0;
    if (ms > 0 && ms < 1e15)
        *ret_expires = (uint64_t) (ms * 1000);
    if (thrown)
        fault_report(js, thrown);
}

void stack_save(struct js *js) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(STATE_MAX), data = STR_INIT(STATE_MAX);
    struct jsonw w = JSONW_INIT(&json);
    struct page *p = stack_front(js);
    uint64_t expires = 0;
    int r;

    if (!p || !package_keeps_page(&js->package, p->route)) {
        if (js->stack.saved && hand_over(js, "{}", 0) == 0)
            js->stack.saved = false; /* the one from before leads elsewhere */
        return;
    }
    ask_page(js, p, &data, &expires);
    jsonw_object(&w, NULL);
    jsonw_string(&w, "path", p->route);
    jsonw_raw(&w, "query", p->query, strlen(p->query));
    if (data.len && !str_error(&data))
        jsonw_raw(&w, "data", str_text(&data), data.len);
    jsonw_end_object(&w);
    r = str_error(&json);
    if (r == 0)
        r = hand_over(js, str_text(&json), expires);
    js->stack.saved = js->stack.saved || r == 0;
    if (r < 0)
        console_say(CONSOLE_ERROR, "the exit state is not saved: %s", strerror(-r));
}
