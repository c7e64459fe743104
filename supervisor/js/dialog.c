/* SPDX-License-Identifier: MIT
 * dialog.c - wx.showModal and wx.showToast. */
#include <errno.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/text.h"
#include "supervisor/js/api.h"
#include "supervisor/js/js.h"
#include "supervisor/js/report.h"
#include "supervisor/sdk/miniprog.h"

/* Bytes of a dialog's texts. Source: miniprog.h */
#define TITLE_MAX         64
#define CONTENT_MAX       1024
#define BUTTON_MAX        64
#define BUTTON_CHARACTERS 4 /* Source: WeChat, wx.showModal */
#define OPTION_MAX        ((size_t) 64 * 1024)
#define ELLIPSIS          "\xe2\x80\xa6"

/* The text in at most `max` bytes: a longer one is cut between characters and ends in an ellipsis;
 * control characters, line ends among them, become spaces. */
static void fit(struct str *text, size_t max) {
    char *s = text->data;
    size_t keep = 0;

    for (size_t i = 0, n; i < text->len; i += n) {
        n = text_utf8_char(s + i, text->len - i);
        if (n == 0)
            n = 1;
        if (text_has_control(s + i, n))
            memset(s + i, ' ', n);
        if (i + n <= max - strlen(ELLIPSIS))
            keep = i + n;
    }
    if (text->len <= max)
        return;
    text->len = keep;
    s[keep] = '\0';
    (void) str_puts(text, ELLIPSIS);
}

static size_t count_characters(const struct str *text) {
    size_t count = 0;

    for (size_t i = 0, n; i < text->len; i += n ? n : 1, count++)
        n = text_utf8_char(text->data + i, text->len - i);
    return count;
}

/* false: the request is over. */
static bool take_text(struct request *q, const char *name, size_t max, struct str *ret,
                      JSValueRef *exc) {
    int r = request_text(q, name, ret, exc);

    if (r == 0 || r == -ENOENT) {
        fit(ret, max);
        return true;
    }
    if (r != -EINVAL && r != -EBADMSG)
        request_fail(q, "%s is too long", name);
    return false;
}

static bool take_button(struct request *q, const char *name, struct str *ret, JSValueRef *exc) {
    if (!take_text(q, name, BUTTON_MAX, ret, exc))
        return false;
    if (count_characters(ret) <= BUTTON_CHARACTERS)
        return true;
    request_fail(q, "%s length should not larger than 4 Chinese characters", name);
    return false;
}

static void answered(struct miniprog *m, int error, bool confirm, void *data) {
    (void) m;
    if (error < 0)
        request_done(data, error);
    else
        request_ok(data, confirm ? "\"confirm\":true,\"cancel\":false"
                                 : "\"confirm\":false,\"cancel\":true");
}

API_ASYNC_FUNCTION(showModal) {
    CLEANUP(str_clear_p) struct str title = STR_INIT(OPTION_MAX), content = STR_INIT(OPTION_MAX);
    CLEANUP(str_clear_p) struct str confirm = STR_INIT(OPTION_MAX), cancel = STR_INIT(OPTION_MAX);
    bool show_cancel = true;

    if (!take_text(q, "title", TITLE_MAX, &title, exc) ||
        !take_text(q, "content", CONTENT_MAX, &content, exc) ||
        !take_button(q, "confirmText", &confirm, exc) ||
        !take_button(q, "cancelText", &cancel, exc))
        return;
    int r = request_bool(q, "showCancel", &show_cancel, exc);
    if (r == -EINVAL || r == -EBADMSG)
        return;
    const struct miniprog_dialog dialog = {
        .size = sizeof dialog,
        .title = str_text(&title),
        .content = str_text(&content),
        .show_cancel = show_cancel,
        .confirm_text = confirm.len ? str_text(&confirm) : NULL,
        .cancel_text = cancel.len ? str_text(&cancel) : NULL,
    };
    r = miniprog_show_dialog(js->m, &dialog, answered, q);
    if (r < 0)
        request_done(q, r);
}

API_ASYNC_FUNCTION(showToast) {
    CLEANUP(str_clear_p) struct str title = STR_INIT(OPTION_MAX), icon = STR_INIT(OPTION_MAX);
    CLEANUP(str_clear_p) struct str json = STR_INIT(OPTION_MAX);
    struct jsonw w = JSONW_INIT(&json);
    double duration = 1500; /* Source: WeChat, wx.showToast */

    int r = request_need_text(q, "title", &title, exc);
    if (r == -EINVAL || r == -EBADMSG || !take_text(q, "icon", BUTTON_MAX, &icon, exc))
        return;
    r = request_number(q, "duration", &duration, exc);
    if (r == -EINVAL || r == -EBADMSG)
        return;
    fit(&title, CONTENT_MAX);
    jsonw_object(&w, NULL);
    jsonw_string(&w, "title", str_text(&title));
    jsonw_string(&w, "icon", icon.len ? str_text(&icon) : "success");
    jsonw_int(&w, "duration", duration >= 0 && duration < 1e9 ? (int64_t) duration : 1500);
    jsonw_end_object(&w);
    request_done(q, str_error(&json) ? str_error(&json) : report_toast(js, str_text(&json)));
}
