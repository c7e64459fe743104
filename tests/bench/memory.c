/* SPDX-License-Identifier: MIT
 * memory.c - memory is exhausted: from the loop's waking with what called for a kill to the SIGKILL
 * of a suspended victim, as the daemon itself notes it with each decision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "tests/bench/bench.h"

#define VICTIMS 6
#define FRONT   "org.bench.front"

static const char config[] = "[lifecycle]\nsuspend_after=100ms\ndestroy_after=0\nmax_warm=0\n"
                             "[memory]\nbudget=128M\n";

static void install(struct harness *h, const char *id, const char *how) {
    harness_install(
        h, &(struct harness_app){
               .id = id, .program = "hog", .argument = how, .ours = "\"ready\":\"notify\"" });
}

static bool has_memory_controller(struct harness *h) {
    struct varlink_reply reply;
    bool works = false;

    harness_call(h, &reply, "Memory", "{}");
    const struct json *sources = json_get(reply.parameters, "sources");
    for (const struct json *s = json_first(sources); s; s = json_next(s))
        works = works || (strcmp(json_get_string(s, "name", ""), "budget") == 0 &&
                          json_get_bool(s, "works", false));
    varlink_reply_clear(&reply);
    return works;
}

/* Reads what is told until so many of the victims have stopped. */
static void wait_kills(struct harness *h, struct bench_samples *to_kill, int *kernel) {
    for (int left = VICTIMS; left > 0;) {
        struct varlink_reply reply;
        struct err e = { 0 };
        if (client_receive(h->watcher, HARNESS_PATIENCE_MS, &reply, &e) < 0)
            fail_msg("no more kills: %s", e.text);
        const struct json *event = json_get(reply.parameters, "event");
        const struct json *d = json_get(event, "decision"), *exit = json_get(event, "exit");
        if (strcmp(json_get_string(d, "action", ""), "kill") == 0) {
            int64_t usec = json_get_int(json_get(d, "figures"), "to_kill_usec", -1);
            if (usec >= 0)
                bench_add(to_kill, (uint64_t) usec * 1000);
        }
        if (exit) {
            left--;
            *kernel += strcmp(json_get_string(exit, "reason", ""), "memory_limit") == 0;
        }
        varlink_reply_clear(&reply);
    }
}

/* All six have to go before what the one in front takes fits. */
static void one_round(struct harness *h, struct bench_samples *to_kill, int *kernel) {
    char id[32];

    for (int i = 0; i < VICTIMS; i++) {
        bench_id(id, i);
        harness_ok(h, "Open", "{\"id\":\"%s\"}", id);
        harness_ok(h, "Hide", "{\"id\":\"%s\"}", id);
        harness_wait_state(h, id, "suspended", NULL);
    }
    harness_ok(h, "Open", "{\"id\":\"" FRONT "\",\"path\":\"!take 100\"}");
    wait_kills(h, to_kill, kernel);
    harness_ok(h, "Open", "{\"id\":\"" FRONT "\",\"path\":\"!drop 100\"}");
}

void bench_memory(int rounds) {
    static struct harness h;
    struct bench_samples to_kill = { 0 };
    char id[32], note[96];
    int kernel = 0;

    bench_start(&h, config);
    if (!has_memory_controller(&h)) {
        (void) printf("SIGKILL when memory is gone: skipped, there is no memory controller\n");
        harness_stop(&h);
        return;
    }
    install(&h, FRONT, "8,lies");
    for (int i = 0; i < VICTIMS; i++) {
        bench_id(id, i);
        install(&h, id, "12,lies");
    }
    harness_ok(&h, "Open", "{\"id\":\"" FRONT "\"}");
    for (int k = 0; k < rounds; k++)
        one_round(&h, &to_kill, &kernel);
    (void) snprintf(note, sizeof note, "%zu kills by us, %d by the kernel before us", to_kill.n,
                    kernel);
    bench_row("memory event to SIGKILL, budget exhausted", bench_median_us(&to_kill), 0, "us",
              "<= 1 ms", note);
    bench_clear(&to_kill);
    harness_stop(&h);
}
