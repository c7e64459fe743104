/* SPDX-License-Identifier: MIT */
#include "tests/stress/app/set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t) 4096)

/* Marsaglia's xorshift: no compressor finds anything in it. */
static void fill_random(struct set *s, void *at) {
    uint64_t *word = at, x = s->pattern;

    for (size_t i = 0; i < SET_BLOCK / sizeof *word; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        word[i] = x;
    }
    s->pattern = x;
}

/* Text that compresses well, but no page is of one word alone: zram would not even store it. */
static void fill_text(const struct set *s, void *at) {
    for (size_t page = 0; page < SET_BLOCK / PAGE; page++) {
        char line[65];
        int n = snprintf(line, sizeof line, "block %8zu page %4zu lorem ipsum dolor sit amet, ....",
                         s->n, page);
        for (size_t i = 0; i < PAGE; i++)
            ((char *) at)[page * PAGE + i] = line[i % (size_t) n];
    }
}

/* Evenly spread, whatever the number of blocks. */
static bool is_random(const struct set *s, size_t i) {
    return (i + 1) * s->random / 1000 > i * s->random / 1000;
}

static int add_room(struct set *s) {
    if (s->n < s->cap)
        return 0;
    size_t cap = s->cap ? s->cap * 2 : 256;
    void **block = realloc(s->block, cap * sizeof *block);
    if (!block)
        return -ENOMEM;
    s->block = block;
    s->cap = cap;
    return 0;
}

static int open_file(const char *dir) {
    char path[4096];
    int fd;

    if (!dir)
        dir = getenv("TMPDIR");
    (void) snprintf(path, sizeof path, "%s/cached-XXXXXX", dir ? dir : "/tmp");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void) unlink(path);
    return fd;
}

/* Written out, so that the pages are clean and the kernel may take them at any time. */
static int fill_file(struct set *s, size_t blocks) {
    char *bytes = malloc(SET_BLOCK);
    int r = bytes ? 0 : -ENOMEM;

    for (size_t i = 0; i < blocks && r == 0; i++) {
        fill_random(s, bytes);
        if (write(s->file, bytes, SET_BLOCK) != (ssize_t) SET_BLOCK)
            r = errno ? -errno : -ENOSPC;
    }
    free(bytes);
    if (r == 0 && fdatasync(s->file) < 0)
        r = -errno;
    return r;
}

int set_open(struct set *s, const char *data_dir, uint64_t cached_bytes, unsigned random_permille) {
    size_t blocks = (size_t) (cached_bytes / SET_BLOCK);
    int r;

    *s = (struct set){ .random = random_permille, .file = -1 };
    s->pattern = UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t) getpid();
    if (blocks == 0)
        return 0;
    s->file = open_file(data_dir);
    if (s->file < 0)
        return s->file;
    r = fill_file(s, blocks);
    for (size_t i = 0; i < blocks && r == 0; i++) {
        r = add_room(s);
        if (r < 0)
            break;
        void *at = mmap(NULL, SET_BLOCK, PROT_READ, MAP_SHARED, s->file, (off_t) (i * SET_BLOCK));
        if (at == MAP_FAILED)
            r = -errno;
        else
            s->block[s->n++] = at;
    }
    s->n_cached = s->n;
    return r;
}

void set_grow(struct set *s, uint64_t bytes) {
    while (set_bytes(s) < bytes && add_room(s) == 0) {
        void *at =
            mmap(NULL, SET_BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            return;
        if (is_random(s, s->n))
            fill_random(s, at);
        else
            fill_text(s, at);
        s->block[s->n++] = at;
    }
}

void set_touch(struct set *s) {
    for (size_t i = 0; i < s->n; i++)
        for (size_t at = 0; at < SET_BLOCK; at += PAGE) {
            volatile unsigned char *byte = (volatile unsigned char *) s->block[i] + at;
            if (i < s->n_cached)
                (void) *byte;
            else
                *byte = (unsigned char) (*byte ^ 1);
        }
}

uint64_t set_shrink(struct set *s, unsigned permille) {
    size_t anonymous = s->n - s->n_cached, go = anonymous * permille / 1000;
    size_t cached = s->n_cached * permille / 1000;

    for (size_t i = 0; i < go; i++)
        (void) munmap(s->block[--s->n], SET_BLOCK);
    for (size_t i = 0; i < cached; i++)
        (void) madvise(s->block[i], SET_BLOCK, MADV_DONTNEED);
    if (cached) /* unmapped just now, so nothing holds them */
        (void) posix_fadvise(s->file, 0, (off_t) (cached * SET_BLOCK), POSIX_FADV_DONTNEED);
    return (uint64_t) (go + cached) * SET_BLOCK;
}
