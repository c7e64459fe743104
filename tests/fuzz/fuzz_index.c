/* SPDX-License-Identifier: MIT
 * fuzz_index.c - an update index whose signature is good. What is taken is written and read again,
 * and what a device is offered of it is one of its packages. */
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/admit.h"
#include "units/index.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_index(const struct index *ix) {
    check(text_is_app_id(ix->app_id) && ix->sequence >= 1);
    check(ix->n_packages <= INDEX_PACKAGES_MAX);
    for (size_t i = 0; i < ix->n_packages; i++) {
        const struct index_package *p = &ix->packages[i];
        check(i == 0 || ix->packages[i - 1].code > p->code);
        check(p->code >= 1 && p->size >= 1 && p->size <= PACKAGE_FILE_MAX && p->rollout <= 100);
        check(p->unpacked_size <= PACKAGE_BYTES_MAX && p->files >= 1);
        check(p->files <= PACKAGE_ENTRIES_MAX && filelist_is_hash(p->sha256));
        check(index_url_is_sound(p->url) && !text_has_control(p->name, strlen(p->name)));
    }
}

static void check_choice(const struct index *ix, uint64_t current, uint64_t pending) {
    struct index_device d = { .current = current, .pending = pending, .place = 10, .now = 1 };
    struct index_choice choice;

    index_choose(ix, &d, &choice);
    check((choice.verdict == INDEX_NEWER || choice.verdict == INDEX_BACK) == !!choice.package);
    if (choice.verdict == INDEX_NEWER)
        check(choice.code > current && choice.code > pending);
    if (choice.verdict == INDEX_BACK)
        check(choice.code < current && choice.code == ix->downgrade_to);
    if (choice.package)
        check(choice.package >= ix->packages && choice.package < ix->packages + ix->n_packages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = STR_INIT(2 * INDEX_SIZE_MAX), twice = STR_INIT(2 * INDEX_SIZE_MAX);
    struct index *ix = NULL, *again = NULL;
    struct err e = { 0 };
    int r = index_parse((const char *) data, size, &ix, &e);

    if (r < 0) {
        check(r == -EINVAL && !ix && e.text[0]);
        return 0;
    }
    check_index(ix);
    check_choice(ix, 0, 0);
    check_choice(ix, 3, 5);
    check_choice(ix, 5, 0);
    check(index_print(ix, &text) == 0);
    if (text.len <= INDEX_SIZE_MAX) { /* numbers may grow: 1e3 */
        check(index_parse(text.data, text.len, &again, &e) == 0);
        check(index_print(again, &twice) == 0 && strcmp(text.data, twice.data) == 0);
    }
    index_free(ix);
    index_free(again);
    str_clear(&text);
    str_clear(&twice);
    return 0;
}
