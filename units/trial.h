/* SPDX-License-Identifier: MIT
 * trial.h - a new version on trial: what the end of a run says of it, and what follows.
 * Layer: 2, units. Uses: base. Pure: states in, states out; the daemon makes them durable.
 *
 *     pending --begin--> current, with tries --take--> a run --judge--> settle
 *
 *     KEEP         it lived: the trial is over
 *     AGAIN        it crashed and has tries left
 *     GIVE_BACK    it ended by no fault of its own: the try does not count
 *     BACK         its last try: the previous version is current, and has to live now (retreat)
 *     ENVIRONMENT  the previous one fails as well: neither is at fault; the new one waits as
 * pending and is not held against anybody During a retreat `previous` names the version that
 * failed, so that it stays in the store. Source: design.md §7; facts/updates.md §5.2 S10 to S13, §7
 * idea 3. */
#ifndef UNITS_TRIAL_H
#define UNITS_TRIAL_H

#include <stdbool.h>

#include "units/reason.h"

struct store_state;
struct updates;

#define TRIAL_VERDICTS(X)                                                                          \
    X(NONE, "none")                                                                                \
    X(KEEP, "keep")                                                                                \
    X(AGAIN, "again")                                                                              \
    X(GIVE_BACK, "give_back")                                                                      \
    X(BACK, "back")                                                                                \
    X(ENVIRONMENT, "environment")
#define TRIAL_UNSEEN "it ended together with the supervisor" /* why, of such a try */
#define X(id, name)  TRIAL_##id,
enum trial_verdict { TRIAL_VERDICTS(X) TRIAL_VERDICT_COUNT };
#undef X
const char *trial_verdict_name(enum trial_verdict verdict);

/* Pending becomes current, with that many tries; without a current one to fall back to (none) there
 * is no trial. */
void trial_begin(struct store_state *s, struct updates *u, unsigned tries);
/* Before a run, to be durable before its exec: its try is counted, as one whose end is still to be
 * judged. One that is so from before is given back if the machine went down with it (another boot);
 * in this boot supervisor and version died together, which may be the version's doing: it stays
 * used up, *ret_unseen is AGAIN or, if it was the last one, BACK.
 *   boot   this boot's id
 * Returns 1: there is something to save; 0: nothing; -ENOMEM. */
int trial_take(struct store_state *s, struct updates *u, const char *boot,
               enum trial_verdict *ret_unseen);

/* Is current still to prove itself? */
bool trial_is_on(const struct updates *u);

/* What the end of a run means. lived: it was ready (or ran long enough) before; reason: why it
 * ended; machine: it is this machine that could not start it. NONE: no trial is on. */
enum trial_verdict trial_judge(const struct updates *u, bool lived, enum exit_reason reason,
                               bool machine);
/* Makes it so. why: a sentence, kept with a version that failed. -ENOMEM. */
int trial_settle(struct store_state *s, struct updates *u, enum trial_verdict verdict,
                 const char *why);

/* What the server forbids is not to be installed any more either, once a version that it allows has
 * lived: not before, or there would be nothing to fall back to. Source: facts/updates.md §5.2 S12.
 */
void trial_raise_floor(const struct store_state *s, struct updates *u);

/* By hand: back to the previous version, and what is current now is held until a higher one comes.
 * -ENOENT: there is none. */
int trial_roll_back(struct store_state *s, struct updates *u);
/* A version installed by hand over all this, as current or as pending: whatever was on trial is
 * so no more, unless it goes on as current. */
void trial_installed(struct updates *u, bool pending);

#endif
