/* SPDX-License-Identifier: MIT
 * output.h - what apps print: a FIFO for each, drained by one thread into bounded log files.
 * Layer: 3, daemon. Uses: base, libsystemd.
 *
 * The FIFO lives in the runtime folder and is opened read-write on both sides, so that neither the
 * daemon's death nor its absence is an error to the app (a pipe whose reader dies would kill it).
 * While there is no daemon it holds 64 KiB; an app that prints more waits in write(2) for the next.
 * Logs: <state dir>/log/<id>, moved to <id>.1 at `log_size` (0600). Lines keep their bytes; readers
 * get them as UTF-8. The thread never touches the loop's data; the loop learns of growth by an
 * eventfd, and only for apps that somebody follows. */
#ifndef DAEMON_OUTPUT_H
#define DAEMON_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct err;
struct output;
struct output_reader;
struct output_wait;

#define OUTPUT_LINE_MAX ((size_t) 16 * 1024) /* longer lines are cut into pieces for readers */

/* fifo_dir: "<runtime dir>/output", made 0700; log_dir: "<state dir>/log", made 0700. */
int output_new(sd_event *event, const char *fifo_dir, const char *log_dir, uint64_t log_size,
               struct output **ret, struct err *e);
/* Drains what is in the FIFOs, stops the thread; FIFOs stay for the next daemon. */
struct output *output_free(struct output *o);
void output_set_log_size(struct output *o, uint64_t log_size);

/* Begins (or goes on, after an adoption) to drain the app's FIFO. uid, gid: who owns the FIFO's
 * inode, so that the app may reopen /dev/stdout; (uid_t) -1: as we are. ret_child_fd (may be NULL):
 * a read-write descriptor for the child, the caller's. */
int output_attach(struct output *o, const char *id, uid_t uid, gid_t gid, int *ret_child_fd,
                  struct err *e);
/* The run ended: takes what is left, removes the FIFO; the log stays. */
void output_detach(struct output *o, const char *id);
/* Removes the app's logs. */
void output_forget(struct output *o, const char *id);
/* Calls settled(userdata) on the loop once all that the app had printed by now is in its log: 1
 * with ret, to be cancelled if nobody wants to hear of it any more; 0: it is so already; -errno. */
int output_settle(struct output *o, const char *id, void (*settled)(void *userdata), void *userdata,
                  struct output_wait **ret);
void output_settle_cancel(struct output_wait *w);

/* Reads kept lines, oldest first. grown(reader, userdata) is called on the loop when there is more
 * after output_read() returned 0 (follow only). */
int output_reader_new(struct output *o, const char *id, bool follow,
                      void (*grown)(struct output_reader *, void *), void *userdata,
                      struct output_reader **ret, struct err *e);
struct output_reader *output_reader_free(struct output_reader *r);
/* The next line without its newline: 1 with ret (valid UTF-8, NUL-terminated, no control characters
 * but tab, valid until the next call) ; 0 nothing more now; -errno. Follows the log over its
 * rotation. */
int output_read(struct output_reader *r, const char **ret);

#endif
