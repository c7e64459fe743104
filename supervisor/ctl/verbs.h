/* SPDX-License-Identifier: MIT
 * verbs.h - the table of verbs. A new verb is one row and one function.
 * Layer: 4, ctl. Uses: base, wire. */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include <stddef.h>

struct ctl;
struct str;

struct verb {
    const char *name;
    const char *usage;         /* what follows the name: "ID [PATH]" */
    const char *help;          /* one line of `miniprogctl --help` */
    size_t least, most;        /* arguments */
    unsigned options;          /* bits 1u << OPT_x that it takes besides OPT_EVERYWHERE */
    int (*run)(struct ctl *c); /* returns the exit status */
};

/* NULL: no such verb. */
const struct verb *verb_find(const char *name);

/* Every verb with its usage and help, a line each; or one. */
void verbs_help(struct str *out);
void verb_help(const struct verb *v, struct str *out);

#endif
