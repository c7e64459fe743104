/* SPDX-License-Identifier: MIT */
#include "supervisor/js/engine.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/base/str.h"
#include "supervisor/js/value.h"

#define WEAK __attribute__((weak))

extern void JSContextGroupSetExecutionTimeLimit(JSContextGroupRef group, double limit,
                                                engine_long_turn_fn f, void *data) WEAK;
extern JSStringRef JSContextCreateBacktrace(JSContextRef ctx, unsigned frames) WEAK;
extern void JSGlobalContextSetUnhandledRejectionCallback(JSGlobalContextRef ctx, JSObjectRef f,
                                                         JSValueRef *exc) WEAK;
extern void JSSynchronousGarbageCollectForDebugging(JSContextRef ctx) WEAK;
/* WTF::releaseFastMallocFreeMemory() */
extern void release_fast_malloc(void) __asm__("_ZN3WTF27releaseFastMallocFreeMemoryEv") WEAK;

void engine_on_long_turn(JSGlobalContextRef ctx, double seconds, engine_long_turn_fn f,
                         void *data) {
    if (JSContextGroupSetExecutionTimeLimit)
        JSContextGroupSetExecutionTimeLimit(JSContextGetGroup(ctx), seconds, f, data);
}

void engine_stack(JSContextRef ctx, unsigned frames, char *buf, size_t size) {
    struct str raw = STR_INIT(64 * 1024);
    size_t used = 0;

    buf[0] = '\0';
    if (!JSContextCreateBacktrace)
        return;
    JSStringRef s = JSContextCreateBacktrace(ctx, frames);
    if (s) {
        (void) value_characters(s, &raw);
        JSStringRelease(s);
    }
    for (const char *line = str_text(&raw); *line && used < size;) {
        size_t n = strcspn(line, "\n");
        int put = snprintf(buf + used, size - used, "%s    %.*s", used ? "\n" : "", (int) n, line);
        used += put > 0 ? (size_t) put : size;
        line += n + (line[n] == '\n');
    }
    str_clear(&raw);
}

void engine_on_rejection(JSGlobalContextRef ctx, JSObjectRef f) {
    if (JSGlobalContextSetUnhandledRejectionCallback)
        JSGlobalContextSetUnhandledRejectionCallback(ctx, f, NULL);
}

void engine_collect(JSGlobalContextRef ctx) {
    if (JSSynchronousGarbageCollectForDebugging)
        JSSynchronousGarbageCollectForDebugging(ctx);
    else
        JSGarbageCollect(ctx);
}

void engine_release_memory(void) {
    if (release_fast_malloc)
        release_fast_malloc();
}
