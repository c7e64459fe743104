/* SPDX-License-Identifier: MIT */
#include "supervisor/js/path.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/text.h"

static size_t folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t) (slash - path) : 0;
}

/* One step; used is the length of ret so far. */
static int step(char ret[PATH_TEXT_MAX], size_t *used, const char *part, size_t n) {
    if (n == 0 || (n == 1 && part[0] == '.'))
        return 0;
    if (n == 2 && part[0] == '.' && part[1] == '.') {
        if (*used == 0)
            return -EACCES;
        ret[*used] = '\0';
        *used = folder_of(ret);
        return 0;
    }
    size_t slash = *used > 0;
    if (*used + slash + n >= PATH_TEXT_MAX)
        return -ENAMETOOLONG;
    if (slash)
        ret[(*used)++] = '/';
    memcpy(ret + *used, part, n);
    *used += n;
    return 0;
}

int path_resolve(const char *from, const char *name, char ret[PATH_TEXT_MAX]) {
    size_t used = 0, n;
    int r = 0;

    if (!*name || text_has_control(name, strlen(name)))
        return -EINVAL;
    if (name[0] != '/') {
        used = folder_of(from);
        if (used >= PATH_TEXT_MAX)
            return -ENAMETOOLONG;
        memcpy(ret, from, used);
    }
    for (; r == 0 && *name; name += n + (name[n] == '/')) {
        n = strcspn(name, "/");
        r = step(ret, &used, name, n);
    }
    ret[used] = '\0';
    return r;
}

static bool ends_with(const char *text, size_t n, const char *tail) {
    size_t k = strlen(tail);
    return n > k && memcmp(text + n - k, tail, k) == 0;
}

void path_route(const char *address, char ret[PATH_TEXT_MAX]) {
    size_t n;

    address += strspn(address, "/");
    n = strcspn(address, "?#");
    if (ends_with(address, n, ".html"))
        n -= strlen(".html");
    else if (ends_with(address, n, ".js"))
        n -= strlen(".js");
    if (n >= PATH_TEXT_MAX)
        n = PATH_TEXT_MAX - 1; /* no page has such a name */
    memcpy(ret, address, n);
    ret[n] = '\0';
}

/* Whether a later pair has the same name. */
static bool comes_again(const char *rest, const char *name, size_t n) {
    while (*rest == '&') {
        rest++;
        size_t k = strcspn(rest, "=&#");
        if (k == n && memcmp(rest, name, n) == 0)
            return true;
        rest += strcspn(rest, "&#");
    }
    return false;
}

size_t path_query(const char *address, struct str *out) {
    struct jsonw w = JSONW_INIT(out);
    const char *at = strchr(address, '?');
    CLEANUP(str_clear_p) struct str key = STR_INIT(64 * 1024);
    size_t count = 0;

    if (!at)
        return 0;
    for (at++; *at && *at != '#';) {
        size_t pair = strcspn(at, "&#"), name = strcspn(at, "=&#");
        if (name > 0 && !comes_again(at + pair, at, name)) {
            str_reset(&key);
            (void) str_append(&key, at, name);
            const char *value = at + name + (at[name] == '=');
            jsonw_string_n(&w, str_text(&key), value, (size_t) (at + pair - value));
            count++;
        }
        at += pair + (at[pair] == '&');
    }
    return count;
}
