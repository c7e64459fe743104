/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/unpack.h"

#include <inttypes.h>
#include <stdio.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/worker/archive.h"
#include "supervisor/worker/stage.h"
#include "supervisor/worker/verdict.h"
#include "units/request.h"

static int take(void *stage, const void *bytes, size_t n, struct err *e) {
    return stage_file_write(stage, bytes, n, e);
}

/* Before a byte is written: there is not one more than the signed index allows. */
static int check_announced(const struct archive *a, const struct worker_request *q,
                           struct verdict *v) {
    const struct {
        const char *what;
        uint64_t have, said;
    } rows[] = {
        { "files", archive_files(a), q->files },
        { "bytes", archive_bytes(a), q->unpacked_size },
    };
    for (size_t i = 0; i < 2; i++)
        if (rows[i].said != WORKER_REQUEST_UNSET && rows[i].have != rows[i].said)
            return refuse(v, rows[i].have > rows[i].said ? PACKAGE_LIMITS : PACKAGE_TREE,
                          "it has %" PRIu64 " %s, not %" PRIu64 " as the index says", rows[i].have,
                          rows[i].what, rows[i].said);
    return 0;
}

static int unpack_item(struct archive *a, size_t i, struct stage *stage, struct verdict *v) {
    struct archive_item item = archive_item(a, i);
    int r;

    if (item.folder)
        return stage_add_folder(stage, item.path, v->e);
    r = stage_file_begin(stage, item.path, item.size, item.executable, v->e);
    if (r < 0 || (r = archive_read(a, i, take, stage, v)) < 0)
        return r;
    return stage_file_end(stage, v->e);
}

static int unpack(int package_fd, struct stage *stage, const struct worker_request *q,
                  struct worker_result *ret, struct verdict *v) {
    CLEANUP(archive_free_p) struct archive *a = NULL;
    int r;

    if ((r = archive_open(package_fd, &a, v)) < 0 || (r = check_announced(a, q, v)) < 0)
        return r;
    for (size_t i = 0; i < archive_count(a); i++)
        if ((r = unpack_item(a, i, stage, v)) < 0)
            return r;
    return stage_finish(stage, ret, v->e);
}

int unpack_package(int package_fd, int stage_fd, const struct worker_request *request,
                   struct worker_result *ret, struct err *e) {
    CLEANUP(stage_free_p) struct stage *stage = NULL;
    struct err why = { 0 };
    struct verdict v = { .e = &why };
    int r = stage_new(stage_fd, &stage, e);

    if (r < 0)
        return r;
    r = unpack(package_fd, stage, request, ret, &v);
    if (r < 0 && v.fault == PACKAGE_OK)
        v.fault = stage_fault(stage);
    if (r < 0 && v.fault == PACKAGE_OK)
        return err_set(e, r, "%s", why.text);
    if (r < 0) {
        *ret = (struct worker_result){ .fault = v.fault };
        (void) snprintf(ret->detail, sizeof ret->detail, "%s", why.text);
    }
    return 0;
}
