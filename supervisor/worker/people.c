/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/people.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "supervisor/worker/pack.h"
#include "supervisor/worker/publish.h"
#include "supervisor/worker/sandbox.h"
#include "supervisor/worker/verdict.h"
#include "units/utctime.h"

enum choice {
    OUTPUT,
    BASE_URL,
    SEQUENCE,
    EXPIRES,
    MINIMUM_USABLE,
    DOWNGRADE_TO,
    NEXT_KEY,
    ROLLOUT,
    CHOICE_COUNT
};

static const struct option options[CHOICE_COUNT + 1] = {
    [OUTPUT] = { "output", required_argument, NULL, OUTPUT },
    [BASE_URL] = { "base-url", required_argument, NULL, BASE_URL },
    [SEQUENCE] = { "sequence", required_argument, NULL, SEQUENCE },
    [EXPIRES] = { "expires", required_argument, NULL, EXPIRES },
    [MINIMUM_USABLE] = { "minimum-usable", required_argument, NULL, MINIMUM_USABLE },
    [DOWNGRADE_TO] = { "downgrade-to", required_argument, NULL, DOWNGRADE_TO },
    [NEXT_KEY] = { "next-key", required_argument, NULL, NEXT_KEY },
    [ROLLOUT] = { "rollout", required_argument, NULL, ROLLOUT },
};

/* What was given, and where complaints go. */
struct words {
    const char *me;
    const char *value[CHOICE_COUNT]; /* NULL: not given */
    char **rest;                     /* NULL-terminated */
    size_t n_rest;
};

static int complain(const struct words *w, int status, const char *text) {
    (void) fprintf(stderr, "%s: %s\n", w->me, text);
    return status;
}

/* --- what can be reached ---------------------------------------------------------------------- */

/* Packages of others are read here, too. So only these and the output's folder can be reached. */
static int shut_in(const struct words *w, struct err *e) {
    struct sandbox_path paths[INDEX_PACKAGES_MAX + 1];
    const char *output = w->value[OUTPUT] ? w->value[OUTPUT] : "";
    const char *slash = strrchr(output, '/');
    char folder[PATH_MAX] = ".";
    struct sandbox sandbox = { .file_bytes = PACKAGE_FILE_MAX,
                               .memory_bytes = (uint64_t) 1 << 30,
                               .cpu_seconds = 600,
                               .descriptors = 128,
                               .paths = paths };

    if (w->n_rest > INDEX_PACKAGES_MAX)
        return err_set(e, -EBADE, "that is more than %d packages", INDEX_PACKAGES_MAX);
    for (size_t i = 0; i < w->n_rest; i++)
        paths[sandbox.n_paths++] = (struct sandbox_path){ w->rest[i], -1, SANDBOX_READ };
    if (slash)
        (void) snprintf(folder, sizeof folder, "%.*s", (int) (slash - output) + 1, output);
    paths[sandbox.n_paths++] = (struct sandbox_path){ folder, -1, SANDBOX_WRITE };
    return sandbox_enter(&sandbox, e);
}

/* --- pack ---------------------------------------------------------------------------------- */

static int run_pack(const struct words *w, struct err *e) {
    struct packed packed;
    char size[16];
    int r;

    if (w->n_rest != 1)
        return err_set(e, -EBADE, "pack takes one folder");
    r = shut_in(w, e);
    if (r == 0)
        r = pack_folder(w->rest[0], w->value[OUTPUT], &packed, e);
    if (r < 0)
        return r;
    (void) printf("%s: %s %" PRIu64 ", %" PRIu64 " files, %s\n", packed.output, packed.app_id,
                  packed.code, packed.files, format_size(packed.size, size, sizeof size));
    free(packed.output);
    return 0;
}

/* --- make-index ---------------------------------------------------------------------------- */

static int read_number(const struct words *w, enum choice id, uint64_t otherwise, uint64_t *ret,
                       struct err *e) {
    if (!w->value[id]) {
        *ret = otherwise;
        return 0;
    }
    if (parse_u64(w->value[id], ret) < 0)
        return err_set(e, -EBADE, "--%s must be a whole number", options[id].name);
    return 0;
}

static int read_expires(const char *text, uint64_t *ret, struct err *e) {
    uint64_t span = 0;

    if (utctime_parse(text, ret) == 0)
        return 0;
    if (parse_duration(text, &span) < 0 || span == PARSE_FOREVER)
        return err_set(e, -EBADE,
                       "--expires must be a time such as 2026-01-31T23:59:59Z or a span such as "
                       "30d");
    *ret = (uint64_t) time(NULL) + span / 1000000;
    return *ret <= UTCTIME_MAX ? 0 : err_set(e, -EBADE, "--expires is too far away");
}

/* The key itself, or the name of its file. */
static int read_key(const char *text, struct index *ix, struct err *e) {
    CLEANUP(free_p) char *file = NULL;
    struct minisign_key key;
    size_t len = 0;

    if (minisign_key_parse(text, strlen(text), &key, NULL) < 0) {
        int r = fs_read(AT_FDCWD, text, 4096, &file, &len, e);
        if (r < 0 || (r = minisign_key_parse(file, len, &key, e)) < 0)
            return err_wrap(e, r, "--next-key");
    }
    (void) minisign_key_text(&key, ix->next_key);
    return 0;
}

static int read_options(const struct words *w, struct index *ix, uint64_t *ret_rollout,
                        struct err *e) {
    int r;

    if (w->n_rest == 0 || !w->value[BASE_URL] || !w->value[SEQUENCE] || !w->value[EXPIRES])
        return err_set(e, -EBADE,
                       "index takes package files, --base-url, --sequence and "
                       "--expires");
    if ((r = read_number(w, SEQUENCE, 0, &ix->sequence, e)) < 0 ||
        (r = read_number(w, MINIMUM_USABLE, 0, &ix->minimum_usable, e)) < 0 ||
        (r = read_number(w, DOWNGRADE_TO, 0, &ix->downgrade_to, e)) < 0 ||
        (r = read_number(w, ROLLOUT, 100, ret_rollout, e)) < 0 ||
        (r = read_expires(w->value[EXPIRES], &ix->expires, e)) < 0)
        return r;
    return w->value[NEXT_KEY] ? read_key(w->value[NEXT_KEY], ix, e) : 0;
}

static int write_text(const struct words *w, const struct str *text, struct err *e) {
    if (w->value[OUTPUT])
        return fs_replace(AT_FDCWD, w->value[OUTPUT], text->data, text->len, 0644, FS_DURABLE, e);
    if (fwrite(text->data, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        return err_set(e, -EIO, "cannot write the index: %s", strerror(errno));
    return 0;
}

static int run_make_index(const struct words *w, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(INDEX_SIZE_MAX);
    CLEANUP(index_free_p) struct index *ix = calloc(1, sizeof *ix);
    uint64_t rollout = 0;
    int r;

    if (!ix)
        return err_set(e, -ENOMEM, "out of memory");
    if ((r = read_options(w, ix, &rollout, e)) < 0 || (r = shut_in(w, e)) < 0)
        return r;
    for (size_t i = 0; i < w->n_rest; i++)
        if ((r = publish_add(ix, w->rest[i], w->value[BASE_URL], e)) < 0)
            return r;
    if ((r = publish_finish(ix, rollout, &text, e)) < 0)
        return r;
    return write_text(w, &text, e);
}

/* --- the command line ---------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned options;                                 /* bits 1u << enum choice */
    int (*run)(const struct words *w, struct err *e); /* -EBADE: wrong usage */
} jobs[] = {
    { "pack", 1u << OUTPUT, run_pack },
    { "make-index", (1u << CHOICE_COUNT) - 1, run_make_index },
};

static int find(const char *name) {
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        if (strcmp(jobs[i].name, name) == 0)
            return (int) i;
    return -1;
}

bool people_know(const char *job) {
    return find(job) >= 0;
}

int people_run(int argc, char **argv) {
    struct words w = { .me = argv[0] };
    int job = find(argv[1]), got, r;
    struct err e = { 0 };

    if (sodium_init() < 0)
        return complain(&w, 1, "libsodium cannot be used");
    opterr = 0;
    optind = 1;
    while ((got = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1) {
        if (got < 0 || got >= CHOICE_COUNT || !(jobs[job].options & 1u << got))
            return complain(&w, 2, "an option is unknown, not for this, or has no value");
        w.value[got] = optarg;
    }
    w.rest = argv + 1 + optind;
    w.n_rest = (size_t) (argc - 1 - optind);
    r = jobs[job].run(&w, &e);
    return r == -EBADE ? complain(&w, 2, e.text) : r < 0 ? complain(&w, 1, e.text) : 0;
}
