/* SPDX-License-Identifier: MIT
 * request.c - what an app calls: each writes its parameters and queues the message. */
#include <errno.h>
#include <string.h>

#include "supervisor/base/json.h"
#include "supervisor/sdk/call.h"
#include "supervisor/sdk/sdk.h"

static int send_plain(struct draft *d, miniprog_done done, void *data) {
    return draft_send(d, &(struct call){ .done.plain = done, .data = data });
}

/* JSON text from the app goes into the message as it is: it must be one whole object. */
static int check_object(struct miniprog *m, const char *json) {
    struct json *doc = NULL;
    enum json_kind kind;
    size_t len;
    int r;

    if (!json)
        return err_set(&m->err, -EINVAL, "there is no JSON text");
    len = strlen(json);
    if (len > FRAME_MAX_APP)
        return err_set(&m->err, -EMSGSIZE, "%zu bytes of JSON are too many", len);
    r = json_parse(json, len, &doc, &m->err);
    if (r < 0)
        return r == -ENOMEM ? r : err_wrap(&m->err, -EINVAL, "the JSON text is refused");
    kind = json_kind(doc);
    (void) json_free(doc);
    return kind == JSON_OBJECT ? 0 : err_set(&m->err, -EINVAL, "the JSON text is not an object");
}

PUBLIC int miniprog_ready(struct miniprog *m, miniprog_done done, void *data) {
    struct draft d;

    draft_begin(&d, m, CALL_READY);
    return send_plain(&d, done, data);
}

PUBLIC int miniprog_save_exit_state(struct miniprog *m, const char *json, uint64_t expires_usec,
                                    miniprog_done done, void *data) {
    struct draft d;
    int r = check_object(m, json);

    if (r < 0)
        return r;
    draft_begin(&d, m, CALL_SAVE_EXIT_STATE);
    jsonw_raw(&d.w, "data", json, strlen(json));
    if (expires_usec != 0)
        jsonw_u64(&d.w, "expires_at_usec", expires_usec);
    return send_plain(&d, done, data);
}

PUBLIC int miniprog_apply_update(struct miniprog *m, miniprog_done done, void *data) {
    struct draft d;

    draft_begin(&d, m, CALL_APPLY_UPDATE);
    return send_plain(&d, done, data);
}

PUBLIC int miniprog_exit(struct miniprog *m, miniprog_done done, void *data) {
    struct draft d;

    draft_begin(&d, m, CALL_EXIT);
    return send_plain(&d, done, data);
}

PUBLIC int miniprog_restart(struct miniprog *m, const char *page, miniprog_done done, void *data) {
    struct draft d;

    draft_begin(&d, m, CALL_RESTART);
    jsonw_string(&d.w, "path", page);
    return send_plain(&d, done, data);
}

PUBLIC int miniprog_show_dialog(struct miniprog *m, const struct miniprog_dialog *dialog,
                                miniprog_dialog_done done, void *data) {
    struct draft d;

    if (!dialog || dialog->size < sizeof *dialog || !dialog->title || !dialog->content)
        return err_set(&m->err, -EINVAL, "a dialog needs its size, a title and a content");
    draft_begin(&d, m, CALL_SHOW_DIALOG);
    jsonw_string(&d.w, "title", dialog->title);
    jsonw_string(&d.w, "content", dialog->content);
    jsonw_bool(&d.w, "show_cancel", dialog->show_cancel);
    jsonw_string(&d.w, "confirm_text", dialog->confirm_text);
    jsonw_string(&d.w, "cancel_text", dialog->cancel_text);
    return draft_send(&d, &(struct call){ .done.dialog = done, .data = data });
}

PUBLIC int miniprog_keep_running(struct miniprog *m, const char *kind, bool on, miniprog_done done,
                                 void *data) {
    struct draft d;

    if (!kind)
        return err_set(&m->err, -EINVAL, "there is no reason to keep running");
    draft_begin(&d, m, CALL_KEEP_RUNNING);
    jsonw_string(&d.w, "kind", kind);
    jsonw_bool(&d.w, "on", on);
    return draft_send(
        &d, &(struct call){
                .done.plain = done, .data = data, .keep = call_keep_bit(kind), .keep_on = on });
}

PUBLIC int miniprog_report_page(struct miniprog *m, const char *path, const char *json,
                                miniprog_done done, void *data) {
    struct draft d;
    int r = check_object(m, json);

    if (r < 0)
        return r;
    if (!path)
        return err_set(&m->err, -EINVAL, "there is no page");
    draft_begin(&d, m, CALL_REPORT_PAGE);
    jsonw_string(&d.w, "path", path);
    jsonw_raw(&d.w, "data", json, strlen(json));
    return send_plain(&d, done, data);
}

PUBLIC int miniprog_request_host_update(struct miniprog *m, const char *why, miniprog_done done,
                                        void *data) {
    struct draft d;

    draft_begin(&d, m, CALL_REQUEST_HOST_UPDATE);
    jsonw_string(&d.w, "reason", why);
    return send_plain(&d, done, data);
}
