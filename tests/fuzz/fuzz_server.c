/* SPDX-License-Identifier: MIT
 * fuzz_server.c - peers that send any bytes and leave at any time, handlers that answer at any
 * time: the server survives, its loop comes to rest, and at the end nothing is left.
 *
 * Input: steps, each a byte that says what and who, and what that step needs besides. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/base/json.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/poller.h"
#include "supervisor/daemon/server.h"
#include "supervisor/wire/idl.h"

#define PEERS 3
#define HELD  8

static const char interface[] = "interface org.example.Fuzz\n"
                                "method Echo(text: string) -> (text: string)\n"
                                "method Later() -> ()\n"
                                "method Stream(count: int) -> (n: int)\n"
                                "method Drop() -> ()\n"
                                "method Free() -> ()\n";

/* So that the fuzzer need not find out how a call looks. */
#define CALL(method, rest) "{\"method\":\"org.example.Fuzz." method "\"" rest "}"
static const char *const calls[] = {
    CALL("Echo", ",\"parameters\":{\"text\":\"x\"}"),
    CALL("Echo", ",\"oneway\":true,\"parameters\":{\"text\":\"x\"}"),
    CALL("Echo", ",\"parameters\":{}"),
    CALL("Later", ""),
    CALL("Later", ",\"oneway\":true"),
    CALL("Stream", ",\"more\":true,\"parameters\":{\"count\":3}"),
    CALL("Stream", ",\"more\":true,\"parameters\":{\"count\":400}"),
    CALL("Drop", ""),
    CALL("Free", ""),
};

static sd_event *event;
static struct poller *poller;
static struct idl *idl;
static struct server *server;
static struct call *held[HELD];
static int peers[PEERS];

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

/* Quiet, and a breach of the interface is a finding. */
void log_at(enum log_level level, const char *app, const char *fmt, ...) {
    (void) app;
    (void) fmt;
    check(level != LOG_LEVEL_ERR);
}

static void let_go(struct call *call) {
    for (size_t i = 0; i < HELD; i++)
        if (held[i] == call)
            held[i] = NULL;
}

static void on_gone(struct call *call) {
    check(call_peer_left(call));
    call_set_context(call, NULL, NULL);
    if (call_wants_more(call)) {
        let_go(call);
        call_drop(call);
    }
}

static void tell(struct call *call, bool continues) {
    struct jsonw *w = call_begin(call, continues);
    jsonw_int(w, "n", 1);
    call_end(call);
}

/* As one that pulls: what was promised, then no more. */
static void on_drained(struct call *call) {
    if (call_wants_more(call))
        tell(call, true);
    call_set_drained(call, NULL);
}

static int do_later(struct call *call) {
    for (size_t i = 0; i < HELD; i++) {
        if (held[i])
            continue;
        held[i] = call;
        call_set_context(call, NULL, on_gone);
        return 0;
    }
    return -EBUSY;
}

static int do_stream(struct call *call) {
    int64_t count = json_get_int(call_parameters(call), "count", 0);
    int r = do_later(call);

    for (int64_t i = 0; r == 0 && i < count && i < 1000; i++)
        tell(call, true);
    return r;
}

static int do_echo(struct call *call) {
    struct jsonw *w = call_begin(call, false);
    jsonw_string(w, "text", json_get_string(call_parameters(call), "text", ""));
    call_end(call);
    return 0;
}

static int do_drop(struct call *call) {
    call_drop(call);
    return 0;
}

static int do_free(struct call *call) {
    server = server_free(server, false);
    call_reply(call);
    return 0;
}

static const struct method methods[] = {
    { "Echo", do_echo, false }, { "Later", do_later, false }, { "Stream", do_stream, true },
    { "Drop", do_drop, false }, { "Free", do_free, false },   { 0 },
};

/* A name that the kernel chooses, in no file system. */
static void start(struct sockaddr_un *ret_address, socklen_t *ret_size) {
    const struct sockaddr_un any = { .sun_family = AF_UNIX };
    struct server_config config = {
        .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        .idl = idl,
        .methods = methods,
        .message_max = 512,
        .queue_max = 4096,
        .max_connections = PEERS,
    };

    check(bind(config.fd, (const struct sockaddr *) &any, sizeof(sa_family_t)) == 0);
    check(listen(config.fd, 16) == 0);
    *ret_size = sizeof *ret_address;
    check(getsockname(config.fd, (struct sockaddr *) ret_address, ret_size) == 0);
    check(server_new(poller, &config, &server, NULL) == 0);
}

static void settle(void) {
    int r, turns = 0;
    while ((r = sd_event_run(event, 0)) > 0)
        check(turns++ < 100000);
    check(r == 0);
}

static void hang_up(unsigned who) {
    if (peers[who] >= 0)
        (void) close(peers[who]);
    peers[who] = -1;
}

static void dial(unsigned who, const struct sockaddr_un *address, socklen_t size) {
    if (peers[who] >= 0 || !server)
        return;
    peers[who] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(peers[who] >= 0);
    (void) connect(peers[who], (const struct sockaddr *) address, size);
}

static void say(unsigned who, const void *bytes, size_t n) {
    (void) !send(peers[who], bytes, n, MSG_NOSIGNAL);
}

static void hear(unsigned who) {
    char bytes[4096];
    (void) !recv(peers[who], bytes, sizeof bytes, 0);
}

static void answer(unsigned which, unsigned how) {
    struct call *call = held[which % HELD];

    if (!call)
        return;
    if (how == 0 && call_wants_more(call)) {
        call_set_drained(call, on_drained);
        return;
    }
    held[which % HELD] = NULL;
    if (how == 1)
        call_drop(call);
    else if (call_wants_more(call))
        tell(call, false);
    else
        call_reply(call);
}

static bool drop_one(void) {
    for (unsigned i = 0; i < HELD; i++)
        if (held[i]) {
            answer(i, 1);
            return true;
        }
    return false;
}

/* One step; returns how many bytes of the input it took. */
static size_t step(const uint8_t *data, size_t size, const struct sockaddr_un *address,
                   socklen_t address_size) {
    unsigned what = data[0] % 8, who = data[0] / 8 % PEERS;
    uint8_t more = size > 1 ? data[1] : 0;
    size_t n;

    dial(who, address, address_size);
    switch (what) {
    case 0: /* any bytes */
        n = more < size - 1 ? more : size - 1;
        say(who, data + 1, n);
        return n + 1;
    case 1: /* a call, maybe cut */
        n = strlen(calls[more % (sizeof calls / sizeof *calls)]) + 1;
        say(who, calls[more % (sizeof calls / sizeof *calls)], more < 200 ? n : n / 2);
        return 2;
    case 2:
        settle();
        return 1;
    case 3:
        hang_up(who);
        return 1;
    case 4:
        answer(more, more / HELD % 4);
        return 2;
    case 5:
        (void) shutdown(peers[who], more % 2 ? SHUT_WR : SHUT_RD);
        return 2;
    case 6:
        hear(who);
        return 1;
    default: /* one turn of the loop alone */
        check(sd_event_run(event, 0) >= 0);
        return 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sockaddr_un address;
    socklen_t address_size;

    if (!event) {
        check(sd_event_new(&event) >= 0);
        check(poller_new(event, 0, &poller, NULL) >= 0);
        check(idl_parse(interface, sizeof interface - 1, &idl, NULL) == 0);
    }
    for (unsigned i = 0; i < PEERS; i++)
        peers[i] = -1;
    start(&address, &address_size);
    for (size_t at = 0; at < size;)
        at += step(data + at, size - at, &address, address_size);

    for (unsigned i = 0; i < PEERS; i++)
        hang_up(i);
    settle();
    while (drop_one()) /* behind each a call may have waited */
        settle();
    check(!server || server_connections(server) == 0);
    server = server_free(server, false);
    settle();
    return 0;
}
