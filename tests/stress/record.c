/* SPDX-License-Identifier: MIT */
#include "tests/stress/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[STATE_COUNT] = {
#define X(id, name) [STATE_##id] = name,
    RECORD_STATES(X)
#undef X
};

const char *record_state_name(enum record_state s) {
    return state_names[s];
}

int record_state_parse(const char *name, enum record_state *ret) {
    for (int s = 0; s < STATE_COUNT; s++)
        if (strcmp(state_names[s], name) == 0) {
            *ret = (enum record_state) s;
            return 0;
        }
    return -EINVAL;
}

void record_init(struct record *r, uint64_t epoch) {
    *r = (struct record){ .epoch = epoch, .leaker = -1 };
}

void record_clear(struct record *r) {
    for (size_t i = 0; i < r->n_samples; i++) {
        free(r->sample[i].bytes);
        free(r->sample[i].state);
    }
    for (size_t i = 0; i < r->n_kills; i++)
        free(r->kill[i].text);
    for (size_t i = 0; i < r->n_marks; i++)
        free(r->mark[i].text);
    free(r->app);
    free(r->sample);
    free(r->turn);
    free(r->kill);
    free(r->mark);
    free(r->level);
    *r = (struct record){ 0 };
}

void record_clear_p(struct record *r) {
    record_clear(r);
}

/* Room for one more in an array whose capacity is the next power of two from 64 on; the new place
 * is zeroed. */
static void *grow(void *array, size_t n, size_t size) {
    if (n == 0 || (n >= 64 && (n & (n - 1)) == 0))
        array = realloc(array, (n ? n * 2 : 64) * size);
    if (array)
        memset((char *) array + n * size, 0, size);
    return array;
}

#define ADD(r, array, count)                                                                       \
    __extension__({                                                                                \
        void *grown_ = grow((r)->array, (r)->count, sizeof *(r)->array);                           \
        if (grown_)                                                                                \
            (r)->array = grown_;                                                                   \
        grown_ ? &(r)->array[(r)->count++] : NULL;                                                 \
    })

struct record_sample *record_add_sample(struct record *r) {
    return ADD(r, sample, n_samples);
}
struct record_turn *record_add_turn(struct record *r) {
    return ADD(r, turn, n_turns);
}
struct record_kill *record_add_kill(struct record *r) {
    return ADD(r, kill, n_kills);
}
struct record_mark *record_add_mark(struct record *r) {
    return ADD(r, mark, n_marks);
}
struct record_level *record_add_level(struct record *r) {
    return ADD(r, level, n_levels);
}

int record_find(const struct record *r, const char *id) {
    for (size_t i = 0; i < r->n_apps; i++)
        if (strcmp(r->app[i].id, id) == 0)
            return (int) i;
    return -1;
}

int record_app(struct record *r, const char *id) {
    int i = record_find(r, id);

    if (i >= 0)
        return i;
    struct record_app *app = ADD(r, app, n_apps);
    if (!app)
        return -1;
    (void) snprintf(app->id, sizeof app->id, "%s", id);
    app->kill = -1;
    return (int) r->n_apps - 1;
}

const char *record_short(const struct record *r, int app) {
    if (app < 0)
        return "all";
    const char *id = r->app[app].id, *dot = strrchr(id, '.');
    return r->app[app].manner && dot ? dot + 1 : id;
}

void record_count_end(struct record *r, const char *reason) {
    unsigned i = 0;

    while (i < r->n_ends && strcmp(r->ends[i].reason, reason) != 0)
        i++;
    if (i == RECORD_ENDS_MAX)
        return;
    if (i == r->n_ends)
        (void) snprintf(r->ends[r->n_ends++].reason, sizeof r->ends[i].reason, "%s", reason);
    r->ends[i].n++;
}

unsigned record_warm(const struct record *r) {
    unsigned n = 0;

    for (size_t i = 0; i < r->n_apps; i++) {
        enum record_state s = r->app[i].state;
        n += r->app[i].manner &&
             (s == STATE_FOREGROUND || s == STATE_BACKGROUND || s == STATE_SUSPENDED);
    }
    return n;
}
