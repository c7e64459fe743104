/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/package.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/daemon.h"
#include "units/manifest.h"
#include "units/store.h"

int package_manifest(struct store *store, const char *id, const char *version_name,
                     struct manifest **ret, struct err *e) {
    CLEANUP(close_p) int package_fd = -1;
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    int r = store_version_open(store, id, version_name, &package_fd, e);
    if (r < 0)
        return r;
    r = fs_read(package_fd, "manifest.json", MANIFEST_SIZE_MAX, &text, &len, e);
    if (r < 0)
        return r;
    return manifest_parse(text, len, HOST_VERSION_CODE, ret, NULL, e);
}
