/* SPDX-License-Identifier: MIT
 * verdict.h - what is wrong with an input, told apart from what goes wrong here.
 * Layer: 3, worker. Uses: base, units.
 *
 * A function that fails with v->fault set has found the input at fault; with PACKAGE_OK it is this
 * machine that failed. Either way v->e has the sentence. */
#ifndef WORKER_VERDICT_H
#define WORKER_VERDICT_H

#include "units/manifest.h"

struct err;

struct verdict {
    enum package_fault fault;
    struct err *e; /* the caller's */
};

/* The input is at fault: returns -EINVAL. */
int refuse(struct verdict *v, enum package_fault fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));

#endif
