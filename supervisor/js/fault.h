/* SPDX-License-Identifier: MIT
 * fault.h - what scripts throw and nobody catches: into the log, to onError, onUnhandledRejection.
 * Layer: 4, js. Uses: base, JavaScriptCore. */
#ifndef JS_FAULT_H
#define JS_FAULT_H

#include <JavaScriptCore/JavaScript.h>

struct js;

/* Logs it with file, line and stack, and tells the app; what its handlers throw is only logged. */
void fault_report(struct js *js, JSValueRef thrown);
/* Only logs it. */
void fault_log(struct js *js, JSValueRef thrown, const char *where);
/* Promises that nobody caught are reported from here on. */
void fault_watch_promises(struct js *js);

#endif
