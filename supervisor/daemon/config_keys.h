/* SPDX-License-Identifier: MIT
 * config_keys.h - every key of the configuration, one row each, and what its value may be.
 * Layer: 3, daemon. Uses: base. Source: design.md §8. */
#ifndef DAEMON_CONFIG_KEYS_H
#define DAEMON_CONFIG_KEYS_H

#include <stddef.h>

struct config;
struct err;

#define CONFIG_KEYS_MAX 64 /* room in tables by key index; the table is checked against it */

size_t config_key_count(void);
const char *config_key_section(size_t key);
const char *config_key_name(size_t key);

/* The index of a key. -ENOENT: no such key there; -ENOTDIR: no such section at all. */
int config_key_find(const char *section, const char *name);

/* Reads the value into its member. -EINVAL with what is wrong with it; -ENOMEM; then the member
 * is as it was. */
int config_key_set(struct config *c, size_t key, const char *value, struct err *e);

/* Marks what only a file can give (uid_range_given, group_given). */
void config_key_given(struct config *c, size_t key);

/* Gives every key its default. -ENOMEM. */
int config_keys_default(struct config *c);

/* Two keys that must go together, low first: `higher` may not be below `lower`. */
struct config_pair {
    const char *section, *lower, *higher;
};
/* 0; else 1 with the pair that does not hold. */
int config_keys_check(const struct config *c, struct config_pair *ret);

#endif
