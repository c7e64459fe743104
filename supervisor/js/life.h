/* SPDX-License-Identifier: MIT
 * life.h - App(), getApp(), and the supervisor's events in the order that WeChat gives them.
 * Layer: 4, js. Uses: base, sdk, JavaScriptCore.
 *
 * Cold: App.onLaunch, App.onShow, then the entry page. To background: the page's onHide, then
 * App.onHide, with the exit state saved. Back: App.onShow, then the page's onShow. */
#ifndef JS_LIFE_H
#define JS_LIFE_H

struct js;
struct miniprog_callbacks;

extern const struct miniprog_callbacks life_callbacks;

void life_init(struct js *js); /* the globals App and getApp */
/* What was held back after a SIGCONT goes on, without onShow. */
void life_release(struct js *js);

#endif
