/* SPDX-License-Identifier: MIT
 * run.h - `run FOLDER`: an app while it is being written.
 * Layer: 4, ctl. Uses: base, wire.
 *
 * Installs the folder, opens the app with its log in the terminal, and does so again whenever a
 * file of the folder changes. Ctrl-C closes the app. */
#ifndef CTL_RUN_H
#define CTL_RUN_H

struct ctl;

int run_folder(struct ctl *c, const char *folder);

#endif
