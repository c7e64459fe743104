/* SPDX-License-Identifier: MIT */
#include "units/statefile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/filelist.h"

#define COUNT(array)     (sizeof(array) / sizeof(array)[0])
#define NAME_HASH_DIGITS 16 /* of files_hash in a version's name */
#define CHECKSUM_LINE    (sizeof "crc32 00112233\n" - 1)

static const struct slot {
    const char *name;
    size_t offset;
} slots[] = {
    { "current", offsetof(struct store_state, current) },
    { "previous", offsetof(struct store_state, previous) },
    { "pending", offsetof(struct store_state, pending) },
};

static bool is_ours(const char *member) {
    for (size_t i = 0; i < COUNT(slots); i++)
        if (strcmp(slots[i].name, member) == 0)
            return true;
    return strcmp(member, "seq") == 0;
}

int store_version_set(struct store_version *v, uint64_t code, const char *files_hash,
                      bool is_unsigned) {
    struct store_version made = { .code = code, .is_unsigned = is_unsigned };

    if (code == 0 || code > (uint64_t) JSON_INT_MAX || !filelist_is_hash(files_hash))
        return -EINVAL;
    memcpy(made.files_hash, files_hash, sizeof made.files_hash);
    (void) snprintf(made.name, sizeof made.name, "%" PRIu64 "-%.*s", code, NAME_HASH_DIGITS,
                    files_hash);
    *v = made;
    return 0;
}

bool store_version_is_sound(const struct store_version *v) {
    struct store_version same;
    return store_version_set(&same, v->code, v->files_hash, v->is_unsigned) == 0 &&
           strcmp(same.name, v->name) == 0;
}

void store_state_clear(struct store_state *state) {
    free(state->rest);
    *state = (struct store_state){ 0 };
}

static void state_clear_p(struct store_state *state) {
    store_state_clear(state);
}

static void write_version(struct jsonw *w, const char *key, const struct store_version *v) {
    jsonw_object(w, key);
    jsonw_u64(w, "code", v->code);
    jsonw_string(w, "name", v->name);
    jsonw_string(w, "files_hash", v->files_hash);
    jsonw_bool(w, "unsigned", v->is_unsigned);
    jsonw_end_object(w);
}

static int write_rest(struct jsonw *w, const char *rest, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;

    if (!rest)
        return 0;
    if (json_parse(rest, strlen(rest), &doc, e) < 0 || json_kind(doc) != JSON_OBJECT)
        return err_set(e, -EINVAL, "the state's other members are not an object");
    for (const struct json *m = json_first(doc); m; m = json_next(m))
        if (!is_ours(json_name(m)))
            jsonw_json(w, json_name(m), m);
    return 0;
}

int statefile_encode(const struct store_state *state, struct str *out, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(STATEFILE_MAX);
    struct jsonw w = JSONW_INIT(&text);
    int r;

    if (state->seq > (uint64_t) JSON_INT_MAX)
        return err_set(e, -EINVAL, "the state's seq is out of range");
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "seq", state->seq);
    for (size_t i = 0; i < COUNT(slots); i++) {
        const struct store_version *v =
            (const struct store_version *) (const void *) ((const char *) state + slots[i].offset);
        if (v->name[0] == '\0')
            continue;
        if (!store_version_is_sound(v))
            return err_set(e, -EINVAL, "the %s version's name does not fit its code and hash",
                           slots[i].name);
        write_version(&w, slots[i].name, v);
    }
    r = write_rest(&w, state->rest, e);
    if (r < 0)
        return r;
    jsonw_end_object(&w);
    (void) str_putc(&text, '\n');
    (void) str_printf(&text, "crc32 %08" PRIx32 "\n", text_crc32(0, text.data, text.len));
    if ((r = str_error(&text)) == 0)
        r = str_append(out, text.data, text.len);
    if (r == -EMSGSIZE)
        return err_set(e, -E2BIG, "the state is longer than %zu bytes", STATEFILE_MAX);
    return r < 0 ? err_set(e, r, "no memory for the state") : 0;
}

static int read_version(const struct json *doc, const struct slot *slot, struct store_state *state,
                        struct err *e) {
    const struct json *value = json_get(doc, slot->name);
    struct store_version v = { 0 };

    if (!value)
        return 0;
    if (store_version_set(&v, (uint64_t) json_get_int(value, "code", 0),
                          json_get_string(value, "files_hash", ""),
                          json_get_bool(value, "unsigned", false)) < 0 ||
        strcmp(v.name, json_get_string(value, "name", "")) != 0)
        return err_set(e, -EBADMSG, "'%s' is not a version", slot->name);
    memcpy((char *) state + slot->offset, &v, sizeof v);
    return 0;
}

static int read_rest(const struct json *doc, struct store_state *state) {
    CLEANUP(str_clear_p) struct str rest = STR_INIT(STATEFILE_MAX);
    struct jsonw w = JSONW_INIT(&rest);
    size_t n = 0;

    jsonw_object(&w, NULL);
    for (const struct json *m = json_first(doc); m; m = json_next(m))
        if (!is_ours(json_name(m))) {
            jsonw_json(&w, json_name(m), m);
            n++;
        }
    jsonw_end_object(&w);
    if (n == 0)
        return 0;
    /* Printing may spell a text longer than it was written: a state that large is none of ours. */
    if (str_error(&rest) == -EMSGSIZE)
        return -EBADMSG;
    state->rest = str_take(&rest);
    return state->rest ? 0 : -ENOMEM;
}

static int read_object(const struct json *doc, struct store_state *ret, struct err *e) {
    CLEANUP(state_clear_p) struct store_state state = { 0 };
    int r;

    if (json_kind(doc) != JSON_OBJECT || json_get_int(doc, "seq", 0) < 1)
        return err_set(e, -EBADMSG, "it is not an object with a seq");
    state.seq = (uint64_t) json_get_int(doc, "seq", 0);
    for (size_t i = 0; i < COUNT(slots); i++)
        if ((r = read_version(doc, &slots[i], &state, e)) < 0)
            return r;
    r = read_rest(doc, &state);
    if (r < 0)
        return err_set(e, r, "%s", r == -ENOMEM ? "no memory for the state" : "it is too long");
    *ret = state;
    state.rest = NULL; /* given away */
    return 0;
}

/* The length of the first line with its newline; 0 when the checksum line is wrong. */
static size_t checked_length(const char *text, size_t len) {
    char want[CHECKSUM_LINE + 1];
    size_t n;

    if (len <= CHECKSUM_LINE || len > STATEFILE_MAX)
        return 0;
    n = len - CHECKSUM_LINE;
    if (memchr(text, '\n', n) != text + n - 1)
        return 0;
    (void) snprintf(want, sizeof want, "crc32 %08" PRIx32 "\n", text_crc32(0, text, n));
    return memcmp(want, text + n, CHECKSUM_LINE) == 0 ? n : 0;
}

int statefile_decode(const char *text, size_t len, struct store_state *ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    size_t n = checked_length(text, len);
    int r;

    if (n == 0)
        return err_set(e, -EBADMSG, "its checksum is wrong");
    r = json_parse(text, n - 1, &doc, e);
    if (r < 0)
        return r == -ENOMEM ? r : err_wrap(e, -EBADMSG, "it is not JSON");
    return read_object(doc, ret, e);
}

uint64_t statefile_guess_seq(const char *text, size_t len) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    const char *end = memchr(text, '\n', len);
    int64_t seq = 0;

    if (end && json_parse(text, (size_t) (end - text), &doc, NULL) == 0)
        seq = json_get_int(doc, "seq", 0);
    return seq > 0 ? (uint64_t) seq : 0;
}
