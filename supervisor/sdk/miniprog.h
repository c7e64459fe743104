/* SPDX-License-Identifier: MIT
 * miniprog.h - what a mini-program links to hear its events and to talk to its supervisor.
 * Layer: 3, sdk. The only header that is installed: C99 and C++, no other header of ours.
 *
 * One handle, one descriptor: poll miniprog_fd() for input, call miniprog_dispatch() when there is.
 * No threads, no signals, no printing, no global state; a handle belongs to one thread. Callbacks
 * run inside miniprog_dispatch() and miniprog_run() only and may call anything here; what they are
 * given is theirs until they return. Functions return 0 or more, or a negative errno.
 *
 * After a restart of the supervisor the library connects anew by itself (10 ms doubling to 1 s).
 * Events come once and in order. Calls not yet answered are sent again, so one may be executed
 * twice; one that broke its connection eight times ends with -ECONNABORTED. */
#ifndef MINIPROG_H
#define MINIPROG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
struct miniprog;
struct miniprog_pair {
    const char *name, *value;
};
struct miniprog_launch { /* how the app was opened */
    const char *path;    /* the page asked for; "" when none was */
    int scene;           /* as WeChat numbers them; 1001 is the plain one */
    size_t query_count;
    const struct miniprog_pair *query;
    const char *referrer_app_id; /* NULL: none */
    const char *referrer_data;   /* JSON text or NULL */
};

struct miniprog_info {
    const char *id, *base_library;
    int64_t version_code, host_version_code;
    bool hot;                             /* false: the last start was cold */
    const struct miniprog_launch *launch; /* of this run's cold start */
    const struct miniprog_launch *enter;  /* of the last start, cold or hot */
    const char *exit_state;               /* JSON object that the last run saved, or NULL */
};
/* Every member but size may be NULL: that event is passed over. */
struct miniprog_callbacks {
    size_t size; /* sizeof this struct: later releases add members at the end */
    void (*launch)(struct miniprog *m, const struct miniprog_launch *launch, void *data);
    void (*show)(struct miniprog *m, const struct miniprog_launch *launch, void *data);
    /* reason: 0 exit, 1 another app, 2 native page, 3 other. Save the exit state now. */
    void (*hide)(struct miniprog *m, int reason, void *data);
    /* level: 5 moderate, 10 low, 15 critical; source: budget, system, limit, suspend, test. */
    void (*memory_warning)(struct miniprog *m, int level, const char *source, void *data);
    void (*update_check)(struct miniprog *m, bool has_update, void *data);
    void (*update_ready)(struct miniprog *m, int64_t version_code, void *data);
    void (*update_failed)(struct miniprog *m, const char *reason, void *data);
    /* The app is to end: SIGTERM comes at half of the timeout, SIGKILL at its end. */
    void (*unload)(struct miniprog *m, const char *reason, uint64_t timeout_usec, void *data);
};

struct miniprog_dialog {
    size_t size;                            /* sizeof this struct */
    const char *title, *content;            /* at most 64 and 1,024 bytes, no control characters */
    const char *confirm_text, *cancel_text; /* NULL: the host's own words */
    bool show_cancel;
};
/* The outcome of a call: error is 0 or a negative errno, miniprog_error() has the sentence. */
typedef void (*miniprog_done)(struct miniprog *, int error, void *data);
typedef void (*miniprog_info_done)(struct miniprog *, int, const struct miniprog_info *,
                                   void *data);
typedef void (*miniprog_dialog_done)(struct miniprog *, int error, bool confirm, void *data);

/* Connects to $MINIPROG_ADDRESS. callbacks is copied; NULL: no events are asked for, and only
 * SIGTERM announces the end. A supervisor that is away just now is waited for in the background.
 * -ENOENT: not run by a supervisor (the app may go on without); -EINVAL; -EMFILE … */
int miniprog_open(struct miniprog **ret, const struct miniprog_callbacks *callbacks, void *data);
/* Returns NULL. Outcomes still due never come. In a callback: once dispatch returns. */
struct miniprog *miniprog_close(struct miniprog *m);
int miniprog_fd(const struct miniprog *m); /* to poll; never read it */
/* Does what is due, never blocks. -EBUSY: in a callback; -ECANCELED: a callback closed it. */
int miniprog_dispatch(struct miniprog *m);
/* Polls and dispatches until unload was heard and the calls made by then are answered, or half of
 * its timeout is over: 0. -EINTR: a signal handler ran, call again or leave. Else as dispatch. */
int miniprog_run(struct miniprog *m);
const char *miniprog_error(const struct miniprog *m); /* the last failure in a sentence, or "" */

/* Calls return at once: 0 queued; -EINVAL; -EMSGSIZE above 64 KiB; -ENOBUFS 256 are unanswered;
 * -ENOMEM. done, if not NULL, gets the outcome, once. No call waits for a dialog; apply_update,
 * exit, restart and show_dialog are sent when what was called before them has been answered. */
int miniprog_ready(struct miniprog *m, miniprog_done done, void *data);
int miniprog_get_info(struct miniprog *m, miniprog_info_done done, void *data);
/* Blocks up to timeout_ms (-1: for ever), runs no callbacks. -ETIMEDOUT. */
int miniprog_get_info_sync(struct miniprog *m, int timeout_ms, struct miniprog_info **ret);
struct miniprog_info *miniprog_info_free(struct miniprog_info *info); /* of get_info_sync */
/* json: an object, at most 32 KiB; the last counts. expires_usec: CLOCK_REALTIME; 0: in a day. */
int miniprog_save_exit_state(struct miniprog *m, const char *json, uint64_t expires_usec,
                             miniprog_done done, void *data);
/* -EAGAIN: no update is ready. */
int miniprog_apply_update(struct miniprog *m, miniprog_done done, void *data);
int miniprog_exit(struct miniprog *m, miniprog_done done, void *data);
/* page: where to open, or NULL. */
int miniprog_restart(struct miniprog *m, const char *page, miniprog_done done, void *data);
/* -EBUSY: one is open already; -ENODEV: nobody is there to answer. */
int miniprog_show_dialog(struct miniprog *m, const struct miniprog_dialog *dialog,
                         miniprog_dialog_done done, void *data);
/* kind: audio, location, task. -EACCES: the manifest does not declare it. */
int miniprog_keep_running(struct miniprog *m, const char *kind, bool on, miniprog_done done,
                          void *data);
int miniprog_report_page(struct miniprog *m, const char *path, const char *json, miniprog_done done,
                         void *data);
int miniprog_request_host_update(struct miniprog *m, const char *why, miniprog_done done,
                                 void *data);

const char *miniprog_launch_query(const struct miniprog_launch *launch, const char *name);
/* From the environment; NULL (version: 0) when not run by a supervisor. */
const char *miniprog_id(void);
int64_t miniprog_version(void);
const char *miniprog_data_dir(void); /* the app's own, to write in */
const char *miniprog_package_dir(void);
#ifdef __cplusplus
} /* extern "C" */
#endif
#endif
