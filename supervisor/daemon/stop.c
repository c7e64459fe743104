/* SPDX-License-Identifier: MIT
 * The ways an app is stopped, and what the end of its run was. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/why.h"

#define UNLOAD_FOR_MEMORY_US UINT64_C(1000000) /* Source: design.md §4 */
/* A process in uninterruptible sleep dies when it wakes. */
#define KILL_AGAIN_US UINT64_C(2000000)

static uint64_t stop_timeout(const struct app *app) {
    uint64_t own = app->manifest->stop_timeout_us;
    return own != MANIFEST_UNSET ? own : app->d->config->lifecycle.stop_timeout;
}

static void terminate(struct app *app) {
    struct err e = { 0 };
    app->run->terminated = true;
    if (cgrp_group_signal(app->run->group, SIGTERM, &e) < 0)
        log_warning(app->id, "cannot send SIGTERM: %s, it will be killed", e.text);
}

/* Who listens is told and has half the time for itself; who does not has SIGTERM at once. */
void stop_begin(struct app *app) {
    struct run *run = app->run;
    uint64_t now = loop_boottime(), timeout = stop_timeout(app);

    if (run->spawning || !run->group) {
        run->terminated = true; /* stop_after_spawn() does it */
        start_admitted(app);    /* or there is nothing to be spawned: it waited for room */
        return;
    }
    run_set_deadline(app, DEADLINE_KILL, now + timeout);
    if (channel_is_listening(app) && !run->main_ended) {
        channel_unload(app, run->reason, timeout);
        channel_flush(app);
        run_set_deadline(app, DEADLINE_TERM, now + timeout / 2);
    } else {
        terminate(app);
    }
}

void stop_unload(struct app *app) {
    struct run *run = app->run;

    if (run->spawning || !run->group || !channel_is_listening(app)) {
        stop_kill(app);
        return;
    }
    channel_unload(app, run->reason, UNLOAD_FOR_MEMORY_US);
    channel_flush(app);
    run_set_deadline(app, DEADLINE_KILL, loop_boottime() + UNLOAD_FOR_MEMORY_US);
}

void stop_kill(struct app *app) {
    struct run *run = app->run;
    struct err e = { 0 };

    run->terminated = true;
    if (run->spawning || !run->group) {
        start_admitted(app);
        return;
    }
    if (cgrp_group_kill(run->group, &e) < 0)
        log_err(app->id, "cannot kill its group: %s, trying again", e.text);
    run_set_deadline(app, DEADLINE_KILL, loop_boottime() + KILL_AGAIN_US);
}

/* Not yet ready, asked to end: nothing it holds is worth a polite end. */
void stop_after_spawn(struct app *app) {
    stop_kill(app);
}

/* --- what the end was --------------------------------------------------------------------- */

static bool ended_badly(const struct run *run) {
    return run->has_status && (run->wait_code != CLD_EXITED || run->wait_status != 0);
}

static enum exit_reason reason_of(const struct run *run) {
    if (run->reason != EXIT_REASON_NONE)
        return run->reason;
    /* An adopted one's status may never be known. */
    if (run->memory.kernel_killed && (ended_badly(run) || !run->has_status))
        return EXIT_MEMORY_LIMIT_REASON;
    if (!run->ready)
        return EXIT_START_FAILED_REASON;
    if (run->watchdog_triggered)
        return EXIT_UNRESPONSIVE_REASON;
    return ended_badly(run) ? EXIT_CRASHED_REASON : EXIT_EXITED_REASON;
}

const char *run_end_cause(const struct app *app) {
    app->run->memory.kernel_killed = memory_kernel_killed(app);
    return exit_reason_name(reason_of(app->run));
}

static void describe(const struct run *run, enum exit_reason reason, struct exit_record *x) {
    const char *sentence = exit_reason_sentence(reason, getenv("LANG"));

    if (run->failure && run->failure->detail[0])
        (void) snprintf(x->message, sizeof x->message, "%s: %s", sentence, run->failure->detail);
    else if (x->has_signal)
        (void) snprintf(x->message, sizeof x->message, "%s (SIG%s)", sentence,
                        sigabbrev_np(x->signal) ? sigabbrev_np(x->signal) : "?");
    else if (x->has_status)
        (void) snprintf(x->message, sizeof x->message, "%s (status %d)", sentence, x->status);
    else if (!run->is_child && !run->has_status)
        (void) snprintf(x->message, sizeof x->message,
                        "%s (it ended while no supervisor could see its status)", sentence);
    else
        (void) snprintf(x->message, sizeof x->message, "%s", sentence);
}

void stop_ended(struct app *app, struct exit_record *ret) {
    struct run *run = app->run;

    run->memory.kernel_killed = memory_kernel_killed(app);
    enum exit_reason reason = reason_of(run);
    *ret = (struct exit_record){ .reason = reason, .at_usec = loop_realtime() };
    if (run->has_status) {
        ret->has_signal = run->wait_code != CLD_EXITED;
        ret->has_status = !ret->has_signal;
        ret->signal = ret->has_signal ? run->wait_status : 0;
        ret->status = ret->has_status ? run->wait_status : 0;
    }
    describe(run, reason, ret);

    if (reason == EXIT_CRASHED_REASON || reason == EXIT_START_FAILED_REASON ||
        reason == EXIT_START_TIMEOUT_REASON || reason == EXIT_UNRESPONSIVE_REASON) {
        const struct log_fields fields = { .message_id = LOG_ID_ENDED,
                                           .reason = exit_reason_name(reason),
                                           .version = app->versions.current.code };
        log_with(LOG_LEVEL_WARNING, app->id, &fields, "%s", ret->message);
        why_record(app, &(struct why){ .action = exit_reason_name(reason), .text = ret->message });
    }
}
