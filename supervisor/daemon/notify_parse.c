/* SPDX-License-Identifier: MIT
 * notify_parse.c - the text of a notify datagram; pure.
 * Layer: 3, daemon. Uses: base. Source: sd_notify(3), "newline-separated list of variable
 * assignments". */
#include <string.h>

#include "supervisor/base/text.h"
#include "supervisor/daemon/notify.h"

/* line has n bytes and is NUL-terminated there. */
static bool take_line(const char *line, size_t n, struct notify_message *m) {
    if (strlen(line) != n) /* a NUL inside: "READY=1\0..." says nothing that we know */
        return false;
    if (strcmp(line, "READY=1") == 0)
        return m->ready = true;
    if (strcmp(line, "STOPPING=1") == 0)
        return m->stopping = true;
    if (strcmp(line, "WATCHDOG=trigger") == 0)
        return m->watchdog_trigger = true;
    if (strncmp(line, "STATUS=", 7) == 0 && text_is_utf8(line, n) && !text_has_control(line, n)) {
        m->status = line + 7;
        return true;
    }
    return false;
}

bool notify_parse(char *text, size_t n, struct notify_message *ret) {
    struct notify_message m = { .pid = ret->pid };
    bool any = false;

    text[n] = '\0';
    while (n > 0) {
        char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t) (end - text) : n;
        text[len] = '\0';
        any |= take_line(text, len, &m);
        n -= end ? len + 1 : len;
        text += end ? len + 1 : len;
    }
    if (any)
        *ret = m;
    return any;
}
