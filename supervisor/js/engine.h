/* SPDX-License-Identifier: MIT
 * engine.h - what JavaScriptCore can do besides its public headers.
 * Layer: 4, js. Uses: JavaScriptCore.
 *
 * The library exports these; their header (JSContextRefPrivate.h and such) is not installed. All
 * are weak: a library without one starts all the same, and that one thing is not done. Source:
 * WebKit, Source/JavaScriptCore/API; the exports of 2.50 on Debian 12 and 13. */
#ifndef JS_ENGINE_H
#define JS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

/* Calls f on the script's thread after each entry into scripts that used so many seconds of
 * processor time; false: the script goes on. */
typedef bool (*engine_long_turn_fn)(JSContextRef ctx, void *data);
void engine_on_long_turn(JSGlobalContextRef ctx, double seconds, engine_long_turn_fn f, void *data);

/* Where the script is now, a line a frame, each indented; "" when that is not known. */
void engine_stack(JSContextRef ctx, unsigned frames, char *buf, size_t size);

/* f(promise, reason) after the jobs of a turn, for each that was rejected and nobody caught. */
void engine_on_rejection(JSGlobalContextRef ctx, JSObjectRef f);

/* Collects now; a public call only asks for it. */
void engine_collect(JSGlobalContextRef ctx);
/* Gives free memory of the engine's allocator back to the kernel now. */
void engine_release_memory(void);

#endif
