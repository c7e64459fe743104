/* SPDX-License-Identifier: MIT */
#include "supervisor/base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

static int fail(struct str *s, int code) {
    s->error = code;
    return code;
}

/* Room for n more bytes and the NUL. Doubling keeps many small appends linear. */
static int reserve(struct str *s, size_t n) {
    if (s->error)
        return s->error;
    if (s->len > s->max || n > s->max - s->len || s->len + n == SIZE_MAX)
        return fail(s, -EMSGSIZE);

    size_t need = s->len + n + 1;
    if (need <= s->cap)
        return 0;

    size_t cap = s->cap ? s->cap : FIRST_CAP;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (s->max < SIZE_MAX && cap > s->max + 1)
        cap = s->max + 1;

    char *data = realloc(s->data, cap);
    if (!data)
        return fail(s, -ENOMEM);
    s->data = data;
    s->cap = cap;
    s->data[s->len] = '\0';
    return 0;
}

int str_append(struct str *s, const void *bytes, size_t n) {
    int r = reserve(s, n);
    if (r < 0)
        return r;
    if (n)
        memcpy(s->data + s->len, bytes, n);
    s->len += n;
    s->data[s->len] = '\0';
    return 0;
}

int str_puts(struct str *s, const char *text) {
    return str_append(s, text, strlen(text));
}

int str_putc(struct str *s, char c) {
    return str_append(s, &c, 1);
}

int str_vprintf(struct str *s, const char *fmt, va_list ap) {
    va_list again;
    char none[1];

    if (s->error)
        return s->error;
    va_copy(again, ap);
    int n = vsnprintf(none, sizeof none, fmt, again);
    va_end(again);
    if (n < 0) /* an argument that cannot be shown, or more than INT_MAX bytes */
        return fail(s, -EMSGSIZE);
    int r = reserve(s, (size_t) n);
    if (r < 0)
        return r;
    (void) vsnprintf(s->data + s->len, (size_t) n + 1, fmt, ap);
    s->len += (size_t) n;
    return 0;
}

int str_printf(struct str *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int r = str_vprintf(s, fmt, ap);
    va_end(ap);
    return r;
}

const char *str_text(const struct str *s) {
    return s->data ? s->data : "";
}

void str_consume(struct str *s, size_t n) {
    if (n > s->len)
        n = s->len;
    if (n == 0)
        return;
    memmove(s->data, s->data + n, s->len - n + 1);
    s->len -= n;
}

void str_reset(struct str *s) {
    s->len = 0;
    s->error = 0;
    if (s->data)
        s->data[0] = '\0';
}

void str_clear(struct str *s) {
    free(s->data);
    s->data = NULL;
    s->len = s->cap = 0;
    s->error = 0;
}

void str_clear_p(struct str *s) {
    int saved = errno;
    str_clear(s);
    errno = saved;
}

char *str_take(struct str *s) {
    char *text = NULL;

    if (reserve(s, 0) == 0) {
        text = realloc(s->data, s->len + 1); /* it will not grow any more */
        text = text ? text : s->data;
        s->data = NULL;
    }
    str_clear(s);
    return text;
}
