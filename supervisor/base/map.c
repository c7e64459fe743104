/* SPDX-License-Identifier: MIT
 *
 * Entries stand in one dense array in the order they came; a table of 32-bit places, probed
 * linearly, leads to them. A taken entry stays as a gap (key NULL) until the next rebuild, so
 * that a walk can go on while its current value is taken out. */
#include "supervisor/base/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SMALLEST 8u
#define FREE     UINT32_MAX

struct entry {
    const char *key; /* NULL: a gap */
    void *value;
    uint64_t hash;
};

struct map {
    uint64_t secret[2];
    struct entry *entries; /* `room` of them, `used` taken, gaps included */
    uint32_t *places;      /* 2 * room, a power of two; FREE or an index into entries */
    uint32_t room, used, count;
};

static uint64_t rotl(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash-1-3. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
static uint64_t hash_of(const struct map *m, const char *key) {
    uint64_t v[4] = {
        m->secret[0] ^ UINT64_C(0x736F6D6570736575),
        m->secret[1] ^ UINT64_C(0x646F72616E646F6D),
        m->secret[0] ^ UINT64_C(0x6C7967656E657261),
        m->secret[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t n = strlen(key), left = n;

    for (;; key += 8, left -= 8) {
        uint64_t word = 0;
        memcpy(&word, key, left < 8 ? left : 8);
        if (left < 8)
            word |= (uint64_t) n << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        if (left < 8)
            break;
    }
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void) {
    struct map *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    /* Up to 256 bytes come whole or not at all. Source: getrandom(2). */
    if (getrandom(m->secret, sizeof m->secret, 0) != sizeof m->secret)
        return map_free(m);
    return m;
}

struct map *map_free(struct map *m) {
    if (m) {
        free(m->entries);
        free(m->places);
        free(m);
    }
    return NULL;
}

size_t map_count(const struct map *m) {
    return m->count;
}

static void place(const struct map *m, uint32_t *places, uint32_t room, uint32_t index) {
    uint32_t mask = 2 * room - 1, at = (uint32_t) m->entries[index].hash & mask;

    while (places[at] != FREE)
        at = (at + 1) & mask;
    places[at] = index;
}

/* Closes the gaps and makes room for one more; by then at least a quarter of `room` is new or
 * was a gap, so its cost spreads over as many calls. */
static int rebuild(struct map *m) {
    uint32_t room = m->room ? m->room : SMALLEST, used = 0;

    if (m->count >= m->room / 4 * 3) {
        if (room > UINT32_MAX / 8)
            return -ENOMEM;
        room = m->room ? room * 2 : SMALLEST;
    }

    uint32_t *places = malloc(2 * (size_t) room * sizeof *places);
    if (!places)
        return -ENOMEM;
    struct entry *entries = realloc(m->entries, room * sizeof *entries);
    if (!entries) {
        free(places);
        return -ENOMEM;
    }
    m->entries = entries;
    memset(places, 0xFF, 2 * (size_t) room * sizeof *places);
    for (uint32_t i = 0; i < m->used; i++)
        if (entries[i].key) {
            entries[used] = entries[i];
            place(m, places, room, used++);
        }
    free(m->places);
    m->places = places;
    m->used = used;
    m->room = room;
    return 0;
}

static struct entry *find(const struct map *m, const char *key, uint64_t hash) {
    uint32_t mask = 2 * m->room - 1;

    if (m->count == 0)
        return NULL;
    for (uint32_t at = (uint32_t) hash & mask; m->places[at] != FREE; at = (at + 1) & mask) {
        struct entry *e = &m->entries[m->places[at]];
        if (e->key && e->hash == hash && strcmp(e->key, key) == 0)
            return e;
    }
    return NULL;
}

void *map_get(const struct map *m, const char *key) {
    const struct entry *e = find(m, key, hash_of(m, key));
    return e ? e->value : NULL;
}

int map_put(struct map *m, const char *key, void *value) {
    uint64_t hash = hash_of(m, key);

    if (find(m, key, hash))
        return -EEXIST;
    if (m->used == m->room) {
        int r = rebuild(m);
        if (r < 0)
            return r;
    }
    m->entries[m->used] = (struct entry){ .key = key, .value = value, .hash = hash };
    place(m, m->places, m->room, m->used++);
    m->count++;
    return 0;
}

void *map_take(struct map *m, const char *key) {
    struct entry *e = find(m, key, hash_of(m, key));

    if (!e)
        return NULL;
    void *value = e->value;
    e->key = NULL;
    e->value = NULL;
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *at) {
    while (*at < m->used) {
        const struct entry *e = &m->entries[(*at)++];
        if (e->key)
            return e->value;
    }
    return NULL;
}
