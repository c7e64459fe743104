/* SPDX-License-Identifier: MIT
 * fuzz_manifest.c - manifest.json of a package that anybody made. What is taken keeps the promises
 * of manifest.h; what is refused has a sentence. */
#include "supervisor/base/err.h"
#include "supervisor/base/text.h"
#include "units/manifest.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static size_t check_paths(char *const *list, size_t max) {
    size_t n = 0;
    for (; list[n]; n++)
        check(!manifest_path_fault(list[n]) && !strstr(list[n], "/../"));
    check(n <= max);
    return n;
}

static void check_manifest(const struct manifest *m) {
    check(text_is_app_id(m->app_id));
    check(m->name[0] && !text_has_control(m->name, strlen(m->name)));
    check(m->version_code >= 1 && m->version_name[0]);
    check(m->platform_min_code <= MANIFEST_HOST_CODE);
    check(check_paths(m->pages, MANIFEST_PAGES_MAX) > 0 || m->exec);
    (void) check_paths(m->icons, MANIFEST_ICONS_MAX);
    check(m->exec ? m->exec[0] && m->exec[0][0] : m->ready_notify);
    for (size_t i = 0; m->environment[i]; i++) {
        check(strchr(m->environment[i], '=') && m->environment[i][0] != '=');
        check(strncmp(m->environment[i], "LD_", 3) != 0);
        check(strncmp(m->environment[i], "MINIPROG_", 9) != 0);
        check(i < MANIFEST_ENVIRONMENT_MAX);
    }
    check(m->memory_high == MANIFEST_UNSET || m->memory_high <= m->memory_max);
    check(m->memory_max > 0 && m->memory_need > 0 && m->pids_max > 0);
    check(m->start_timeout_us == MANIFEST_UNSET || m->start_timeout_us <= MANIFEST_TIMEOUT_MAX_US);
    check(m->stop_timeout_us == MANIFEST_UNSET || m->stop_timeout_us <= MANIFEST_TIMEOUT_MAX_US);
    check(m->background <= (BACKGROUND_AUDIO | BACKGROUND_LOCATION | BACKGROUND_TASK));
    check(!m->update_url || strncmp(m->update_url, "http", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum package_fault fault = PACKAGE_OK;
    struct manifest *m = NULL;
    struct err e = { 0 };
    int r = manifest_parse((const char *) data, size, MANIFEST_HOST_CODE, &m, &fault, &e);

    if (r == 0) {
        check(m && fault == PACKAGE_OK);
        check_manifest(m);
    } else {
        check(!m && (r == -EINVAL || r == -EOPNOTSUPP || r == -ENOMEM));
        check(e.text[0] && !text_has_control(e.text, strlen(e.text)));
        check((fault == PACKAGE_PLATFORM) == (r == -EOPNOTSUPP));
    }
    manifest_free(m);
    return 0;
}
