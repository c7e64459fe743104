/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/sdk/sdk.h"

uint64_t sdk_now(void) {
    struct timespec now = { .tv_sec = 0 };

    (void) clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail on Linux since 2.6.39 */
    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

int sdk_wait(const struct miniprog *m, uint64_t until) {
    struct pollfd p = { .fd = m->epoll, .events = POLLIN };
    uint64_t now = sdk_now();
    int ms = -1, r;

    if (until != UINT64_MAX) {
        /* Rounded up: a wait that ends too early would be gone through again and again. */
        uint64_t left = until > now ? (until - now + 999) / 1000 : 0;
        ms = left > INT_MAX ? INT_MAX : (int) left;
    }
    r = poll(&p, 1, ms);
    if (r < 0)
        return -errno;
    return r == 0 ? -ETIMEDOUT : 0;
}

static struct miniprog *handle_free(struct miniprog *m) {
    for (unsigned i = 0; i < LANE_COUNT; i++)
        lane_clear(&m->lanes[i]);
    close_p(&m->epoll);
    close_p(&m->timer);
    free(m);
    return NULL;
}

static void handle_free_p(struct miniprog **m) {
    if (*m)
        *m = handle_free(*m);
}

static int handle_new(struct miniprog **ret) {
    CLEANUP(handle_free_p) struct miniprog *m = calloc(1, sizeof *m);
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = LANE_COUNT };

    if (!m)
        return -ENOMEM;
    m->epoll = m->timer = -1;
    m->last_seq = -1;
    for (unsigned i = 0; i < LANE_COUNT; i++)
        lane_init(&m->lanes[i]);
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (m->epoll < 0)
        return -errno;
    m->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (m->timer < 0)
        return -errno;
    if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->timer, &ev) < 0)
        return -errno;
    *ret = TAKE_PTR(m);
    return 0;
}

/* An older app's struct is shorter, a newer app's longer: what we do not know must be unused. */
static int take_callbacks(struct miniprog *m, const struct miniprog_callbacks *callbacks) {
    const unsigned char *bytes = (const unsigned char *) callbacks;
    size_t size = callbacks->size;

    if (size < sizeof m->callbacks) /* the first release's */
        return -EINVAL;
    for (size_t i = sizeof m->callbacks; i < size; i++)
        if (bytes[i] != 0)
            return -E2BIG;
    memcpy(&m->callbacks, callbacks, sizeof m->callbacks);
    m->watch = true;
    return 0;
}

/* "unix:/path" or "unix:@name", each with ";parameters" that are passed over. Source: varlink.org,
 * Address. */
static int take_address(struct miniprog *m, const char *address) {
    static const char scheme[] = "unix:";
    size_t len;

    if (strncmp(address, scheme, sizeof scheme - 1) != 0)
        return -EINVAL;
    address += sizeof scheme - 1;
    len = strcspn(address, ";");
    if (len < 2 || (address[0] != '/' && address[0] != '@'))
        return -EINVAL;
    if (len >= sizeof m->address)
        return -ENAMETOOLONG;
    memcpy(m->address, address, len);
    return 0;
}

PUBLIC int miniprog_open(struct miniprog **ret, const struct miniprog_callbacks *callbacks,
                         void *data) {
    CLEANUP(handle_free_p) struct miniprog *m = NULL;
    const char *address = secure_getenv("MINIPROG_ADDRESS");
    int r;

    if (!address || !address[0])
        return -ENOENT;
    r = handle_new(&m);
    if (r == 0)
        r = take_address(m, address);
    if (r == 0 && callbacks)
        r = take_callbacks(m, callbacks);
    if (r < 0)
        return r;
    m->data = data;
    lane_pump(m);
    *ret = TAKE_PTR(m);
    return 0;
}

int sdk_open(struct miniprog **ret, const char *address) {
    struct miniprog *m = NULL;
    int r = handle_new(&m);

    if (r < 0)
        return r;
    memcpy(m->address, address, sizeof m->address);
    *ret = m;
    return 0;
}

PUBLIC struct miniprog *miniprog_close(struct miniprog *m) {
    if (m && m->dispatching)
        m->closed = true; /* the dispatch that runs this callback frees it */
    else if (m)
        (void) handle_free(m);
    return NULL;
}

PUBLIC int miniprog_fd(const struct miniprog *m) {
    return m->epoll;
}

PUBLIC const char *miniprog_error(const struct miniprog *m) {
    return m->err.text;
}

PUBLIC int miniprog_dispatch(struct miniprog *m) {
    struct epoll_event events[LANE_COUNT + 1];
    uint64_t expirations;
    int n;

    if (m->dispatching)
        return -EBUSY;
    n = epoll_wait(m->epoll, events, LANE_COUNT + 1, 0);
    m->dispatching = true;
    for (int i = 0; i < n && !m->closed; i++) {
        if (events[i].data.u32 < LANE_COUNT)
            lane_serve(m, (enum lane_id) events[i].data.u32);
        else if (read(m->timer, &expirations, sizeof expirations) > 0)
            m->timer_at = 0;
    }
    m->dispatching = false;
    if (m->closed) {
        (void) handle_free(m);
        return -ECANCELED;
    }
    lane_pump(m);
    return 0;
}

PUBLIC int miniprog_run(struct miniprog *m) {
    if (m->dispatching)
        return -EBUSY; /* would wait for what is being done */
    for (;;) {
        if (m->unloading && (list_empty(&m->lanes[LANE_CALLS].calls) || sdk_now() >= m->unload_by))
            return 0;
        int r = sdk_wait(m, m->unloading ? m->unload_by : UINT64_MAX);
        if (r == 0)
            r = miniprog_dispatch(m);
        if (r < 0 && r != -ETIMEDOUT)
            return r;
    }
}
