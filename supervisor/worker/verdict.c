/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/text.h"

int refuse(struct verdict *v, enum package_fault fault, const char *fmt, ...) {
    char text[sizeof v->e->text];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    v->fault = fault;
    return err_set(v->e, -EINVAL, "%s", text);
}

void make_plain(char *text) {
    size_t n = strlen(text), step;

    for (size_t at = 0; at < n; at += step) {
        step = text_utf8_char(text + at, n - at);
        if (step == 0 || text_has_control(text + at, step)) {
            text[at] = '?';
            step = 1;
        }
    }
}
