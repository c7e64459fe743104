/* SPDX-License-Identifier: MIT
 * table.c - widths first, then lines. */
#include "supervisor/ctl/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/safe.h"

#define GAP      2u
#define CELL_MAX ((size_t) 8 * 1024 * 1024) /* a message's longest text, each byte escaped */
#define NO_TEXT  "-"

struct cell {
    char *text; /* as it came */
    enum style style;
};

void table_cell(struct table *t, enum style style, const char *text) {
    struct cell *more;
    size_t cap;

    if (t->error < 0)
        return;
    if (t->n_cells == t->cap) {
        cap = t->cap ? 2 * t->cap : 64;
        more = reallocarray(t->cells, cap, sizeof *more);
        if (!more) {
            t->error = -ENOMEM;
            return;
        }
        t->cells = more;
        t->cap = cap;
    }
    t->cells[t->n_cells] = (struct cell){ .text = strdup(*text ? text : NO_TEXT), .style = style };
    if (!t->cells[t->n_cells].text)
        t->error = -ENOMEM;
    else
        t->n_cells++;
}

static size_t text_width(const char *text, const struct term *term) {
    CLEANUP(str_clear_p) struct str safe = STR_INIT(CELL_MAX);
    safe_text(&safe, text, term->utf8);
    return safe_width(str_text(&safe));
}

/* Columns and gaps of what is shown; a width of 0 is a dropped column. */
static size_t total_width(const size_t *widths, size_t n) {
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (widths[i])
            sum += widths[i] + GAP;
    return sum ? sum - GAP : 0;
}

static void shrink(const struct table *t, size_t *widths, size_t room) {
    for (unsigned rank = 1; rank <= t->n_columns; rank++)
        for (size_t i = 0; i < t->n_columns; i++) {
            size_t total = total_width(widths, t->n_columns), spare;
            if (total <= room)
                return;
            if (t->columns[i].shrink != rank || widths[i] <= t->columns[i].least)
                continue;
            spare = widths[i] - t->columns[i].least;
            widths[i] -= spare < total - room ? spare : total - room;
        }
}

static void drop(const struct table *t, size_t *widths, size_t room) {
    for (unsigned rank = 1; rank <= t->n_columns; rank++)
        for (size_t i = 0; i < t->n_columns; i++)
            if (t->columns[i].drop == rank && total_width(widths, t->n_columns) > room)
                widths[i] = 0;
}

/* Dropping is decided with everything shrunk; what is then left over goes back to the columns. */
static void fit(const struct table *t, size_t *widths, size_t room) {
    size_t tight[TABLE_COLUMNS_MAX];

    memcpy(tight, widths, sizeof tight);
    shrink(t, tight, room);
    drop(t, tight, room);
    for (size_t i = 0; i < t->n_columns; i++)
        if (!tight[i])
            widths[i] = 0;
    shrink(t, widths, room);
}

static void measure(const struct table *t, const struct term *term, size_t *widths) {
    for (size_t i = 0; i < t->n_columns; i++)
        widths[i] = strlen(t->columns[i].title);
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t *w = &widths[i % t->n_columns], n = text_width(t->cells[i].text, term);
        *w = n > *w ? n : *w;
    }
    for (size_t i = 0; i < t->n_columns; i++)
        if (t->columns[i].most && widths[i] > t->columns[i].most)
            widths[i] = t->columns[i].most;
    if (term->width)
        fit(t, widths, term->width);
}

static void pad(struct str *out, size_t have, size_t want) {
    for (; have < want; have++)
        (void) str_putc(out, ' ');
}

/* One cell of exactly `width` columns; the last of a line is not padded. */
static void put_aligned(const struct term *term, struct str *out, const struct cell *cell,
                        size_t width, int right_or_last) {
    CLEANUP(str_clear_p) struct str safe = STR_INIT(CELL_MAX);
    size_t wide;

    safe_text(&safe, cell->text, term->utf8);
    wide = safe_width(str_text(&safe));
    if (wide > width) {
        size_t keep = safe_prefix(str_text(&safe), width - 1);
        safe.len = keep;
        safe.data[keep] = '\0';
        (void) str_puts(&safe, term_ellipsis(term));
        wide = safe_width(str_text(&safe)); /* one short where half a wide character was cut */
    }
    if (right_or_last > 0)
        pad(out, wide, width);
    term_put(term, out, cell->style, str_text(&safe));
    if (right_or_last == 0)
        pad(out, wide, width);
}

static void put_line(const struct table *t, const struct term *term, struct str *out,
                     const struct cell *cells, const size_t *widths) {
    size_t last = 0;

    for (size_t i = 0; i < t->n_columns; i++)
        if (widths[i])
            last = i;
    for (size_t i = 0; i <= last; i++) {
        if (!widths[i])
            continue;
        put_aligned(term, out, &cells[i], widths[i], t->columns[i].right ? 1 : i == last ? -1 : 0);
        if (i < last)
            pad(out, 0, GAP);
    }
    (void) str_putc(out, '\n');
}

static void put_fields(const struct table *t, const struct term *term, struct str *out,
                       const struct cell *cells) {
    for (size_t i = 0; i < t->n_columns; i++) {
        if (i)
            (void) str_putc(out, '\t');
        term_put(term, out, cells[i].style, cells[i].text);
    }
    (void) str_putc(out, '\n');
}

int table_print(const struct table *t, const struct term *term, struct str *out) {
    struct cell head[TABLE_COLUMNS_MAX];
    size_t widths[TABLE_COLUMNS_MAX] = { 0 };
    const struct cell *row;

    if (t->error < 0)
        return t->error;
    for (size_t i = 0; i < t->n_columns; i++)
        head[i] = (struct cell){ .text = (char *) t->columns[i].title, .style = DIM };
    if (term->terminal)
        measure(t, term, widths);
    for (size_t i = 0; i <= t->n_cells / t->n_columns; i++) {
        row = i ? t->cells + (i - 1) * t->n_columns : head;
        if (term->terminal)
            put_line(t, term, out, row, widths);
        else
            put_fields(t, term, out, row);
    }
    return str_error(out);
}

void table_clear(struct table *t) {
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i].text);
    free(t->cells);
    t->cells = NULL;
    t->n_cells = t->cap = 0;
    t->error = 0;
}
