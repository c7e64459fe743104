/* SPDX-License-Identifier: MIT
 * tool.h - verbs that another program of ours does, without a daemon.
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_TOOL_H
#define CTL_TOOL_H

#include "supervisor/ctl/options.h"

/* Becomes PREFIX/libexec/miniprog/miniprog-worker (of $MINIPROG_LIBEXEC, where that is set), with
 * the options given as --name=value and the verb's arguments behind them. It speaks in our name and
 * ends as we would have. Returns an exit status only if that fails, said. */
int tool_worker(const struct options *o, const char *job);

/* Becomes miniprogd --replay: PREFIX/sbin/miniprogd, seen from PREFIX/libexec/miniprog; with
 * $MINIPROG_LIBEXEC the one in that folder, which is what a build tree has, else the one that
 * belongs to it as in PREFIX. */
int tool_replay(const char *file);

#endif
