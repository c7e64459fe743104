/* SPDX-License-Identifier: MIT
 * fuzz_notify.c - a notify datagram, and any bytes made plain. */
#include "supervisor/base/plain.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/notify.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_notify(const uint8_t *data, size_t size) {
    struct notify_message m = { .pid = 1, .status = "untouched" };
    char *text = malloc(size + 1);

    check(text);
    memcpy(text, data, size);
    if (!notify_parse(text, size, &m)) {
        check(strcmp(m.status, "untouched") == 0);
    } else {
        check(m.ready || m.stopping || m.watchdog_trigger || m.status);
        check(!m.status || (m.status >= text && m.status <= text + size));
        check(!m.status || text_is_utf8(m.status, strlen(m.status)));
        check(!m.status || !text_has_control(m.status, strlen(m.status)));
    }
    check(m.pid == 1);
    free(text);
}

static void check_plain(const uint8_t *data, size_t size) {
    size_t room = PLAIN_GROWTH * size + 1, n;
    char *text = malloc(room);

    check(text);
    n = plain_text((const char *) data, size, text, room);
    check(n < room && text[n] == '\0' && n >= size && text_is_utf8(text, n));
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\t')
            text[i] = ' ';
    check(!text_has_control(text, n));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_notify(data, size);
    check_plain(data, size);
    return 0;
}
