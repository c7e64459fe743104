/* SPDX-License-Identifier: MIT
 * A package file in memory: read as it was made, and no bit of it means something else unseen.
 * What other tools make and what nobody should make is in tests/integration/it_package.c. */
#include "tests/unit/units/scratch.h"

#include <sys/mman.h>

#include "supervisor/base/err.h"
#include "supervisor/base/text.h"
#include "supervisor/worker/archive.h"
#include "supervisor/worker/verdict.h"

/* --- a writer: stored entries, Unix ---------------------------------------------------------- */

struct bytes {
    unsigned char data[4096];
    size_t len;
};

static void put(struct bytes *b, uint64_t value, size_t n) {
    for (; n > 0; n--, value >>= 8)
        b->data[b->len++] = (unsigned char) value;
}

static void put_text(struct bytes *b, const char *text) {
    memcpy(b->data + b->len, text, strlen(text));
    b->len += strlen(text);
}

static const struct made {
    const char *name, *text;
    unsigned mode;
    unsigned flags; /* 8: sizes and checksum behind the data */
} made[] = {
    { "bin/", "", 0040755, 0 },
    { "bin/run", "#!/bin/sh\nexit 0\n", 0100755, 0 },
    { "manifest.json", "{\"some\":\"json\"}", 0100644, 0 },
    { "later", "abcabcabc", 0100600, 8 },
    { "pages/x.js", "", 0100644, 0 },
};
#define N_MADE (sizeof made / sizeof made[0])

/* From "version needed" to the length of the name. */
static void put_common(struct bytes *b, const struct made *m, bool sizes) {
    uint32_t n = (uint32_t) strlen(m->text);
    put(b, 20, 2);
    put(b, m->flags, 2);
    put(b, 0, 2);
    put(b, 0x00210000, 4); /* 1980-01-01 */
    put(b, sizes ? text_crc32(0, m->text, n) : 0, 4);
    put(b, sizes ? n : 0, 4);
    put(b, sizes ? n : 0, 4);
    put(b, strlen(m->name), 2);
}

static void put_local(struct bytes *b, const struct made *m) {
    uint32_t n = (uint32_t) strlen(m->text);
    put(b, 0x04034b50, 4);
    put_common(b, m, !(m->flags & 8));
    put(b, 0, 2);
    put_text(b, m->name);
    put_text(b, m->text);
    if (m->flags & 8) {
        put(b, 0x08074b50, 4);
        put(b, text_crc32(0, m->text, n), 4);
        put(b, n, 4);
        put(b, n, 4);
    }
}

static void put_central(struct bytes *b, const struct made *m, size_t offset) {
    put(b, 0x02014b50, 4);
    put(b, 0x0314, 2);
    put_common(b, m, true);
    put(b, 0, 2 + 2 + 2 + 2);
    put(b, (uint64_t) m->mode << 16, 4);
    put(b, offset, 4);
    put_text(b, m->name);
}

static struct bytes make(void) {
    struct bytes b = { .len = 0 };
    size_t offsets[N_MADE];
    for (size_t i = 0; i < N_MADE; i++) {
        offsets[i] = b.len;
        put_local(&b, &made[i]);
    }
    size_t directory = b.len;
    for (size_t i = 0; i < N_MADE; i++)
        put_central(&b, &made[i], offsets[i]);
    size_t size = b.len - directory;
    put(&b, 0x06054b50, 4);
    put(&b, 0, 4);
    put(&b, N_MADE, 2);
    put(&b, N_MADE, 2);
    put(&b, size, 4);
    put(&b, directory, 4);
    put(&b, 0, 2);
    return b;
}

/* --- reading -------------------------------------------------------------------------------- */

/* All that a device would make of it, as one text. */
struct told {
    char text[4096];
    size_t len;
};

static int take(void *userdata, const void *bytes, size_t n, struct err *e) {
    struct told *t = userdata;
    (void) e;
    memcpy(t->text + t->len, bytes, n);
    t->len += n;
    return 0;
}

static enum package_fault tell(const void *bytes, size_t n, struct told *ret) {
    static int fd = -1;
    struct archive *a = NULL;
    struct err e = { 0 };
    struct verdict v = { .e = &e };
    if (fd < 0)
        fd = memfd_create("archive", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    *ret = (struct told){ .len = 0 };
    int r = archive_open(fd, &a, &v);
    for (size_t i = 0; r == 0 && i < archive_count(a); i++) {
        struct archive_item item = archive_item(a, i);
        ret->len += (size_t) snprintf(ret->text + ret->len, 512, "%s %s%s%zu\n", item.path,
                                      item.folder ? "folder " : "",
                                      item.executable ? "program " : "", (size_t) item.size);
        if (!item.folder)
            r = archive_read(a, i, take, ret, &v);
    }
    archive_free(a);
    assert_int_equal(r, v.fault ? -EINVAL : 0);
    assert_true(!v.fault || e.text[0]);
    return v.fault;
}

static void test_it_is_read_as_it_was_made(void **state) {
    (void) state;
    struct bytes b = make();
    struct told told;
    assert_int_equal(tell(b.data, b.len, &told), PACKAGE_OK);
    assert_string_equal(told.text, "bin folder 0\n"
                                   "bin/run program 17\n#!/bin/sh\nexit 0\n"
                                   "later 9\nabcabcabc"
                                   "manifest.json 15\n{\"some\":\"json\"}"
                                   "pages folder 0\n"
                                   "pages/x.js 0\n");
}

static void test_no_part_of_it_is_one(void **state) {
    (void) state;
    struct bytes b = make();
    struct told told;
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(tell(b.data, n, &told), PACKAGE_FORMAT);
    for (size_t n = 1; n < b.len; n++)
        assert_int_equal(tell(b.data + n, b.len - n, &told), PACKAGE_FORMAT);
}

/* Of every byte all bits, and some pairs of wrong bytes' worth: what is taken in spite of it says
 * the same. Attributes are said once only; a change of them is another package, not a lie. */
static void test_no_bit_of_it_lies(void **state) {
    (void) state;
    struct bytes b = make();
    struct told good, told;
    size_t taken = 0, directory = b.len - 22 - (N_MADE * 46 + 4 + 7 + 13 + 5 + 10);
    assert_int_equal(tell(b.data, b.len, &good), PACKAGE_OK);
    for (size_t i = 0; i < b.len; i++) {
        bool attributes = false;
        for (size_t k = 0, at = directory; k < N_MADE; at += 46 + strlen(made[k].name), k++)
            attributes = attributes || (i >= at + 38 && i < at + 42);
        for (int bit = 0; bit < 8 && !attributes; bit++) {
            b.data[i] ^= (unsigned char) (1 << bit);
            if (tell(b.data, b.len, &told) == PACKAGE_OK) {
                if (strcmp(told.text, good.text) != 0)
                    fail_msg("bit %d of byte %zu: %s", bit, i, told.text);
                taken++;
            }
            b.data[i] ^= (unsigned char) (1 << bit);
        }
    }
    /* Of each entry: times (twice 32 bits), who made it (16), what it needs (16 in the local
     * header; in the other the upper 8, and two that make less of it), and a word that nobody reads
     * (16). */
    assert_int_equal(taken, N_MADE * (32 + 32 + 16 + 16 + 8 + 2 + 16));
}

/* Two packages one behind the other are none, nor is one with anything before or behind. */
static void test_nothing_is_before_or_behind(void **state) {
    (void) state;
    struct bytes b = make(), twice = b;
    struct told told;
    memcpy(twice.data + twice.len, b.data, b.len);
    twice.len += b.len;
    assert_int_equal(tell(twice.data, twice.len, &told), PACKAGE_FORMAT);
    twice = b;
    put(&twice, 0, 1);
    assert_int_equal(tell(twice.data, twice.len, &told), PACKAGE_FORMAT);
    twice = (struct bytes){ .len = 0 };
    put(&twice, 0, 1);
    memcpy(twice.data + 1, b.data, b.len);
    assert_int_equal(tell(twice.data, b.len + 1, &told), PACKAGE_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_read_as_it_was_made),
        cmocka_unit_test(test_no_part_of_it_is_one),
        cmocka_unit_test(test_no_bit_of_it_lies),
        cmocka_unit_test(test_nothing_is_before_or_behind),
    };
    return cmocka_run_group_tests_name("worker/archive", tests, NULL, NULL);
}
