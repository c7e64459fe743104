/* SPDX-License-Identifier: MIT */
#include "supervisor/js/report.h"

#include <errno.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/console.h"
#include "supervisor/js/js.h"
#include "supervisor/js/page.h"
#include "supervisor/sdk/miniprog.h"

#define REPORT_MAX ((size_t) 60 * 1024) /* of the 64 KiB of a message. Source: design.md §6 */

static void report_later(struct js *js);

static void report_done(struct miniprog *m, int error, void *data) {
    struct js *js = data;

    (void) m;
    (void) error; /* a supervisor that is away hears of the next change */
    js->stack.reporting = false;
    if (js->stack.report_again)
        report_later(js);
}

/* Said once for a page: it may change often. */
static void refuse(struct js *js, const struct page *p, const char *why) {
    if (js->stack.report_refused == p->number)
        return;
    js->stack.report_refused = p->number;
    console_say(CONSOLE_WARN, "the data of page \"%s\" cannot be shown: %s", p->route, why);
}

static void report(struct js *js, void *data) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(REPORT_MAX);
    const struct page *p = stack_front(js);

    (void) data;
    js->stack.reporting = js->stack.report_again = false;
    if (!p)
        return;
    int r = page_data(js, p, &json);
    if (r == 0)
        r = miniprog_report_page(js->m, p->route, str_text(&json), report_done, js);
    if (r == 0)
        js->stack.reporting = true;
    else if (r == -EMSGSIZE)
        refuse(js, p, "more than 60 KiB");
    else if (r == -ENOENT)
        refuse(js, p, "it is not an object");
    else if (r != -EBADMSG)
        refuse(js, p, *miniprog_error(js->m) ? miniprog_error(js->m) : strerror(-r));
}

static void report_later(struct js *js) {
    js->stack.reporting = turn_later(js, report, NULL) == 0;
    js->stack.report_again = false;
}

void report_page_changed(struct js *js, const struct page *p) {
    if (p != stack_front(js))
        return;
    if (js->stack.reporting)
        js->stack.report_again = true;
    else
        report_later(js);
}

int report_toast(struct js *js, const char *toast_json) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(REPORT_MAX);
    const struct page *p = stack_front(js);

    if (str_printf(&json, "{\"toast\":%s}", toast_json) < 0)
        return str_error(&json);
    return miniprog_report_page(js->m, p ? p->route : "", str_text(&json), NULL, NULL);
}
