/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/fetch_http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/text.h"
#include "supervisor/worker/sink.h"
#include "supervisor/worker/verdict.h"
#include "units/request.h"

#define REDIRECTS_MAX    5L
#define CONNECT_MS       15000L
#define STALL_SECONDS    30L
#define STALL_RATE       256L /* bytes a second, where the request names no rate */
#define CERTIFICATES_MAX ((size_t) 4 << 20)
#define UNKNOWN          UINT64_MAX

/* The head of one response; redirects have their own, which is forgotten. */
struct response {
    unsigned status;
    uint64_t length; /* of what follows, or UNKNOWN */
    uint64_t range_start, range_total;
    bool encoded, taken;
    char etag[WORKER_ETAG_MAX + 1];
};

struct http {
    const struct worker_request *q;
    CURL *curl;
    struct curl_slist *headers;
    char *certificates;
    size_t certificates_len;
    char error[CURL_ERROR_SIZE];

    /* of one http_get() */
    struct sink *sink;
    struct verdict *v;
    uint64_t resumed_at;
    struct response response;
    int failure; /* why a callback ended it */
};

static struct http *http_free(struct http *h) {
    if (!h)
        return NULL;
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    free(h->certificates);
    free(h);
    return NULL;
}

static void http_free_p(struct http **h) {
    *h = http_free(*h);
}

static int http_open(const struct worker_request *q, struct http **ret, struct verdict *v) {
    CLEANUP(http_free_p) struct http *h = calloc(1, sizeof *h);
    const char *certificates = getenv("SSL_CERT_FILE");

    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->curl = curl_easy_init()))
        return err_set(v->e, -ENOMEM, "no memory to fetch with");
    h->q = q;
    if (certificates && *certificates) {
        int r = fs_read(AT_FDCWD, certificates, CERTIFICATES_MAX, &h->certificates,
                        &h->certificates_len, v->e);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(h);
    return 0;
}

/* --- the head of the answer ---------------------------------------------------------------- */

/* "bytes 100-199/200", or with a star for what the whole has. */
static bool parse_content_range(const char *text, struct response *r) {
    char start[24], total[24];
    uint64_t end;
    char last[24];

    if (strncasecmp(text, "bytes ", 6) != 0 ||
        sscanf(text + 6, "%23[0-9]-%23[0-9]/%23[0-9*]", start, last, total) != 3 ||
        parse_u64(start, &r->range_start) < 0 || parse_u64(last, &end) < 0 || end < r->range_start)
        return false;
    if (strcmp(total, "*") == 0)
        return true;
    return parse_u64(total, &r->range_total) == 0 && r->range_total > end;
}

static void take_field(struct response *r, const char *name, const char *value) {
    if (strcasecmp(name, "content-length") == 0) {
        (void) parse_u64(value, &r->length);
    } else if (strcasecmp(name, "content-range") == 0) {
        if (!parse_content_range(value, r))
            r->range_start = UNKNOWN;
    } else if (strcasecmp(name, "content-encoding") == 0) {
        r->encoded = r->encoded || strcasecmp(value, "identity") != 0;
    } else if (strcasecmp(name, "etag") == 0) {
        bool fits = strlen(value) <= WORKER_ETAG_MAX && text_is_utf8(value, strlen(value)) &&
                    !text_has_control(value, strlen(value));
        (void) snprintf(r->etag, sizeof r->etag, "%s", fits ? value : "");
    }
}

/* --- is it what was asked for? ------------------------------------------------------------- */

static int take_whole(struct http *h, uint64_t *ret_total) {
    int r = h->resumed_at ? sink_restart(h->sink, h->v) : 0; /* all of it comes anew */

    *ret_total = h->response.length;
    return r;
}

static int take_part(struct http *h, uint64_t *ret_total) {
    const struct response *r = &h->response;
    const char *known = h->sink->progress.etag;

    if (!h->resumed_at)
        return refuse(h->v, PACKAGE_NETWORK, "the server sends a part where all was asked for");
    if (r->range_start != h->resumed_at || (known[0] && r->etag[0] && strcmp(known, r->etag) != 0))
        return -EAGAIN;
    *ret_total = r->range_total;
    if (*ret_total == UNKNOWN && r->length != UNKNOWN)
        *ret_total = r->range_start + r->length;
    return 0;
}

static int take_other(struct http *h) {
    unsigned status = h->response.status;

    if (status == 416 && h->resumed_at)
        return -EAGAIN;
    if (status == 404 || status == 410)
        return refuse(h->v, PACKAGE_MISSING, "the server has no such file (%u)", status);
    return refuse(h->v, PACKAGE_NETWORK, "the server answered %u", status);
}

static int take_head(struct http *h) {
    struct response *response = &h->response;
    struct worker_progress *progress = &h->sink->progress;
    uint64_t total = UNKNOWN;
    int r = response->status == 200   ? take_whole(h, &total)
            : response->status == 206 ? take_part(h, &total)
                                      : take_other(h);

    if (r < 0)
        return r;
    if (response->encoded)
        return refuse(h->v, PACKAGE_FORMAT, "the server packed it, which was not asked for");
    if (total != UNKNOWN && h->q->size != WORKER_REQUEST_UNSET && total != h->q->size)
        return refuse(h->v, PACKAGE_HASH, "the server's file has %" PRIu64 " bytes, not %" PRIu64,
                      total, h->q->size);
    if (total != UNKNOWN && total > h->sink->cap)
        return refuse(h->v, PACKAGE_LIMITS, "it has %" PRIu64 " bytes, the most is %" PRIu64, total,
                      h->sink->cap);
    progress->total = total != UNKNOWN                     ? total
                      : h->q->size != WORKER_REQUEST_UNSET ? h->q->size
                                                           : 0;
    if (response->status == 200 || response->etag[0])
        memcpy(progress->etag, response->etag, sizeof progress->etag);
    response->taken = true;
    sink_tell(h->sink, 1);
    return 0;
}

/* --- libcurl's callbacks: anything but n ends the transfer --------------------------------- */

static size_t on_header(char *bytes, size_t one, size_t n, void *userdata) {
    struct http *h = userdata;
    struct response *r = &h->response;
    char line[1024], *value;

    (void) one;
    if (n >= sizeof line)
        return n; /* none of those that are looked at */
    memcpy(line, bytes, n);
    line[n] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0) {
        *r = (struct response){ .length = UNKNOWN, .range_total = UNKNOWN, .range_start = UNKNOWN };
        value = strchr(line, ' ');
        (void) sscanf(value ? value : "", " %3u", &r->status);
    } else if ((value = strchr(line, ':'))) {
        *value++ = '\0';
        take_field(r, line, value + strspn(value, " \t"));
    } else if (line[0] == '\0' && r->status >= 200 && r->status / 100 != 3 && !r->taken) {
        h->failure = take_head(h);
        return h->failure < 0 ? 0 : n;
    }
    return n;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *userdata) {
    struct http *h = userdata;

    (void) one;
    if (!h->response.taken) /* of a redirect that is not followed */
        return n;
    h->failure = sink_write(h->sink, bytes, n, h->v);
    return h->failure < 0 ? 0 : n;
}

/* --- one transfer -------------------------------------------------------------------------- */

static int set_headers(struct http *h, CURLcode *rc) {
    char line[WORKER_ETAG_MAX + 16], range[32];

    curl_slist_free_all(h->headers);
    h->headers = NULL;
    if (h->resumed_at == 0) {
        *rc |= curl_easy_setopt(h->curl, CURLOPT_RANGE, NULL);
        return 0;
    }
    /* Not CURLOPT_RESUME_FROM, which takes a whole file for an error. */
    (void) snprintf(range, sizeof range, "%" PRIu64 "-", h->resumed_at);
    *rc |= curl_easy_setopt(h->curl, CURLOPT_RANGE, range);
    if (h->sink->progress.etag[0] != '"')
        return 0; /* a weak one is not for this. Source: RFC 9110, 13.1.5 */
    (void) snprintf(line, sizeof line, "If-Range: %s", h->sink->progress.etag);
    h->headers = curl_slist_append(NULL, line);
    return h->headers ? 0 : -ENOMEM;
}

/* Everything that is not said here stays off: cookies, netrc, content decoding, authentication. */
static CURLcode set_options(struct http *h, long timeout_ms) {
    CURL *c = h->curl;
    bool plain = h->q->allow_http && strncmp(h->q->url, "http:", 5) == 0;
    long stall = h->q->min_rate ? (long) h->q->min_rate : STALL_RATE;
    CURLcode rc = CURLE_OK;

#define SET(option, value) rc |= curl_easy_setopt(c, CURLOPT_##option, value)
    SET(URL, h->q->url);
    SET(PROTOCOLS_STR, h->q->allow_http ? "http,https" : "https");
    SET(REDIR_PROTOCOLS_STR, plain ? "http,https" : "https");
    SET(FOLLOWLOCATION, 1L);
    SET(MAXREDIRS, REDIRECTS_MAX);
    SET(NOSIGNAL, 1L);
    SET(SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    SET(USERAGENT, "miniprog/" MINIPROG_VERSION);
    SET(CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(TIMEOUT_MS, timeout_ms);
    SET(LOW_SPEED_LIMIT, stall);
    SET(LOW_SPEED_TIME, STALL_SECONDS);
    SET(HTTPHEADER, h->headers);
    SET(SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's answer is not the server's */
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, h);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, h);
    SET(ERRORBUFFER, h->error);
    if (h->certificates) {
        struct curl_blob blob = { h->certificates, h->certificates_len, CURL_BLOB_NOCOPY };
        SET(CAINFO_BLOB, &blob);
        SET(CAPATH, NULL);
    }
#undef SET
    return rc;
}

static int from_curl(struct http *h, CURLcode rc) {
    if (rc == CURLE_OUT_OF_MEMORY)
        return err_set(h->v->e, -ENOMEM, "no memory to fetch with");
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return refuse(h->v, PACKAGE_NETWORK, "it took too long or came too slowly");
    if (rc == CURLE_UNSUPPORTED_PROTOCOL && h->response.status / 100 == 3)
        return refuse(h->v, PACKAGE_NETWORK, "it leads to a protocol that is not allowed");
    return refuse(h->v, PACKAGE_NETWORK, "it cannot be fetched: %s",
                  h->error[0] ? h->error : curl_easy_strerror(rc));
}

static int http_get(struct http *h, struct sink *sink, uint64_t deadline, struct verdict *v) {
    uint64_t now = monotonic_ms();
    CURLcode rc = CURLE_OK;

    h->sink = sink;
    h->v = v;
    h->resumed_at = sink->progress.bytes;
    h->response = (struct response){ .status = 0 };
    h->failure = 0;
    h->error[0] = '\0';
    if (now >= deadline)
        return refuse(v, PACKAGE_NETWORK, "it took too long or came too slowly");
    if (set_headers(h, &rc) < 0)
        return err_set(v->e, -ENOMEM, "no memory to fetch with");
    rc |= set_options(h, (long) (deadline - now));
    if (rc != CURLE_OK)
        return err_set(v->e, -ENOTSUP, "libcurl lacks what is needed");
    rc = curl_easy_perform(h->curl);
    if (h->failure < 0)
        return h->failure;
    if (rc != CURLE_OK)
        return from_curl(h, rc);
    return h->response.taken ? 0 : take_other(h);
}

/* --- what fetch.c is given ----------------------------------------------------------------- */

static int file_path(const char *url, char **ret, struct verdict *v) {
    CURLU *parts = curl_url();
    char *path = NULL;
    int r = 0;

    if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PATH, &path, CURLU_URLDECODE) != CURLUE_OK)
        r = refuse(v, PACKAGE_NETWORK, "that is no URL of a file");
    if (r == 0 && !(*ret = strdup(path)))
        r = err_set(v->e, -ENOMEM, "no memory for a path");
    curl_free(path);
    curl_url_cleanup(parts);
    return r;
}

const struct fetch_net fetch_http = { http_open, http_free, http_get, file_path };
