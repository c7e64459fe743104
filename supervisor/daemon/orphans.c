/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/orphans.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "supervisor/base/err.h"
#include "supervisor/base/map.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/install.h"
#include "supervisor/daemon/loop.h"

/* Main processes and workers have a pidfd and somebody who wants their status. */
static bool is_somebodys(struct daemon *d, pid_t pid) {
    struct app *app;
    size_t at = 0;

    while ((app = map_next(d->apps, &at)))
        if (app->run && (app->run->pid == pid || app->run->spawning))
            return true;
    return installer_owns(d->installer, pid);
}

/* waitid() always shows the same first one: where that is somebody's, its own event comes first and
 * SIGCHLD, or the next one, finds the rest. */
static int on_child(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
    (void) s;
    (void) si;
    struct daemon *d = userdata;
    siginfo_t dead = { 0 };

    while (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid > 0 &&
           !is_somebodys(d, dead.si_pid)) {
        (void) waitid(P_PID, (id_t) dead.si_pid, &dead, WEXITED | WNOHANG);
        dead = (siginfo_t){ 0 };
    }
    return 0;
}

int orphans_take(struct daemon *d, struct err *e) {
    sd_event_source *s = NULL;

    (void) prctl(PR_SET_CHILD_SUBREAPER, 1L);
    int r = sd_event_add_signal(d->event, &s, SIGCHLD, on_child, d);
    if (r < 0)
        return err_set(e, r, "cannot take SIGCHLD: %s", strerror(-r));
    (void) sd_event_source_set_priority(s, LOOP_SIGNAL);
    (void) sd_event_source_set_floating(s, true);
    (void) sd_event_source_unref(s);
    return 0;
}
