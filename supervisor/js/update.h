/* SPDX-License-Identifier: MIT
 * update.h - the UpdateManager: what the supervisor found, for listeners early and late.
 * Layer: 4, js. Uses: sdk, JavaScriptCore.
 *
 * The supervisor checks when it likes, so a listener may come after the event: it hears of it all
 * the same, once, in a turn of its own. */
#ifndef JS_UPDATE_H
#define JS_UPDATE_H

#include <stdbool.h>

#include <JavaScriptCore/JavaScript.h>

struct js;

struct updates {
    JSObjectRef manager; /* NULL: nobody asked for it yet */
    bool checked, has_update;
    bool ready, failed; /* at most one: the last that was heard */
};

void update_checked(struct js *js, bool has_update);
void update_is_ready(struct js *js);
void update_has_failed(struct js *js);

#endif
