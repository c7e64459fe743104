/* SPDX-License-Identifier: MIT
 * fetch_http.h - the part of fetching that talks HTTP; not for others than fetch.c.
 * Layer: 3, worker. Uses: base, units, libcurl. */
#ifndef WORKER_FETCH_HTTP_H
#define WORKER_FETCH_HTTP_H

#include <stdint.h>

struct http;
struct sink;
struct verdict;
struct worker_request;

/* Before the sandbox: libcurl's own start, the certificates of $SSL_CERT_FILE where it is set. */
int http_open(const struct worker_request *request, struct http **ret, struct verdict *v);
struct http *http_free(struct http *h);

/* Fetches until `deadline` (monotonic_ms()) into the sink, going on behind what it holds. Errors:
 * -EINVAL with the verdict; -EAGAIN: what the sink holds is not the beginning of what the server
 * has; others when it is we who failed. */
int http_get(struct http *h, struct sink *sink, uint64_t deadline, struct verdict *v);

#endif
