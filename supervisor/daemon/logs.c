/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/logs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/output_log.h"
#include "supervisor/daemon/server.h"
#include "supervisor/wire/interfaces.h"

#define LINES_A_TURN 64
/* Long lines are fewer: a turn must stay far below what a peer may be behind. */
#define BYTES_A_TURN (4 * OUTPUT_LINE_MAX)

struct logs {
    struct call *call;
    struct output *output;
    char id[OUTPUT_ID_SIZE];
    struct output_wait *wait;
    struct output_reader *reader;
    bool follow;
    char *held;
};

static void logs_free(struct logs *l) {
    output_settle_cancel(l->wait);
    output_reader_free(l->reader);
    free(l->held);
    free(l);
}

static void gone(struct call *call) {
    logs_free(call_context(call));
    call_drop(call);
}

static void end(struct logs *l) {
    struct call *call = l->call;
    call_set_drained(call, NULL);
    call_set_context(call, NULL, NULL);
    jsonw_string(call_begin(call, false), "line", l->held ? l->held : "");
    call_end(call);
    logs_free(l);
}

static void send_line(struct logs *l, const char *line) {
    jsonw_string(call_begin(l->call, true), "line", line);
    call_end(l->call);
}

/* A stream ends with a reply that does not continue, and every reply has a line: so without follow
 * the line in hand is held back until the next one shows that it is not the last. */
static int take_line(struct logs *l, const char *line) {
    if (l->follow) {
        send_line(l, line);
        return 0;
    }
    if (l->held)
        send_line(l, l->held);
    free(l->held);
    l->held = strdup(line);
    return l->held ? 0 : -ENOMEM;
}

/* Everything sent has left: the next lines. */
static void drained(struct call *call) {
    struct logs *l = call_context(call);
    const char *line;
    size_t bytes = 0;

    for (int i = 0; i < LINES_A_TURN && bytes < BYTES_A_TURN; i++) {
        int r = output_read(l->reader, &line);
        if (r == 1)
            bytes += strlen(line);
        if (r == 1)
            r = take_line(l, line) < 0 ? -ENOMEM : 1;
        if (r == 1)
            continue;
        if (!l->follow || r < 0)
            end(l);
        else
            call_set_drained(call, NULL); /* until grown() */
        return;
    }
}

static void grown(struct output_reader *reader, void *userdata) {
    (void) reader;
    struct logs *l = userdata;
    call_set_drained(l->call, drained);
}

static void begin(struct logs *l) {
    struct call *call = l->call;
    struct err e = { 0 };
    int r = output_reader_new(l->output, l->id, l->follow, grown, l, &l->reader, &e);

    if (r >= 0) {
        call_set_drained(call, drained);
        return;
    }
    call_set_context(call, NULL, NULL);
    logs_free(l);
    control_storage(call, e.text);
}

static void settled(void *userdata) {
    struct logs *l = userdata;
    l->wait = NULL;
    begin(l);
}

int logs_answer(struct app *app, struct call *call) {
    if (app->d->journal) {
        control_error_text(call, WIRE_SERVICE ".MethodNotImplemented", "method",
                           WIRE_SUPERVISOR ".Logs");
        return 0;
    }
    struct logs *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->call = call;
    l->output = app->d->output;
    memcpy(l->id, app->id, strlen(app->id) + 1);
    l->follow = json_get_bool(call_parameters(call), "follow", false);
    call_set_context(call, l, gone);
    /* Who asks once wants all there is, its last words above all; who follows hears them anyway. */
    int r = l->follow ? 0 : output_settle(l->output, l->id, settled, l, &l->wait);
    if (r < 0) {
        call_set_context(call, NULL, NULL);
        logs_free(l);
        return r;
    }
    if (r == 0)
        begin(l);
    return 0;
}
