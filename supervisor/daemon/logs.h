/* SPDX-License-Identifier: MIT
 * logs.h - answer Logs: an app's kept lines, and with follow what it prints from then on.
 * Layer: 3, daemon. Pulled by the client: as many lines are read as it takes. */
#ifndef DAEMON_LOGS_H
#define DAEMON_LOGS_H

struct app;
struct call;

int logs_answer(struct app *app, struct call *call);

#endif
