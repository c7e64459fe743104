/* SPDX-License-Identifier: MIT
 * store_copy.c - each state once more, outside of the app's folder.
 *
 * It is written before the state: there is no moment at which the loss of the state alone would
 * lower what must not go back. The state is the commit point all the same; a copy that is newer by
 * one may be of a save that never came to it. */
#include "units/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/str.h"
#include "units/statefile.h"
#include "units/store_internal.h"
#include "units/updates.h"

static void state_clear_p(struct store_state *state) {
    store_state_clear(state);
}

void store_copy_name(const char *id, char ret[STORE_COPY_NAME_MAX]) {
    (void) snprintf(ret, STORE_COPY_NAME_MAX, "%s:" STORE_STATE, id);
}

int store_copy_load(struct store *s, const char *id, struct store_state *ret) {
    char name[STORE_COPY_NAME_MAX];
    uint64_t seq = 0;

    store_copy_name(id, name);
    int r = store_read_state(s->copies_fd, name, ret, &seq, NULL);
    return r < 0 && r != -ENOMEM ? -ENOENT : r;
}

int store_copy_drop(struct store *s, const char *id, struct err *e) {
    char name[STORE_COPY_NAME_MAX];

    store_copy_name(id, name);
    if (unlinkat(s->copies_fd, name, 0) < 0 && errno != ENOENT) {
        int r = -errno;
        return err_set(e, r, "cannot remove what is kept of '%s': %s", id, strerror(-r));
    }
    int r = fs_sync_dir(s->copies_fd, e);
    KILLPOINT(REMOVE_UNCOPIED);
    return r;
}

static void forget_what_is_missing(int app_fd, struct store_version *v) {
    if (store_check_named(app_fd, v, NULL) < 0)
        *v = (struct store_version){ 0 };
}

int store_copy_restore(struct store *s, const char *id, int app_fd, struct store_state *ret) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(STATEFILE_MAX);
    CLEANUP(state_clear_p) struct store_state copy = { 0 };
    int r = store_copy_load(s, id, &copy);

    if (r == 0 && copy.current.name[0] == '\0')
        r = -ENOENT;
    if (r < 0 || (r = store_check_named(app_fd, &copy.current, NULL)) < 0)
        return r;
    forget_what_is_missing(app_fd, &copy.previous);
    forget_what_is_missing(app_fd, &copy.pending);
    if ((r = statefile_encode(&copy, &text, NULL)) < 0 ||
        (r = fs_replace(app_fd, STORE_STATE, text.data, text.len, STATE_MODE, FS_DURABLE, NULL)) <
            0)
        return r;
    *ret = copy;
    copy.rest = NULL; /* given away */
    return 0;
}

int store_copy_raise(struct store *s, const char *id, struct store_state *state, struct err *e) {
    CLEANUP(state_clear_p) struct store_state copy = { 0 };
    CLEANUP(updates_clear_p) struct updates mine = { 0 }, newer = { 0 };
    int r = store_copy_load(s, id, &copy);

    if (r == -ENOENT || (r == 0 && copy.seq <= state->seq))
        return 0;
    if (r < 0)
        return err_set(e, r, "no memory for a state");
    if ((r = updates_read(state->rest, &mine, e)) < 0 ||
        (r = updates_read(copy.rest, &newer, e)) < 0)
        return r;
    updates_raise(&mine, &newer);
    return copy.rest ? updates_write(&mine, &state->rest, e) : 0;
}

int store_recall(struct store *s, const char *id, struct store_state *ret, struct err *e) {
    CLEANUP(state_clear_p) struct store_state copy = { 0 }, lost = { 0 };
    CLEANUP(updates_clear_p) struct updates was = { 0 }, kept = { 0 };
    int r = store_copy_load(s, id, &copy);

    if (r == -ENOENT)
        return err_set(e, r, "nothing is kept of '%s'", id);
    if (r < 0)
        return err_set(e, r, "no memory for a state");
    if ((r = updates_read(copy.rest, &was, e)) < 0)
        return r;
    updates_raise(&kept, &was);
    lost.seq = copy.seq;
    if (copy.rest && (r = updates_write(&kept, &lost.rest, e)) < 0)
        return r;
    *ret = lost;
    lost.rest = NULL; /* given away */
    return 0;
}
