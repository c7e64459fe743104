/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/delivery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/delivery_file.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/work.h"
#include "supervisor/daemon/worker_run.h"
#include "units/store.h"
#include "units/store_part.h"

#define NOBODY             ((uid_t) 65534) /* of downloads: no app, no person */
#define WORKER_PATIENCE_US (UINT64_C(5) * 60 * 1000000)
#define KEY_FILE_MAX       ((size_t) 4096)

enum step { PREPARE, FETCH_SIGNATURE, FETCH, VERIFY, READ_INDEX, UNPACK, COPY };

struct delivery {
    struct daemon *d;
    struct delivery_order order;
    enum step step;
    struct worker_run *worker;
    bool on_disk, dropped; /* on_disk: the disk lane has it */
    char *source, *signature_url;
    char pinned[MINISIGN_KEY_TEXT + 1];
    int file_fd, signature_fd, stage_fd;
    struct worker_request request;
    char **keys; /* NULL-terminated */
    size_t n_keys;
    struct delivered out;
    uint64_t size, unpacked_size, files; /* as the index says, or UNSET */
    char sha256[FILELIST_HASH_HEX + 1];
    char etag[WORKER_ETAG_MAX + 1]; /* of what is in the file so far */
    char part_of[65];               /* "": nobody's */
    bool drops_part;
};

static void delivery_free(struct delivery *dl) {
    close_p(&dl->file_fd);
    close_p(&dl->signature_fd);
    close_p(&dl->stage_fd);
    if (dl->out.stage[0])
        store_stage_discard(dl->d->store, dl->out.stage);
    for (size_t i = 0; i < dl->n_keys; i++)
        free(dl->keys[i]);
    free(dl->keys);
    free(dl->source);
    free(dl->signature_url);
    free(dl);
}

static void finish(struct delivery *dl) {
    struct delivered out = dl->out;

    if (out.fault == PACKAGE_OK)
        KILLPOINT(DELIVERED);
    if (out.fault == PACKAGE_OK)
        dl->out.stage[0] = '\0'; /* the taker's */
    void (*done)(void *, struct delivered *) = dl->order.done;
    void *userdata = dl->order.userdata;
    delivery_free(dl);
    done(userdata, &out);
}

static int run_discard(void *arg, struct err *e) {
    struct delivery *dl = arg;

    (void) e;
    store_stage_discard(dl->d->store, dl->out.stage);
    if (dl->drops_part)
        store_part_drop(dl->d->store, dl->part_of, NULL);
    return 0;
}

static void discarded(void *arg, int result, const struct err *e) {
    struct delivery *dl = arg;

    (void) result;
    (void) e;
    dl->on_disk = false;
    dl->out.stage[0] = '\0';
    if (dl->dropped)
        delivery_free(dl);
    else
        finish(dl);
}

/* A stage may be large: its removal is not for the loop. False: there is none, or no memory. */
static bool discard(struct delivery *dl) {
    dl->on_disk =
        dl->out.stage[0] && work_submit(dl->d->work, WORK_DISK, run_discard, discarded, dl) >= 0;
    return dl->on_disk;
}

struct delivery *delivery_drop(struct delivery *dl) {
    if (!dl)
        return NULL;
    dl->dropped = true;
    dl->worker = worker_drop(dl->worker);
    if (!dl->on_disk && !discard(dl))
        delivery_free(dl);
    return NULL;
}

static void fail(struct delivery *dl, enum package_fault fault, const char *detail) {
    dl->out.fault = fault;
    dl->drops_part = dl->part_of[0] && (fault != PACKAGE_NETWORK || dl->step != FETCH);
    (void) snprintf(dl->out.detail, sizeof dl->out.detail, "%s", detail);
    if (!discard(dl)) /* else it is told when nothing is left */
        finish(dl);
}

/* --- what the disk has to do with it ------------------------------------------------------ */

static int open_file(struct delivery *dl, struct err *e) {
    struct store *store = dl->d->store;

    if (!dl->part_of[0])
        return delivery_file(store, &dl->file_fd, e);
    store_parts_tidy(store, loop_realtime() / 1000000);
    return store_part_open(store, dl->part_of, dl->sha256, dl->etag, &dl->file_fd, e);
}

static int add_key(struct delivery *dl, const char *text) {
    char **more = realloc(dl->keys, (dl->n_keys + 2) * sizeof *more);

    if (!more)
        return -ENOMEM;
    dl->keys = more;
    more[dl->n_keys] = strdup(text);
    if (!more[dl->n_keys])
        return -ENOMEM;
    more[++dl->n_keys] = NULL;
    return 0;
}

/* A file that is no key is passed over, loudly: one bad file must not stop all updates. */
static int read_key(struct delivery *dl, int dir_fd, const char *name) {
    CLEANUP(free_p) char *text = NULL;
    struct minisign_key key;
    struct err e = { 0 };
    size_t len;

    int r = fs_read(dir_fd, name, KEY_FILE_MAX, &text, &len, &e);
    if (r >= 0)
        r = minisign_key_parse(text, len, &key, &e);
    if (r >= 0)
        return add_key(dl, text);
    log_warning(NULL, "trust/%s: %s: it is passed over", name, e.text);
    return r == -ENOMEM ? r : 0;
}

static int read_keys(struct delivery *dl, struct err *e) {
    int fd = openat(store_fd(dl->d->store), "trust", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *ent;
    int r = dl->pinned[0] ? add_key(dl, dl->pinned) : 0;

    while (r == 0 && dir && (ent = readdir(dir)) && dl->n_keys < WORKER_KEYS_MAX) {
        size_t n = strlen(ent->d_name);
        if (ent->d_name[0] != '.' && n > 4 && strcmp(ent->d_name + n - 4, ".pub") == 0)
            r = read_key(dl, fd, ent->d_name);
    }
    if (dir)
        (void) closedir(dir);
    else
        close_p(&fd);
    return r < 0 ? err_set(e, r, "no memory for keys") : 0;
}

static uid_t uid_of(const struct delivery *dl) {
    return dl->order.as_caller ? dl->order.uid : geteuid() == 0 ? NOBODY : geteuid();
}

static gid_t gid_of(const struct delivery *dl) {
    return dl->order.as_caller ? dl->order.gid : geteuid() == 0 ? (gid_t) NOBODY : getegid();
}

static int prepare(void *arg, struct err *e) {
    struct delivery *dl = arg;
    struct store *store = dl->d->store;
    bool keys = dl->order.kind == DELIVER_INDEX || dl->order.want_signature;
    int r = 0;

    if (dl->order.kind != DELIVER_FOLDER)
        r = open_file(dl, e);
    if (r >= 0 && dl->order.want_signature)
        r = delivery_file(store, &dl->signature_fd, e);
    if (r >= 0 && keys)
        r = read_keys(dl, e);
    if (r >= 0 && dl->order.kind != DELIVER_INDEX)
        r = store_stage_begin(store, uid_of(dl), gid_of(dl), dl->out.stage, &dl->stage_fd, e);
    return r;
}

/* --- the workers -------------------------------------------------------------------------- */

static void next_step(struct delivery *dl);

static void on_line(void *userdata, const char *line, size_t len) {
    struct delivery *dl = userdata;
    struct worker_progress p;

    if (dl->step != FETCH || worker_progress_parse(line, len, &p, NULL) < 0)
        return;
    if (dl->part_of[0] && strcmp(dl->etag, p.etag) != 0)
        delivery_note_tag(dl->d, dl->part_of, dl->sha256, p.etag);
    memcpy(dl->etag, p.etag, sizeof dl->etag);
    if (dl->order.progress)
        dl->order.progress(dl->order.userdata, "download", p.bytes, p.total);
}

static bool take_file(struct delivery *dl, const char *line, size_t len) {
    struct worker_file file;

    if (worker_file_parse(line, len, &file, NULL) < 0) {
        fail(dl, PACKAGE_STORAGE, "the worker's answer makes no sense");
        return false;
    }
    if (!file.ok) {
        bool is_missing = file.fault == PACKAGE_MISSING;
        bool is_elsewhere = file.fault == PACKAGE_STORAGE || file.fault == PACKAGE_NETWORK;
        if (dl->step != FETCH_SIGNATURE || is_elsewhere)
            fail(dl, file.fault, file.detail);
        else
            fail(dl, PACKAGE_SIGNATURE,
                 is_missing ? "there is no file of its name and '.minisig' beside it"
                            : file.detail);
        return false;
    }
    if (dl->step == VERIFY) {
        memcpy(dl->out.key, file.key, sizeof file.key);
        memcpy(dl->out.sha256, file.sha256, sizeof file.sha256);
    }
    return true;
}

static void take_result(struct delivery *dl, const char *line, size_t len) {
    struct err e = { 0 };

    if (worker_result_parse(line, len, &dl->out.result, &e) < 0)
        fail(dl, PACKAGE_STORAGE, "the worker's answer makes no sense");
    else if (!dl->out.result.ok)
        fail(dl, dl->out.result.fault, dl->out.result.detail);
    else
        finish(dl);
}

static void take_index(struct delivery *dl, const char *line, size_t len) {
    struct worker_index index = { 0 };

    if (worker_index_parse(line, len, &index, NULL) < 0) {
        fail(dl, PACKAGE_STORAGE, "the worker's answer makes no sense");
        return;
    }
    if (!index.ok) {
        fail(dl, index.fault, index.detail);
    } else {
        memcpy(dl->out.key, index.key, sizeof index.key);
        dl->out.index = index.index;
        index.index = NULL; /* the taker's */
        finish(dl);
    }
    worker_index_clear(&index);
}

static void on_done(void *userdata, const char *line, size_t len, const char *failure) {
    struct delivery *dl = userdata;

    dl->worker = NULL;
    if (failure) {
        KILLPOINT(WORKER_LOST);
        fail(dl, PACKAGE_STORAGE, failure);
        return;
    }
    switch (dl->step) {
    case FETCH_SIGNATURE:
    case FETCH:
    case VERIFY:
        if (take_file(dl, line, len))
            next_step(dl);
        return;
    case READ_INDEX:
        take_index(dl, line, len);
        return;
    case UNPACK:
    case COPY:
        take_result(dl, line, len);
        return;
    case PREPARE:
        return;
    }
}

static void start(struct delivery *dl, const char *job, int first_fd, int extra_fd) {
    struct err e = { 0 };
    const struct worker_order order = {
        .job = job,
        .argument = dl->step == COPY ? dl->source : NULL,
        .first_fd = first_fd,
        .extra_fd = extra_fd,
        .request = dl->step == COPY ? NULL : &dl->request,
        .uid = uid_of(dl),
        .gid = gid_of(dl),
        .groups = dl->order.as_caller ? dl->order.groups : NULL,
        .n_groups = dl->order.as_caller ? dl->order.n_groups : 0,
        .timeout_us = WORKER_PATIENCE_US,
        .line = on_line,
        .done = on_done,
        .userdata = dl,
    };
    if (worker_begin(dl->d, &order, &dl->worker, &e) < 0)
        fail(dl, PACKAGE_STORAGE, e.text);
}

static void fetch(struct delivery *dl, char *url, int fd, uint64_t max) {
    dl->request = (struct worker_request) WORKER_REQUEST_INIT;
    dl->request.url = url;
    dl->request.max = max;
    dl->request.timeout_ms = dl->order.timeout_us / 1000 + 1;
    dl->request.allow_http = dl->d->config->update.allow_http;
    dl->request.allow_file = dl->order.allow_file;
    if (dl->step == FETCH && dl->order.kind == DELIVER_PACKAGE) {
        dl->request.size = dl->size;
        memcpy(dl->request.sha256, dl->sha256, sizeof dl->sha256);
        dl->request.resume = true;
        dl->request.etag = dl->etag[0] ? dl->etag : NULL;
    }
    start(dl, "fetch", fd, -1);
}

static void verify(struct delivery *dl) {
    dl->request = (struct worker_request) WORKER_REQUEST_INIT;
    dl->request.size = dl->size;
    memcpy(dl->request.sha256, dl->sha256, sizeof dl->sha256);
    if (dl->order.want_signature)
        dl->request.keys = dl->keys;
    if (dl->order.progress)
        dl->order.progress(dl->order.userdata, "verify", 0, 0);
    start(dl, "verify", dl->file_fd, dl->signature_fd);
}

static void unpack(struct delivery *dl) {
    dl->request = (struct worker_request) WORKER_REQUEST_INIT;
    dl->request.unpacked_size = dl->unpacked_size;
    dl->request.files = dl->files;
    if (dl->order.progress)
        dl->order.progress(dl->order.userdata, "unpack", 0, 0);
    start(dl, "unpack", dl->stage_fd, dl->file_fd);
}

static void read_index(struct delivery *dl) {
    dl->request = (struct worker_request) WORKER_REQUEST_INIT;
    dl->request.keys = dl->keys;
    start(dl, "index", dl->file_fd, -1);
}

static enum step after(const struct delivery *dl) {
    bool verified_later = dl->order.want_signature || dl->sha256[0];

    switch (dl->step) {
    case PREPARE:
        if (dl->order.kind == DELIVER_FOLDER)
            return COPY;
        return dl->order.want_signature ? FETCH_SIGNATURE : FETCH;
    case FETCH_SIGNATURE:
        return FETCH;
    case FETCH:
        if (dl->order.kind == DELIVER_INDEX)
            return READ_INDEX;
        return verified_later ? VERIFY : UNPACK;
    case VERIFY:
    case READ_INDEX:
    case UNPACK:
    case COPY:
        return UNPACK;
    }
    return UNPACK;
}

static void next_step(struct delivery *dl) {
    dl->step = after(dl);
    switch (dl->step) {
    case COPY:
        start(dl, "copy", dl->stage_fd, -1);
        return;
    case FETCH_SIGNATURE:
        fetch(dl, dl->signature_url, dl->signature_fd, MINISIGN_TEXT_MAX);
        return;
    case FETCH:
        fetch(dl, dl->source, dl->file_fd,
              dl->order.kind == DELIVER_INDEX    ? INDEX_SIZE_MAX
              : dl->size != WORKER_REQUEST_UNSET ? dl->size
                                                 : PACKAGE_FILE_MAX);
        return;
    case VERIFY:
        verify(dl);
        return;
    case READ_INDEX:
        read_index(dl);
        return;
    case UNPACK:
        unpack(dl);
        return;
    case PREPARE:
        return;
    }
}

static void prepared(void *arg, int result, const struct err *e) {
    struct delivery *dl = arg;
    bool needs_keys = dl->order.kind == DELIVER_INDEX || dl->order.want_signature;

    dl->on_disk = false;
    if (dl->dropped)
        delivery_free(dl);
    else if (result < 0)
        fail(dl, PACKAGE_STORAGE, e->text);
    else if (needs_keys && dl->n_keys == 0)
        fail(dl, PACKAGE_SIGNATURE,
             "no key is trusted here: put a minisign public key into the state folder's trust/");
    else
        next_step(dl);
}

int delivery_begin(struct daemon *d, const struct delivery_order *order, struct delivery **ret) {
    const struct index_package *p = order->as_index_says;
    struct delivery *dl = calloc(1, sizeof *dl);

    if (!dl)
        return -ENOMEM;
    dl->d = d;
    dl->order = *order;
    dl->file_fd = dl->signature_fd = dl->stage_fd = -1;
    dl->size = p ? p->size : WORKER_REQUEST_UNSET;
    dl->unpacked_size = p ? p->unpacked_size : WORKER_REQUEST_UNSET;
    dl->files = p ? p->files : WORKER_REQUEST_UNSET;
    if (p)
        memcpy(dl->sha256, p->sha256, sizeof dl->sha256);
    (void) snprintf(dl->part_of, sizeof dl->part_of, "%s", order->part_of ? order->part_of : "");
    (void) snprintf(dl->pinned, sizeof dl->pinned, "%s", order->pinned ? order->pinned : "");
    dl->source = strdup(order->source);
    if (!dl->source ||
        (order->want_signature && asprintf(&dl->signature_url, "%s.minisig", order->source) < 0)) {
        dl->signature_url = NULL;
        delivery_free(dl);
        return -ENOMEM;
    }
    KILLPOINT(DOWNLOAD_BEGUN);
    dl->on_disk = true;
    int r = work_submit(d->work, WORK_DISK, prepare, prepared, dl);
    if (r < 0) {
        delivery_free(dl);
        return r;
    }
    *ret = dl;
    return 0;
}
