/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/worker/archive.h"
#include "supervisor/worker/verdict.h"
#include "supervisor/worker/verify.h"
#include "units/manifest.h"

static int take_text(void *text, const void *bytes, size_t n, struct err *e) {
    if (str_append(text, bytes, n) < 0)
        return err_set(e, str_error(text), "manifest.json is too long");
    return 0;
}

static int take_nothing(void *userdata, const void *bytes, size_t n, struct err *e) {
    (void) userdata;
    (void) bytes;
    (void) n;
    (void) e;
    return 0;
}

/* Every file is read, for its checksum; the manifest is kept. */
static int read_all(struct archive *a, struct str *manifest, struct verdict *v) {
    for (size_t i = 0; i < archive_count(a); i++) {
        struct archive_item item = archive_item(a, i);
        bool wanted = strcmp(item.path, "manifest.json") == 0;
        int r = item.folder ? 0
                            : archive_read(a, i, wanted ? take_text : take_nothing,
                                           wanted ? manifest : NULL, v);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Whatever host it wants: that is for the devices to decide. */
static int describe(int fd, struct index_package *p, char app_id[65], struct err *e) {
    CLEANUP(archive_free_p) struct archive *a = NULL;
    CLEANUP(str_clear_p) struct str text = STR_INIT(MANIFEST_SIZE_MAX);
    CLEANUP(manifest_free_p) struct manifest *m = NULL;
    struct verdict v = { .e = e };
    int r;

    if ((r = archive_open(fd, &a, &v)) < 0 || (r = read_all(a, &text, &v)) < 0 ||
        (r = verify_sum(fd, &p->size, p->sha256, &v)) < 0)
        return r;
    if (text.len == 0)
        return err_set(e, -ENOENT, "manifest.json is not in the package");
    r = manifest_parse(text.data, text.len, UINT64_MAX, &m, NULL, e);
    if (r < 0)
        return r;
    p->code = m->version_code;
    p->name = TAKE_PTR(m->version_name);
    p->files = archive_files(a);
    p->unpacked_size = archive_bytes(a);
    p->rollout = 100;
    (void) snprintf(app_id, 65, "%s", m->app_id);
    return 0;
}

static int add_url(const char *path, const char *base_url, struct index_package *p, struct err *e) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(base_url);

    if (asprintf(&p->url, "%s%s%s", base_url, n > 0 && base_url[n - 1] == '/' ? "" : "/", name) <
        0) {
        p->url = NULL;
        return err_set(e, -ENOMEM, "out of memory");
    }
    return 0;
}

int publish_add(struct index *ix, const char *path, const char *base_url, struct err *e) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct index_package *list, *p;
    char app_id[65];
    int r = -errno;

    if (fd < 0)
        return err_set(e, r, "cannot read '%s': %s", path, strerror(-r));
    list = reallocarray(ix->packages, ix->n_packages + 1, sizeof *list);
    if (!list)
        return err_set(e, -ENOMEM, "out of memory");
    ix->packages = list;
    p = &list[ix->n_packages++];
    *p = (struct index_package){ .code = 0 };
    if ((r = describe(fd, p, app_id, e)) < 0 || (r = add_url(path, base_url, p, e)) < 0)
        return err_wrap(e, r, "%.80s", path);
    if (ix->n_packages > 1 && strcmp(ix->app_id, app_id) != 0)
        return err_set(e, -EINVAL, "'%.80s' is of %s, those before it of %s", path, app_id,
                       ix->app_id);
    memcpy(ix->app_id, app_id, sizeof app_id);
    return 0;
}

int publish_finish(struct index *ix, uint64_t rollout, struct str *out, struct err *e) {
    CLEANUP(index_free_p) struct index *again = NULL;
    struct index_package *highest = &ix->packages[0];

    for (size_t i = 1; i < ix->n_packages; i++)
        if (ix->packages[i].code > highest->code)
            highest = &ix->packages[i];
    highest->rollout = rollout > 1000 ? 1000 : (unsigned) rollout;
    if (index_print(ix, out) < 0 || str_putc(out, '\n') < 0)
        return err_set(e, str_error(out), "the index is too long");
    return index_parse(out->data, out->len, &again, e);
}
