/* SPDX-License-Identifier: MIT */
#include "units/updates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "units/statefile.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MEMBER       "update"

static const struct number {
    const char *name;
    size_t offset;
} numbers[] = {
    { "held", offsetof(struct updates, held) },
    { "floor", offsetof(struct updates, floor) },
    { "sequence", offsetof(struct updates, sequence) },
    { "seen", offsetof(struct updates, seen) },
    { "minimum", offsetof(struct updates, minimum) },
    { "offered", offsetof(struct updates, offered) },
};

static const struct flag {
    const char *name;
    size_t offset;
} flags[] = {
    { "taken", offsetof(struct updates, taken) },
    { "retreat", offsetof(struct updates, retreat) },
};

static const struct hash {
    const char *name;
    size_t offset;
} hashes[] = {
    { "current_file", offsetof(struct updates, current_file) },
    { "pending_file", offsetof(struct updates, pending_file) },
};

static const char *const others[] = { "tries", "boot", "key", "url", "failed" };

static void *at(const struct updates *u, size_t offset) {
    return (char *) (uintptr_t) u + offset;
}

static bool is_ours(const char *name) {
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (strcmp(numbers[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < COUNT(flags); i++)
        if (strcmp(flags[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (strcmp(hashes[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < COUNT(others); i++)
        if (strcmp(others[i], name) == 0)
            return true;
    return false;
}

void updates_clear(struct updates *u) {
    free(u->url);
    free(u->failed);
    free(u->unknown);
    *u = (struct updates){ 0 };
}

void updates_clear_p(struct updates *u) {
    updates_clear(u);
}

/* --- reading ------------------------------------------------------------------------------ */

static uint64_t read_number(const struct json *o, const char *name) {
    int64_t n = json_get_int(o, name, 0);
    return n > 0 ? (uint64_t) n : 0;
}

static void read_hash(const struct json *o, const char *name, char to[FILELIST_HASH_HEX + 1]) {
    const char *text = json_get_string(o, name, "");
    if (filelist_is_hash(text))
        (void) snprintf(to, FILELIST_HASH_HEX + 1, "%s", text);
}

static int read_failed(const struct json *o, struct updates *u) {
    for (const struct json *f = json_first(json_get(o, "failed")); f; f = json_next(f)) {
        const char *hash = json_get_string(f, "hash", "");
        if (filelist_is_hash(hash) && updates_note_failed(u, hash, read_number(f, "code"),
                                                          json_get_string(f, "reason", "")) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The members of an object for which ours() is as wanted, as text; *ret NULL: none. */
static int gather(const struct json *o, bool (*ours)(const char *), char **ret) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(STATEFILE_MAX);
    struct jsonw w = JSONW_INIT(&text);
    size_t n = 0;

    jsonw_object(&w, NULL);
    for (const struct json *m = json_first(o); m; m = json_next(m))
        if (!ours(json_name(m))) {
            jsonw_json(&w, json_name(m), m);
            n++;
        }
    jsonw_end_object(&w);
    if (n == 0)
        return 0;
    *ret = str_error(&text) ? NULL : str_take(&text);
    return *ret ? 0 : -ENOMEM;
}

static int read_object(const struct json *o, struct updates *u) {
    const char *key = json_get_string(o, "key", "");
    const char *url = json_get_string(o, "url", NULL);
    struct minisign_key parsed;

    for (size_t i = 0; i < COUNT(numbers); i++)
        *(uint64_t *) at(u, numbers[i].offset) = read_number(o, numbers[i].name);
    for (size_t i = 0; i < COUNT(flags); i++)
        *(bool *) at(u, flags[i].offset) = json_get_bool(o, flags[i].name, false);
    for (size_t i = 0; i < COUNT(hashes); i++)
        read_hash(o, hashes[i].name, at(u, hashes[i].offset));
    u->tries = (unsigned) read_number(o, "tries");
    const char *boot = json_get_string(o, "boot", "");
    if (strlen(boot) == UPDATES_BOOT)
        memcpy(u->boot, boot, sizeof u->boot);
    if (strlen(key) == MINISIGN_KEY_TEXT &&
        minisign_key_parse(key, strlen(key), &parsed, NULL) == 0)
        memcpy(u->key, key, sizeof u->key);
    if (url && !(u->url = strdup(url)))
        return -ENOMEM;
    int r = read_failed(o, u);
    return r < 0 ? r : gather(o, is_ours, &u->unknown);
}

int updates_read(const char *rest, struct updates *ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(updates_clear_p) struct updates u = { 0 };
    int r = rest ? json_parse(rest, strlen(rest), &doc, NULL) : 0;

    if (r == 0 && doc && json_kind(json_get(doc, MEMBER)) == JSON_OBJECT)
        r = read_object(json_get(doc, MEMBER), &u);
    if (r == -ENOMEM)
        return err_set(e, r, "no memory for what is known of updates");
    *ret = u;
    u = (struct updates){ 0 };
    return 0;
}

/* --- writing ------------------------------------------------------------------------------ */

static void write_failed(const struct updates *u, struct jsonw *w) {
    if (u->n_failed == 0)
        return;
    jsonw_array(w, "failed");
    for (size_t i = 0; i < u->n_failed; i++) {
        jsonw_object(w, NULL);
        jsonw_string(w, "hash", u->failed[i].hash);
        jsonw_u64(w, "code", u->failed[i].code);
        jsonw_string(w, "reason", u->failed[i].reason);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
}

static int write_unknown(const char *text, struct jsonw *w) {
    CLEANUP(json_free_p) struct json *doc = NULL;

    if (text && json_parse(text, strlen(text), &doc, NULL) == -ENOMEM)
        return -ENOMEM;
    for (const struct json *m = json_first(doc); doc && m; m = json_next(m))
        jsonw_json(w, json_name(m), m);
    return 0;
}

static int write_object(const struct updates *u, struct jsonw *w) {
    jsonw_object(w, MEMBER);
    if (u->tries)
        jsonw_u64(w, "tries", u->tries);
    if (u->taken && u->boot[0])
        jsonw_string(w, "boot", u->boot);
    for (size_t i = 0; i < COUNT(flags); i++)
        if (*(const bool *) at(u, flags[i].offset))
            jsonw_bool(w, flags[i].name, true);
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (*(const uint64_t *) at(u, numbers[i].offset))
            jsonw_u64(w, numbers[i].name, *(const uint64_t *) at(u, numbers[i].offset));
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (*(const char *) at(u, hashes[i].offset))
            jsonw_string(w, hashes[i].name, at(u, hashes[i].offset));
    if (u->key[0])
        jsonw_string(w, "key", u->key);
    if (u->url)
        jsonw_string(w, "url", u->url);
    write_failed(u, w);
    int r = write_unknown(u->unknown, w);
    jsonw_end_object(w);
    return r;
}

int updates_write(const struct updates *u, char **rest, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(str_clear_p) struct str text = STR_INIT(STATEFILE_MAX);
    struct jsonw w = JSONW_INIT(&text);
    int r = *rest ? json_parse(*rest, strlen(*rest), &doc, e) : 0;

    if (r < 0 || (doc && json_kind(doc) != JSON_OBJECT))
        return err_set(e, r == -ENOMEM ? r : -EINVAL, "the state's other members are no object");
    jsonw_object(&w, NULL);
    for (const struct json *m = doc ? json_first(doc) : NULL; m; m = json_next(m))
        if (strcmp(json_name(m), MEMBER) != 0)
            jsonw_json(&w, json_name(m), m);
    r = write_object(u, &w);
    jsonw_end_object(&w);
    char *made = r < 0 || str_error(&text) ? NULL : str_take(&text);
    if (!made)
        return err_set(e, -ENOMEM, "no memory for what is known of updates");
    free(*rest);
    *rest = made;
    return 0;
}

/* A sequence counts from its key on. */
void updates_raise(struct updates *u, const struct updates *newer) {
    bool other_key = newer->key[0] && strcmp(u->key, newer->key) != 0;

    u->floor = u->floor > newer->floor ? u->floor : newer->floor;
    u->seen = u->seen > newer->seen ? u->seen : newer->seen;
    if (!other_key && newer->sequence <= u->sequence)
        return;
    u->sequence = newer->sequence;
    u->minimum = newer->minimum;
    if (other_key)
        memcpy(u->key, newer->key, sizeof u->key);
}

/* --- failures ----------------------------------------------------------------------------- */

void updates_forgive(struct updates *u, const char *hash) {
    for (size_t i = 0; i < u->n_failed; i++)
        if (strcmp(u->failed[i].hash, hash) == 0) {
            memmove(&u->failed[i], &u->failed[i + 1], (u->n_failed - i - 1) * sizeof *u->failed);
            u->n_failed--;
            return;
        }
}

int updates_note_failed(struct updates *u, const char *hash, uint64_t code, const char *reason) {
    struct updates_failed *more = realloc(u->failed, (u->n_failed + 1) * sizeof *more);

    if (!more)
        return -ENOMEM;
    u->failed = more;
    updates_forgive(u, hash);
    if (u->n_failed == UPDATES_FAILED_MAX)
        memmove(more, more + 1, --u->n_failed * sizeof *more);
    struct updates_failed *f = &more[u->n_failed++];
    f->code = code;
    (void) snprintf(f->hash, sizeof f->hash, "%s", hash);
    (void) snprintf(f->reason, sizeof f->reason, "%s", reason);
    return 0;
}

const struct updates_failed *updates_failed_code(const struct updates *u, uint64_t code) {
    for (size_t i = u->n_failed; i-- > 0;)
        if (u->failed[i].code == code)
            return &u->failed[i];
    return NULL;
}

/* --- after a failure ---------------------------------------------------------------------- */

uint64_t updates_next_wait(uint64_t before, uint64_t most) {
    uint64_t next = before ? before * 2 : UPDATES_WAIT_FIRST_US;

    return before > most / 2 || next > most ? most : next;
}
