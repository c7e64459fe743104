/* SPDX-License-Identifier: MIT */
#include "units/exitstate.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"

#define AROUND 128 /* bytes of the file that are not the app's object */

int exitstate_save(int app_fd, const struct json *data, uint64_t expires_at_usec, struct err *e) {
    CLEANUP(str_clear_p) struct str object = STR_INIT(EXITSTATE_MAX);
    CLEANUP(str_clear_p) struct str text = STR_INIT(EXITSTATE_MAX + AROUND);
    struct jsonw w = JSONW_INIT(&text);
    int r;

    if (json_kind(data) != JSON_OBJECT)
        return err_set(e, -EINVAL, "the exit state must be an object, not %s",
                       json_kind_name(json_kind(data)));
    r = json_print(data, &object);
    if (r == -EMSGSIZE)
        return err_set(e, -E2BIG, "the exit state has more than %zu bytes", EXITSTATE_MAX);
    if (r < 0)
        return err_set(e, r, "no memory for the exit state");
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "expires_at_usec", expires_at_usec);
    jsonw_raw(&w, "data", object.data, object.len);
    jsonw_end_object(&w);
    if (str_error(&text) < 0)
        return err_set(e, -ENOMEM, "no memory for the exit state");
    return fs_replace(app_fd, EXITSTATE_NAME, text.data, text.len, 0600, FS_VOLATILE, e);
}

/* Its time and its object; false: none that can be used. */
static bool is_good(const struct json *doc, uint64_t now_usec) {
    const struct json *data = json_get(doc, "data");
    int64_t expires = json_get_int(doc, "expires_at_usec", 0);
    return data && json_kind(data) == JSON_OBJECT && expires > 0 && (uint64_t) expires > now_usec;
}

int exitstate_load(int app_fd, uint64_t now_usec, struct json **ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(free_p) char *text = NULL;
    struct json *data = NULL;
    size_t len = 0;
    int r = fs_read(app_fd, EXITSTATE_NAME, EXITSTATE_MAX + AROUND, &text, &len, e);

    if (r < 0 && r != -EFBIG && r != -ELOOP)
        return r;
    if (r == 0)
        r = json_parse(text, len, &doc, e);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || !is_good(doc, now_usec)) {
        exitstate_drop(app_fd);
        return err_set(e, -ENOENT, "there is no exit state, or its time is over");
    }
    data = json_copy(json_get(doc, "data"));
    if (!data)
        return err_set(e, -ENOMEM, "no memory for the exit state");
    *ret = data;
    return 0;
}

void exitstate_drop(int app_fd) {
    /* What cannot be removed is replaced or runs out. */
    (void) unlinkat(app_fd, EXITSTATE_NAME, 0);
}
