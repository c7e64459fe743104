/* SPDX-License-Identifier: MIT
 * map.h - strings to pointers, O(1), in insertion order when walked.
 * Layer: 1, base. Uses: libc only.
 *
 * Keys are borrowed: they must live as long as their entry (a field of the value itself).
 * Hashing is keyed per map by getrandom(2), so names from outside cannot make it slow. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

struct map;

struct map *map_new(void);           /* NULL without memory */
struct map *map_free(struct map *m); /* not the values; returns NULL; takes NULL */
size_t map_count(const struct map *m);
void *map_get(const struct map *m, const char *key); /* NULL: not there */
/* Errors: -EEXIST (nothing changes), -ENOMEM. */
int map_put(struct map *m, const char *key, void *value);
void *map_take(struct map *m, const char *key); /* removes; NULL: not there */

/* Walks all: size_t at = 0; while ((v = map_next(m, &at))) ... The current value may be taken
 * out during the walk; nothing may be put in. */
void *map_next(const struct map *m, size_t *at);

#endif
