/* SPDX-License-Identifier: MIT
 * refusal.h - what an error of the daemon means, in one sentence.
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_REFUSAL_H
#define CTL_REFUSAL_H

struct json;
struct str;

/* Appends the sentence (no full stop) for an error's full name and its parameters (may be NULL).
 * The text is not yet safe for a terminal. */
void refusal_sentence(struct str *out, const char *error, const struct json *parameters);

/* Says it on standard error; returns CTL_FAILED. */
int refusal_tell(const char *error, const struct json *parameters);

#endif
