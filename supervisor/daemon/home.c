/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/home.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "supervisor/daemon/app.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"

#define DELAY_FIRST_US UINT64_C(1000000)
#define DELAY_LAST_US  UINT64_C(60000000)
#define ALIVE_RESET_US UINT64_C(60000000)

struct home {
    struct daemon *d;
    uint64_t started; /* BOOTTIME of the last start */
    uint64_t delay;   /* before the next one; 0: at once */
    uint64_t not_before;
    sd_event_source *timer;
    bool opening; /* inside our own app_open() */
};

struct home *home_new(struct daemon *d) {
    struct home *h = calloc(1, sizeof *h);
    if (h)
        h->d = d;
    return h;
}

struct home *home_free(struct home *h) {
    if (h) {
        sd_event_source_disable_unref(h->timer);
        free(h);
    }
    return NULL;
}

static void opened(struct waiter *w, struct app *app, const struct start_failure *failure) {
    if (failure)
        log_warning(app->id, "the home app does not start: %s", failure->detail);
    waiter_free(w);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    home_look(userdata);
    return 0;
}

static void look_later(struct home *h) {
    if (!h->timer) {
        if (sd_event_add_time(h->d->event, &h->timer, CLOCK_BOOTTIME, h->not_before, 1, on_timer,
                              h) >= 0)
            (void) sd_event_source_set_priority(h->timer, LOOP_TIMER);
        return;
    }
    (void) sd_event_source_set_time(h->timer, h->not_before);
    (void) sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

void home_look(struct home *h) {
    struct daemon *d = h ? h->d : NULL;

    if (!d || h->opening || d->ending || !d->config->lifecycle.home[0])
        return;
    struct app *app = daemon_app(d, d->config->lifecycle.home);
    if (!app || app->state != LIFE_STOPPED || app->removing || d->n_front > 0 || d->n_starting > 0)
        return;
    uint64_t now = loop_boottime();
    if (now < h->not_before) {
        look_later(h);
        return;
    }
    struct waiter *w = waiter_new(NULL, opened);
    if (!w)
        return;
    h->started = now;
    h->opening = true;
    app_open(app, w);
    h->opening = false;
}

void home_ended(struct home *h, struct app *app) {
    if (!h || strcmp(app->id, h->d->config->lifecycle.home) != 0)
        return;
    uint64_t now = loop_boottime();
    if (now - h->started >= ALIVE_RESET_US || h->delay == 0)
        h->delay = DELAY_FIRST_US;
    else
        h->delay = h->delay * 2 < DELAY_LAST_US ? h->delay * 2 : DELAY_LAST_US;
    h->not_before = now + h->delay;
}
