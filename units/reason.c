/* SPDX-License-Identifier: MIT */
#include "units/reason.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* WeChat's own words for it. Source: design.md §4. */
#define MEMORY_SENTENCE_ZH "运行内存不足，请重新打开该小程序"

#define X(id, name, sentence) [EXIT_##id##_REASON] = { name, sentence },
static const struct {
    const char *name, *sentence;
} reasons[EXIT_REASON_COUNT] = { [EXIT_REASON_NONE] = { "none", "It has not ended yet" },
                                 EXIT_REASONS(X) };
#undef X

const char *exit_reason_name(enum exit_reason reason) {
    return (unsigned) reason < EXIT_REASON_COUNT ? reasons[reason].name : "?";
}

int exit_reason_parse(const char *name, enum exit_reason *ret) {
    for (size_t i = EXIT_REASON_NONE + 1; i < EXIT_REASON_COUNT; i++)
        if (strcmp(reasons[i].name, name) == 0) {
            *ret = (enum exit_reason) i;
            return 0;
        }
    return -EINVAL;
}

static bool is_chinese(const char *lang) {
    return lang && strncmp(lang, "zh", 2) == 0 && (lang[2] == '\0' || strchr("_-.@", lang[2]));
}

const char *exit_reason_sentence(enum exit_reason reason, const char *lang) {
    if ((unsigned) reason >= EXIT_REASON_COUNT)
        return "?";
    if (is_chinese(lang) &&
        (reason == EXIT_MEMORY_LIMIT_REASON || reason == EXIT_MEMORY_PRESSURE_REASON ||
         reason == EXIT_MEMORY_ALARMS_REASON))
        return MEMORY_SENTENCE_ZH;
    return reasons[reason].sentence;
}
