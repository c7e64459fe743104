/* SPDX-License-Identifier: MIT
 * call.h - a call from its making to its answer.
 * Layer: 3, sdk. Uses: base, wire. */
#ifndef SDK_CALL_H
#define SDK_CALL_H

#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/sdk/sdk.h"

#define CALL_MAX   256 /* unanswered; ours: a bound on memory */
#define CALL_TRIES 8   /* connections that one call may break; ours */

/* kind, method, lane */
#define CALL_KINDS(X)                                                                              \
    X(WATCH, "Watch", WATCH)                                                                       \
    X(READY, "Ready", CALLS)                                                                       \
    X(GET_INFO, "GetInfo", CALLS)                                                                  \
    X(SAVE_EXIT_STATE, "SaveExitState", CALLS)                                                     \
    X(APPLY_UPDATE, "ApplyUpdate", END)                                                            \
    X(EXIT, "Exit", END)                                                                           \
    X(RESTART, "Restart", END)                                                                     \
    X(SHOW_DIALOG, "ShowDialog", DIALOG)                                                           \
    X(KEEP_RUNNING, "KeepRunning", CALLS)                                                          \
    X(REPORT_PAGE, "ReportPage", CALLS)                                                            \
    X(REQUEST_HOST_UPDATE, "RequestHostUpdate", CALLS)

#define X(kind, method, lane) CALL_##kind,
enum call_kind { CALL_KINDS(X) CALL_KIND_COUNT };
#undef X

struct call {
    struct list node; /* in its lane */
    enum call_kind kind;
    uint64_t serial; /* the order in which the app called; 0: a call of our own */
    char *text;      /* the message with its NUL */
    size_t len;
    bool sent;      /* whole, on the present connection */
    unsigned tries; /* connections that broke while it was the one to be answered */
    unsigned keep;  /* KeepRunning: the reason's bit, 0: not one that we know */
    bool keep_on;
    union {
        miniprog_done plain;
        miniprog_info_done info;
        miniprog_dialog_done dialog;
    } done;
    struct miniprog_info **ret_info; /* GetInfo: takes the answer over, where it is set */
    void *data;
};

/* A call being written: begin, members into w, then send or add. */
struct draft {
    struct miniprog *m;
    enum call_kind kind;
    struct str out;
    struct jsonw w;
};
void draft_begin(struct draft *d, struct miniprog *m, enum call_kind kind);
/* Queues it as a call of the app's: what `like` says of outcome and data. As miniprog.h has it of
 * calls. */
int draft_send(struct draft *d, const struct call *like);
void draft_drop(struct draft *d);

struct call *call_free(struct call *c);
/* Our own calls, put first in their lane when it is connected: Watch; Ready and KeepRunning again.
 */
int call_add_own(struct miniprog *m, enum lane_id id);
/* Takes one message of a lane's. A negative errno, with m->err: the connection is to be dropped. */
int call_reply(struct miniprog *m, struct lane *l, const char *text, size_t len);
/* The connection is gone: calls are unsent again, our own go, one that broke too many ends. */
void call_lost(struct miniprog *m, struct lane *l);

/* "audio location task" as bits; 0: none of these. */
unsigned call_keep_bit(const char *reason);

#endif
