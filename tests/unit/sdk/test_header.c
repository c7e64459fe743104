/* SPDX-License-Identifier: MIT
 * test_header.c - miniprog.h by itself: no other header before it, nothing of ours but what it has.
 * Also to be compiled as C99 and as C++, pedantically. */
#include "supervisor/sdk/miniprog.h"

static struct {
    struct miniprog_callbacks callbacks;
    struct miniprog_dialog dialog;
    struct miniprog_launch launch;
    struct miniprog_pair pair;
    struct miniprog_info info;
} all; /* complete types, all of them */

static void done(struct miniprog *m, int error, void *data) {
    (void) m;
    (void) error;
    (void) data;
}

int main(void) {
    miniprog_done plain = done;
    uint64_t some = UINT64_MAX;
    bool yes = true;

    all.callbacks.size = sizeof all.callbacks;
    all.dialog.size = sizeof all.dialog;
    all.launch.query = &all.pair;
    all.info.launch = &all.launch;
    return miniprog_launch_query(all.info.launch, "name") != NULL || miniprog_close(NULL) != NULL ||
           miniprog_info_free(NULL) != NULL || !plain || !some || !yes;
}
