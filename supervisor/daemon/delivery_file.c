/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/delivery_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/work.h"
#include "units/store.h"
#include "units/store_part.h"

int delivery_file(struct store *store, int *ret, struct err *e) {
    uint64_t random;
    char name[32];

    if (getrandom(&random, sizeof random, 0) != (ssize_t) sizeof random)
        return err_set(e, -EIO, "no random name for a download");
    (void) snprintf(name, sizeof name, ".download-%016" PRIx64, random);
    int fd = openat(store_fd(store), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a file for a download: %s", strerror(errno));
    (void) unlinkat(store_fd(store), name, 0);
    *ret = fd;
    return 0;
}

struct tag {
    struct store *store;
    char id[65], sha256[FILELIST_HASH_HEX + 1], etag[WORKER_ETAG_MAX + 1];
};

static int run_tag(void *arg, struct err *e) {
    struct tag *t = arg;

    (void) e;
    store_part_tag(t->store, t->id, t->sha256, t->etag);
    return 0;
}

static void tagged(void *arg, int result, const struct err *e) {
    (void) result;
    (void) e;
    free(arg);
}

void delivery_note_tag(struct daemon *d, const char *id, const char *sha256, const char *etag) {
    struct tag *t = calloc(1, sizeof *t);

    if (!t)
        return;
    t->store = d->store;
    (void) snprintf(t->id, sizeof t->id, "%s", id);
    (void) snprintf(t->sha256, sizeof t->sha256, "%s", sha256);
    (void) snprintf(t->etag, sizeof t->etag, "%s", etag);
    if (work_submit(d->work, WORK_DISK, run_tag, tagged, t) < 0)
        free(t);
}
