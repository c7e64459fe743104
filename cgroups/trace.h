/* SPDX-License-Identifier: MIT
 * trace.h - what the policy was fed and what it decided, as text; and the same again from it.
 * Layer: 2, cgroups. Uses: base. No I/O: text in, text out.
 *
 * A line each, words separated by blanks, in the order in which it happened; '#' begins a comment.
 * Times are as parse_duration() takes them ("1500ms", "12345678us"), from any beginning; sizes as
 * parse_size().
 *
 *     miniprog-trace 1
 *     config alarm_count=2 alarm_window=5s available_low=80 … off=no       shares in permille
 *     app TIME ID state=suspended idle_since=TIME bytes=SIZE
 *     fact TIME KIND [ID] [level=N] FIGURE=N …      the figures' names are in fact.h
 *     empty TIME ID                                 its group has no process left
 *     admit TIME ID SIZE                            it wants to start and needs that
 *     reclaimed TIME                                the worker is done
 *     decide TIME                                   what is to be done?
 *     > kill ID at once …                           what was decided then, one line each
 *     >   | ID: suspended …                         who was considered for it, in order
 *
 * Where a trace begins in mid-life an app's line may also have had=SIZE freed=SIZE (of its last
 * warning), asked=TIME before=SIZE of=LEVEL (of one not yet measured), killed=TIME until=TIME
 * back=SIZE stuck=yes; and "held TIME level=N warned=N next=TIME" is the level as told and warned
 * of.
 *
 * A recorded trace is a test: what it decided is compared with what would be decided now. */
#ifndef CGROUPS_TRACE_H
#define CGROUPS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/policy.h"

struct err;
struct str;

/* Each appends a line. Failures stick in `out` (str_error()). */
void cgrp_trace_begin(struct str *out, const struct cgrp_policy_config *config); /* both of them */
void cgrp_trace_config(struct str *out, const struct cgrp_policy_config *config);
void cgrp_trace_app(struct str *out, uint64_t now, const struct cgrp_app *app);
void cgrp_trace_fact(struct str *out, const struct cgrp_table *table, const struct cgrp_fact *fact);
void cgrp_trace_empty(struct str *out, uint64_t now, const char *id);
void cgrp_trace_admit(struct str *out, uint64_t now, const char *id, uint64_t need);
void cgrp_trace_reclaimed(struct str *out, uint64_t now);
void cgrp_trace_decide(struct str *out, uint64_t now);
/* To be called while the action's app is still in the table as it was: the candidates are told
 * as cgrp_rank() has them with the one that was chosen in front. */
void cgrp_trace_action(struct str *out, const struct cgrp_table *table, uint64_t now,
                       const struct cgrp_action *action);
/* What a trace begins with when it is switched on in mid-life, cgrp_trace_begin() included: all
 * apps, the level and the fact that it was told with, the last fact of each sensor. */
void cgrp_trace_snapshot(struct str *out, const struct cgrp_policy *p,
                         const struct cgrp_table *table, uint64_t now);

/* Who was considered, in order: the chosen slot first, then those that would have been next.
 *   ret   room for max; returns how many */
int cgrp_considered(const struct cgrp_table *table, const struct cgrp_action *kill, uint64_t now,
                    int *ret, int max);

/* Runs a trace through the policy. */
struct cgrp_replay;
int cgrp_replay_new(struct cgrp_replay **ret);               /* -ENOMEM */
struct cgrp_replay *cgrp_replay_free(struct cgrp_replay *r); /* NULL; takes NULL */
/* One line without its newline. What is decided is appended to out, for people; a decision that
 * is not as recorded is marked.
 * Errors: -EINVAL with the number of the line and what is wrong; -ENOMEM; str_error(out). */
int cgrp_replay_line(struct cgrp_replay *r, const char *line, struct str *out, struct err *e);
/* After the last line. ret_differs: decisions that were recorded otherwise. */
int cgrp_replay_end(struct cgrp_replay *r, struct str *out, unsigned *ret_differs, struct err *e);

#endif
