/* SPDX-License-Identifier: MIT
 * refusal.c - the table of sentences. */
#include "supervisor/ctl/refusal.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/wire/interfaces.h"

#define SENTENCE_MAX ((size_t) 16 * 1024)
#define MEMBER_MAX   512u /* bytes of one member: a sentence stays one that can be read */

#define OURS    WIRE_SUPERVISOR "."
#define VARLINK WIRE_SERVICE "."

/* In a sentence {member} is the parameter, {member!} errno's own words, and a part in [ ] is left
 * out where one of its members is missing or empty. Rows with a value come before the one for all
 * others. */
static const struct {
    const char *error;
    const char *member, *value; /* only where this member has this value; NULL: always */
    const char *sentence;
} rows[] = {
    { OURS "NoSuchApp", NULL, NULL, "no app '{id}' is installed (see 'miniprogctl list')" },
    { OURS "BadState", "state", "stopped", "'{id}' does not run (see 'miniprogctl open {id}')" },
    { OURS "BadState", "state", "starting", "'{id}' is still starting" },
    { OURS "BadState", "state", "stopping", "'{id}' is just being stopped" },
    { OURS "BadState", NULL, NULL, "that cannot be done while '{id}' is {state}" },

#define BAD(word, text)                                                                            \
    { OURS "BadPackage", "reason", word, text "[: {detail}]" }
    BAD("missing", "a file that must be there is missing"),
    BAD("format", "this is no package or update index, or a broken one"),
    BAD("manifest", "the package's manifest is wrong"),
    BAD("path", "the package has a path that it may not have"),
    BAD("type", "the package holds something that is neither a file nor a folder"),
    BAD("limits", "the package is larger than it may be"),
    BAD("crc", "the package is damaged"),
    BAD("signature", "the package is not signed, or its signature is not good"),
    BAD("trust", "the package is not signed by a key that is trusted for it"),
    BAD("hash", "the package is not the one that its index names"),
    BAD("tree", "the unpacked package is not what was verified"),
    BAD("platform", "the package needs a newer version of this system"),
    BAD("downgrade", "it is older than what is here"),
    BAD("same_version", "there is nothing to install"),
    BAD("target", "the package is of another app"),
    BAD("expired", "the update index has expired"),
    BAD("network", "it could not be fetched"),
    BAD("storage", "the supervisor could not store it"), /* of an update */
#undef BAD
    { OURS "BadPackage", NULL, NULL, "the package is refused ({reason})[: {detail}]" },

#define START(stage, text)                                                                         \
    { OURS "StartFailed", "stage", stage, text "[: {detail}]" }
    START("fork", "no process could be made for '{id}'[ ({errno!})]"),
    START("exec", "the program of '{id}' could not be run[ ({errno!})]"),
    START("ready", "'{id}' was not ready in time"),
    START("exited", "'{id}' ended before it was ready (see 'miniprogctl logs {id}')"),
    START("closed", "'{id}' was closed while it was being opened"),
    START("memory", "there is not enough free memory to open '{id}'"),
    START("too_old", "this version of '{id}' may no longer be used, it must be updated first"),
#undef START
    { OURS "StartFailed", NULL, NULL,
      "'{id}' could not be started at stage '{stage}'[ ({errno!})][: {detail}]" },

    { OURS "NoUpdate", NULL, NULL, "there is no update for '{id}'" },
    { OURS "NoSuchDialog", NULL, NULL, "no dialog {dialog} is open; it may have been answered" },
    { OURS "Busy", NULL, NULL, "the supervisor is busy, try again[: {detail}]" },
    { OURS "Storage", NULL, NULL, "the supervisor could not store it[: {detail}]" },
    { OURS "NotPermitted", NULL, NULL, "the supervisor does not permit this[: {detail}]" },

    { VARLINK "InterfaceNotFound", NULL, NULL,
      "what listens there does not know '{interface}' (is --socket right?)" },
    { VARLINK "MethodNotFound", NULL, NULL,
      "this supervisor does not know '{method}': its version is another" },
    { VARLINK "MethodNotImplemented", NULL, NULL, "this supervisor cannot do '{method}' yet" },
    { VARLINK "InvalidParameter", NULL, NULL, "the supervisor refused the value of '{parameter}'" },
    { VARLINK "PermissionDenied", NULL, NULL, "the supervisor does not let you do this" },
    { VARLINK "ExpectedMore", NULL, NULL, "the supervisor has this only as a stream" },
};

/* Appends the member's text; false where it is missing, empty or not of a printable kind. */
static bool put_member(struct str *out, const struct json *parameters, const char *name,
                       size_t name_len) {
    CLEANUP(str_clear_p) struct str key = STR_INIT(64);
    bool as_errno = name_len > 0 && name[name_len - 1] == '!';
    const struct json *v;
    const char *text;

    (void) str_append(&key, name, name_len - as_errno);
    v = json_get(parameters, str_text(&key));
    if (!v)
        return false;
    switch (json_kind(v)) {
    case JSON_INT:
        if (as_errno && json_int(v) > 0 && json_int(v) <= INT_MAX)
            (void) str_puts(out, strerror((int) json_int(v)));
        else
            (void) str_printf(out, "%" PRId64, json_int(v));
        return true;
    case JSON_STRING:
        text = json_string(v);
        if (strlen(text) <= MEMBER_MAX)
            (void) str_puts(out, text);
        else
            (void) str_printf(out, "%.*s...", (int) MEMBER_MAX, text);
        return *text != '\0';
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_DOUBLE:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    return false;
}

/* Appends a template's text up to `end` (not nested); false if a member was missing. */
static bool put_part(struct str *out, const char *from, const char *end,
                     const struct json *parameters) {
    bool whole = true;

    while (from < end) {
        const char *close = *from == '{' ? memchr(from, '}', (size_t) (end - from)) : NULL;
        if (!close) {
            (void) str_putc(out, *from++);
            continue;
        }
        if (!put_member(out, parameters, from + 1, (size_t) (close - from - 1))) {
            (void) str_putc(out, '?');
            whole = false;
        }
        from = close + 1;
    }
    return whole;
}

static void put_template(struct str *out, const char *text, const struct json *parameters) {
    while (*text) {
        CLEANUP(str_clear_p) struct str part = STR_INIT(SENTENCE_MAX);
        size_t n = strcspn(text, "[");

        (void) put_part(out, text, text + n, parameters);
        text += n;
        if (*text != '[')
            return;
        text++;
        n = strcspn(text, "]");
        if (put_part(&part, text, text + n, parameters))
            (void) str_puts(out, str_text(&part));
        text += n + 1;
    }
}

void refusal_sentence(struct str *out, const char *error, const struct json *parameters) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].error, error) != 0)
            continue;
        if (rows[i].member &&
            strcmp(json_get_string(parameters, rows[i].member, ""), rows[i].value) != 0)
            continue;
        put_template(out, rows[i].sentence, parameters);
        return;
    }
    (void) str_printf(out, "the supervisor answered '%.200s'", error);
    if (json_count(parameters) > 0) {
        CLEANUP(str_clear_p) struct str text = STR_INIT(MEMBER_MAX);
        if (json_print(parameters, &text) == 0)
            (void) str_printf(out, ": %s", str_text(&text));
    }
}

int refusal_tell(const char *error, const struct json *parameters) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(SENTENCE_MAX);

    refusal_sentence(&text, error, parameters);
    return ctl_fail(CTL_FAILED, "%s", str_text(&text));
}
