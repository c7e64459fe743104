/* SPDX-License-Identifier: MIT */
#include "supervisor/js/turn.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "supervisor/js/js.h"
#include "supervisor/js/life.h"
#include "supervisor/js/watchdog.h"

#define BATCH 64 /* tasks or timers between two looks at the supervisor's events */

struct task {
    struct list node;
    task_fn run;
    void *data;
};

struct work_source {
    GSource base;
    struct js *js;
};

/* The kernel queues SIGCONT before it lets a stopped thread go on, so the handler has run before
 * anything else does. */
static atomic_bool continued;

static void on_continue(int sig) {
    (void) sig;
    atomic_store(&continued, true);
}

struct js *turn_begin(struct js *js) {
    watchdog_begin(js->watchdog);
    return js;
}

void turn_end_p(struct js **js) {
    watchdog_end((*js)->watchdog);
}

/* --- holding back ------------------------------------------------------------------------- */

bool turn_holds(struct js *js) {
    struct turns *t = &js->turns;

    if (!js->shown && js->launched && atomic_exchange(&continued, false)) {
        t->held = true;
        t->held_until = g_get_monotonic_time() + TURN_HOLD_US;
    }
    return t->held;
}

void turn_release(struct js *js) {
    js->turns.held = false;
}

void turn_hidden(struct js *js) {
    (void) js;
    atomic_store(&continued, false); /* somebody stopped it while it was in front: no matter */
}

/* --- the source --------------------------------------------------------------------------- */

static int64_t next_due(struct js *js) {
    const struct turns *t = &js->turns;

    if (turn_holds(js))
        return t->held_until;
    return list_empty(&t->tasks) ? timers_due(js) : 0;
}

/* All that changes it is done by this thread, in a dispatch: no ready time to be kept up. */
static gboolean work_prepare(GSource *source, gint *timeout) {
    int64_t due = next_due(((struct work_source *) source)->js), left;

    *timeout = -1;
    if (due < 0)
        return FALSE;
    left = due - g_get_monotonic_time();
    if (left <= 0)
        return TRUE;
    *timeout = left / 1000 < INT_MAX - 1 ? (gint) (left / 1000) + 1 : INT_MAX;
    return FALSE;
}

static gboolean work_check(GSource *source) {
    gint timeout;
    return work_prepare(source, &timeout);
}

/* Those that are there now; what they add is for the next dispatch. */
static void run_tasks(struct js *js) {
    size_t most = js->turns.n_tasks < BATCH ? js->turns.n_tasks : BATCH;

    for (size_t i = 0; i < most && !turn_holds(js); i++) {
        struct task *task = list_first(&js->turns.tasks, struct task, node);
        struct task now = *task;
        list_remove(&task->node);
        free(task);
        js->turns.n_tasks--;
        TURN(js);
        now.run(js, now.data);
    }
}

static gboolean work_dispatch(GSource *source, GSourceFunc callback, gpointer data) {
    struct js *js = ((struct work_source *) source)->js;

    (void) callback;
    (void) data;
    if (turn_holds(js) && g_get_monotonic_time() >= js->turns.held_until)
        life_release(js); /* nobody explained it: a person's kill -CONT */
    if (!turn_holds(js)) {
        run_tasks(js);
        timers_run(js, BATCH);
    }
    js_end_if_done(js);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs work_functions = { .prepare = work_prepare,
                                       .check = work_check,
                                       .dispatch = work_dispatch };

int turns_init(struct js *js) {
    struct sigaction sa = { .sa_handler = on_continue, .sa_flags = SA_RESTART };

    list_init(&js->turns.tasks);
    list_init(&js->turns.events);
    (void) sigemptyset(&sa.sa_mask);
    if (sigaction(SIGCONT, &sa, NULL) < 0)
        return -errno;
    js->turns.source = g_source_new(&work_functions, sizeof(struct work_source));
    ((struct work_source *) js->turns.source)->js = js;
    (void) g_source_attach(js->turns.source, NULL);
    return 0;
}

int turn_later(struct js *js, task_fn run, void *data) {
    struct task *task = malloc(sizeof *task);

    if (!task)
        return -ENOMEM;
    *task = (struct task){ .run = run, .data = data };
    list_init(&task->node);
    list_append(&js->turns.tasks, &task->node);
    js->turns.n_tasks++;
    return 0;
}
