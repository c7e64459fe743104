/* SPDX-License-Identifier: MIT
 * fetch_http.h - the part of fetching that needs libcurl; not for others than fetch.c and main().
 * Layer: 3, worker. Uses: base, units, libcurl. */
#ifndef WORKER_FETCH_HTTP_H
#define WORKER_FETCH_HTTP_H

#include <stdint.h>

struct http;
struct sink;
struct verdict;
struct worker_request;

/* A table, so that only the program that is given it is linked with libcurl. */
struct fetch_net {
    /* Before the sandbox: libcurl's own start, the certificates of $SSL_CERT_FILE where it is set.
     */
    int (*open)(const struct worker_request *request, struct http **ret, struct verdict *v);
    struct http *(*free)(struct http *h);

    /* Fetches until `deadline` (monotonic_ms()) into the sink, going on behind what it holds.
     * Errors: -EINVAL with the verdict; -EAGAIN: what the sink holds is not the beginning of what
     * the server has; others when it is we who failed. */
    int (*get)(struct http *h, struct sink *sink, uint64_t deadline, struct verdict *v);

    /* "/a b" of "file:///a%20b"; malloc'd. */
    int (*file_path)(const char *url, char **ret, struct verdict *v);
};
extern const struct fetch_net fetch_http;

#endif
