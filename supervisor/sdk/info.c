/* SPDX-License-Identifier: MIT */
#include "supervisor/sdk/info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/sdk/call.h"
#include "supervisor/sdk/sdk.h"
#include "supervisor/sdk/value.h"

/* What the app sees, and what it points into. */
struct info {
    struct miniprog_info seen;
    struct miniprog_launch launch, enter;
    struct json *doc;
    char *exit_state;
};

PUBLIC struct miniprog_info *miniprog_info_free(struct miniprog_info *seen) {
    if (seen) {
        struct info *i = list_entry(seen, struct info, seen);
        launch_clear(&i->launch);
        launch_clear(&i->enter);
        (void) json_free(i->doc);
        free(i->exit_state);
        free(i);
    }
    return NULL;
}

static int read_members(struct info *i, struct err *e) {
    struct miniprog_info *s = &i->seen;
    const char *start = NULL;
    int r;

    r = value_string(i->doc, "id", &s->id, e);
    if (r == 0)
        r = value_string(i->doc, "base_library", &s->base_library, e);
    if (r == 0)
        r = value_i64(i->doc, "version_code", &s->version_code, e);
    if (r == 0)
        r = value_i64(i->doc, "host_version_code", &s->host_version_code, e);
    if (r == 0)
        r = value_string(i->doc, "start", &start, e);
    if (r == 0)
        r = value_launch(i->doc, "launch", &i->launch, e);
    if (r == 0)
        r = value_launch(i->doc, "enter", &i->enter, e);
    if (r == 0)
        r = value_text(i->doc, "exit_state", &i->exit_state, e);
    if (r < 0)
        return r;
    s->hot = strcmp(start, "hot") == 0;
    s->launch = &i->launch;
    s->enter = &i->enter;
    s->exit_state = i->exit_state;
    return 0;
}

int info_read(const struct json *parameters, struct miniprog_info **ret, struct err *e) {
    struct info *i;
    int r;

    if (!parameters)
        return err_set(e, -EBADMSG, "the supervisor sent nothing about the app");
    i = calloc(1, sizeof *i);
    if (!i)
        return err_set(e, -ENOMEM, "no memory for an answer");
    i->doc = json_copy(parameters);
    r = i->doc ? read_members(i, e) : err_set(e, -ENOMEM, "no memory for an answer");
    if (r < 0) {
        (void) miniprog_info_free(&i->seen);
        return r;
    }
    *ret = &i->seen;
    return 0;
}

PUBLIC int miniprog_get_info(struct miniprog *m, miniprog_info_done done, void *data) {
    struct draft d;

    draft_begin(&d, m, CALL_GET_INFO);
    return draft_send(&d, &(struct call){ .done.info = done, .data = data });
}

static void keep_error(struct miniprog *m, int error, const struct miniprog_info *info,
                       void *data) {
    (void) m;
    (void) info;
    *(int *) data = error;
}

/* A connection of its own, so that nothing else of the app's moves meanwhile. */
PUBLIC int miniprog_get_info_sync(struct miniprog *m, int timeout_ms, struct miniprog_info **ret) {
    struct miniprog_info *info = NULL;
    struct miniprog *own = NULL;
    struct draft d;
    uint64_t until = timeout_ms < 0 ? UINT64_MAX : sdk_now() + (uint64_t) timeout_ms * 1000;
    int error = 0;
    int r;

    r = sdk_open(&own, m->address);
    if (r < 0)
        return err_set(&m->err, r, "cannot open a second handle: %s", strerror(-r));
    draft_begin(&d, own, CALL_GET_INFO);
    r = draft_send(&d,
                   &(struct call){ .done.info = keep_error, .ret_info = &info, .data = &error });
    while (r == 0 && own->n_calls > 0) {
        r = sdk_wait(own, until);
        if (r == -EINTR)
            r = 0;
        else if (r == 0)
            r = miniprog_dispatch(own);
    }
    if (r == 0)
        r = error;
    if (r == -ETIMEDOUT)
        r = err_set(&own->err, r, "the supervisor did not answer in time");
    m->err = own->err;
    own = miniprog_close(own);
    if (r < 0)
        return r;
    *ret = info;
    return 0;
}
