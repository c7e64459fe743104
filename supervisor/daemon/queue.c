/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"

#define EVENT_TEXT_MAX ((size_t) 256 * 1024) /* an exit state's size and then some */

void queue_clear(struct queue *q) {
    for (size_t i = 0; i < q->n; i++)
        free(q->events[i].text);
    free(q->events);
    *q = (struct queue){ 0 };
}

static void drop_at(struct queue *q, size_t i) {
    free(q->events[i].text);
    memmove(&q->events[i], &q->events[i + 1], (q->n - i - 1) * sizeof *q->events);
    q->n--;
}

static bool is_visibility(enum queue_kind kind) {
    return kind == QUEUE_SHOW || kind == QUEUE_HIDE;
}

static bool is_last_update(const struct queue *q, size_t i) {
    return &q->events[i] == queue_last_update(q);
}

/* One of the QUEUE_MAX can always go: at most `launch` and one update are spared. */
static void drop_oldest(struct queue *q) {
    for (size_t i = 0; i < q->n; i++)
        if (q->events[i].kind != QUEUE_LAUNCH && !is_last_update(q, i)) {
            drop_at(q, i);
            return;
        }
}

static int make_room(struct queue *q) {
    if (q->n >= QUEUE_MAX)
        drop_oldest(q);
    if (q->n < q->cap)
        return 0;

    size_t cap = q->cap ? q->cap * 2 : 2;
    struct queue_event *more = realloc(q->events, cap * sizeof *more);
    if (!more)
        return -ENOMEM;
    q->events = more;
    q->cap = cap;
    return 0;
}

int queue_push(struct queue *q, enum queue_kind kind, char *text, size_t len) {
    if (q->n > 0 && is_visibility(kind)) {
        const struct queue_event *last = &q->events[q->n - 1];
        if (is_visibility(last->kind) && last->seq > q->delivered)
            drop_at(q, q->n - 1);
    }
    int r = make_room(q);
    if (r < 0) {
        free(text);
        return r;
    }
    q->last_seq++;
    q->events[q->n++] = (struct queue_event){
        .seq = q->last_seq, .kind = kind, .text = text, .len = (uint32_t) len
    };
    return 0;
}

uint64_t queue_skip(struct queue *q) {
    return ++q->last_seq;
}

const struct queue_event *queue_after(const struct queue *q, uint64_t after) {
    for (size_t i = 0; i < q->n; i++)
        if (q->events[i].seq > after)
            return &q->events[i];
    return NULL;
}

const struct queue_event *queue_last_update(const struct queue *q) {
    for (size_t i = q->n; i-- > 0;)
        if (q->events[i].kind == QUEUE_UPDATE)
            return &q->events[i];
    return NULL;
}

void queue_seen(struct queue *q, uint64_t seq) {
    if (seq > q->last_seq && seq < (uint64_t) JSON_INT_MAX)
        q->last_seq = seq;
}

void queue_mark(struct queue *q, uint64_t seq) {
    if (seq > q->delivered)
        q->delivered = seq;
}

void queue_write(const struct queue *q, struct jsonw *w) {
    jsonw_u64(w, "seq", q->last_seq);
    jsonw_u64(w, "delivered", q->delivered);
    jsonw_array(w, "events");
    for (size_t i = 0; i < q->n; i++) {
        const struct queue_event *ev = &q->events[i];
        jsonw_object(w, NULL);
        jsonw_u64(w, "seq", ev->seq);
        jsonw_int(w, "kind", (int64_t) ev->kind);
        jsonw_raw(w, "text", ev->text, ev->len);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
}

static int read_one(struct queue *q, const struct json *item) {
    int64_t kind = json_get_int(item, "kind", -1);
    int64_t seq = json_get_int(item, "seq", -1);
    const struct json *text = json_get(item, "text");

    if (kind < 0 || kind >= QUEUE_KIND_COUNT || seq <= 0 || !text)
        return -EINVAL;

    struct str out = STR_INIT(EVENT_TEXT_MAX);
    int r = json_print(text, &out);
    size_t len = out.len;
    char *owned = r < 0 ? NULL : str_take(&out);
    str_clear(&out);
    if (!owned)
        return r < 0 ? r : -ENOMEM;

    uint64_t last = q->last_seq, delivered = q->delivered;
    q->last_seq = (uint64_t) seq - 1;
    q->delivered = UINT64_MAX; /* nothing may merge: these were merged when they came */
    r = queue_push(q, (enum queue_kind) kind, owned, len);
    q->last_seq = last;
    q->delivered = delivered;
    return r;
}

int queue_read(struct queue *q, const struct json *object) {
    queue_clear(q);
    q->last_seq = (uint64_t) json_get_int(object, "seq", 0);
    q->delivered = (uint64_t) json_get_int(object, "delivered", 0);
    const struct json *events = json_get(object, "events");
    for (const struct json *it = json_first(events); it; it = json_next(it)) {
        int r = read_one(q, it);
        if (r < 0) {
            queue_clear(q);
            return r;
        }
    }
    return 0;
}
