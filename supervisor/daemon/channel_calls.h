/* SPDX-License-Identifier: MIT
 * channel_calls.h - what an app asks of the supervisor: the handlers of org.miniprog.App.
 * Layer: 3, daemon. Uses: base. call_userdata() is the app. */
#ifndef DAEMON_CHANNEL_CALLS_H
#define DAEMON_CHANNEL_CALLS_H

struct call;

int channel_on_ready(struct call *call);
int channel_on_get_info(struct call *call);
int channel_on_save_exit_state(struct call *call);
int channel_on_exit(struct call *call);
int channel_on_restart(struct call *call);
int channel_on_show_dialog(struct call *call);
int channel_on_keep_running(struct call *call);
int channel_on_report_page(struct call *call);
int channel_on_request_host_update(struct call *call);

#endif
