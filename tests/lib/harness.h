/* SPDX-License-Identifier: MIT
 * harness.h - a real miniprogd for a test: its own folders, its own groups, gone afterwards.
 * Layer: tests. Uses: wire, base.
 *
 * Nothing here sleeps: what a test waits for is an event of the supervisor's Watch, a reply, or a
 * descriptor, each with a deadline after which the test fails. Failures end the test (cmocka). */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/base/json.h"
#include "supervisor/wire/client.h"

#define HARNESS_PATIENCE_MS 60000 /* an emulated processor among others */

/* Of [memory]: what tests beside it do to the machine's memory is nobody's need here. Added to a
 * configuration that says nothing of memory. */
#define HARNESS_NO_STALLS                                                                          \
    "moderate=some 999ms 1s\nlow=full 999ms 1s\ncritical=full 999ms 1s\navailable_low=1%\n"        \
    "available_low_exit=2%\navailable_critical=0%\navailable_critical_exit=1%\n"

struct harness {
    char base[24]; /* /tmp/mp-XXXXXX, 0711; elsewhere by $MINIPROG_TEST_DIR */
    char runtime[32], state[32], config[40], control[48], packages[40];
    char backend[16];       /* "" for auto */
    pid_t daemon;           /* 0: not running */
    int daemon_log;         /* what the daemon said, a file */
    struct client *client;  /* for calls */
    struct client *watcher; /* streams Watch */
};

/* Makes the folders, writes the configuration, starts the daemon, waits until it answers, and
 * watches it. config: text of miniprogd.conf; NULL: short spans (see harness.c). */
void harness_start(struct harness *h, const char *config);
void harness_start_backend(struct harness *h, const char *config, const char *backend);
/* Ends the daemon with SIGTERM, expects success, and that nothing is left: no group, no process, no
 * socket. */
void harness_stop(struct harness *h);
/* For a fixture's teardown after a failed test: kills everything that is left. */
void harness_clean(struct harness *h);

/* The daemon alone: signal it and wait for its end (returns its wait status); start the next one on
 * the same folders. */
int harness_signal_and_wait(struct harness *h, int sig);
void harness_signal(struct harness *h, int sig);
void harness_restart(struct harness *h);
/* In two steps, for a daemon that may not get so far: started, then waited for on the descriptor
 * that the first returns (closed by the second). */
int harness_spawn(struct harness *h);
extern void (*harness_in_child)(void); /* before its exec; NULL: nothing */
void harness_meet(struct harness *h, int ready_fd);
void harness_write_config(struct harness *h, const char *config);

/* Calls a method of org.miniprog.Supervisor (short name) with parameters as JSON text, printf-like.
 * The reply is to be varlink_reply_clear()ed. harness_ok: expects success. harness_error: expects
 * that error (short name of ours, or whole). */
void harness_call(struct harness *h, struct varlink_reply *ret, const char *method, const char *fmt,
                  ...) __attribute__((format(printf, 4, 5)));
void harness_ok(struct harness *h, const char *method, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void harness_error(struct harness *h, const char *error, const char *method, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same on a connection of its own, to be read with client_receive(). */
struct client *harness_connect(struct harness *h);
struct client *harness_send(struct harness *h, const char *method, bool more, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Waits on the watcher for an event of that app, type and (state events) new state; text: a member
 * "cause" or "reason" must have it, or NULL. Earlier events are passed over. */
void harness_wait_state(struct harness *h, const char *id, const char *to, const char *cause);
void harness_wait_exit(struct harness *h, const char *id, const char *reason);
/* The next event of that type (of that app, if id is not NULL); to be varlink_reply_clear()ed;
 * returns the event object. */
const struct json *harness_wait_event(struct harness *h, const char *id, const char *type,
                                      struct varlink_reply *ret);

/* Facts. */
void harness_assert_state(struct harness *h, const char *id, const char *state);
pid_t harness_pid(struct harness *h, const char *id); /* 0: none */
int64_t harness_number(struct harness *h, const char *id,
                       const char *member); /* of Status's app; -1: absent */
char harness_proc_state(pid_t pid);         /* 'S', 'T', … of /proc; 0: no such process */
void harness_wait_proc_state(pid_t pid,
                             const char *states); /* polls the kernel's file with a deadline */
void harness_wait_gone(pid_t pid);
/* The app's log through Logs, joined by newlines; malloc'd. */
char *harness_log(struct harness *h, const char *id);
void harness_wait_log(struct harness *h, const char *id,
                      const char *text); /* follows until a line has it */
int harness_daemon_fds(struct harness *h);
/* Text is in what the daemon itself said so far. */
bool harness_daemon_said(struct harness *h, const char *text);

/* Packages: a folder under h->packages. script: shell text for bin/run ("#!/bin/sh" is put before
 * it); NULL: bin/run is a copy of the built test app `tests/integration/app_<program>`. ours:
 * members of "miniprog" besides exec, each followed by a comma-less text like "\"ready\":
 * \"notify\"", or "". argument: exec's second word, or NULL. */
struct harness_app {
    const char *id;
    int code; /* version code; 0 is 1 */
    const char *script;
    const char *program;
    const char *argument;
    const char *ours;
};
void harness_make(struct harness *h, const struct harness_app *app, char ret_folder[128]);
void harness_install(struct harness *h,
                     const struct harness_app *app); /* make and Install unsigned */

/* Skips the test with a printed reason, or fails it where MINIPROG_REQUIRE has `what`. */
void harness_need(const char *what, bool there, const char *why);
bool harness_has_cgroups(void); /* a writable v2 tree */

#endif
