/* SPDX-License-Identifier: MIT
 * show.h - replies as people read them; each is a page_fn for call() or call_stream().
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "supervisor/ctl/call.h"
#include "supervisor/ctl/words.h"

void show_list(struct ctl *c, struct page *p, const struct json *reply);
void show_status(struct ctl *c, struct page *p, const struct json *reply);
void show_start(struct ctl *c, struct page *p, const struct json *reply);
void show_installed(struct ctl *c, struct page *p, const struct json *reply);
void show_checked(struct ctl *c, struct page *p, const struct json *reply);
void show_version(struct ctl *c, struct page *p, const struct json *reply);
void show_delivered(struct ctl *c, struct page *p, const struct json *reply);
void show_line(struct ctl *c, struct page *p, const struct json *reply);
void show_memory(struct ctl *c, struct page *p, const struct json *reply);
void show_why(struct ctl *c, struct page *p, const struct json *reply);

/* page.state of show_event: how wide the names are that were seen so far. */
struct watch {
    size_t id_width;
};
void show_event(struct ctl *c, struct page *p, const struct json *reply);

#endif
