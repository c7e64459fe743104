/* SPDX-License-Identifier: MIT */
#include "units/manifest_read.h"

#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/text.h"
#include "units/manifest.h"

char **manifest_strings_free(char **list) {
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
    return NULL;
}

static void manifest_strings_free_p(char ***list) {
    *list = manifest_strings_free(*list);
}

const char *manifest_path_fault(const char *path) {
    if (*path == '\0')
        return "is empty";
    if (strlen(path) > MANIFEST_PATH_MAX)
        return "is too long";
    if (text_has_control(path, strlen(path)) || strchr(path, '\\'))
        return "holds a control character or a backslash";
    if (*path == '/')
        return "is absolute";
    for (const char *part = path;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0)
            return "has an empty part";
        if (n == 2 && part[0] == '.' && part[1] == '.')
            return "leads out of the package";
        if (n == 1 && part[0] == '.' && (part != path || path[1] == '\0'))
            return "has a needless '.'"; /* "./x" tells a file from a command, and stays */
        part += n;
        if (*part == '\0')
            return NULL;
    }
}

/* A text for people: one line, not empty. */
int manifest_check_name(const char *member, const char *text, struct err *e) {
    if (*text == '\0' || strlen(text) > MANIFEST_NAME_MAX || text_has_control(text, strlen(text)))
        return err_set(e, -EINVAL, "'%s' must be a line of 1 to %d bytes", member,
                       MANIFEST_NAME_MAX);
    return 0;
}

int manifest_check_path(const char *member, const char *path, struct err *e) {
    const char *fault = manifest_path_fault(path);
    if (fault)
        return err_set(e, -EINVAL, "'%s' has a path that %s", member, fault);
    return 0;
}

int manifest_check_text(const char *member, const char *text, struct err *e) {
    if (strlen(text) > MANIFEST_TEXT_MAX)
        return err_set(e, -EINVAL, "'%s' has a text of more than %d bytes", member,
                       MANIFEST_TEXT_MAX);
    return 0;
}

int manifest_check_array(const struct json *list, const char *member, size_t max, struct err *e) {
    if (json_kind(list) != JSON_ARRAY)
        return err_set(e, -EINVAL, "'%s' must be a list, not %s", member,
                       json_kind_name(json_kind(list)));
    if (json_count(list) > max)
        return err_set(e, -EINVAL, "'%s' has more than %zu items", member, max);
    return 0;
}

int manifest_read_strings(const struct json *list, const struct manifest_list_rule *rule,
                          char ***ret, struct err *e) {
    CLEANUP(manifest_strings_free_p) char **strings = NULL;
    size_t n = 0;
    int r;

    if (list && (r = manifest_check_array(list, rule->member, rule->max, e)) < 0)
        return r;
    strings = calloc((list ? json_count(list) : 0) + 1, sizeof *strings);
    if (!strings)
        return -ENOMEM;
    for (const struct json *v = list ? json_first(list) : NULL; v; v = json_next(v)) {
        const struct json *item = rule->item_member ? json_get(v, rule->item_member) : v;
        if (!item || json_kind(item) != JSON_STRING)
            return err_set(e, -EINVAL, "'%s' must be a list of %s", rule->member,
                           rule->item_member ? "objects with a text 'src'" : "texts");
        r = rule->check(rule->member, json_string(item), e);
        if (r < 0)
            return r;
        strings[n] = strdup(json_string(item));
        if (!strings[n++])
            return -ENOMEM;
    }
    *ret = TAKE_PTR(strings);
    return 0;
}

int manifest_require_object(const struct json *value, const char *member, struct err *e) {
    if (!value)
        return err_set(e, -EINVAL, "'%s' is missing", member);
    if (json_kind(value) != JSON_OBJECT)
        return err_set(e, -EINVAL, "'%s' must be an object, not %s", member,
                       json_kind_name(json_kind(value)));
    return 0;
}

int manifest_get_text(const struct json *object, const char *name, const char *member,
                      const char **ret, struct err *e) {
    const struct json *v = json_get(object, name);
    if (v && json_kind(v) != JSON_STRING)
        return err_set(e, -EINVAL, "'%s' must be a text, not %s", member,
                       json_kind_name(json_kind(v)));
    *ret = v ? json_string(v) : NULL;
    return 0;
}
