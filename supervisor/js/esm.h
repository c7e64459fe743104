/* SPDX-License-Identifier: MIT
 * esm.h - a script with import and export statements, made into a CommonJS one.
 * Layer: 4, js. Uses: base.
 *
 * Mini-programs are written with import as often as with require(): WeChat's tools compile it, and
 * the engine takes it in no function. Only the statements themselves are rewritten, each in its own
 * lines, so that errors name the author's:
 *
 *     import d, { a as b } from './x'   const d = …default of it…, { a: b } = require('./x')
 *     export const a = 1                const a = 1; exports.a is a getter of it
 *     export default f                  exports.default = f
 *
 * As those tools have it, the default of a CommonJS module is the module. Unlike in a real module
 * what was imported by name is read once; only import() and top-level await are not known. */
#ifndef JS_ESM_H
#define JS_ESM_H

#include "supervisor/base/str.h"

/* Appends the text as CommonJS to out. Returns how many statements were rewritten; with 0 out is
 * not a script. Errors: -EINVAL it is not understood (and perhaps no script at all); -EMSGSIZE;
 * -ENOMEM. */
int esm_compile(const char *text, struct str *out);

#endif
