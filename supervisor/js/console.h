/* SPDX-License-Identifier: MIT
 * console.h - the app's log: console.log and what the runtime itself has to say.
 * Layer: 4, js. Uses: base, JavaScriptCore.
 *
 * A line begins with its level in brackets; further lines of the same record are indented. The log
 * is standard error. A reader that is away for longer than a moment costs lines, not the app. */
#ifndef JS_CONSOLE_H
#define JS_CONSOLE_H

#include <JavaScriptCore/JavaScript.h>

struct js;

#define CONSOLE_LEVELS(X)                                                                          \
    X(DEBUG, "debug")                                                                              \
    X(LOG, "log")                                                                                  \
    X(INFO, "info")                                                                                \
    X(WARN, "warn")                                                                                \
    X(ERROR, "error")

#define X(id, name) CONSOLE_##id,
enum console_level { CONSOLE_LEVELS(X) CONSOLE_LEVEL_COUNT };
#undef X

void console_init(struct js *js); /* the global `console` */
/* One record of the runtime's own. */
void console_say(enum console_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
