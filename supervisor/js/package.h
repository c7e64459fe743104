/* SPDX-License-Identifier: MIT
 * package.h - the package's folder: its manifest, its pages, its files, and nothing beyond.
 * Layer: 4, js. Uses: base.
 *
 * The supervisor has checked the manifest; here it is read for the pages. WeChat's app.json, where
 * there is one, adds window.restartStrategy and tabBar.list, a page's own JSON file its
 * restartStrategy. */
#ifndef JS_PACKAGE_H
#define JS_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define PACKAGE_SOURCE_MAX ((size_t) 8 * 1024 * 1024) /* one file of a package; far above any */

struct package {
    int fd;
    char *name;
    char **pages; /* routes, the home page first */
    size_t n_pages;
    char **tabs; /* routes of tabBar.list */
    size_t n_tabs;
    bool keeps_page; /* window.restartStrategy is homePageAndLatestPage */
};

/* Errors: as open(2); -EINVAL a broken manifest or app.json, with e; -ENOMEM. */
int package_open(const char *folder, struct package *ret, struct err *e);
void package_close(struct package *p);

/* Reads a regular file of the package; no link is followed, no path leaves it. The text has no NUL
 * and is UTF-8. -ENOENT, -EISDIR, -EFBIG, -EILSEQ, -EXDEV, -ELOOP … */
int package_read(const struct package *p, const char *path, char **ret);

bool package_has_page(const struct package *p, const char *route);
bool package_is_tab(const struct package *p, const char *route);
/* The page is opened again by a cold start without a path: homePageAndLatestPage, and no tab. */
bool package_keeps_page(const struct package *p, const char *route);

#endif
