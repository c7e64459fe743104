/* SPDX-License-Identifier: MIT
 * index.c - the index as JSON, read strictly and written. */
#include "units/index.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/utctime.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define CODE_MAX     ((uint64_t) JSON_INT_MAX)

struct index *index_free(struct index *ix) {
    if (!ix)
        return NULL;
    for (size_t i = 0; i < ix->n_packages; i++) {
        free(ix->packages[i].name);
        free(ix->packages[i].url);
    }
    free(ix->packages);
    free(ix);
    return NULL;
}

void index_free_p(struct index **ix) {
    *ix = index_free(*ix);
}

bool index_url_is_sound(const char *url) {
    static const char *const schemes[] = { "https://", "http://", "file:///" };
    size_t n = strlen(url);

    if (n > INDEX_URL_MAX || !text_is_utf8(url, n) || text_has_control(url, n) || strchr(url, ' '))
        return false;
    for (size_t i = 0; i < COUNT(schemes); i++) {
        const char *rest = url + strlen(schemes[i]);
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return *rest != '\0' && *rest != '/';
    }
    return false;
}

/* A number from low to high; where it is missing `otherwise`, unless that is UINT64_MAX. */
struct number {
    const char *name;
    size_t offset;
    uint64_t low, high, otherwise;
};
#define NEEDED UINT64_MAX

static int read_numbers(const struct json *object, const struct number *numbers, size_t n,
                        void *target, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        const struct number *number = &numbers[i];
        const struct json *v = json_get(object, number->name);
        uint64_t value = number->otherwise;

        if (!v && value == NEEDED)
            return err_set(e, -EINVAL, "'%s' is missing", number->name);
        if (v) {
            if (json_kind(v) != JSON_INT || json_int(v) < (int64_t) number->low ||
                json_int(v) > (int64_t) number->high)
                return err_set(e, -EINVAL, "'%s' must be a whole number from %llu to %llu",
                               number->name, (unsigned long long) number->low,
                               (unsigned long long) number->high);
            value = (uint64_t) json_int(v);
        }
        memcpy((char *) target + number->offset, &value, sizeof value);
    }
    return 0;
}

static int read_package(const struct json *object, struct index_package *p, struct err *e) {
    static const struct number numbers[] = {
#define NUMBER(field, low, high)                                                                   \
    { #field, offsetof(struct index_package, field), low, high, NEEDED }
        NUMBER(code, 1, CODE_MAX),
        NUMBER(size, 1, PACKAGE_FILE_MAX),
        NUMBER(unpacked_size, 0, PACKAGE_BYTES_MAX),
        NUMBER(files, 1, PACKAGE_ENTRIES_MAX),
#undef NUMBER
    };
    static const struct number rollout = { "rollout", 0, 0, 100, 100 };
    static const struct json_field texts[] = {
        { "name", JSON_F_STRING, offsetof(struct index_package, name), true },
        { "url", JSON_F_STRING, offsetof(struct index_package, url), true },
    };
    const char *hash = json_get_string(object, "sha256", "");
    uint64_t percent = 0;
    int r;

    if (json_kind(object) != JSON_OBJECT)
        return err_set(e, -EINVAL, "it must be an object");
    if ((r = read_numbers(object, numbers, COUNT(numbers), p, e)) < 0 ||
        (r = read_numbers(object, &rollout, 1, &percent, e)) < 0 ||
        (r = json_fill(object, texts, COUNT(texts), p, e)) < 0)
        return r;
    p->rollout = (unsigned) percent;
    if (p->name[0] == '\0' || strlen(p->name) > INDEX_NAME_MAX ||
        text_has_control(p->name, strlen(p->name)))
        return err_set(e, -EINVAL, "'name' must be one line of 1 to %d bytes", INDEX_NAME_MAX);
    if (!index_url_is_sound(p->url))
        return err_set(e, -EINVAL, "'url' must be an https, http or file URL");
    if (!filelist_is_hash(hash))
        return err_set(e, -EINVAL, "'sha256' must be 64 hex digits in lower case");
    memcpy(p->sha256, hash, sizeof p->sha256);
    return 0;
}

static int by_code(const void *a, const void *b) {
    const struct index_package *x = a, *y = b;
    return x->code < y->code ? 1 : x->code > y->code ? -1 : 0;
}

static int read_packages(const struct json *list, struct index *ix, struct err *e) {
    if (!list || json_kind(list) != JSON_ARRAY)
        return err_set(e, -EINVAL, "'packages' must be a list");
    if (json_count(list) > INDEX_PACKAGES_MAX)
        return err_set(e, -EINVAL, "'packages' has more than %d items", INDEX_PACKAGES_MAX);
    ix->packages = calloc(json_count(list) + 1, sizeof *ix->packages);
    if (!ix->packages)
        return err_set(e, -ENOMEM, "no memory for the index");
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        int r = read_package(v, &ix->packages[ix->n_packages++], e);
        if (r < 0)
            return err_wrap(e, r, "package %zu", ix->n_packages);
    }
    qsort(ix->packages, ix->n_packages, sizeof *ix->packages, by_code);
    for (size_t i = 1; i < ix->n_packages; i++)
        if (ix->packages[i].code == ix->packages[i - 1].code)
            return err_set(e, -EINVAL, "two packages have the code %llu",
                           (unsigned long long) ix->packages[i].code);
    return 0;
}

static const struct index_package *find_code(const struct index *ix, uint64_t code) {
    for (size_t i = 0; i < ix->n_packages; i++)
        if (ix->packages[i].code == code)
            return &ix->packages[i];
    return NULL;
}

static int read_texts(const struct json *doc, struct index *ix, struct err *e) {
    const char *id = json_get_string(doc, "app_id", "");
    const struct json *next = json_get(doc, "next_key");
    struct minisign_key key;
    int r;

    if (!text_is_app_id(id))
        return err_set(e, -EINVAL, "'app_id' must be the id of an app");
    memcpy(ix->app_id, id, strlen(id) + 1);
    if (utctime_parse(json_get_string(doc, "expires", ""), &ix->expires) < 0)
        return err_set(e, -EINVAL, "'expires' must be a time such as \"2026-01-31T23:59:59Z\"");
    if (!next)
        return 0;
    r = minisign_key_parse(json_string(next), strlen(json_string(next)), &key, e);
    if (r < 0)
        return err_wrap(e, r, "'next_key'");
    (void) minisign_key_text(&key, ix->next_key);
    return 0;
}

static int read_index(const struct json *doc, struct index *ix, struct err *e) {
    static const struct number numbers[] = {
        { "sequence", offsetof(struct index, sequence), 1, CODE_MAX, NEEDED },
        { "minimum_usable", offsetof(struct index, minimum_usable), 1, CODE_MAX, 0 },
        { "downgrade_to", offsetof(struct index, downgrade_to), 1, CODE_MAX, 0 },
    };
    int r;

    if (json_kind(doc) != JSON_OBJECT)
        return err_set(e, -EINVAL, "it must be an object");
    if ((r = read_texts(doc, ix, e)) < 0 ||
        (r = read_numbers(doc, numbers, COUNT(numbers), ix, e)) < 0 ||
        (r = read_packages(json_get(doc, "packages"), ix, e)) < 0)
        return r;
    if (ix->downgrade_to && !find_code(ix, ix->downgrade_to))
        return err_set(e, -EINVAL, "'downgrade_to' is the code of no package");
    if (ix->downgrade_to && ix->downgrade_to < ix->minimum_usable)
        return err_set(e, -EINVAL, "'downgrade_to' is below 'minimum_usable'");
    return 0;
}

int index_parse(const char *text, size_t len, struct index **ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(index_free_p) struct index *ix = calloc(1, sizeof *ix);
    int r;

    if (!ix)
        return err_set(e, -ENOMEM, "no memory for the index");
    if (len > INDEX_SIZE_MAX)
        r = err_set(e, -EINVAL, "it has more than %zu bytes", INDEX_SIZE_MAX);
    else
        r = json_parse(text, len, &doc, e);
    if (r == 0)
        r = read_index(doc, ix, e);
    if (r < 0)
        return err_wrap(e, r == -ENOMEM ? r : -EINVAL, "the update index");
    *ret = TAKE_PTR(ix);
    return 0;
}

static void print_package(const struct index_package *p, struct jsonw *w) {
    jsonw_object(w, NULL);
    jsonw_u64(w, "code", p->code);
    jsonw_string(w, "name", p->name);
    jsonw_string(w, "url", p->url);
    jsonw_u64(w, "size", p->size);
    jsonw_string(w, "sha256", p->sha256);
    jsonw_u64(w, "unpacked_size", p->unpacked_size);
    jsonw_u64(w, "files", p->files);
    if (p->rollout != 100)
        jsonw_u64(w, "rollout", p->rollout);
    jsonw_end_object(w);
}

int index_print(const struct index *ix, struct str *out) {
    struct jsonw w = JSONW_INIT(out);
    char expires[UTCTIME_SIZE];

    jsonw_object(&w, NULL);
    jsonw_string(&w, "app_id", ix->app_id);
    jsonw_u64(&w, "sequence", ix->sequence);
    jsonw_string(&w, "expires", utctime_print(ix->expires, expires));
    if (ix->minimum_usable)
        jsonw_u64(&w, "minimum_usable", ix->minimum_usable);
    if (ix->downgrade_to)
        jsonw_u64(&w, "downgrade_to", ix->downgrade_to);
    if (ix->next_key[0])
        jsonw_string(&w, "next_key", ix->next_key);
    jsonw_array(&w, "packages");
    for (size_t i = 0; i < ix->n_packages; i++)
        print_package(&ix->packages[i], &w);
    jsonw_end_array(&w);
    jsonw_end_object(&w);
    return str_error(out);
}
