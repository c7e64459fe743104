/* SPDX-License-Identifier: MIT */
#include "supervisor/ctl/folder.h"

#include <errno.h>
#include <fts.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR |           \
     IN_DONT_FOLLOW | IN_EXCL_UNLINK)

static void fts_close_p(FTS **tree) {
    if (*tree)
        (void) fts_close(*tree);
}

int folder_watch_more(int fd, const char *folder, struct err *e) {
    char *const roots[] = { (char *) (uintptr_t) folder, NULL };
    CLEANUP(fts_close_p) FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;

    if (!tree)
        return err_set(e, -errno, "cannot read '%.120s': %s", folder, strerror(errno));
    while ((entry = fts_read(tree))) {
        if (entry->fts_info != FTS_D)
            continue;
        if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
            (void) fts_set(tree, entry, FTS_SKIP); /* .git and such */
            continue;
        }
        /* One that went meanwhile is no loss. */
        if (inotify_add_watch(fd, entry->fts_path, CHANGES) < 0 && errno != ENOENT)
            return err_set(e, -errno, "cannot watch '%.120s': %s", entry->fts_path,
                           strerror(errno));
    }
    return 0;
}

int folder_watch(const char *folder, int *ret_fd, struct err *e) {
    CLEANUP(close_p) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0)
        return err_set(e, -errno, "cannot watch files: %s", strerror(errno));
    int r = folder_watch_more(fd, folder, e);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static bool matters(const struct inotify_event *event) {
    size_t n = event->len ? strlen(event->name) : 0;

    if (event->mask & IN_Q_OVERFLOW)
        return true; /* something did that was lost */
    return n > 0 && event->name[0] != '.' && event->name[n - 1] != '~';
}

bool folder_changed(int fd) {
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool changed = false;
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) > 0)
        for (char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const void *) at;
            changed = changed || matters(event);
            at += sizeof *event + event->len;
        }
    return changed;
}
