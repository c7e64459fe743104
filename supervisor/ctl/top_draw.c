/* SPDX-License-Identifier: MIT
 * top_draw.c - the rows in their order, and the screen as text. */
#include "supervisor/ctl/top_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/look.h"
#include "supervisor/ctl/show_memory.h"
#include "supervisor/ctl/table.h"

#define CELL_MAX   ((size_t) 4096)
#define SCREEN_MAX ((size_t) 64 * 1024 * 1024)
#define MARK_WIDTH 2u
#define AROUND_ROWS                                                                                \
    (1 + MEMORY_HEAD_LINES + 1 + 1 + 1 + 1) /* title, head, gap, titles, two below */

/* --- rows --------------------------------------------------------------------------------- */

/* The one in front above all; those that run before those that do not, by what is last killed. */
static int by_rank(const void *a, const void *b) {
    const struct top_row *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* Those that are going already are answered last, and matter least. */
static const struct json *memory_of(const struct json *all, const char *id, size_t *ret_rank) {
    size_t rank = 2;
    for (const struct json *m = json_first(all); m; m = json_next(m), rank++)
        if (strcmp(json_get_string(m, "id", ""), id) == 0) {
            *ret_rank = strcmp(json_get_string(m, "state", ""), "stopping") == 0 ? 1 : rank;
            return m;
        }
    *ret_rank = 0;
    return NULL;
}

int top_arrange(struct top *t, struct err *fault) {
    const struct json *apps = look_array(fault, t->list.parameters, "apps");
    const struct json *all = look_array(fault, t->memory.parameters, "apps");
    struct top_row *rows = calloc(json_count(apps) + 1, sizeof *rows);
    size_t n = 0;

    if (!rows)
        return -ENOMEM;
    for (const struct json *a = look_first(fault, apps); a; a = look_next(fault, a)) {
        rows[n].app = a;
        rows[n].id = look_string(fault, a, "id");
        rows[n].memory = memory_of(all, rows[n].id, &rows[n].rank);
        n++;
    }
    if (n > 0)
        qsort(rows, n, sizeof *rows, by_rank);
    free(t->rows);
    t->rows = rows;
    t->n_rows = n;
    if (!top_selected(t) && n > 0)
        (void) snprintf(t->selected, sizeof t->selected, "%s", rows[0].id);
    return fault->code;
}

const struct top_row *top_selected(const struct top *t) {
    for (size_t i = 0; i < t->n_rows; i++)
        if (strncmp(t->rows[i].id, t->selected, sizeof t->selected - 1) == 0)
            return &t->rows[i];
    return NULL;
}

void top_move(struct top *t, int by) {
    const struct top_row *now = top_selected(t);
    int last = (int) t->n_rows - 1, at = now ? (int) (now - t->rows) + by : 0;

    if (last < 0)
        return;
    at = at < 0 ? 0 : at > last ? last : at;
    (void) snprintf(t->selected, sizeof t->selected, "%s", t->rows[at].id);
}

/* --- the parts of the screen -------------------------------------------------------------- */

static size_t told_rows(const struct top *t) {
    size_t spare = t->screen.rows > AROUND_ROWS ? t->screen.rows - AROUND_ROWS : 0;
    return spare / 3 < 8 ? spare / 3 : 8;
}

int top_page(const struct top *t) {
    size_t around = AROUND_ROWS + told_rows(t);
    return t->screen.rows > around ? (int) (t->screen.rows - around) : 1;
}

static void put_title(struct top *t, const struct term *term, struct str *out) {
    struct timespec now;
    size_t live = 0;

    for (size_t i = 0; i < t->n_rows; i++)
        live += t->rows[i].memory != NULL;
    (void) clock_gettime(CLOCK_REALTIME, &now);
    term_put(term, out, BOLD, "miniprogctl top");
    (void) str_puts(out, "  ");
    words_date(out, (int64_t) now.tv_sec * 1000000);
    term_printf(term, out, DIM, "  %zu installed, %zu live  %s", t->n_rows, live, t->c->socket);
    (void) str_putc(out, '\n');
}

static const struct column columns[] = {
    { .title = "APP", .least = 24, .shrink = 1 },
    { .title = "STATE" },
    { .title = "CURRENT", .right = true },
    { .title = "SWAP", .right = true, .drop = 3 },
    { .title = "RECLAIMED", .right = true, .drop = 4 },
    { .title = "FREED", .right = true, .drop = 5 },
    { .title = "RESUME", .right = true, .drop = 6 },
    { .title = "AGE", .right = true, .drop = 2 },
    { .title = "STARTS", .right = true, .drop = 1 },
    { .title = "NOTE", .most = 24, .least = 10, .shrink = 2, .drop = 7 },
};

static void cell_of(struct table *table, enum style style, struct str *text) {
    table_cell(table, style, str_text(text));
    str_reset(text);
}

static void put_note(const struct top_row *row, const char *next, struct table *table,
                     struct err *fault) {
    const struct json *end = look_maybe_object(fault, row->app, "last_exit");
    int64_t dialog;

    if (look_maybe_int(fault, row->app, "dialog", &dialog))
        table_cell(table, YELLOW, "has a question");
    else if (next && strcmp(next, row->id) == 0)
        table_cell(table, YELLOW, "next to go");
    else if (!row->memory && end)
        table_cell(table, words_reason_style(look_string(fault, end, "reason")),
                   look_string(fault, end, "reason"));
    else
        table_cell(table, PLAIN, " ");
}

static void put_row(const struct term *term, const struct top_row *row, const char *next,
                    struct table *table, struct err *fault) {
    static const char *const sizes[] = { "current", "swap", "reclaimed", "freed" };
    CLEANUP(str_clear_p) struct str text = STR_INIT(CELL_MAX);
    const char *state = look_string(fault, row->app, "state");
    const char *dot = words_state_dot(term, state);
    int64_t n;

    table_cell(table, PLAIN, row->id);
    (void) str_printf(&text, "%s%s%s", dot, *dot ? " " : "", state);
    cell_of(table, words_state_style(state), &text);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (look_maybe_int(fault, row->memory, sizes[i], &n))
            words_size(&text, n);
        cell_of(table, PLAIN, &text);
    }
    if (row->memory)
        memory_resume(&text, row->memory, fault);
    cell_of(table, PLAIN, &text);
    words_age(&text, look_int(fault, row->app, "since_usec"));
    cell_of(table, PLAIN, &text);
    (void) str_printf(&text, "%" PRId64 "/%" PRId64, look_int(fault, row->app, "cold_starts"),
                      look_int(fault, row->app, "hot_starts"));
    cell_of(table, PLAIN, &text);
    put_note(row, next, table, fault);
}

/* The selected row in reverse, whatever colours are in it. */
static void put_selected(struct str *out, const char *line, size_t n) {
    static const char plain[] = "\033[0m";

    (void) str_puts(out, "\033[7m");
    for (size_t i = 0; i < n; i++)
        if (strncmp(line + i, plain, sizeof plain - 1) == 0) {
            (void) str_puts(out, "\033[0;7m");
            i += sizeof plain - 2;
        } else {
            (void) str_putc(out, line[i]);
        }
}

/* Of the rows those around the selected one. */
static void put_rows(struct top *t, struct str *out, const char *text) {
    const struct top_row *selected = top_selected(t);
    size_t at = selected ? (size_t) (selected - t->rows) : 0, page = (size_t) top_page(t);
    const char *line = text;

    t->first = at < t->first ? at : at >= t->first + page ? at - page + 1 : t->first;
    for (size_t i = 0; *line; i++) {
        size_t n = strcspn(line, "\n");
        bool titles = i == 0, chosen = !titles && selected && i - 1 == at;
        if (titles || (i - 1 >= t->first && i - 1 < t->first + page)) {
            (void) str_puts(out, chosen ? "> " : "  ");
            if (chosen)
                put_selected(out, line, n);
            else
                (void) str_append(out, line, n);
            (void) str_putc(out, '\n');
        }
        line += n + (line[n] == '\n');
    }
}

static int put_table(struct top *t, struct str *out, struct err *fault) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(SCREEN_MAX);
    struct table table = TABLE_INIT(columns);
    struct term term = t->c->term;
    const char *next = look_maybe_string(fault, t->memory.parameters, "next_victim");

    term.width = t->screen.columns > MARK_WIDTH ? t->screen.columns - MARK_WIDTH : 1;
    for (size_t i = 0; i < t->n_rows; i++)
        put_row(&term, &t->rows[i], next, &table, fault);
    int r = table_print(&table, &term, &text);
    table_clear(&table);
    put_rows(t, out, str_text(&text));
    if (t->n_rows == 0)
        (void) str_puts(out, "  no app is installed yet\n");
    return r;
}

static void put_told(const struct top *t, struct str *out) {
    size_t room = told_rows(t), from = t->n_told > room ? t->n_told - room : 0;

    for (size_t i = from; i < t->n_told; i++)
        (void) str_printf(out, "%s\n", t->told[i]);
}

static void put_help(const struct top *t, const struct term *term, struct str *out) {
    static const char *const keys[][2] = {
        { "up/down", "choose" }, { "o", "open" }, { "h", "hide" },
        { "c", "close" },        { "w", "warn" }, { "q", "leave" },
    };
    if (t->message.len > 0)
        term_put(term, out, t->message_style, str_text(&t->message));
    (void) str_putc(out, '\n');
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        term_put(term, out, BOLD, keys[i][0]);
        term_printf(term, out, DIM, " %s   ", keys[i][1]);
    }
}

static size_t lines_in(const struct str *text) {
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] == '\n';
    return n;
}

/* What is told stands above the last two lines, whatever the number of rows. */
int top_draw(struct top *t, struct err *fault) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(SCREEN_MAX);
    struct term term = t->c->term;
    int r = 0;

    term.width = t->screen.columns;
    put_title(t, &term, &out);
    if (t->has_both) {
        memory_head(&term, &out, t->memory.parameters, fault);
        (void) str_putc(&out, '\n');
        r = put_table(t, &out, fault);
    }
    size_t told = t->n_told < told_rows(t) ? t->n_told : told_rows(t);
    for (size_t n = lines_in(&out); n + told + 2 < t->screen.rows; n++)
        (void) str_putc(&out, '\n');
    put_told(t, &out);
    put_help(t, &term, &out);
    if (fault->code < 0)
        return fault->code;
    if (r == 0)
        r = str_error(&out);
    return r < 0 ? r : screen_draw(&t->screen, &out);
}
