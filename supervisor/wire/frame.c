/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void frame_init(struct frame *f, size_t max) {
    *f = (struct frame){ .in = STR_INIT(max + 1 + FRAME_PUSH_MAX), .max = max };
}

void frame_clear(struct frame *f) {
    str_clear(&f->in);
    f->scanned = f->handed = 0;
}

/* Forgets what was handed out; an idle peer costs no memory. */
static void drop_handed(struct frame *f) {
    if (f->handed == f->in.len)
        str_clear(&f->in);
    else if (f->handed > 0)
        str_consume(&f->in, f->handed);
    f->scanned -= f->handed;
    f->handed = 0;
}

/* Moves `scanned` to the next NUL or to the end. No byte is looked at twice, however small the
 * pieces are that it comes in. -EMSGSIZE: what lies before is too long for a message already. */
static int scan(struct frame *f, bool *ret_whole) {
    const char *nul = NULL;

    if (f->scanned < f->in.len)
        nul = memchr(f->in.data + f->scanned, '\0', f->in.len - f->scanned);
    f->scanned = nul ? (size_t) (nul - f->in.data) : f->in.len;
    if (f->scanned - f->handed > f->max)
        return -EMSGSIZE;
    *ret_whole = nul != NULL;
    return 0;
}

int frame_push(struct frame *f, const void *bytes, size_t n) {
    bool whole;

    if (str_error(&f->in) < 0)
        return str_error(&f->in);
    drop_handed(f);
    int r = str_append(&f->in, bytes, n);
    return r < 0 ? r : scan(f, &whole);
}

int frame_next(struct frame *f, const char **ret, size_t *ret_len) {
    bool whole;
    int r = str_error(&f->in);

    if (r == 0)
        r = scan(f, &whole);
    if (r < 0)
        return r;
    if (!whole) {
        drop_handed(f);
        return 0;
    }
    *ret = f->in.data + f->handed;
    *ret_len = f->scanned - f->handed;
    f->handed = ++f->scanned;
    return 1;
}
