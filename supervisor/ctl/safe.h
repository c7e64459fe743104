/* SPDX-License-Identifier: MIT
 * safe.h - text from elsewhere, so that a terminal only shows it.
 * Layer: 4, ctl. Uses: base.
 *
 * An app chooses its name, its log lines, its dialogs. None of them may move the cursor, change the
 * colour, retitle the window or turn the line around: every control character (C0, DEL, C1), line
 * separator and bidirectional override is written as a visible escape ("\x1b", "\n", "\u202e"). */
#ifndef CTL_SAFE_H
#define CTL_SAFE_H

#include <stdbool.h>
#include <stddef.h>

struct str;

/* Appends `text` in its safe form: one line, always.
 *   utf8   the terminal takes UTF-8; without, what is not ASCII becomes '?' */
void safe_text(struct str *out, const char *text, bool utf8);

/* Appends JSON text with DEL, C1 and the overrides as \u escapes: still the same JSON. */
void safe_json(struct str *out, const char *text);

/* Columns that safe text takes on a terminal (wcwidth(3)). */
size_t safe_width(const char *safe);

/* Bytes of the longest prefix of safe text that takes at most `columns`. */
size_t safe_prefix(const char *safe, size_t columns);

#endif
