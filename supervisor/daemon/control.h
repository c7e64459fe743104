/* SPDX-License-Identifier: MIT
 * control.h - the control socket (org.miniprog.Supervisor).
 * Layer: 3, daemon. Uses: base, wire. */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

struct call;
struct daemon;
struct err;

/* [control] group, by name; before there are threads. */
int control_resolve(struct daemon *d, struct err *e);
int control_open(struct daemon *d, int handed_fd, struct err *e);

/* Error replies that more than one part gives. */
void control_no_such_app(struct call *call, const char *id);
void control_bad_package(struct call *call, const char *reason, const char *detail);
void control_storage(struct call *call, const char *detail);
void control_busy(struct call *call, const char *detail);
void control_error_text(struct call *call, const char *error, const char *member, const char *text);

#endif
