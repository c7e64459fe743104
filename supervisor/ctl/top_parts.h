/* SPDX-License-Identifier: MIT
 * top_parts.h - what top's files share; not for others.
 * Layer: 4, ctl. Uses: base, wire. */
#ifndef CTL_TOP_PARTS_H
#define CTL_TOP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/screen.h"
#include "supervisor/ctl/show.h"
#include "supervisor/wire/varlink.h"

#define TOP_TOLD_MAX 50 /* events remembered */
#define TOP_ACTS_MAX 4  /* calls by key that are not yet answered */
#define TOP_ID_MAX   256

struct client;

struct top_row {
    const char *id;
    const struct json *app, *memory; /* memory NULL: it does not run */
    size_t rank;                     /* the last to be killed has the highest */
};

struct top_act {
    struct client *client; /* NULL: free */
    char what[16], id[TOP_ID_MAX];
    uint64_t since; /* CLOCK_MONOTONIC us */
};

struct top {
    struct ctl *c;
    struct screen screen;
    struct client *watch, *data;
    enum { TOP_RESTS, TOP_ASKS_LIST, TOP_ASKS_MEMORY } asks;
    bool stale;        /* there is news since the last question */
    uint64_t asked_at; /* CLOCK_MONOTONIC us */

    struct varlink_reply list, memory; /* as last answered, both; the rows point into them */
    struct varlink_reply next_list;    /* its Memory is asked for */
    bool has_both;
    struct top_row *rows;
    size_t n_rows, first; /* first: on top of the screen's part of them */
    char selected[TOP_ID_MAX];

    struct watch shown; /* how events are aligned */
    char *told[TOP_TOLD_MAX];
    size_t n_told;
    struct top_act acts[TOP_ACTS_MAX];
    struct str message; /* what came of the last key */
    enum style message_style;
    unsigned char keys[8]; /* an escape sequence so far */
    size_t n_keys;
};

/* Orders the rows of the last answers, and keeps the selection on one that is there. -ENOMEM;
 * -EBADMSG with fault: an answer is not as it should be. */
int top_arrange(struct top *t, struct err *fault);
/* 0 or an error of the write; -EBADMSG with fault. */
int top_draw(struct top *t, struct err *fault);
void top_move(struct top *t, int by);
/* A page of rows. */
int top_page(const struct top *t);
const struct top_row *top_selected(const struct top *t); /* NULL: there is none */

#endif
