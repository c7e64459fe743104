/* SPDX-License-Identifier: MIT
 * fuzz_frame.c - however a stream is cut, the same messages come out, and nothing too long.
 *
 * Input: a byte that seeds the cuts, then the stream. */
#include "supervisor/wire/frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAX 64

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

/* Takes out what is whole; returns where in the stream the next message begins, or -1 when the
 * peer is to be given up. */
static int64_t take(struct frame *f, const uint8_t *stream, size_t size, int64_t at) {
    const char *text;
    size_t len;
    int r;

    while ((r = frame_next(f, &text, &len)) == 1) {
        check(len <= MAX && strlen(text) == len);
        check((size_t) at + len + 1 <= size);
        check(memcmp(text, stream + at, len + 1) == 0);
        at += (int64_t) len + 1;
    }
    return r < 0 ? -1 : at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct frame f;
    int64_t at = 0;
    size_t pushed = 0;

    if (size == 0)
        return 0;
    uint32_t random = *data++ + 1u;
    size--;
    frame_init(&f, MAX);
    while (at >= 0 && pushed < size) {
        random = random * 1664525u + 1013904223u;
        size_t n = 1 + (random >> 16) % 100;
        if (n > size - pushed)
            n = size - pushed;
        at = frame_push(&f, data + pushed, n) < 0 ? -1 : take(&f, data, size, at);
        pushed += n;
        if (at >= 0) /* what is left is the beginning of a message */
            check(f.in.len == pushed - (size_t) at && f.in.len <= MAX);
    }
    if (at < 0) /* for good */
        check(frame_push(&f, "", 1) < 0);
    frame_clear(&f);
    return 0;
}
