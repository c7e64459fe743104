/* SPDX-License-Identifier: MIT */
#include "supervisor/js/console.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/js.h"

#define RECORD_MAX  ((size_t) 16 * 1024)
#define GROUP_MAX   16
#define PATIENCE_MS 1000

static const char *const names[] = {
#define X(id, name) [CONSOLE_##id] = name,
    CONSOLE_LEVELS(X)
#undef X
};

static unsigned group; /* how deep console.group() is: of the process, as the log is */
static unsigned long lost;

/* A pipe takes PIPE_BUF bytes without blocking when it says that it is writable. Source: pipe(7).
 * Its reader, the supervisor, is away for a moment when it is restarted. */
static int put(const char *text, size_t n) {
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

    while (n > 0) {
        int r = poll(&p, 1, lost ? 0 : PATIENCE_MS);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return -EAGAIN;
        ssize_t written = write(STDERR_FILENO, text, n < PIPE_BUF ? n : PIPE_BUF);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            n -= (size_t) written;
        }
    }
    return 0;
}

static void write_record(const struct str *record) {
    CLEANUP(str_clear_p) struct str note = STR_INIT(128);

    if (lost && str_printf(&note, "[warn] %lu records of the log were lost here\n", lost) == 0 &&
        put(str_text(&note), note.len) == 0)
        lost = 0;
    if (put(str_text(record), record->len) < 0)
        lost++;
}

/* The text as a record; what is too long is cut. */
static void say(enum console_level level, const char *text) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(2 * RECORD_MAX + 64 * GROUP_MAX);
    unsigned indent = 2 * (group < GROUP_MAX ? group : GROUP_MAX);

    (void) str_printf(&out, "[%s] %*s", names[level], (int) indent, "");
    for (const char *c = text; *c && out.len < RECORD_MAX; c++) {
        (void) str_putc(&out, *c);
        if (*c == '\n')
            (void) str_printf(&out, "    %*s", (int) indent, "");
    }
    if (out.len >= RECORD_MAX)
        (void) str_puts(&out, "...");
    if (str_putc(&out, '\n') == 0)
        write_record(&out);
}

void console_say(enum console_level level, const char *fmt, ...) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(4 * RECORD_MAX);
    va_list ap;

    va_start(ap, fmt);
    (void) str_vprintf(&text, fmt, ap);
    va_end(ap);
    say(level, str_text(&text));
}

/* --- values ------------------------------------------------------------------------------- */

/* -EMSGSIZE leaves nothing: a long string is shown by its size. */
static void put_text(JSContextRef ctx, struct str *out, JSValueRef v) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(RECORD_MAX);
    int r = value_text(ctx, v, &text, NULL);

    if (r == 0)
        (void) str_append(out, str_text(&text), text.len);
    else
        (void) str_printf(out, r == -EMSGSIZE ? "(a long %s)" : "(%s)", value_kind(ctx, v));
}

static void put_error(JSContextRef ctx, struct str *out, JSObjectRef error) {
    JSValueRef stack = value_get(ctx, error, "stack", NULL);

    put_text(ctx, out, error);
    if (stack && JSValueIsString(ctx, stack)) {
        (void) str_putc(out, '\n');
        put_text(ctx, out, stack);
    }
}

static void put_object(JSContextRef ctx, struct str *out, JSObjectRef o) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(RECORD_MAX);
    int r = value_to_json(ctx, o, &json, NULL);

    if (r == 0)
        (void) str_puts(out, str_text(&json));
    else if (r == -EMSGSIZE)
        (void) str_printf(out, "(a large %s)", value_kind(ctx, o));
    else
        put_text(ctx, out, o); /* it goes in circles */
}

static bool is_error(JSContextRef ctx, JSObjectRef o) {
    JSValueRef stack = value_get(ctx, o, "stack", NULL), message = NULL;

    if (stack && JSValueIsString(ctx, stack))
        message = value_get(ctx, o, "message", NULL);
    return message && JSValueIsString(ctx, message);
}

static void put_value(JSContextRef ctx, struct str *out, JSValueRef v) {
    JSObjectRef o = value_object(ctx, v);

    if (!o || value_function(ctx, v))
        put_text(ctx, out, v);
    else if (is_error(ctx, o))
        put_error(ctx, out, o);
    else
        put_object(ctx, out, o);
}

static JSValueRef write_values(JSContextRef ctx, enum console_level level, size_t n,
                               const JSValueRef args[]) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(4 * RECORD_MAX);

    for (size_t i = 0; i < n && out.len <= RECORD_MAX; i++) {
        if (i > 0)
            (void) str_putc(&out, ' ');
        put_value(ctx, &out, args[i]);
    }
    say(level, str_text(&out));
    return JSValueMakeUndefined(ctx);
}

#define X(id, name)                                                                                \
    static JS_FUNCTION(console_##id) {                                                             \
        (void) function;                                                                           \
        (void) self;                                                                               \
        (void) exc;                                                                                \
        return write_values(ctx, CONSOLE_##id, n, args);                                           \
    }
CONSOLE_LEVELS(X)
#undef X

static JS_FUNCTION(console_group) {
    (void) function;
    (void) self;
    (void) exc;
    if (n > 0)
        (void) write_values(ctx, CONSOLE_LOG, n, args);
    group++;
    return JSValueMakeUndefined(ctx);
}

static JS_FUNCTION(console_group_end) {
    (void) function;
    (void) self;
    (void) n;
    (void) args;
    (void) exc;
    if (group > 0)
        group--;
    return JSValueMakeUndefined(ctx);
}

void console_init(struct js *js) {
    JSObjectRef console = JSObjectMake(js->ctx, NULL, NULL);

#define X(id, name)                                                                                \
    value_set(js->ctx, console, name, value_make_function(js->ctx, name, console_##id));
    CONSOLE_LEVELS(X)
#undef X
    value_set(js->ctx, console, "group", value_make_function(js->ctx, "group", console_group));
    value_set(js->ctx, console, "groupEnd",
              value_make_function(js->ctx, "groupEnd", console_group_end));
    value_set(js->ctx, JSContextGetGlobalObject(js->ctx), "console", console);
}
