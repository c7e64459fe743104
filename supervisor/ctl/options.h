/* SPDX-License-Identifier: MIT
 * options.h - the command line: options before or after the verb, then the verb's arguments.
 * Layer: 4, ctl. Uses: base.
 *
 * A new option is one row of OPTIONS; which verbs take it stands in the verb's own row. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* id, long name, short letter or 0, what its argument is called or NULL, help or NULL (then a
 * verb's usage line has it). */
#define OPTIONS(X)                                                                                 \
    X(JSON, "json", 0, NULL, "print the daemon's replies, one JSON object a line")                 \
    X(SOCKET, "socket", 0, "PATH", "the control socket (else $MINIPROG_CONTROL)")                  \
    X(USER, "user", 0, NULL, "the user's own supervisor, not the system's")                        \
    X(COLOR, "color", 0, "WHEN", "auto, always or never; $NO_COLOR is heeded")                     \
    X(HELP, "help", 'h', NULL, "this text; after a verb, that verb's")                             \
    X(VERSION, "version", 0, NULL, "print the version")                                            \
    X(QUERY, "query", 0, "K=V", NULL)                                                              \
    X(SCENE, "scene", 0, "N", NULL)                                                                \
    X(REASON, "reason", 0, "N", NULL)                                                              \
    X(UNSIGNED, "unsigned", 0, NULL, NULL)                                                         \
    X(KEEP_DATA, "keep-data", 0, NULL, NULL)                                                       \
    X(FOLLOW, "follow", 'f', NULL, NULL)                                                           \
    X(REPLAY, "replay", 0, "FILE", NULL)                                                           \
    X(OUTPUT, "output", 'o', "FILE", "pack, index: the file to write")                             \
    X(BASE_URL, "base-url", 0, "URL", "index: where the packages will lie")                        \
    X(SEQUENCE, "sequence", 0, "N", "index: higher than that of the one before")                   \
    X(EXPIRES, "expires", 0, "WHEN", "index: 2026-01-31T23:59:59Z, or a span (30d)")               \
    X(MINIMUM_USABLE, "minimum-usable", 0, "CODE", "index: what is lower does not open")           \
    X(DOWNGRADE_TO, "downgrade-to", 0, "CODE", "index: go back to this version")                   \
    X(NEXT_KEY, "next-key", 0, "KEY", "index: the key that takes over, or its file")               \
    X(ROLLOUT, "rollout", 0, "PERCENT", "index: the share that gets the highest version")

#define X(id, name, letter, argument, help) OPT_##id,
enum option_id { OPTIONS(X) OPT_COUNT };
#undef X

/* The options that every verb takes. */
#define OPT_EVERYWHERE                                                                             \
    (1u << OPT_JSON | 1u << OPT_SOCKET | 1u << OPT_USER | 1u << OPT_COLOR | 1u << OPT_HELP |       \
     1u << OPT_VERSION)

struct options {
    unsigned given;               /* bits 1u << OPT_x */
    const char *value[OPT_COUNT]; /* the last one given; borrowed from argv */
    const char **query;           /* every --query in order; the array is owned */
    size_t n_query;
    const char *verb; /* NULL: none */
    char **args;      /* what follows the verb; borrowed from argv */
    size_t n_args;
};

/* Reorders argv as getopt_long(3) does. ret's arrays are to be options_clear()ed.
 * Errors: -EINVAL with the sentence; -ENOMEM. ret is cleared then. */
int options_parse(int argc, char **argv, struct options *ret, struct err *e);
void options_clear(struct options *o);

static inline bool options_given(const struct options *o, enum option_id id) {
    return (o->given & 1u << id) != 0;
}

const char *option_name(enum option_id id);     /* without the dashes */
const char *option_argument(enum option_id id); /* NULL: takes none */
const char *option_help(enum option_id id);     /* NULL: see the verb's usage line */

#endif
