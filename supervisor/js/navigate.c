/* SPDX-License-Identifier: MIT
 * navigate.c - wx.navigateTo, redirectTo, reLaunch, navigateBack, switchTab: each is done in a turn
 * of its own, in the order of the calls. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/api.h"
#include "supervisor/js/js.h"
#include "supervisor/js/page.h"
#include "supervisor/js/path.h"

#define URL_MAX ((size_t) 64 * 1024)

enum way { WAY_TO, WAY_REDIRECT, WAY_RELAUNCH, WAY_TAB };

struct journey {
    struct request *q;
    enum way way;
    char route[PATH_TEXT_MAX];
    struct str query; /* JSON object */
};

static int go(struct js *js, const struct journey *j) {
    const char *query = str_text(&j->query);

    switch (j->way) {
    case WAY_TO:
        return stack_push(js, j->route, query, NULL);
    case WAY_REDIRECT:
        return stack_replace(js, j->route, query);
    case WAY_RELAUNCH:
        return stack_relaunch(js, j->route, query, NULL);
    case WAY_TAB:
        return stack_switch_tab(js, j->route);
    }
    return -EINVAL;
}

/* WeChat's sentence where the way does not lead to such a page; NULL: it does. */
static const char *barred(const struct js *js, const struct journey *j) {
    bool tab = package_is_tab(&js->package, j->route);

    if (tab && j->way == WAY_TO)
        return "can not navigateTo a tabbar page";
    if (tab && j->way == WAY_REDIRECT)
        return "can not redirectTo a tabbar page";
    if (!tab && j->way == WAY_TAB)
        return "can not switch to no-tabBar page";
    return NULL;
}

static void travel(struct js *js, void *data) {
    struct journey *j = data;
    const char *bar = barred(js, j);
    int r = package_has_page(&js->package, j->route) ? 0 : -ENOENT;

    if (r == 0 && !bar)
        r = page_prepare(js, j->route);
    if (r == 0 && !bar)
        r = go(js, j);
    if (r == -ENOENT)
        request_fail(j->q, "page \"%s\" is not found", j->route);
    else if (bar)
        request_fail(j->q, "%s", bar);
    else if (r == -EXFULL)
        request_fail(j->q, "webview count limit exceed");
    else if (r < 0)
        request_fail(j->q, "page \"%s\" cannot be opened", j->route);
    else
        request_ok(j->q, NULL);
    str_clear(&j->query);
    free(j);
}

/* The page that a path names from the one in front; one that is none there is looked for from the
 * root, as the handlers of onPageNotFound in WeChat's own pages write it. */
static void find_page(struct js *js, const char *path, char ret[PATH_TEXT_MAX]) {
    const struct page *front = stack_front(js);
    const char *const from[] = { front ? front->route : "", "" };
    char whole[PATH_TEXT_MAX];

    for (size_t i = 0; i < 2; i++)
        if (path_resolve(from[i], path, whole) == 0) {
            path_route(whole, ret);
            if (package_has_page(&js->package, ret))
                return;
        }
    if (path_resolve(from[0], path, whole) == 0)
        path_route(whole, ret);
    else
        (void) snprintf(ret, PATH_TEXT_MAX, "%s", path); /* is not found, by that name */
}

static int find_place(struct js *js, const char *url, struct journey *j) {
    CLEANUP(free_p) char *path = strndup(url, strcspn(url, "?#"));

    if (!path)
        return -ENOMEM;
    find_page(js, path, j->route);
    (void) str_putc(&j->query, '{');
    (void) path_query(url, &j->query);
    return str_putc(&j->query, '}');
}

static void start(struct js *js, struct request *q, enum way way, JSValueRef *exc) {
    CLEANUP(str_clear_p) struct str url = STR_INIT(URL_MAX);
    int r = request_need_text(q, "url", &url, exc);

    if (r == -EINVAL || r == -EBADMSG)
        return;
    struct journey *j = r < 0 ? NULL : calloc(1, sizeof *j);
    if (!j) {
        request_fail(q, r == -EMSGSIZE ? "the url is too long" : "out of memory");
        return;
    }
    *j = (struct journey){ .q = q, .way = way, .query = STR_INIT(8 * URL_MAX) };
    r = find_place(js, str_text(&url), j);
    if (r == 0)
        r = turn_later(js, travel, j);
    if (r < 0) {
        request_fail(q, "out of memory");
        str_clear(&j->query);
        free(j);
    }
}

API_ASYNC_FUNCTION(navigateTo) {
    start(js, q, WAY_TO, exc);
}
API_ASYNC_FUNCTION(redirectTo) {
    start(js, q, WAY_REDIRECT, exc);
}
API_ASYNC_FUNCTION(reLaunch) {
    start(js, q, WAY_RELAUNCH, exc);
}
API_ASYNC_FUNCTION(switchTab) {
    start(js, q, WAY_TAB, exc);
}

struct way_back {
    struct request *q;
    double delta;
};

static void travel_back(struct js *js, void *data) {
    struct way_back *b = data;
    size_t most = js->stack.n ? js->stack.n - 1 : 0;

    if (most == 0) {
        request_fail(b->q, "cannot navigate back at first page.");
    } else {
        stack_back(js, b->delta < (double) most ? (size_t) b->delta : most);
        request_ok(b->q, NULL);
    }
    free(b);
}

API_ASYNC_FUNCTION(navigateBack) {
    struct way_back *b;
    double delta = 1;
    int r = request_number(q, "delta", &delta, exc);

    if (r == -EINVAL || r == -EBADMSG)
        return;
    b = malloc(sizeof *b);
    if (b)
        *b = (struct way_back){ .q = q, .delta = delta >= 1 ? delta : 1 };
    if (!b || turn_later(js, travel_back, b) < 0) {
        free(b);
        request_fail(q, "out of memory");
    }
}
