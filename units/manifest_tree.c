/* SPDX-License-Identifier: MIT
 * manifest_tree.c - is what the manifest names there, and is it of the right kind? */
#include "units/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "units/beneath.h"

static bool in_package(const struct manifest *m, int package_fd) {
    struct stat st;
    if (m->exec[0][0] == '/')
        return false;
    if (strchr(m->exec[0], '/'))
        return true;
    return beneath_stat(package_fd, m->exec[0], &st) == 0 && S_ISREG(st.st_mode);
}

int manifest_program(const struct manifest *m, int package_fd, char **ret, struct err *e) {
    char *program = NULL;

    if (!m->exec)
        return err_set(e, -EINVAL, "'%s' has no program of its own", m->app_id);
    /* Without a '/' it would be searched along PATH. */
    if (asprintf(&program, "%s%s",
                 in_package(m, package_fd) && !strchr(m->exec[0], '/') ? "./" : "", m->exec[0]) < 0)
        return err_set(e, -ENOMEM, "no memory for a path");
    *ret = program;
    return 0;
}

/* Errors become a fault: what is not there is MISSING, a link or a way out PATH, another kind TYPE.
 */
static int look_at(int package_fd, const char *path, mode_t type, struct stat *ret_st,
                   enum package_fault *ret_fault) {
    int r = beneath_stat(package_fd, path, ret_st);

    if (r == -ENOENT || r == -ENOTDIR) {
        *ret_fault = PACKAGE_MISSING;
        return -ENOENT;
    }
    if (r < 0) {
        *ret_fault = PACKAGE_PATH;
        return -EINVAL;
    }
    if ((ret_st->st_mode & S_IFMT) != type) {
        *ret_fault = PACKAGE_TYPE;
        return -EINVAL;
    }
    return 0;
}

static const char *fault_phrase(enum package_fault fault) {
    if (fault == PACKAGE_MISSING)
        return "is not in the package";
    return fault == PACKAGE_TYPE ? "is of the wrong kind" : "is a link or leads out of the package";
}

static int check_program(const struct manifest *m, int package_fd, enum package_fault *ret_fault,
                         struct err *e) {
    struct stat st;
    int r;

    if (!in_package(m, package_fd))
        return 0;
    r = look_at(package_fd, m->exec[0], S_IFREG, &st, ret_fault);
    if (r < 0)
        return err_set(e, r, "the program '%.100s' %s", m->exec[0], fault_phrase(*ret_fault));
    if (!(st.st_mode & 0111)) {
        *ret_fault = PACKAGE_TYPE;
        return err_set(e, -EINVAL, "the program '%.100s' is not executable", m->exec[0]);
    }
    return 0;
}

static int require(int package_fd, const char *path, mode_t type, enum package_fault *ret_fault,
                   struct err *e) {
    struct stat st;
    int r = look_at(package_fd, path, type, &st, ret_fault);
    if (r < 0)
        return err_set(e, r, "'%s' %s", path, fault_phrase(*ret_fault));
    return 0;
}

/* W3C lets a page's name go without its extension; its script or its markup makes it a page. */
static int check_page(int package_fd, const char *page, enum package_fault *ret_fault,
                      struct err *e) {
    static const char *const extensions[] = { "", ".html", ".js" };
    char path[MANIFEST_PATH_MAX + sizeof ".html"];
    struct stat st;

    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        (void) snprintf(path, sizeof path, "%s%s", page, extensions[i]);
        if (beneath_stat(package_fd, path, &st) == 0 && S_ISREG(st.st_mode))
            return 0;
    }
    *ret_fault = PACKAGE_MISSING;
    return err_set(e, -ENOENT, "the page '%.100s' of 'pages' is not in the package", page);
}

static int check_javascript(const struct manifest *m, int package_fd, enum package_fault *ret_fault,
                            struct err *e) {
    int r;

    if ((r = require(package_fd, "app.js", S_IFREG, ret_fault, e)) < 0 ||
        (r = require(package_fd, "app.css", S_IFREG, ret_fault, e)) < 0 ||
        (r = require(package_fd, "pages", S_IFDIR, ret_fault, e)) < 0)
        return r;
    for (size_t i = 0; m->pages[i]; i++) {
        r = check_page(package_fd, m->pages[i], ret_fault, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int manifest_check_tree(const struct manifest *m, int package_fd, enum package_fault *ret_fault,
                        struct err *e) {
    enum package_fault fault = PACKAGE_OK;
    int r = m->exec ? check_program(m, package_fd, &fault, e)
                    : check_javascript(m, package_fd, &fault, e);
    if (r < 0 && ret_fault)
        *ret_fault = fault;
    return r;
}
