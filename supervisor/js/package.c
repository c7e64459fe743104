/* SPDX-License-Identifier: MIT */
#include "supervisor/js/package.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/text.h"
#include "supervisor/js/path.h"
#include "supervisor/js/value.h"

#define LATEST          "homePageAndLatestPage"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* --- files -------------------------------------------------------------------------------- */

static int open_beneath(int dir_fd, const char *path) {
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    return fd < 0 ? -errno : (int) fd;
}

static int read_all(int fd, size_t size, char **ret) {
    CLEANUP(free_p) char *text = malloc(size + 1);
    size_t used = 0;

    if (!text)
        return -ENOMEM;
    while (used < size) {
        ssize_t n = read(fd, text + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t) n;
    }
    text[used] = '\0';
    if (strlen(text) != used || !text_is_utf8(text, used))
        return -EILSEQ;
    *ret = TAKE_PTR(text);
    return 0;
}

int package_read(const struct package *p, const char *path, char **ret) {
    CLEANUP(close_p) int fd = open_beneath(p->fd, path);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if ((size_t) st.st_size > PACKAGE_SOURCE_MAX)
        return -EFBIG;
    return read_all(fd, (size_t) st.st_size, ret);
}

/* -ENOENT: there is none, *ret untouched. */
static int read_text(const struct package *p, const char *path, char **ret, struct err *e) {
    int r = package_read(p, path, ret);

    if (r < 0 && r != -ENOENT)
        return err_set(e, r, "cannot read '%s': %s", path, strerror(-r));
    return r;
}

/* WeChat's own files: what the engine takes is made into what our stricter door takes. */
static int read_json(const struct package *p, const char *path, struct json **ret, struct err *e) {
    CLEANUP(str_clear_p) struct str strict = STR_INIT(PACKAGE_SOURCE_MAX);
    CLEANUP(free_p) char *text = NULL;
    int r = read_text(p, path, &text, e);

    if (r < 0)
        return r;
    size_t mark =
        strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0 ? strlen(BYTE_ORDER_MARK) : 0;
    JSValueRef v = value_json(p->ctx, text + mark);
    if (v && value_to_json(p->ctx, v, &strict, NULL) == 0)
        r = json_parse(str_text(&strict), strict.len, ret, e);
    else
        r = json_parse(text + mark, strlen(text + mark), ret, e); /* it says where it is broken */
    return r < 0 ? err_wrap(e, r, "%s", path) : 0;
}

/* --- pages -------------------------------------------------------------------------------- */

/* Routes of an array of strings, or of objects with that member. */
static int read_routes(const struct json *array, const char *member, char ***ret, size_t *ret_n) {
    char **routes = calloc(json_count(array) + 1, sizeof *routes);
    size_t n = 0;

    if (!routes)
        return -ENOMEM;
    *ret = routes;
    for (const struct json *v = json_first(array); v; v = json_next(v)) {
        char route[PATH_TEXT_MAX];
        path_route(member ? json_get_string(v, member, "") : json_string(v), route);
        if (!(routes[n] = strdup(route)))
            return -ENOMEM;
        *ret_n = ++n;
    }
    return 0;
}

static bool has(char *const *routes, size_t n, const char *route) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(routes[i], route) == 0)
            return true;
    return false;
}

bool package_has_page(const struct package *p, const char *route) {
    return has(p->pages, p->n_pages, route);
}

bool package_is_tab(const struct package *p, const char *route) {
    return has(p->tabs, p->n_tabs, route);
}

bool package_keeps_page(const struct package *p, const char *route) {
    CLEANUP(json_free_p) struct json *page = NULL;
    char path[PATH_TEXT_MAX + sizeof ".json"];

    if (package_is_tab(p, route))
        return false;
    (void) snprintf(path, sizeof path, "%s.json", route);
    if (read_json(p, path, &page, NULL) < 0)
        return p->keeps_page;
    return strcmp(json_get_string(page, "restartStrategy", p->keeps_page ? LATEST : ""), LATEST) ==
           0;
}

static int read_manifest(struct package *p, struct err *e) {
    CLEANUP(json_free_p) struct json *manifest = NULL;
    CLEANUP(free_p) char *text = NULL;
    int r = read_text(p, "manifest.json", &text, e);

    if (r == -ENOENT)
        return err_set(e, r, "there is no manifest.json");
    if (r == 0 && (r = json_parse(text, strlen(text), &manifest, e)) < 0)
        return err_wrap(e, r, "manifest.json");
    if (r < 0)
        return r;
    p->name = strdup(json_get_string(manifest, "name", ""));
    if (!p->name)
        return err_set(e, -ENOMEM, "out of memory");
    r = read_routes(json_get(manifest, "pages"), NULL, &p->pages, &p->n_pages);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int read_app_json(struct package *p, struct err *e) {
    CLEANUP(json_free_p) struct json *app = NULL;
    int r = read_json(p, "app.json", &app, e);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    p->keeps_page =
        strcmp(json_get_string(json_get(app, "window"), "restartStrategy", ""), LATEST) == 0;
    r = read_routes(json_get(json_get(app, "tabBar"), "list"), "pagePath", &p->tabs, &p->n_tabs);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

int package_open(const char *folder, JSContextRef ctx, struct package *ret, struct err *e) {
    struct package p = { .fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .ctx = ctx };

    if (p.fd < 0)
        return err_set(e, -errno, "cannot open '%s': %s", folder, strerror(errno));
    int r = read_manifest(&p, e);
    if (r == 0)
        r = read_app_json(&p, e);
    if (r < 0) {
        package_close(&p);
        return r;
    }
    *ret = p;
    return 0;
}

static void routes_free(char **routes) {
    for (char **it = routes; it && *it; it++)
        free(*it);
    free(routes);
}

void package_close(struct package *p) {
    close_p(&p->fd);
    p->fd = -1;
    free(p->name);
    routes_free(p->pages);
    routes_free(p->tabs);
    *p = (struct package){ .fd = -1 };
}
