/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/base/err.h"

static int check_one(const char *path, const char *what, struct err *e) {
    struct stat st;

    if (stat(path, &st) < 0)
        return errno == ENOENT
                   ? 0
                   : err_set(e, -errno, "cannot look at '%s': %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(e, -ENOTDIR, "'%s', of the %s folder, is not a folder", path, what);
    if (!(st.st_mode & S_IXOTH))
        return err_set(
            e, -EACCES,
            "apps cannot enter '%s', of the %s folder: 'chmod o+x' it, or choose another", path,
            what);
    return 0;
}

int place_check_folder(const char *path, const char *what, bool user, struct err *e) {
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (path[0] != '/' || n >= sizeof part)
        return err_set(e, -EINVAL, "the %s folder '%.100s' must be an absolute path", what, path);
    if (strcmp(what, "runtime") == 0 && n > PLACE_RUNTIME_MAX)
        return err_set(
            e, -ENAMETOOLONG,
            "the runtime folder '%.80s' is %zu bytes long: at most %d, or socket names do not fit",
            path, n, PLACE_RUNTIME_MAX);
    if (user || geteuid() != 0)
        return 0;
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        int r = check_one(part, what, e);
        if (r < 0)
            return r;
    }
    return 0;
}

bool place_uids_are_mapped(uid_t low, uid_t high) {
    unsigned long inside, outside, n;
    bool mapped = false;
    FILE *f = fopen("/proc/self/uid_map", "re");

    if (!f)
        return true; /* no user namespaces: every uid is there */
    while (!mapped && fscanf(f, "%lu %lu %lu", &inside, &outside, &n) == 3)
        mapped = low >= inside && high - inside < n;
    (void) fclose(f);
    return mapped;
}
