/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/map.h"
#include "supervisor/worker/verdict.h"
#include "units/filelist.h"
#include "units/package_name.h"

struct names {
    struct map *by_path; /* struct name; the paths are the keys */
    struct name **list;
    size_t count, room;
};

static struct name *name_free(struct name *name) {
    if (name) {
        free(name->path);
        free(name);
    }
    return NULL;
}

static void name_free_p(struct name **name) {
    *name = name_free(*name);
}

struct names *names_new(void) {
    struct names *n = calloc(1, sizeof *n);

    if (n && !(n->by_path = map_new()))
        n = names_free(n);
    return n;
}

struct names *names_free(struct names *n) {
    if (!n)
        return NULL;
    map_free(n->by_path);
    for (size_t i = 0; i < n->count; i++)
        name_free(n->list[i]);
    free(n->list);
    free(n);
    return NULL;
}

size_t names_count(const struct names *n) {
    return n->count;
}

const struct name *names_get(const struct names *n, size_t i) {
    return n->list[i];
}

static int no_memory(struct verdict *v) {
    return err_set(v->e, -ENOMEM, "no memory for the names");
}

static int put(struct names *n, const char *path, size_t len, bool folder, size_t entry,
               struct verdict *v) {
    CLEANUP(name_free_p) struct name *name = calloc(1, sizeof *name);

    if (n->count == PACKAGE_ENTRIES_MAX)
        return refuse(v, PACKAGE_LIMITS, "there are more than %d files and folders",
                      PACKAGE_ENTRIES_MAX);
    if (n->count == n->room) {
        size_t room = n->room ? 2 * n->room : 64;
        struct name **list = reallocarray(n->list, room, sizeof(struct name *));
        if (!list)
            return no_memory(v);
        n->list = list;
        n->room = room;
    }
    if (!name || !(name->path = strndup(path, len)))
        return no_memory(v);
    name->folder = folder;
    name->entry = entry;
    if (map_put(n->by_path, name->path, name) < 0)
        return no_memory(v);
    n->list[n->count++] = TAKE_PTR(name);
    return 0;
}

/* From the innermost outwards: where one is known, those around it are. */
static int put_folders(struct names *n, const char *path, struct verdict *v) {
    CLEANUP(free_p) char *above = strdup(path);

    if (!above)
        return no_memory(v);
    for (char *slash; (slash = strrchr(above, '/'));) {
        *slash = '\0';
        const struct name *known = map_get(n->by_path, above);
        if (known && !known->folder)
            return refuse(v, PACKAGE_FORMAT, "'%.120s' is both a file and a folder", above);
        if (known)
            return 0;
        int r = put(n, above, strlen(above), true, NAMES_IMPLIED, v);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check(const char *path, size_t len, struct verdict *v) {
    const char *fault = strlen(path) < len ? "holds a NUL" : package_path_fault(path);
    size_t depth = 1;

    for (const char *p = path; *p; p++)
        depth += *p == '/';
    if (fault)
        return refuse(v, PACKAGE_PATH, "in '%.120s' there is a name that %s", path, fault);
    if (depth > PACKAGE_DEPTH_MAX)
        return refuse(v, PACKAGE_LIMITS, "folders are nested more than %d deep", PACKAGE_DEPTH_MAX);
    return 0;
}

int names_add(struct names *n, const char *text, size_t len, size_t entry, struct verdict *v) {
    CLEANUP(free_p) char *path = NULL;
    bool folder = len > 0 && text[len - 1] == '/';
    struct name *known = NULL;
    int r;

    len -= folder;
    if (len > PACKAGE_PATH_MAX)
        return refuse(v, PACKAGE_LIMITS, "a path is longer than %d bytes", PACKAGE_PATH_MAX);
    path = malloc(len + 1);
    if (!path)
        return no_memory(v);
    memcpy(path, text, len);
    path[len] = '\0';
    if ((r = check(path, len, v)) < 0 || (r = put_folders(n, path, v)) < 0)
        return r;
    known = map_get(n->by_path, path);
    if (!known)
        return put(n, path, len, folder, entry, v);
    if (folder != known->folder)
        return refuse(v, PACKAGE_FORMAT, "'%.120s' is both a file and a folder", path);
    if (known->entry != NAMES_IMPLIED)
        return refuse(v, PACKAGE_FORMAT, "'%.120s' is there twice", path);
    known->entry = entry;
    return 0;
}

/* --- twins --------------------------------------------------------------------------------- */

struct folded {
    uint8_t *text;
    size_t len;
    const char *path;
};

static int by_text(const void *a, const void *b) {
    const struct folded *x = a, *y = b;
    int c = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

/* Whole paths: a slash composes with nothing and folds to itself. Folders are among the paths, so
 * that "A/x" and "a/y" meet too. No language: the Turkish i is not for this. */
static int fold(struct names *n, struct folded *folded, struct verdict *v) {
    for (size_t i = 0; i < n->count; i++) {
        const char *path = n->list[i]->path;
        folded[i].path = path;
        folded[i].text = u8_casefold((const uint8_t *) path, strlen(path), NULL, UNINORM_NFC, NULL,
                                     &folded[i].len);
        if (!folded[i].text)
            return no_memory(v);
    }
    return 0;
}

static int check_twins(struct names *n, struct verdict *v) {
    struct folded *folded = calloc(n->count + 1, sizeof *folded);
    int r = folded ? fold(n, folded, v) : no_memory(v);

    if (r == 0)
        qsort(folded, n->count, sizeof *folded, by_text);
    for (size_t i = 1; r == 0 && i < n->count; i++)
        if (by_text(&folded[i - 1], &folded[i]) == 0)
            r = refuse(v, PACKAGE_PATH, "'%.80s' and '%.80s' are the same name to some",
                       folded[i - 1].path, folded[i].path);
    for (size_t i = 0; folded && i < n->count; i++)
        free(folded[i].text);
    free(folded);
    return r;
}

static int by_path(const void *a, const void *b) {
    const struct name *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

int names_finish(struct names *n, struct verdict *v) {
    int r = check_twins(n, v);

    if (r == 0 && n->count > 0)
        qsort(n->list, n->count, sizeof(struct name *), by_path);
    return r;
}
