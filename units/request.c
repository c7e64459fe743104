/* SPDX-License-Identifier: MIT */
#include "units/request.h"

#include <errno.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void worker_request_clear(struct worker_request *request) {
    for (size_t i = 0; request->keys && request->keys[i]; i++)
        free(request->keys[i]);
    free(request->keys);
    free(request->url);
    free(request->etag);
    *request = (struct worker_request) WORKER_REQUEST_INIT;
}

void worker_request_clear_p(struct worker_request *request) {
    worker_request_clear(request);
}

static void put_number(struct jsonw *w, const char *name, uint64_t value, uint64_t unset) {
    if (value != unset)
        jsonw_u64(w, name, value);
}

static void put_true(struct jsonw *w, const char *name, bool value) {
    if (value)
        jsonw_bool(w, name, true);
}

int worker_request_print(const struct worker_request *q, struct str *out) {
    struct jsonw w = JSONW_INIT(out);

    jsonw_object(&w, NULL);
    jsonw_string(&w, "url", q->url);
    put_number(&w, "max", q->max, 0);
    put_number(&w, "timeout_ms", q->timeout_ms, 0);
    put_number(&w, "min_rate", q->min_rate, 0);
    put_true(&w, "allow_http", q->allow_http);
    put_true(&w, "allow_file", q->allow_file);
    put_true(&w, "resume", q->resume);
    jsonw_string(&w, "etag", q->etag);
    put_number(&w, "size", q->size, WORKER_REQUEST_UNSET);
    jsonw_string(&w, "sha256", q->sha256[0] ? q->sha256 : NULL);
    if (q->keys) {
        jsonw_array(&w, "keys");
        for (size_t i = 0; q->keys[i]; i++)
            jsonw_string(&w, NULL, q->keys[i]);
        jsonw_end_array(&w);
    }
    put_number(&w, "unpacked_size", q->unpacked_size, WORKER_REQUEST_UNSET);
    put_number(&w, "files", q->files, WORKER_REQUEST_UNSET);
    jsonw_end_object(&w);
    return str_putc(out, '\n');
}

static int read_keys(const struct json *list, struct worker_request *q, struct err *e) {
    size_t n = 0;

    if (!list)
        return 0;
    if (json_kind(list) != JSON_ARRAY || json_count(list) > WORKER_KEYS_MAX)
        return err_set(e, -EINVAL, "'keys' must be a list of at most %d", WORKER_KEYS_MAX);
    q->keys = calloc(json_count(list) + 1, sizeof *q->keys);
    if (!q->keys)
        return err_set(e, -ENOMEM, "no memory for 'keys'");
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        if (json_kind(v) != JSON_STRING)
            return err_set(e, -EINVAL, "'keys' must hold texts");
        q->keys[n] = strdup(json_string(v));
        if (!q->keys[n++])
            return err_set(e, -ENOMEM, "no memory for 'keys'");
    }
    return 0;
}

static int read_request(const struct json *doc, struct worker_request *q, struct err *e) {
    static const struct json_field fields[] = {
#define FIELD(name, kind) { #name, kind, offsetof(struct worker_request, name), false }
        FIELD(url, JSON_F_STRING),      FIELD(max, JSON_F_U64),
        FIELD(timeout_ms, JSON_F_U64),  FIELD(min_rate, JSON_F_U64),
        FIELD(allow_http, JSON_F_BOOL), FIELD(allow_file, JSON_F_BOOL),
        FIELD(resume, JSON_F_BOOL),     FIELD(etag, JSON_F_STRING),
        FIELD(size, JSON_F_U64),        FIELD(unpacked_size, JSON_F_U64),
        FIELD(files, JSON_F_U64),
#undef FIELD
    };
    const struct json *hash = json_get(doc, "sha256");
    int r;

    if (json_kind(doc) != JSON_OBJECT)
        return err_set(e, -EINVAL, "it must be an object");
    r = json_fill(doc, fields, COUNT(fields), q, e);
    if (r < 0)
        return r;
    if (q->etag && (q->etag[0] == '\0' || strlen(q->etag) > WORKER_ETAG_MAX ||
                    text_has_control(q->etag, strlen(q->etag))))
        return err_set(e, -EINVAL, "'etag' must be one line of 1 to %d bytes", WORKER_ETAG_MAX);
    if (hash && !filelist_is_hash(json_string(hash)))
        return err_set(e, -EINVAL, "'sha256' must be 64 hex digits in lower case");
    if (hash)
        memcpy(q->sha256, json_string(hash), sizeof q->sha256);
    return read_keys(json_get(doc, "keys"), q, e);
}

int worker_request_parse(const char *text, size_t len, struct worker_request *ret, struct err *e) {
    CLEANUP(worker_request_clear_p) struct worker_request q = WORKER_REQUEST_INIT;
    CLEANUP(json_free_p) struct json *doc = NULL;
    int r;

    if (len > WORKER_REQUEST_MAX)
        return err_set(e, -EINVAL, "the request has more than %zu bytes", WORKER_REQUEST_MAX);
    r = json_parse(text, len, &doc, e);
    if (r == 0)
        r = read_request(doc, &q, e);
    if (r < 0)
        return err_wrap(e, r == -ENOMEM ? r : -EINVAL, "the request");
    *ret = q;
    q = (struct worker_request) WORKER_REQUEST_INIT;
    return 0;
}
