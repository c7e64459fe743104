/* SPDX-License-Identifier: MIT
 * fuzz_config.c - a configuration file: read whole and within its bounds, or refused with a place.
 */
#include "supervisor/base/err.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_psi(const struct config_psi *p) {
    check(p->stall_us > 0 && p->stall_us <= p->window_us);
    check(p->window_us >= 500000 && p->window_us <= 10000000);
}

static void check_config(const struct config *c) {
    check(c->lifecycle.suspend_after > 0 && c->lifecycle.start_timeout > 0);
    check(c->lifecycle.start_timeout != CONFIG_NEVER && c->lifecycle.max_foreground >= 1);
    check(c->lifecycle.home[0] == '\0' || text_is_app_id(c->lifecycle.home));
    check_psi(&c->memory.moderate);
    check_psi(&c->memory.low);
    check_psi(&c->memory.critical);
    check(c->memory.available_low_exit <= 1000);
    check(c->memory.available_low <= c->memory.available_low_exit);
    check(c->memory.available_critical <= c->memory.available_critical_exit);
    check(c->apps.uid_low >= 1 && c->apps.uid_low <= c->apps.uid_high);
    check(c->apps.uid_high != (uid_t) -1 && c->apps.groups);
    check(c->apps.log_size >= 16 * 1024 && c->apps.javascript[0]);
    check(memchr(c->apps.javascript, 0, sizeof c->apps.javascript));
    check(memchr(c->control.group, 0, sizeof c->control.group));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fd = memfd_create("conf", MFD_CLOEXEC);
    struct config *c = NULL;
    struct err e = { 0 };
    char path[64];

    check(fd >= 0 && write(fd, data, size) == (ssize_t) size);
    (void) snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = config_load(path, &c, &e);
    if (r == 0) {
        check_config(c);
        config_free(c);
    } else {
        check(r == -EINVAL && !c && strstr(e.text, path));
        for (char *tab; (tab = strchr(e.text, '\t'));)
            *tab = ' ';
        check(!text_has_control(e.text, strlen(e.text)));
    }
    close(fd);
    return 0;
}
