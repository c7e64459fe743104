/* SPDX-License-Identifier: MIT */
#include "units/filelist.h"

#include <inttypes.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

struct filelist {
    char *text; /* the entries' paths point into it */
    size_t count;
    struct filelist_entry *entries;
};

const char *package_name_fault(const char *name) {
    size_t n = strlen(name);

    if (n == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return "is not a name";
    if (n > PACKAGE_NAME_MAX)
        return "is longer than 255 bytes";
    if (!text_is_utf8(name, n))
        return "is not UTF-8";
    if (text_has_control(name, n))
        return "holds a control character";
    return strchr(name, '/') ? "holds a slash" : NULL;
}

bool filelist_is_hash(const char *text) {
    return strspn(text, "0123456789abcdef") == FILELIST_HASH_HEX && text[FILELIST_HASH_HEX] == '\0';
}

int filelist_append(struct str *out, const struct filelist_entry *entry) {
    return str_printf(out, "%s %" PRIu64 " %c %s\n", entry->sha256, entry->size,
                      entry->executable ? 'x' : '-', entry->path);
}

struct filelist *filelist_free(struct filelist *l) {
    if (!l)
        return NULL;
    free(l->text);
    free(l->entries);
    free(l);
    return NULL;
}

void filelist_free_p(struct filelist **l) {
    *l = filelist_free(*l);
}

size_t filelist_count(const struct filelist *l) {
    return l->count;
}

static bool is_plain_path(char *path) {
    size_t depth = 1;

    if (strlen(path) > PACKAGE_PATH_MAX)
        return false;
    for (char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        *slash = '\0';
        bool plain = !package_name_fault(path);
        *slash = '/';
        if (!plain || ++depth > PACKAGE_DEPTH_MAX)
            return false;
    }
    return !package_name_fault(path);
}

/* The next field, ended by a space that becomes its NUL; NULL if there is none. */
static char *take_field(char **rest) {
    char *field = *rest, *space = strchr(field, ' ');
    if (!space)
        return NULL;
    *space = '\0';
    *rest = space + 1;
    return field;
}

static bool parse_line(char *line, struct filelist_entry *ret) {
    char *hash = take_field(&line);
    char *size = hash ? take_field(&line) : NULL;
    char *mode = size ? take_field(&line) : NULL;

    if (!mode || !filelist_is_hash(hash) || parse_u64(size, &ret->size) < 0 ||
        (size[0] == '0' && size[1] != '\0') || /* one spelling */
        (strcmp(mode, "x") != 0 && strcmp(mode, "-") != 0) || !is_plain_path(line))
        return false;
    memcpy(ret->sha256, hash, sizeof ret->sha256);
    ret->executable = mode[0] == 'x';
    ret->path = line;
    return true;
}

static int parse_lines(struct filelist *l, struct err *e) {
    uint64_t bytes = 0;
    size_t n = 0;

    for (char *line = l->text, *end; *line; line = end + 1) {
        struct filelist_entry *entry = &l->entries[n];

        end = strchr(line, '\n'); /* is there: the text ends in one */
        *end = '\0';
        if (!parse_line(line, entry))
            return err_set(e, -EBADMSG, "line %zu of the file list is not of its form", n + 1);
        if (n > 0 && strcmp(l->entries[n - 1].path, entry->path) >= 0)
            return err_set(e, -EBADMSG, "line %zu of the file list is out of order", n + 1);
        if (entry->size > PACKAGE_BYTES_MAX - bytes)
            return err_set(e, -E2BIG, "the files have more than %" PRIu64 " bytes",
                           PACKAGE_BYTES_MAX);
        bytes += entry->size;
        n++;
    }
    return 0;
}

int filelist_parse(const char *text, size_t len, struct filelist **ret, struct err *e) {
    CLEANUP(filelist_free_p) struct filelist *l = calloc(1, sizeof *l);
    int r;

    if (len > FILELIST_SIZE_MAX)
        return err_set(e, -E2BIG, "the file list has more than %zu bytes", FILELIST_SIZE_MAX);
    if (memchr(text, '\0', len) || (len > 0 && text[len - 1] != '\n'))
        return err_set(e, -EBADMSG, "the file list is cut or not text");
    if (!l || !(l->text = strndup(text, len)))
        return err_set(e, -ENOMEM, "no memory for the file list");
    for (size_t i = 0; i < len; i++)
        l->count += text[i] == '\n';
    if (l->count > PACKAGE_ENTRIES_MAX)
        return err_set(e, -E2BIG, "there are more than %d files", PACKAGE_ENTRIES_MAX);
    l->entries = calloc(l->count + 1, sizeof *l->entries);
    if (!l->entries)
        return err_set(e, -ENOMEM, "no memory for the file list");
    r = parse_lines(l, e);
    if (r == 0)
        *ret = TAKE_PTR(l);
    return r;
}

static int compare(const void *path, const void *entry) {
    return strcmp(path, ((const struct filelist_entry *) entry)->path);
}

const struct filelist_entry *filelist_find(const struct filelist *l, const char *path) {
    return bsearch(path, l->entries, l->count, sizeof *l->entries, compare);
}
