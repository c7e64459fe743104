/* SPDX-License-Identifier: MIT */
#include "units/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "units/store.h"
#include "units/updates.h"

static const struct store_version none;

#define X(id, name) [TRIAL_##id] = name,
static const char *const names[TRIAL_VERDICT_COUNT] = { TRIAL_VERDICTS(X) };
#undef X

const char *trial_verdict_name(enum trial_verdict verdict) {
    return (unsigned) verdict < TRIAL_VERDICT_COUNT ? names[verdict] : "?";
}

void trial_begin(struct store_state *s, struct updates *u, unsigned tries) {
    s->previous = s->current;
    s->current = s->pending;
    s->pending = none;
    memcpy(u->current_file, u->pending_file, sizeof u->current_file);
    u->pending_file[0] = '\0';
    u->offered = 0;
    u->tries = s->previous.name[0] ? tries : 0;
    u->taken = u->retreat = false;
}

bool trial_is_on(const struct updates *u) {
    return u->tries > 0 || u->retreat;
}

/* Used up, though nobody saw how? A retreat has no tries: its runs are judged, not counted. */
static enum trial_verdict judge_unseen(const struct updates *u, const char *boot) {
    if (!u->taken || u->retreat || strcmp(u->boot, boot) != 0)
        return TRIAL_NONE;
    return u->tries > 1 ? TRIAL_AGAIN : TRIAL_BACK;
}

/* A try is in `tries` until its end is judged, so that 0 means that no trial is on: what counts it
 * is `taken`. */
int trial_take(struct store_state *s, struct updates *u, const char *boot,
               enum trial_verdict *ret_unseen) {
    enum trial_verdict unseen = judge_unseen(u, boot);

    if (!trial_is_on(u))
        return 0;
    if (unseen != TRIAL_NONE && trial_settle(s, u, unseen, TRIAL_UNSEEN) < 0)
        return -ENOMEM;
    *ret_unseen = unseen;
    if (u->taken && strcmp(u->boot, boot) == 0)
        return 0;
    u->taken = true;
    (void) snprintf(u->boot, sizeof u->boot, "%s", boot);
    return 1;
}

/* Whose doing an end was. */
enum doing { ITS_OWN, ITS_END, OTHERS };

static enum doing doing_of(enum exit_reason reason) {
    switch (reason) {
    case EXIT_CRASHED_REASON:
    case EXIT_START_FAILED_REASON:
    case EXIT_START_TIMEOUT_REASON:
    case EXIT_UNRESPONSIVE_REASON:
        return ITS_OWN;
    case EXIT_EXITED_REASON:
        return ITS_END;
    case EXIT_REASON_NONE:
    case EXIT_CLOSED_REASON:
    case EXIT_KILLED_REASON:
    case EXIT_REMOVED_REASON:
    case EXIT_RESTART_REASON:
    case EXIT_BACKGROUND_TIMEOUT_REASON:
    case EXIT_WARM_LIMIT_REASON:
    case EXIT_MEMORY_LIMIT_REASON:
    case EXIT_MEMORY_PRESSURE_REASON:
    case EXIT_MEMORY_ALARMS_REASON:
    case EXIT_UPDATE_REASON:
    case EXIT_SUPERVISOR_REASON:
    case EXIT_REASON_COUNT:
        return OTHERS;
    }
    return OTHERS;
}

enum trial_verdict trial_judge(const struct updates *u, bool lived, enum exit_reason reason,
                               bool machine) {
    if (!trial_is_on(u))
        return TRIAL_NONE;
    if (lived)
        return TRIAL_KEEP;
    if (machine || doing_of(reason) != ITS_OWN)
        return TRIAL_GIVE_BACK;
    if (u->retreat)
        return TRIAL_ENVIRONMENT;
    return u->tries > 1 ? TRIAL_AGAIN : TRIAL_BACK;
}

/* What a version is remembered by when it fails. */
static const char *hash_of_current(const struct store_state *s, const struct updates *u) {
    return u->current_file[0] ? u->current_file : s->current.files_hash;
}

static int go_back(struct store_state *s, struct updates *u, const char *why) {
    struct store_version failed = s->current;
    int r = updates_note_failed(u, hash_of_current(s, u), failed.code, why);

    if (r < 0)
        return r;
    s->current = s->previous;
    s->previous = failed;
    u->current_file[0] = '\0';
    u->tries = 0;
    u->retreat = true;
    return 0;
}

/* A newer one that came meanwhile has the better claim to be pending. */
static void blame_environment(struct store_state *s, struct updates *u) {
    const struct updates_failed *f = updates_failed_code(u, s->previous.code);

    if (f && s->pending.name[0] == '\0') {
        /* It keeps the name under which it may yet fail; a folder's is found again anyway. */
        if (strcmp(f->hash, s->previous.files_hash) != 0)
            (void) snprintf(u->pending_file, sizeof u->pending_file, "%s", f->hash);
        s->pending = s->previous;
    }
    if (f) {
        char hash[sizeof f->hash];
        memcpy(hash, f->hash, sizeof hash);
        updates_forgive(u, hash);
    }
    s->previous = none;
    u->retreat = false;
}

void trial_raise_floor(const struct store_state *s, struct updates *u) {
    if (!trial_is_on(u) && s->current.code >= u->minimum && u->minimum > u->floor)
        u->floor = u->minimum;
}

int trial_settle(struct store_state *s, struct updates *u, enum trial_verdict verdict,
                 const char *why) {
    switch (verdict) {
    case TRIAL_KEEP:
        if (u->retreat)
            s->previous = none;
        u->tries = 0;
        u->retreat = false;
        trial_raise_floor(s, u);
        break;
    case TRIAL_AGAIN:
        u->tries--;
        break;
    case TRIAL_BACK:
        if (go_back(s, u, why) < 0)
            return -ENOMEM;
        break;
    case TRIAL_ENVIRONMENT:
        blame_environment(s, u);
        break;
    case TRIAL_NONE:
    case TRIAL_GIVE_BACK:
    case TRIAL_VERDICT_COUNT:
        break;
    }
    u->taken = false;
    return 0;
}

int trial_roll_back(struct store_state *s, struct updates *u) {
    if (s->previous.name[0] == '\0' || u->retreat)
        return -ENOENT;
    u->held = s->current.code > u->held ? s->current.code : u->held;
    s->current = s->previous;
    s->previous = s->pending = none;
    u->current_file[0] = u->pending_file[0] = '\0';
    u->tries = 0;
    u->offered = 0;
    u->taken = false;
    return 0;
}

void trial_installed(struct updates *u, bool pending) {
    u->pending_file[0] = '\0';
    if (pending)
        return;
    u->current_file[0] = '\0';
    u->tries = 0;
    u->offered = 0;
    u->taken = u->retreat = false;
}
