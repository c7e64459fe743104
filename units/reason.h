/* SPDX-License-Identifier: MIT
 * reason.h - why a run of an app ended.
 * Layer: 2, units. Uses: base. Source of the list: design.md §4. */
#ifndef UNITS_REASON_H
#define UNITS_REASON_H

#include <stddef.h>

/* name on the wire, sentence for people (no full stop) */
#define EXIT_REASONS(X)                                                                            \
    X(EXITED, "exited", "It ended by itself")                                                      \
    X(CRASHED, "crashed", "It crashed")                                                            \
    X(START_FAILED, "start_failed", "It could not be started")                                     \
    X(START_TIMEOUT, "start_timeout", "It was not ready in time")                                  \
    X(CLOSED, "closed", "It was closed")                                                           \
    X(KILLED, "killed", "It was killed by request")                                                \
    X(REMOVED, "removed", "It was removed")                                                        \
    X(RESTART, "restart", "It asked to be restarted")                                              \
    X(BACKGROUND_TIMEOUT, "background_timeout", "It was in background for too long")               \
    X(WARM_LIMIT, "warm_limit", "Too many apps were kept in background")                           \
    X(MEMORY_LIMIT, "memory_limit", "It used more memory than it may: reopen it")                  \
    X(MEMORY_PRESSURE, "memory_pressure", "Memory ran short: reopen it")                           \
    X(MEMORY_ALARMS, "memory_alarms", "It ignored repeated memory warnings: reopen it")            \
    X(UNRESPONSIVE, "unresponsive", "It stopped responding")                                       \
    X(UPDATE, "update", "It was restarted with a new version")                                     \
    X(SUPERVISOR, "supervisor", "The supervisor ended")

#define X(id, name, sentence) EXIT_##id##_REASON,
enum exit_reason { EXIT_REASON_NONE, EXIT_REASONS(X) EXIT_REASON_COUNT };
#undef X

const char *exit_reason_name(enum exit_reason reason);          /* "none" for NONE */
int exit_reason_parse(const char *name, enum exit_reason *ret); /* -EINVAL */
/* For people. `lang` is a locale name as in $LANG (may be NULL); the memory reasons read
 * 「运行内存不足，请重新打开该小程序」 where it starts with zh. */
const char *exit_reason_sentence(enum exit_reason reason, const char *lang);

#endif
