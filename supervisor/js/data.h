/* SPDX-License-Identifier: MIT
 * data.h - setData's paths: { "list[0].name": v } changes what it names.
 * Layer: 4, js. Uses: base, JavaScriptCore. */
#ifndef JS_DATA_H
#define JS_DATA_H

#include <stdbool.h>

#include <JavaScriptCore/JavaScript.h>

struct js;

/* Sets copies of the changes in data, making objects and arrays on the way where there are none.
 * Only own members are entered: no path leads into a prototype. undefined is passed over, as WeChat
 * does. false: *exc is set. */
bool data_merge(struct js *js, JSObjectRef data, JSObjectRef changes, JSValueRef *exc);

#endif
