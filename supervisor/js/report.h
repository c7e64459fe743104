/* SPDX-License-Identifier: MIT
 * report.h - what a shell shows: the front page and its data, and toasts, by ReportPage.
 * Layer: 4, js. Uses: base, sdk, JavaScriptCore.
 *
 * Changes of one turn go out together; the next report waits for the answer to the last one. */
#ifndef JS_REPORT_H
#define JS_REPORT_H

struct js;
struct page;

void report_page_changed(struct js *js, const struct page *p);
/* {"toast":…} for the front page. 0 or -errno. */
int report_toast(struct js *js, const char *toast_json);

#endif
