/* SPDX-License-Identifier: MIT
 * app_bare_js.c - the floor of a JavaScript app's cold start: a process that makes a context of
 * JavaScriptCore, evaluates the file it is given, and waits for its end. The file's App() runs
 * onLaunch at once; what it gives to console.log goes to standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if __has_include(<JavaScriptCore/JavaScript.h>)
#include <JavaScriptCore/JavaScript.h>

static JSValueRef log_number(JSContextRef ctx, JSObjectRef f, JSObjectRef self, size_t n,
                             const JSValueRef args[], JSValueRef *exc) {
    (void) f;
    (void) self;
    (void) printf("%.0f\n", n ? JSValueToNumber(ctx, args[0], exc) : 0);
    (void) fflush(stdout);
    return JSValueMakeUndefined(ctx);
}

static JSValueRef evaluate(JSContextRef ctx, const char *text) {
    JSStringRef s = JSStringCreateWithUTF8CString(text);
    JSValueRef v = JSEvaluateScript(ctx, s, NULL, NULL, 1, NULL);
    JSStringRelease(s);
    return v;
}

int main(int argc, char **argv) {
    static char text[65536];
    JSGlobalContextRef ctx = JSGlobalContextCreate(NULL);
    JSStringRef name = JSStringCreateWithUTF8CString("log");
    FILE *file = argc == 2 ? fopen(argv[1], "re") : NULL;

    if (!file)
        return EXIT_FAILURE;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    JSObjectSetProperty(ctx, JSContextGetGlobalObject(ctx), name,
                        JSObjectMakeFunctionWithCallback(ctx, name, log_number), 0, NULL);
    (void) evaluate(ctx, "console = { log }; App = o => o.onLaunch()");
    (void) evaluate(ctx, text);
    return read(STDIN_FILENO, text, 1) < 0;
}
#else
int main(void) {
    (void) fputs("JavaScriptCore was not there when this was built\n", stderr);
    return EXIT_FAILURE;
}
#endif
