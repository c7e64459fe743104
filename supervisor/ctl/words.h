/* SPDX-License-Identifier: MIT
 * words.h - the daemon's names and numbers in words: states, times, sizes, levels, ends.
 * Layer: 4, ctl. Uses: base.
 *
 * Every function appends to `out` for a terminal as `t` is; unknown names are shown as they are. */
#ifndef CTL_WORDS_H
#define CTL_WORDS_H

#include <stdint.h>

#include "supervisor/ctl/term.h"

struct err;
struct json;

/* How a state is coloured, and its dot ("●") or "" where it is not known. */
enum style words_state_style(const char *state);
const char *words_state_dot(const struct term *t, const char *state);
/* "● foreground" */
void words_state(const struct term *t, struct str *out, const char *state);

/* Bad ends are red, those for memory yellow, the others plain. */
enum style words_reason_style(const char *reason);

/* Of CLOCK_REALTIME microseconds: "14:02:11.123", "2025-06-01 14:02:11". */
void words_clock(struct str *out, int64_t usec);
void words_date(struct str *out, int64_t usec);
/* Since then in one unit: "42s", "3min", "5h", "12d"; "0s" for what is to come. */
void words_age(struct str *out, int64_t usec);

/* "48.0M"; negative numbers as they are. */
void words_size(struct str *out, int64_t bytes);

/* "level 10 (low)" */
void words_level(const struct term *t, struct str *out, int64_t level);

/* "crashed by SIGSEGV", "crashed with status 3", "closed"; from an Exit object. */
void words_end(const struct term *t, struct str *out, const struct json *end, struct err *fault);

/* "usage 480.0M, budget 512.0M": sizes, spans and shares by the member's name.
 *   figures   an object, as look_object() gives it; may be NULL */
void words_figures(const struct term *t, struct str *out, const struct json *figures,
                   struct err *fault);

/* "SIGTERM" into buf (at least 16 bytes); "signal 70" for one without a name. */
const char *words_signal(int64_t number, char *buf, size_t size);

#endif
