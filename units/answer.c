/* SPDX-License-Identifier: MIT */
#include "units/answer.h"

#include <errno.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

static const char *or_null(const char *text) {
    return text[0] ? text : NULL;
}

int worker_progress_print(const struct worker_progress *progress, struct str *out) {
    struct jsonw w = JSONW_INIT(out);

    jsonw_object(&w, NULL);
    jsonw_u64(&w, "progress", progress->bytes);
    if (progress->total)
        jsonw_u64(&w, "total", progress->total);
    jsonw_string(&w, "etag", or_null(progress->etag));
    jsonw_end_object(&w);
    return str_putc(out, '\n');
}

int worker_file_print(const struct worker_file *file, struct str *out) {
    struct jsonw w = JSONW_INIT(out);

    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", file->ok);
    if (file->ok) {
        jsonw_u64(&w, "size", file->size);
        jsonw_string(&w, "sha256", file->sha256);
        jsonw_string(&w, "etag", or_null(file->etag));
        jsonw_string(&w, "key", or_null(file->key));
    } else {
        worker_failure_print(file->fault, file->detail, &w);
    }
    jsonw_end_object(&w);
    return str_putc(out, '\n');
}

int worker_index_print(const struct worker_index *index, struct str *out) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(INDEX_SIZE_MAX);
    struct jsonw w = JSONW_INIT(out);

    if (index->ok && index_print(index->index, &text) < 0)
        return str_error(&text);
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", index->ok);
    if (index->ok) {
        jsonw_string(&w, "key", index->key);
        jsonw_raw(&w, "index", str_text(&text), text.len);
    } else {
        worker_failure_print(index->fault, index->detail, &w);
    }
    jsonw_end_object(&w);
    return str_putc(out, '\n');
}

static int bad(struct err *e, const char *member) {
    return err_set(e, -EBADMSG, "the worker's '%s' is not of its form", member);
}

/* A whole number up to what a package file may have; missing is 0 where it may be. */
static int read_bytes(const struct json *doc, const char *name, bool required, uint64_t *ret,
                      struct err *e) {
    const struct json *v = json_get(doc, name);

    if (!v && !required)
        return 0;
    if (!v || json_kind(v) != JSON_INT || json_int(v) < 0 ||
        json_int(v) > (int64_t) PACKAGE_FILE_MAX)
        return bad(e, name);
    *ret = (uint64_t) json_int(v);
    return 0;
}

static int read_etag(const struct json *doc, char ret[WORKER_ETAG_MAX + 1], struct err *e) {
    const struct json *v = json_get(doc, "etag");
    const char *text = v ? json_string(v) : "";

    if (!v)
        return 0;
    if (text[0] == '\0' || strlen(text) > WORKER_ETAG_MAX || text_has_control(text, strlen(text)))
        return bad(e, "etag");
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

/* One spelling: the base64 as minisign_key_text() writes it. */
static int read_key(const struct json *doc, char ret[MINISIGN_KEY_TEXT + 1], struct err *e) {
    const char *text = json_get_string(doc, "key", "");
    struct minisign_key key;

    if (minisign_key_parse(text, strlen(text), &key, NULL) < 0)
        return bad(e, "key");
    (void) minisign_key_text(&key, ret);
    return strcmp(ret, text) == 0 ? 0 : bad(e, "key");
}

int worker_progress_parse(const char *line, size_t len, struct worker_progress *ret,
                          struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct worker_progress progress = { .bytes = 0 };
    int r;

    if (len > WORKER_LINE_MAX)
        return err_set(e, -EBADMSG, "the worker's line is too long");
    if (len > 0 && line[len - 1] == '\n')
        len--;
    r = json_parse(line, len, &doc, e);
    if (r < 0)
        return err_wrap(e, r == -ENOMEM ? r : -EBADMSG, "the worker's line");
    if (!json_get(doc, "progress"))
        return err_set(e, -ENOENT, "the worker's line is not of progress");
    if ((r = read_bytes(doc, "progress", true, &progress.bytes, e)) < 0 ||
        (r = read_bytes(doc, "total", false, &progress.total, e)) < 0 ||
        (r = read_etag(doc, progress.etag, e)) < 0)
        return r;
    *ret = progress;
    return 0;
}

static int read_file(const struct json *doc, struct worker_file *file, struct err *e) {
    const char *hash = json_get_string(doc, "sha256", "");
    int r;

    if (!filelist_is_hash(hash))
        return bad(e, "sha256");
    memcpy(file->sha256, hash, sizeof file->sha256);
    if ((r = read_bytes(doc, "size", true, &file->size, e)) < 0 ||
        (r = read_etag(doc, file->etag, e)) < 0)
        return r;
    return json_get(doc, "key") ? read_key(doc, file->key, e) : 0;
}

int worker_file_parse(const char *line, size_t len, struct worker_file *ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct worker_file file = { .fault = PACKAGE_OK };
    int r;

    if (len > WORKER_LINE_MAX)
        return err_set(e, -EBADMSG, "the worker's line is too long");
    r = worker_line_parse(line, len, &doc, &file.ok, e);
    if (r == 0)
        r = file.ok ? read_file(doc, &file, e)
                    : worker_failure_parse(doc, &file.fault, file.detail, e);
    if (r == 0)
        *ret = file;
    return r;
}

static int read_index(const struct json *doc, struct worker_index *result, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(INDEX_SIZE_MAX);
    const struct json *index = json_get(doc, "index");
    int r = read_key(doc, result->key, e);

    if (r < 0)
        return r;
    if (!index)
        return bad(e, "index");
    if (json_print(index, &text) < 0)
        return str_error(&text) == -ENOMEM ? err_set(e, -ENOMEM, "no memory for the index")
                                           : bad(e, "index");
    r = index_parse(str_text(&text), text.len, &result->index, e);
    return r < 0 ? err_wrap(e, r == -ENOMEM ? r : -EBADMSG, "the worker's answer") : 0;
}

int worker_index_parse(const char *line, size_t len, struct worker_index *ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct worker_index index = { .fault = PACKAGE_OK };
    int r;

    if (len > WORKER_INDEX_MAX)
        return err_set(e, -EBADMSG, "the worker's line is too long");
    r = worker_line_parse(line, len, &doc, &index.ok, e);
    if (r == 0)
        r = index.ok ? read_index(doc, &index, e)
                     : worker_failure_parse(doc, &index.fault, index.detail, e);
    if (r == 0)
        *ret = index;
    return r;
}

void worker_index_clear(struct worker_index *index) {
    *index = (struct worker_index){ .index = index_free(index->index) };
}
