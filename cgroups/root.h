/* SPDX-License-Identifier: MIT
 * root.h - one supervisor's place in the cgroup trees, below which its apps' groups are.
 * Layer: 2, cgroups. Uses: base. Never: sd-event, the clock, logging, what an app is.
 *
 * Three backends stand behind one table of functions (backend.h): `unified` (cgroup v2 with the
 * memory controller), `hybrid` (v1 controllers beside a v2 tree), `none` (no writable tree:
 * sessions and /proc). Trees are found in mountinfo, never assumed.
 *
 * One descriptor a root, cgrp_root_fd(), tells when a group became empty. */
#ifndef CGROUPS_ROOT_H
#define CGROUPS_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct cgrp_root;
struct cgrp_group;

enum cgrp_kind { CGRP_AUTO, CGRP_UNIFIED, CGRP_HYBRID, CGRP_NONE };

struct cgrp_config {
    enum cgrp_kind want; /* CGRP_AUTO: the best that works */
    const char *suffix;  /* "" or "-<hash>": told apart from other supervisors; borrowed */
    const char *at;      /* v2 path below which to build, as /proc/<pid>/cgroup has it
                            ("/miniprog.slice/miniprog-apps.scope"); NULL: below the process's own
                            group; borrowed */
    bool bare;           /* `at` is this supervisor's alone: apps/ goes right into it */
    const char *proc;    /* "/proc"; tests pass a folder; borrowed */
};

/* Finds and makes this supervisor's place. Text in e says what was missing.
 *
 * On `unified`, where our own group must hand on controllers, we move into
 * miniprog<suffix>/supervisor, and nobody else is moved.
 *
 * Errors: -EOPNOTSUPP the wanted backend cannot work here; -EINVAL the suffix cannot be part of a
 *         folder's name; -EACCES, others as mkdirat(2). */
int cgrp_root_open(const struct cgrp_config *config, struct cgrp_root **ret, struct err *e);
/* Leaves every group as it is; frees the groups' objects that are still there. NULL. */
struct cgrp_root *cgrp_root_free(struct cgrp_root *root);
/* Removes the empty folders of this root; the root stays usable only for free. */
void cgrp_root_remove(struct cgrp_root *root);

enum cgrp_kind cgrp_root_kind(const struct cgrp_root *root);
const char *cgrp_kind_name(enum cgrp_kind kind);            /* "unified" … */
int cgrp_kind_parse(const char *name, enum cgrp_kind *ret); /* "auto" too; -EINVAL */
/* One line for people: backend, which limits work, where; for a `none` that was not asked for
 * also what kept the others from working. */
const char *cgrp_root_describe(const struct cgrp_root *root);
bool cgrp_root_has_memory_limit(const struct cgrp_root *root);
bool cgrp_root_has_pids_limit(const struct cgrp_root *root);

/* Becomes readable (EPOLLIN) when a group may have become empty. */
int cgrp_root_fd(const struct cgrp_root *root);
/* The next group that went from populated to empty: 1 with ret, 0 no more for now. Each emptying
 * is reported once. Never blocks. A group counts as populated from cgrp_group_set_main() or
 * cgrp_group_adopt() on, whatever was seen of it; so an adopted one that is empty is reported.
 *
 * Errors: -EMFILE, -ENOMEM and such: it could not be looked at, and will be again. */
int cgrp_root_next_empty(struct cgrp_root *root, struct cgrp_group **ret);

/* Calls seen(id, userdata) for each app group below the root (what an earlier supervisor left;
 * `none` knows of none). seen() may adopt and remove it. */
int cgrp_root_scan(struct cgrp_root *root, void (*seen)(const char *id, void *userdata),
                   void *userdata, struct err *e);

#endif
