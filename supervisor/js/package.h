/* SPDX-License-Identifier: MIT
 * package.h - the package's folder: its manifest, its pages, its files, and nothing beyond.
 * Layer: 4, js. Uses: base, JavaScriptCore.
 *
 * The supervisor has checked the manifest; here it is read for the pages. WeChat's app.json, where
 * there is one, adds window.restartStrategy and tabBar.list, a page's own JSON file its
 * restartStrategy. These two are read as WeChat reads them, by JSON.parse()'s rules: a member that
 * stands twice counts as the last, and a byte order mark is let through. */
#ifndef JS_PACKAGE_H
#define JS_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

struct err;

#define PACKAGE_SOURCE_MAX ((size_t) 8 * 1024 * 1024) /* one file of a package; far above any */

struct package {
    int fd;
    JSContextRef ctx; /* borrowed: its parser */
    char *name;
    char **pages; /* routes, the home page first */
    size_t n_pages;
    char **tabs; /* routes of tabBar.list */
    size_t n_tabs;
    bool keeps_page; /* window.restartStrategy is homePageAndLatestPage */
};

/* Errors: as open(2); -EINVAL a broken manifest or app.json, with e; -ENOMEM. */
int package_open(const char *folder, JSContextRef ctx, struct package *ret, struct err *e);
void package_close(struct package *p);

/* Reads a regular file of the package; no link is followed, no path leaves it. The text has no NUL
 * and is UTF-8. -ENOENT, -EISDIR, -EFBIG, -EILSEQ, -EXDEV, -ELOOP … */
int package_read(const struct package *p, const char *path, char **ret);

bool package_has_page(const struct package *p, const char *route);
bool package_is_tab(const struct package *p, const char *route);
/* The page is opened again by a cold start without a path: homePageAndLatestPage, and no tab. */
bool package_keeps_page(const struct package *p, const char *route);

#endif
