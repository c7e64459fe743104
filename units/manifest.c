/* SPDX-License-Identifier: MIT
 * manifest.c - reads manifest.json: W3C's members here, ours in manifest_ours.c.
 * Source of the rules: W3C MiniApp Manifest; design.md §7. */
#include "units/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/text.h"
#include "units/manifest_read.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define X(id, name) [PACKAGE_##id] = name,
static const char *const fault_names[PACKAGE_FAULT_COUNT] = { [PACKAGE_OK] = "ok",
                                                              PACKAGE_FAULTS(X) };
#undef X

const char *package_fault_name(enum package_fault fault) {
    return (unsigned) fault < PACKAGE_FAULT_COUNT ? fault_names[fault] : "?";
}

int package_fault_parse(const char *name, enum package_fault *ret) {
    for (size_t i = PACKAGE_OK + 1; i < PACKAGE_FAULT_COUNT; i++)
        if (strcmp(fault_names[i], name) == 0) {
            *ret = (enum package_fault) i;
            return 0;
        }
    return -EINVAL;
}

struct manifest *manifest_free(struct manifest *m) {
    if (!m)
        return NULL;
    free(m->app_id);
    free(m->name);
    free(m->version_name);
    manifest_strings_free(m->pages);
    manifest_strings_free(m->icons);
    manifest_strings_free(m->exec);
    manifest_strings_free(m->environment);
    free(m->update_url);
    free(m);
    return NULL;
}

void manifest_free_p(struct manifest **m) {
    *m = manifest_free(*m);
}

static int read_version(const struct json *version, struct manifest *m, struct err *e) {
    const struct json *code = NULL;
    const char *name = NULL;
    char digits[24];
    int r = manifest_require_object(version, "version", e);

    if (r < 0)
        return r;
    code = json_get(version, "code");
    if (!code || json_kind(code) != JSON_INT)
        return err_set(e, -EINVAL, "'version.code' must be a whole number");
    /* Source: W3C MiniApp Manifest, processing of version: "less than or equal to 0" is 1. */
    m->version_code = json_int(code) <= 0 ? 1 : (uint64_t) json_int(code);

    r = manifest_get_text(version, "name", "version.name", &name, e);
    if (r < 0)
        return r;
    if (!name && !m->exec)
        return err_set(e, -EINVAL, "'version.name' is missing");
    if (name && (r = manifest_check_name("version.name", name, e)) < 0)
        return r;
    (void) snprintf(digits, sizeof digits, "%" PRIu64, m->version_code);
    m->version_name = strdup(name ? name : digits);
    return m->version_name ? 0 : -ENOMEM;
}

static int read_platform(const struct json *platform, uint64_t host_code, struct manifest *m,
                         struct err *e) {
    const struct json *code = NULL;
    int r;

    if (!platform && m->exec)
        return 0;
    r = manifest_require_object(platform, "platform_version", e);
    if (r < 0)
        return r;
    code = json_get(platform, "min_code");
    if (!code || json_kind(code) != JSON_INT || json_int(code) < 0)
        return err_set(e, -EINVAL, "'platform_version.min_code' must be a whole number");
    m->platform_min_code = (uint64_t) json_int(code);
    if (m->platform_min_code > host_code)
        return err_set(e, -EOPNOTSUPP,
                       "'platform_version.min_code' is %" PRIu64 ", this host is %" PRIu64,
                       m->platform_min_code, host_code);
    return 0;
}

static int read_lists(const struct json *doc, struct manifest *m, struct err *e) {
    static const struct manifest_list_rule icon_rule = { "icons", MANIFEST_ICONS_MAX, "src",
                                                         manifest_check_path };
    static const struct manifest_list_rule page_rule = { "pages", MANIFEST_PAGES_MAX, NULL,
                                                         manifest_check_path };
    const struct json *icons = json_get(doc, "icons"), *pages = json_get(doc, "pages");
    int r;

    if (!m->exec && !icons)
        return err_set(e, -EINVAL, "'icons' is missing");
    if (!m->exec && (!pages || json_count(pages) == 0))
        return err_set(e, -EINVAL, "'pages' must name a page");
    r = manifest_read_strings(icons, &icon_rule, &m->icons, e);
    return r < 0 ? r : manifest_read_strings(pages, &page_rule, &m->pages, e);
}

static int read_identity(const struct json *doc, struct manifest *m, struct err *e) {
    static const struct json_field fields[] = {
        { "app_id", JSON_F_STRING, offsetof(struct manifest, app_id), true },
        { "name", JSON_F_STRING, offsetof(struct manifest, name), true },
    };
    int r = json_fill(doc, fields, COUNT(fields), m, e);

    if (r < 0)
        return r;
    if (!text_is_app_id(m->app_id))
        return err_set(e, -EINVAL,
                       "'app_id' must be names of letters, digits and inner hyphens, joined by "
                       "dots, 64 bytes at most");
    return manifest_check_name("name", m->name, e);
}

/* Ours come before the others: whether the app is native decides what else must be there. */
static int read_manifest(const struct json *doc, uint64_t host_code, struct manifest *m,
                         struct err *e) {
    int r;

    if (json_kind(doc) != JSON_OBJECT)
        return err_set(e, -EINVAL, "manifest.json must be an object, not %s",
                       json_kind_name(json_kind(doc)));
    if ((r = read_identity(doc, m, e)) < 0 ||
        (r = manifest_read_ours(json_get(doc, "miniprog"), m, e)) < 0 ||
        (r = read_version(json_get(doc, "version"), m, e)) < 0 ||
        (r = read_platform(json_get(doc, "platform_version"), host_code, m, e)) < 0)
        return r;
    return read_lists(doc, m, e);
}

int manifest_parse(const char *text, size_t len, uint64_t host_code, struct manifest **ret,
                   enum package_fault *ret_fault, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(manifest_free_p) struct manifest *m = calloc(1, sizeof *m);
    int r;

    if (!m)
        return err_set(e, -ENOMEM, "no memory for the manifest");
    m->memory_high = m->memory_max = m->memory_need = m->pids_max = MANIFEST_UNSET;
    m->start_timeout_us = m->stop_timeout_us = MANIFEST_UNSET;

    if (len > MANIFEST_SIZE_MAX)
        r = err_set(e, -EINVAL, "manifest.json has more than %zu bytes", MANIFEST_SIZE_MAX);
    else if ((r = json_parse(text, len, &doc, e)) < 0)
        r = err_wrap(e, r == -ENOMEM ? r : -EINVAL, "manifest.json");
    else
        r = read_manifest(doc, host_code, m, e);
    if (r == -ENOMEM)
        return err_set(e, r, "no memory for the manifest");
    if (r < 0) {
        if (ret_fault)
            *ret_fault = r == -EOPNOTSUPP ? PACKAGE_PLATFORM : PACKAGE_MANIFEST;
        return r;
    }
    *ret = TAKE_PTR(m);
    return 0;
}
