/* SPDX-License-Identifier: MIT */
#include "supervisor/js/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/js/api.h"
#include "supervisor/js/js.h"
#include "supervisor/js/store.h"
#include "supervisor/sdk/miniprog.h"

#define KEY_MAX ((size_t) 64 * 1024)
#define TEXT_MAX                                                                                   \
    (STORE_VALUE_MAX + 4096) /* what is too large is told apart from what is larger                \
                              */

/* How a value is written: what JSON has no word for comes back as it was all the same. */
enum value_kind { KIND_JSON, KIND_NUMBER, KIND_DATE, KIND_UNDEFINED };

/* --- values ------------------------------------------------------------------------------- */

static int encode(struct js *js, JSValueRef v, enum value_kind *ret_kind, struct str *out,
                  JSValueRef *exc) {
    if (JSValueIsUndefined(js->ctx, v)) {
        *ret_kind = KIND_UNDEFINED;
        return 0;
    }
    if (JSValueIsNumber(js->ctx, v) || JSValueIsDate(js->ctx, v)) {
        double number = JSValueToNumber(js->ctx, v, exc);
        *ret_kind = JSValueIsDate(js->ctx, v) ? KIND_DATE : KIND_NUMBER;
        return *exc ? -EBADMSG : value_text(js->ctx, JSValueMakeNumber(js->ctx, number), out, exc);
    }
    *ret_kind = KIND_JSON;
    int r = value_to_json(js->ctx, v, out, exc);
    return r == -ENOENT ? str_puts(out, "null") : r; /* a function */
}

static JSValueRef decode(struct js *js, enum value_kind kind, const char *text) {
    JSValueRef v = NULL;

    switch (kind) {
    case KIND_JSON:
        v = value_json(js->ctx, text);
        break;
    case KIND_NUMBER:
    case KIND_DATE:
        v = JSValueMakeNumber(js->ctx, JSValueToNumber(js->ctx, value_string(js->ctx, text), NULL));
        if (kind == KIND_DATE)
            v = JSObjectMakeDate(js->ctx, 1, &v, NULL);
        break;
    case KIND_UNDEFINED:
        break;
    }
    return v ? v : JSValueMakeUndefined(js->ctx);
}

/* --- the four, for both forms -------------------------------------------------------------- */

/* Opened when it is first asked for: most starts need no database. */
static int ready(struct js *js, struct err *e) {
    const char *folder = miniprog_data_dir();

    if (js->store)
        return 0;
    if (!folder)
        return err_set(e, -ENOENT, "the app has no folder for its data");
    return store_open(folder, &js->store, e);
}

static struct store_key key_of(const struct str *key) {
    return (struct store_key){ .text = str_text(key), .n = key->len };
}

static int set(struct js *js, const struct str *key, JSValueRef v, JSValueRef *exc, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(TEXT_MAX);
    enum value_kind kind = KIND_JSON;
    int r = ready(js, e);

    if (r == 0)
        r = encode(js, v, &kind, &text, exc);
    if (r == -EMSGSIZE)
        return err_set(e, r, "a value is larger than 1 MB");
    return r < 0 ? r : store_set(js->store, key_of(key), (int) kind, str_text(&text), text.len, e);
}

/* *ret: the value; -ENOENT: there is none. */
static int get(struct js *js, const struct str *key, JSValueRef *ret, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(TEXT_MAX);
    int kind = KIND_UNDEFINED, r = ready(js, e);

    if (r == 0)
        r = store_get(js->store, key_of(key), &kind, &text, e);
    if (r < 0)
        return r;
    *ret = decode(js, (enum value_kind) kind, str_text(&text));
    return 0;
}

static void put_key(struct store_key key, void *data) {
    jsonw_string_n(data, NULL, key.text, key.n);
}

/* Members, without the braces. Sizes are in KB, begun ones counted. */
static int info(struct js *js, struct str *out, struct err *e) {
    struct jsonw w = JSONW_INIT(out);
    int r = ready(js, e);

    if (r < 0)
        return r;
    jsonw_array(&w, "keys");
    r = store_keys(js->store, put_key, &w, e);
    jsonw_end_array(&w);
    jsonw_u64(&w, "currentSize", (store_size(js->store) + 1023) / 1024);
    jsonw_u64(&w, "limitSize", STORE_TOTAL_MAX / 1024);
    return r < 0 ? r : str_error(out);
}

/* WeChat's words where it has some. */
static const char *sentence(int error, const struct err *e) {
    if (error == -ENOENT && !e->text[0])
        return "data not found";
    if (error == -EMSGSIZE)
        return "exceed storage item max length";
    if (error == -EDQUOT)
        return "exceed storage max size 10Mb";
    return e->text[0] ? e->text : strerror(-error);
}

/* --- wx.xStorageSync ----------------------------------------------------------------------- */

/* The key, or *exc. */
static bool key_arg(struct js *js, const char *name, size_t n, const JSValueRef args[],
                    struct str *ret, JSValueRef *exc) {
    JSValueRef v = value_arg(js->ctx, n, args, 0);

    if (!JSValueIsString(js->ctx, v)) {
        (void) value_throw(js->ctx, exc,
                           "%s:fail parameter error: parameter should be String instead of %s;",
                           name, value_kind(js->ctx, v));
        return false;
    }
    if (value_text(js->ctx, v, ret, NULL) == 0)
        return true;
    (void) value_throw(js->ctx, exc, "%s:fail the key is too long", name);
    return false;
}

static JSValueRef result(struct js *js, const char *name, int r, const struct err *e,
                         JSValueRef *exc) {
    if (r == 0 || *exc)
        return JSValueMakeUndefined(js->ctx);
    return value_throw(js->ctx, exc, "%s:fail %s", name, sentence(r, e));
}

API_SYNC_FUNCTION(setStorageSync) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(KEY_MAX);
    struct err e = { 0 };

    if (!key_arg(js, "setStorageSync", n, args, &key, exc))
        return JSValueMakeUndefined(js->ctx);
    int r = set(js, &key, value_arg(js->ctx, n, args, 1), exc, &e);
    return result(js, "setStorageSync", r, &e, exc);
}

API_SYNC_FUNCTION(getStorageSync) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(KEY_MAX);
    struct err e = { 0 };
    JSValueRef v = NULL;

    if (!key_arg(js, "getStorageSync", n, args, &key, exc))
        return JSValueMakeUndefined(js->ctx);
    int r = get(js, &key, &v, &e);
    if (r == -ENOENT && !e.text[0])
        return value_string(js->ctx, "");
    return r == 0 ? v : result(js, "getStorageSync", r, &e, exc);
}

API_SYNC_FUNCTION(removeStorageSync) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(KEY_MAX);
    struct err e = { 0 };

    if (!key_arg(js, "removeStorageSync", n, args, &key, exc))
        return JSValueMakeUndefined(js->ctx);
    int r = ready(js, &e);
    if (r == 0)
        r = store_remove(js->store, key_of(&key), &e);
    return result(js, "removeStorageSync", r, &e, exc);
}

API_SYNC_FUNCTION(clearStorageSync) {
    struct err e = { 0 };
    int r = ready(js, &e);

    (void) n;
    (void) args;
    if (r == 0)
        r = store_clear(js->store, &e);
    return result(js, "clearStorageSync", r, &e, exc);
}

API_SYNC_FUNCTION(getStorageInfoSync) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(2 * STORE_TOTAL_MAX);
    struct err e = { 0 };

    (void) n;
    (void) args;
    (void) str_putc(&json, '{');
    int r = info(js, &json, &e);
    (void) str_putc(&json, '}');
    return r == 0 ? value_json(js->ctx, str_text(&json))
                  : result(js, "getStorageInfoSync", r, &e, exc);
}

/* --- wx.xStorage({ … }) -------------------------------------------------------------------- */

static void finish(struct request *q, int r, const struct err *e) {
    if (r < 0)
        request_fail(q, "%s", sentence(r, e));
    else
        request_ok(q, NULL);
}

/* false: the request is over. */
static bool key_option(struct request *q, struct str *ret, JSValueRef *exc) {
    int r = request_need_text(q, "key", ret, exc);

    if (r < 0 && r != -EINVAL && r != -EBADMSG)
        request_fail(q, "the key is too long");
    return r == 0;
}

API_ASYNC_FUNCTION(setStorage) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(KEY_MAX);
    struct err e = { 0 };
    bool encrypt = false;

    if (!key_option(q, &key, exc))
        return;
    int r = request_bool(q, "encrypt", &encrypt, exc);
    if (r == -EINVAL || r == -EBADMSG)
        return;
    if (encrypt) { /* rather not at all than in the clear */
        request_fail(q, "encrypt is not supported");
        return;
    }
    JSValueRef v = request_value(q, "data", exc);
    if (!v)
        return;
    r = set(js, &key, v, exc, &e);
    if (*exc)
        request_drop(q);
    else
        finish(q, r, &e);
}

API_ASYNC_FUNCTION(getStorage) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(KEY_MAX);
    struct err e = { 0 };
    JSValueRef v = NULL;

    if (!key_option(q, &key, exc))
        return;
    int r = get(js, &key, &v, &e);
    if (r == 0)
        request_ok_value(q, "data", v);
    else
        finish(q, r, &e);
}

API_ASYNC_FUNCTION(removeStorage) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(KEY_MAX);
    struct err e = { 0 };

    if (!key_option(q, &key, exc))
        return;
    int r = ready(js, &e);
    if (r == 0)
        r = store_remove(js->store, key_of(&key), &e);
    finish(q, r, &e);
}

API_ASYNC_FUNCTION(clearStorage) {
    struct err e = { 0 };
    int r = ready(js, &e);

    (void) exc;
    if (r == 0)
        r = store_clear(js->store, &e);
    finish(q, r, &e);
}

API_ASYNC_FUNCTION(getStorageInfo) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(2 * STORE_TOTAL_MAX);
    struct err e = { 0 };
    int r = info(js, &json, &e);

    (void) exc;
    if (r < 0)
        finish(q, r, &e);
    else
        request_ok(q, str_text(&json));
}

void storage_trim(struct js *js) {
    store_trim(js->store);
}

void storage_close(struct js *js) {
    js->store = store_close(js->store);
}
