/* SPDX-License-Identifier: MIT
 * why.h - the decisions about an app, kept on disk, and told to watchers.
 * Layer: 3, daemon. Uses: base. The last WHY_MAX of each app, over restarts. */
#ifndef DAEMON_WHY_H
#define DAEMON_WHY_H

#include <stdbool.h>
#include <stdint.h>

struct app;
struct call;
struct jsonw;

#define WHY_MAX 100

struct why_figure {
    const char *name;
    int64_t value;
};
struct why_candidate {
    const char *id;
    const char *text;
};

struct why {
    const char *action; /* one word: "destroy evict kill warn crash start adopt" … */
    int level;          /* 0: none */
    const char *source; /* NULL: none */
    const char *text;   /* one sentence */
    const struct why_figure *figures;
    unsigned n_figures;
    const struct why_candidate *candidates;
    unsigned n_candidates;
    bool has_freed;
    int64_t freed; /* bytes that came back */
};

void why_record(struct app *app, const struct why *decision);
/* Takes a Why call and answers it from the disk lane. */
int why_answer(struct app *app, struct call *call);

#endif
