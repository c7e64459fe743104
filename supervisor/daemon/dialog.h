/* SPDX-License-Identifier: MIT
 * dialog.h - questions that apps ask the user: open until answered, timed out or left.
 * Layer: 3, daemon. Uses: base. One at a time an app. */
#ifndef DAEMON_DIALOG_H
#define DAEMON_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

struct app;
struct call;
struct daemon;
struct dialogs;
struct jsonw;

struct dialogs *dialogs_new(struct daemon *d);
struct dialogs *dialogs_free(struct dialogs *all);

/* Takes an app's ShowDialog call. */
int dialog_ask(struct app *app, struct call *call);
/* -ENOENT: no such dialog is open. */
int dialog_answer(struct dialogs *all, int64_t number, bool confirm);
/* The app ended. */
void dialog_close_of(struct app *app, const char *cause);
/* The number of the app's open dialog, 0: none. */
int64_t dialog_of(const struct app *app);
void dialogs_write(struct dialogs *all, struct jsonw *w, const char *key, const char *only);

#endif
