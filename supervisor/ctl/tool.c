/* SPDX-License-Identifier: MIT */
#include "supervisor/ctl/tool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/ctl/ctl.h"

/* Those that every verb takes are not the tool's. */
static bool is_its_own(const struct options *o, enum option_id id) {
    return options_given(o, id) && !(OPT_EVERYWHERE & 1u << id) && o->value[id];
}

static void free_words(char **words, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    free(words);
}

/* ret: the options as words, NULL-terminated room for the arguments behind them. */
static int make_words(const struct options *o, const char *job, char ***ret, size_t *ret_n) {
    char **words = calloc(3 + OPT_COUNT + o->n_args, sizeof *words);
    size_t n = 0;

    if (!words)
        return -ENOMEM;
    for (enum option_id id = 0; id < OPT_COUNT; id++) {
        if (!is_its_own(o, id))
            continue;
        if (asprintf(&words[n], "--%s=%s", option_name(id), o->value[id]) < 0) {
            free_words(words, n);
            return -ENOMEM;
        }
        n++;
    }
    memmove(words + 2, words, n * sizeof *words);
    words[0] = strdup("miniprogctl");
    words[1] = strdup(job);
    n += 2;
    words[n] = strdup("--"); /* an argument may begin with a dash */
    for (size_t i = 0; i < o->n_args; i++)
        words[n + 1 + i] = strdup(o->args[i]);
    n += 1 + o->n_args;
    for (size_t i = 0; i < n; i++)
        if (!words[i]) {
            free_words(words, n);
            return -ENOMEM;
        }
    *ret = words;
    *ret_n = n;
    return 0;
}

int tool_worker(const struct options *o, const char *job) {
    const char *libexec = getenv("MINIPROG_LIBEXEC");
    char program[PATH_MAX], **words = NULL;
    size_t n = 0;
    int r = make_words(o, job, &words, &n);

    if (r < 0)
        return ctl_fail(CTL_FAILED, "out of memory");
    (void) snprintf(program, sizeof program, "%s/miniprog-worker",
                    libexec && *libexec ? libexec : MINIPROG_LIBEXECDIR);
    (void) execv(program, words);
    r = ctl_fail(CTL_FAILED, "cannot run '%s': %s", program, strerror(errno));
    free_words(words, n);
    return r;
}

int tool_replay(const char *file) {
    const char *named = getenv("MINIPROG_LIBEXEC");
    const char *libexec = named && *named ? named : MINIPROG_LIBEXECDIR;
    char program[PATH_MAX], *words[] = { "miniprogd", "--replay", (char *) file, NULL };

    (void) snprintf(program, sizeof program, "%s/miniprogd", libexec);
    if (libexec == named)
        (void) execv(program, words);
    (void) snprintf(program, sizeof program, "%s/../../sbin/miniprogd", libexec);
    (void) execv(program, words);
    return ctl_fail(CTL_FAILED, "cannot run '%s': %s", program, strerror(errno));
}
