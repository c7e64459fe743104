/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "supervisor/base/err.h"

int refuse(struct verdict *v, enum package_fault fault, const char *fmt, ...) {
    char text[sizeof v->e->text];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    v->fault = fault;
    return err_set(v->e, -EINVAL, "%s", text);
}
