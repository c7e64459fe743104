/* SPDX-License-Identifier: MIT
 * module.h - require(): CommonJS modules of the package, each run once.
 * Layer: 4, js. Uses: base, JavaScriptCore. */
#ifndef JS_MODULE_H
#define JS_MODULE_H

#include <JavaScriptCore/JavaScript.h>

struct js;
struct map;

struct modules {
    struct map *by_path;
    JSObjectRef make_require; /* (resolve, path) -> the module's own require */
    JSObjectRef resolve;
};

int modules_init(struct js *js);
/* Runs a file of the package as a module: its exports, or NULL and *exc. */
JSValueRef module_load(struct js *js, const char *path, JSValueRef *exc);

#endif
