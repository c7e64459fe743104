/* SPDX-License-Identifier: MIT
 * fetch.h - one file from somewhere into a descriptor.
 * Layer: 3, worker. Uses: base, units; libcurl in fetch_http.c.
 *
 * Somewhere is https, http or a file of this machine, the last two where the request allows them.
 * Own counting of bytes, a deadline for all of it, no decoding of contents, few redirects and never
 * to a weaker protocol. What is in the file already is gone on with where the server still has the
 * same; where it turns out not to, once from the start. Source: facts/updates.md §4.2. */
#ifndef WORKER_FETCH_H
#define WORKER_FETCH_H

#include <stdbool.h>

#include "units/answer.h"

struct err;
struct fetch;
struct fetch_net;
struct worker_request;

/* net: for URLs; NULL: this program has an absolute path alone. Opens what lies outside of the
 * sandbox: a local source, certificates. All are borrowed. Returns 0 with *ret, or with *ret NULL
 * and *answer: what is wrong with the source. Else it is we who failed. */
int fetch_open(const struct worker_request *request, const struct fetch_net *net, int file_fd,
               int tell_fd, struct fetch **ret, struct worker_file *answer, struct err *e);
bool fetch_needs_network(const struct fetch *f);

/* Lines of progress go to tell_fd. Returns 0 with ret: ok, or what is wrong; else it is we. */
int fetch_run(struct fetch *f, struct worker_file *ret, struct err *e);
struct fetch *fetch_free(struct fetch *f);
void fetch_free_p(struct fetch **f); /* for CLEANUP() */

#endif
