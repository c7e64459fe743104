/* SPDX-License-Identifier: MIT
 * run.h - from the first connection to the last answer: one run of an app.
 * Layer: 4, js. Uses: base, sdk, JavaScriptCore, GLib. */
#ifndef JS_RUN_H
#define JS_RUN_H

struct err;
struct js;

/* Runs the package in `folder` to its end; returns the process's exit status. What went wrong has
 * been said in the log. */
int run_app(const char *folder);

void js_is(struct js *js); /* what js_of() gives */

#endif
