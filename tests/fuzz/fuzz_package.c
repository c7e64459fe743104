/* SPDX-License-Identifier: MIT
 * fuzz_package.c - a package file that anybody made. What is taken keeps the promises of archive.h,
 * and each of its files is as long as it was announced or refused. */
#include "supervisor/base/err.h"
#include "supervisor/worker/archive.h"
#include "supervisor/worker/verdict.h"
#include "units/filelist.h"
#include "units/package_name.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static int take(void *userdata, const void *bytes, size_t n, struct err *e) {
    uint64_t *sum = userdata;
    (void) bytes;
    (void) e;
    *sum += n;
    return 0;
}

/* The folder of a path is an item before it. */
static void check_folder(const struct archive *a, size_t i, const char *path) {
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t) (slash - path) : 0;

    for (size_t k = i; slash && k > 0; k--) {
        struct archive_item above = archive_item(a, k - 1);
        if (strlen(above.path) == n && strncmp(above.path, path, n) == 0) {
            check(above.folder);
            return;
        }
    }
    check(!slash);
}

static void check_failure(int r, const struct verdict *v) {
    check(r == -EINVAL ? v->fault != PACKAGE_OK : r == -ENOMEM && v->fault == PACKAGE_OK);
    check(v->e->text[0]);
}

static void check_archive(struct archive *a, struct verdict *v) {
    uint64_t bytes = 0, files = 0;

    check(archive_count(a) <= PACKAGE_ENTRIES_MAX);
    for (size_t i = 0; i < archive_count(a); i++) {
        struct archive_item item = archive_item(a, i);
        uint64_t sum = 0;

        check(!package_path_fault(item.path));
        check(i == 0 || strcmp(archive_item(a, i - 1).path, item.path) < 0);
        if (i < 100)
            check_folder(a, i, item.path);
        bytes += item.size;
        files += !item.folder;
        check(!item.folder || (item.size == 0 && !item.executable));
        int r = item.folder ? 0 : archive_read(a, i, take, &sum, v);
        if (r < 0)
            check_failure(r, v);
        check(r < 0 ? sum <= item.size : sum == item.size);
    }
    check(bytes == archive_bytes(a) && bytes <= PACKAGE_BYTES_MAX && files == archive_files(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    struct archive *a = NULL;
    struct err e = { 0 };
    struct verdict v = { .e = &e };

    if (fd < 0)
        fd = memfd_create("package", MFD_CLOEXEC);
    check(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
    int r = archive_open(fd, &a, &v);
    if (r < 0)
        check_failure(r, &v);
    else
        check_archive(a, &v);
    archive_free(a);
    return 0;
}
