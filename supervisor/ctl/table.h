/* SPDX-License-Identifier: MIT
 * table.h - columns that fit the terminal; tab-separated fields where there is none.
 * Layer: 4, ctl. Uses: base.
 *
 * Into a pipe every row is one line of all columns, joined by one tab each: `cut -f4`, `awk
 * -F'\t'`. On a terminal the columns are aligned by display width; where they are too wide
 * together, columns shrink and then go, those that matter least first. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/ctl/term.h"

struct column {
    const char *title;
    bool right;      /* numbers */
    unsigned most;   /* columns at most; 0: as wide as it needs */
    unsigned least;  /* shrinks to this when room is short */
    unsigned shrink; /* which one shrinks first: 1, 2, …; 0: never */
    unsigned drop;   /* which one goes first; 0: never */
};

#define TABLE_COLUMNS_MAX 12

struct table {
    const struct column *columns;
    size_t n_columns;
    struct cell *cells; /* row by row */
    size_t n_cells, cap;
    int error; /* -ENOMEM sticks */
};

#define TABLE_INIT(rows_of)                                                                        \
    { .columns = (rows_of), .n_columns = sizeof(rows_of) / sizeof *(rows_of) }

/* The next cell, in order; text from anywhere, copied. Empty text is shown as "-". */
void table_cell(struct table *t, enum style style, const char *text);

/* Appends header and rows. Returns 0, -ENOMEM, or out's error. */
int table_print(const struct table *t, const struct term *term, struct str *out);

void table_clear(struct table *t);

#endif
