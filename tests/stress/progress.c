/* SPDX-License-Identifier: MIT */
#include "tests/stress/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "supervisor/base/parse.h"
#include "tests/stress/record.h"

#define CLEAR "\r\033[K"

/* Cut, for a wrapped line could not be taken back. The figures are ASCII. */
static void put(const char *line) {
    struct winsize size = { 0 };
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;

    (void) fprintf(stderr, CLEAR "%.*s", width - 1, line);
    (void) fflush(stderr);
}

void progress_clear(void) {
    (void) fputs(CLEAR, stderr);
    (void) fflush(stderr);
}

void progress_say(const char *what) {
    put(what);
}

static uint64_t last_hot(const struct record *r) {
    for (size_t i = r->n_turns; i > 0; i--)
        if (r->turn[i - 1].kind == TURN_HOT && r->turn[i - 1].shown_us != RECORD_NONE)
            return r->turn[i - 1].shown_us;
    return RECORD_NONE;
}

void progress_show(const struct record *r, const char *what) {
    const struct record_sample *s = &r->sample[r->n_samples - 1];
    char line[256], time[32], used[16], of[16], hot[32] = "-";
    uint64_t room = s->budget ? s->budget : s->total;

    if (last_hot(r) != RECORD_NONE)
        (void) format_duration(last_hot(r), hot, sizeof hot);
    (void) snprintf(line, sizeof line,
                    "%s %s: %s in front, %u warm, %s of %s, level %d, stall %u.%02u %%, %zu kills, "
                    "hot start %s",
                    what, format_duration(s->at / 100000 * 100000, time, sizeof time),
                    s->front >= 0 ? record_short(r, s->front) : "none", s->warm,
                    format_size(s->current, used, sizeof used), format_size(room, of, sizeof of),
                    s->level, s->full_avg10 / 100, s->full_avg10 % 100, r->n_kills, hot);
    put(line);
}
