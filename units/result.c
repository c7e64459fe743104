/* SPDX-License-Identifier: MIT */
#include "units/result.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

void worker_failure_print(enum package_fault fault, const char *detail, struct jsonw *w) {
    jsonw_string(w, "reason", package_fault_name(fault));
    jsonw_string(w, "detail", detail);
}

int worker_result_print(const struct worker_result *result, struct str *out) {
    struct jsonw w = JSONW_INIT(out);

    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", result->ok);
    if (result->ok) {
        jsonw_string(&w, "app_id", result->app_id);
        jsonw_u64(&w, "code", result->code);
        jsonw_string(&w, "files_hash", result->files_hash);
        jsonw_u64(&w, "files", result->files);
        jsonw_u64(&w, "bytes", result->bytes);
    } else {
        worker_failure_print(result->fault, result->detail, &w);
    }
    jsonw_end_object(&w);
    return str_putc(out, '\n');
}

/* A whole number from low to high, else false. */
static bool get_number(const struct json *doc, const char *name, uint64_t low, uint64_t high,
                       uint64_t *ret) {
    const struct json *v = json_get(doc, name);
    if (!v || json_kind(v) != JSON_INT || json_int(v) < (int64_t) low ||
        json_int(v) > (int64_t) high)
        return false;
    *ret = (uint64_t) json_int(v);
    return true;
}

static int read_success(const struct json *doc, struct worker_result *result, struct err *e) {
    const char *id = json_get_string(doc, "app_id", "");
    const char *hash = json_get_string(doc, "files_hash", "");

    if (!text_is_app_id(id) || strlen(id) >= sizeof result->app_id)
        return err_set(e, -EBADMSG, "the worker's 'app_id' is no app's id");
    if (!filelist_is_hash(hash))
        return err_set(e, -EBADMSG, "the worker's 'files_hash' is no SHA-256");
    if (!get_number(doc, "code", 1, (uint64_t) JSON_INT_MAX, &result->code))
        return err_set(e, -EBADMSG, "the worker's 'code' is no version code");
    if (!get_number(doc, "files", 1, PACKAGE_ENTRIES_MAX, &result->files))
        return err_set(e, -EBADMSG, "the worker's 'files' is out of range");
    if (!get_number(doc, "bytes", 0, PACKAGE_BYTES_MAX, &result->bytes))
        return err_set(e, -EBADMSG, "the worker's 'bytes' is out of range");
    memcpy(result->app_id, id, strlen(id) + 1);
    memcpy(result->files_hash, hash, sizeof result->files_hash);
    return 0;
}

int worker_failure_parse(const struct json *doc, enum package_fault *ret_fault,
                         char ret_detail[256], struct err *e) {
    const char *detail = json_get_string(doc, "detail", "");
    enum package_fault fault = PACKAGE_OK;

    if (package_fault_parse(json_get_string(doc, "reason", ""), &fault) < 0)
        return err_set(e, -EBADMSG, "the worker's 'reason' is none");
    if (*detail == '\0' || strlen(detail) > 255 || text_has_control(detail, strlen(detail)))
        return err_set(e, -EBADMSG, "the worker's 'detail' is not one short line");
    *ret_fault = fault;
    memcpy(ret_detail, detail, strlen(detail) + 1);
    return 0;
}

int worker_line_parse(const char *line, size_t len, struct json **ret, bool *ret_ok,
                      struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    const struct json *ok = NULL;
    int r;

    if (len > 0 && line[len - 1] == '\n')
        len--;
    r = json_parse(line, len, &doc, e);
    if (r < 0)
        return err_wrap(e, r == -ENOMEM ? r : -EBADMSG, "the worker's result");
    ok = json_get(doc, "ok");
    if (!ok || json_kind(ok) != JSON_BOOL)
        return err_set(e, -EBADMSG, "the worker did not say whether it went well");
    *ret_ok = json_bool(ok);
    *ret = TAKE_PTR(doc);
    return 0;
}

int worker_result_parse(const char *text, size_t len, struct worker_result *ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct worker_result result = { .fault = PACKAGE_OK };
    int r;

    if (len > WORKER_RESULT_MAX)
        return err_set(e, -EBADMSG, "the worker said more than one line");
    r = worker_line_parse(text, len, &doc, &result.ok, e);
    if (r == 0)
        r = result.ok ? read_success(doc, &result, e)
                      : worker_failure_parse(doc, &result.fault, result.detail, e);
    if (r == 0)
        *ret = result;
    return r;
}
