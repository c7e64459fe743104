/* SPDX-License-Identifier: MIT
 * options.c - getopt_long(3) over one table, quiet, so that errors are our own sentences. */
#include "supervisor/ctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/text.h"

/* Values that getopt_long() returns for long options, clear of any letter. */
enum { LONG_BASE = 0x100 };

static const struct {
    const char *name, *argument, *help;
    char letter;
} rows[OPT_COUNT] = {
#define X(id, long_name, short_letter, takes, text)                                                \
    [OPT_##id] = { .name = long_name, .argument = takes, .help = text, .letter = short_letter },
    OPTIONS(X)
#undef X
};

const char *option_name(enum option_id id) {
    return rows[id].name;
}

const char *option_argument(enum option_id id) {
    return rows[id].argument;
}

const char *option_help(enum option_id id) {
    return rows[id].help;
}

/* Index of what getopt_long() returned; OPT_COUNT: not ours. */
static int option_of(int value) {
    if (value >= LONG_BASE && value < LONG_BASE + OPT_COUNT)
        return value - LONG_BASE;
    for (int i = 0; i < OPT_COUNT; i++)
        if (rows[i].letter && rows[i].letter == value)
            return i;
    return OPT_COUNT;
}

static void make_tables(struct option *longs, char *shorts) {
    *shorts++ = ':'; /* a missing argument is told apart from an unknown option */
    for (int i = 0; i < OPT_COUNT; i++) {
        longs[i] = (struct option){ .name = rows[i].name,
                                    .has_arg = rows[i].argument ? required_argument : no_argument,
                                    .val = LONG_BASE + i };
        if (!rows[i].letter)
            continue;
        *shorts++ = rows[i].letter;
        if (rows[i].argument)
            *shorts++ = ':';
    }
    longs[OPT_COUNT] = (struct option){ 0 };
    *shorts = '\0';
}

static int refuse(int got, char **argv, struct err *e) {
    /* A long option has been stepped over already; of a bundle of letters only optopt tells. */
    const char *word = argv[optind - 1];
    int id = option_of(optopt);

    if (got == ':')
        return err_set(e, -EINVAL, "option '%.60s' needs a value (%s)", word,
                       id < OPT_COUNT ? rows[id].argument : "?");
    if (id < OPT_COUNT)
        return err_set(e, -EINVAL, "option '--%s' takes no value", rows[id].name);
    if (optopt)
        return err_set(e, -EINVAL, "unknown option '-%c'", optopt);
    return err_set(e, -EINVAL, "unknown option '%.60s'", word);
}

int options_parse(int argc, char **argv, struct options *ret, struct err *e) {
    struct option longs[OPT_COUNT + 1];
    char shorts[2 * OPT_COUNT + 2];
    struct options o = { 0 };
    int got, r = 0;

    /* What cannot be said in JSON could only reach the daemon as something else. */
    for (int i = 1; i < argc; i++)
        if (!text_is_utf8(argv[i], strlen(argv[i])))
            return err_set(e, -EINVAL, "argument %d is not UTF-8 text", i);

    o.query = calloc((size_t) argc + 1, sizeof *o.query);
    if (!o.query)
        return err_set(e, -ENOMEM, "out of memory");

    make_tables(longs, shorts);
    opterr = 0;
    while ((got = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        int id = option_of(got);
        if (id == OPT_COUNT) {
            r = refuse(got, argv, e);
            break;
        }
        o.given |= 1u << id;
        o.value[id] = optarg;
        if (id == OPT_QUERY)
            o.query[o.n_query++] = optarg;
    }
    if (r < 0) {
        options_clear(&o);
        *ret = o;
        return r;
    }
    if (optind < argc) {
        o.verb = argv[optind];
        o.args = argv + optind + 1;
        o.n_args = (size_t) (argc - optind - 1);
    }
    *ret = o;
    return 0;
}

void options_clear(struct options *o) {
    free(o->query);
    *o = (struct options){ 0 };
}
