/* SPDX-License-Identifier: MIT
 * show_memory.h - what Memory answers, in parts that memory and top share.
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_SHOW_MEMORY_H
#define CTL_SHOW_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/ctl/term.h"

struct err;
struct json;
struct str;

/* Three lines, each with its newline: the level and the backend, what the apps have of their
 * budget, what the machine has. */
#define MEMORY_HEAD_LINES 3
void memory_head(const struct term *t, struct str *out, const struct json *reply,
                 struct err *fault);

/* "██████░░░░" of `width` columns. */
void memory_bar(const struct term *t, struct str *out, int64_t part, int64_t whole, size_t width,
                enum style style);

/* An app's resume in words, "-" where it is not known. */
void memory_resume(struct str *out, const struct json *app, struct err *fault);

#endif
