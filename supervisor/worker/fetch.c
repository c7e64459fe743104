/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/fetch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/worker/fetch_http.h"
#include "supervisor/worker/sink.h"
#include "supervisor/worker/verdict.h"
#include "units/admit.h"
#include "units/request.h"

#define PIECE    ((size_t) 64 * 1024)
#define ATTEMPTS 2

/* What a slow but living line is granted on the whole: half a minute, and so much a second. Ours.
 */
#define RATE_LEAST ((uint64_t) 1024)
#define GRACE_MS   ((uint64_t) 30000)

struct fetch {
    const struct worker_request *q;
    const struct fetch_net *net; /* NULL: it is in another program */
    int file_fd, tell_fd;
    int source_fd;     /* of a local source */
    struct http *http; /* else */
    uint64_t cap, deadline;
};

struct fetch *fetch_free(struct fetch *f) {
    if (!f)
        return NULL;
    close_p(&f->source_fd);
    if (f->http)
        (void) f->net->free(f->http);
    free(f);
    return NULL;
}

void fetch_free_p(struct fetch **f) {
    *f = fetch_free(*f);
}

bool fetch_needs_network(const struct fetch *f) {
    return f->http != NULL;
}

/* --- a local source ------------------------------------------------------------------------ */

/* "/a b" of "/a b" and of "file:///a%20b"; malloc'd. */
static int local_path(const struct fetch *f, char **ret, struct verdict *v) {
    if (f->q->url[0] != '/')
        return f->net->file_path(f->q->url, ret, v);
    *ret = strdup(f->q->url);
    return *ret ? 0 : err_set(v->e, -ENOMEM, "no memory for a path");
}

static int unreadable(int error, struct verdict *v) {
    if (error == ENOENT || error == ENOTDIR)
        return refuse(v, PACKAGE_MISSING, "there is no such file");
    return refuse(v, PACKAGE_PATH, "the source cannot be read: %s", strerror(error));
}

/* By the caller's own rights, links included. Not to wait for a fifo's writer, and a device may do
 * something when it is opened: looked at first, and again, since it may have been swapped. */
static int open_local(struct fetch *f, struct verdict *v) {
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(close_p) int fd = -1;
    struct stat st;
    int r = local_path(f, &path, v);

    if (r < 0)
        return r;
    if (stat(path, &st) < 0)
        return unreadable(errno, v);
    if (!S_ISREG(st.st_mode))
        return refuse(v, PACKAGE_TYPE, "the source is not a file");
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return unreadable(errno, v);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return refuse(v, PACKAGE_TYPE, "the source is not a file");
    f->source_fd = TAKE_FD(fd);
    return 0;
}

static int copy_local(struct fetch *f, struct sink *sink, struct verdict *v) {
    CLEANUP(free_p) char *buffer = malloc(PIECE);
    struct stat st;
    int r;

    if (!buffer)
        return err_set(v->e, -ENOMEM, "no memory to fetch with");
    if (fstat(f->source_fd, &st) == 0 && st.st_size > 0)
        sink->progress.total = (uint64_t) st.st_size;
    for (;;) {
        ssize_t n = read(f->source_fd, buffer, PIECE);
        if (n < 0)
            return refuse(v, PACKAGE_PATH, "the source cannot be read: %s", strerror(errno));
        if (n == 0)
            return 0;
        if (monotonic_ms() >= f->deadline)
            return refuse(v, PACKAGE_NETWORK, "it took too long");
        r = sink_write(sink, buffer, (size_t) n, v);
        if (r < 0)
            return r;
    }
}

/* --- open ---------------------------------------------------------------------------------- */

static int check_request(const struct worker_request *q, struct err *e) {
    if (!q->url || q->max == 0 || q->timeout_ms == 0)
        return err_set(e, -EINVAL, "a fetch needs 'url', 'max' and 'timeout_ms'");
    return 0;
}

static int check_source(const struct worker_request *q, struct verdict *v) {
    bool local = q->url[0] == '/' || strncmp(q->url, "file:", 5) == 0;

    if (local && !q->allow_file)
        return refuse(v, PACKAGE_NETWORK, "a file of this machine was not to be fetched");
    if (q->url[0] == '/')
        return 0;
    if (admit_url(q->url, NULL, q->allow_http, v->e) < 0) {
        v->fault = PACKAGE_NETWORK;
        return -EINVAL;
    }
    return 0;
}

static int open_source(struct fetch *f, struct verdict *v) {
    int r = check_source(f->q, v);

    if (r < 0)
        return r;
    if (f->q->url[0] != '/' && !f->net)
        return err_set(v->e, -ENOTSUP, "miniprog-fetch is for what has a URL");
    if (f->q->url[0] == '/' || strncmp(f->q->url, "file:", 5) == 0)
        return open_local(f, v);
    return f->net->open(f->q, &f->http, v);
}

static void answer_fault(const struct verdict *v, struct worker_file *ret) {
    *ret = (struct worker_file){ .fault = v->fault };
    (void) snprintf(ret->detail, sizeof ret->detail, "%s", v->e->text);
}

int fetch_open(const struct worker_request *q, const struct fetch_net *net, int file_fd,
               int tell_fd, struct fetch **ret, struct worker_file *answer, struct err *e) {
    CLEANUP(fetch_free_p) struct fetch *f = calloc(1, sizeof *f);
    struct verdict v = { .e = e };
    int r = check_request(q, e);

    if (r < 0)
        return r;
    if (!f)
        return err_set(e, -ENOMEM, "no memory to fetch with");
    f->q = q;
    f->net = net;
    f->file_fd = file_fd;
    f->tell_fd = tell_fd;
    f->source_fd = -1;
    f->cap = q->size < q->max ? q->size : q->max; /* UNSET is the largest number */
    uint64_t rate = q->min_rate ? q->min_rate : RATE_LEAST;
    uint64_t slow_ms = GRACE_MS + f->cap / rate * 1000;
    f->deadline = monotonic_ms() + (q->timeout_ms < slow_ms ? q->timeout_ms : slow_ms);
    r = open_source(f, &v);
    if (r < 0 && v.fault == PACKAGE_OK)
        return r;
    if (r < 0)
        answer_fault(&v, answer);
    *ret = r < 0 ? NULL : TAKE_PTR(f);
    return 0;
}

/* --- run ----------------------------------------------------------------------------------- */

/* How much of what is in the file may be gone on with. Without a hash to hold the whole against, it
 * is the server's strong validator alone that keeps two files from being one. */
static uint64_t may_keep(const struct fetch *f) {
    bool strong = f->q->etag && f->q->etag[0] == '"';

    if (!f->http || !f->q->resume || !(strong || f->q->sha256[0]))
        return 0;
    return f->cap;
}

static bool has_all(const struct fetch *f, const struct sink *sink) {
    char sum[FILELIST_HASH_HEX + 1];

    if (!f->q->sha256[0])
        return false;
    sum_hex(&sink->sum, sum);
    return strcmp(sum, f->q->sha256) == 0;
}

static int check_end(const struct fetch *f, const struct sink *sink, struct verdict *v) {
    if (f->q->size != WORKER_REQUEST_UNSET && sink->progress.bytes < f->q->size)
        return refuse(v, f->http ? PACKAGE_NETWORK : PACKAGE_HASH,
                      "it ended after %" PRIu64 " of %" PRIu64 " bytes", sink->progress.bytes,
                      f->q->size);
    if (f->q->sha256[0] && !has_all(f, sink))
        return refuse(v, PACKAGE_HASH, "it is not the file that the index names");
    return 0;
}

static int attempt(struct fetch *f, struct sink *sink, struct verdict *v) {
    int r = f->http ? f->net->get(f->http, sink, f->deadline, v) : copy_local(f, sink, v);
    return r < 0 ? r : check_end(f, sink, v);
}

/* Is the next attempt to begin anew, or (a broken line) to go on where this one ended? */
static bool is_worth_another(const struct fetch *f, const struct sink *sink, bool resumed, int r,
                             const struct verdict *v) {
    if (!f->http || monotonic_ms() >= f->deadline)
        return false;
    if (r == -EAGAIN || (resumed && v->fault == PACKAGE_HASH))
        return true;
    return v->fault == PACKAGE_NETWORK && sink->progress.bytes > 0;
}

static int transfer(struct fetch *f, struct sink *sink, struct verdict *v) {
    uint64_t keep = may_keep(f);
    int r = sink_open(sink, f->file_fd, f->tell_fd, f->cap, keep, v);

    if (r < 0 || has_all(f, sink))
        return r;
    if (sink->progress.bytes > 0 && f->q->etag)
        (void) snprintf(sink->progress.etag, sizeof sink->progress.etag, "%s", f->q->etag);
    if (sink->progress.bytes == f->cap && (r = sink_restart(sink, v)) < 0)
        return r; /* as long as it can be, and something else */
    for (int i = 1;; i++) {
        bool resumed = sink->progress.bytes > 0;
        v->fault = PACKAGE_OK;
        r = attempt(f, sink, v);
        if (r == 0 || i == ATTEMPTS || !is_worth_another(f, sink, resumed, r, v))
            break;
        bool anew = r == -EAGAIN || v->fault == PACKAGE_HASH || !keep;
        if (anew && (r = sink_restart(sink, v)) < 0)
            break;
    }
    if (r == -EAGAIN)
        return refuse(v, PACKAGE_NETWORK, "the server's answers do not fit together");
    return r;
}

int fetch_run(struct fetch *f, struct worker_file *ret, struct err *e) {
    struct err why = { 0 };
    struct verdict v = { .e = &why };
    struct sink sink;
    int r = transfer(f, &sink, &v);

    if (r < 0 && v.fault == PACKAGE_OK)
        return err_set(e, r, "%s", why.text);
    sink_tell(&sink, 1);
    *ret = (struct worker_file){ .ok = r == 0, .size = sink.progress.bytes };
    if (r < 0) {
        answer_fault(&v, ret);
        return 0;
    }
    sum_hex(&sink.sum, ret->sha256);
    memcpy(ret->etag, sink.progress.etag, sizeof ret->etag);
    return 0;
}
