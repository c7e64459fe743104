/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/uids.h"

#include <errno.h>
#include <stdlib.h>

#include "supervisor/base/err.h"
#include "supervisor/daemon/config.h"
#include "units/store.h"

struct uids {
    uid_t low, high;
    uid_t next;          /* where the search goes on: a freed one is used again as late as can be */
    unsigned char *used; /* a bit each */
};

static void mark(struct uids *u, uid_t uid, bool used) {
    if (uid < u->low || uid > u->high)
        return;
    uid_t i = uid - u->low;
    if (used)
        u->used[i / 8] = (unsigned char) (u->used[i / 8] | 1u << i % 8);
    else
        u->used[i / 8] = (unsigned char) (u->used[i / 8] & ~(1u << i % 8));
}

static void seen(const char *id, uid_t owner, void *userdata) {
    (void) id;
    mark(userdata, owner, true);
}

int uids_new(const struct config *config, struct store *store, struct uids **ret, struct err *e) {
    struct uids *u = calloc(1, sizeof *u);
    if (!u)
        return err_set(e, -ENOMEM, "out of memory");
    u->low = u->next = config->apps.uid_low;
    u->high = config->apps.uid_high;
    u->used = calloc((u->high - u->low) / 8 + 1, 1);
    int r = u->used ? store_list_data(store, seen, u, e) : err_set(e, -ENOMEM, "out of memory");
    if (r < 0) {
        uids_free(u);
        return r;
    }
    *ret = u;
    return 0;
}

struct uids *uids_free(struct uids *u) {
    if (u) {
        free(u->used);
        free(u);
    }
    return NULL;
}

int uids_take(struct uids *u, uid_t *ret, struct err *e) {
    uid_t n = u->high - u->low + 1;

    for (uid_t k = 0; k < n; k++) {
        uid_t i = (u->next - u->low + k) % n;
        if (u->used[i / 8] >> i % 8 & 1)
            continue;
        mark(u, u->low + i, true);
        u->next = u->low + (i + 1) % n;
        *ret = u->low + i;
        return 0;
    }
    return err_set(e, -ENOSPC, "every uid of [apps] uid_range %u-%u is in use: widen it", u->low,
                   u->high);
}

void uids_give_back(struct uids *u, uid_t uid) {
    if (u)
        mark(u, uid, false);
}
