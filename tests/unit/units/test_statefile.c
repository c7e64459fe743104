/* SPDX-License-Identifier: MIT
 * The state file's text: nothing but what was written is ever read from it. */
#include "scratch.h"

#include <inttypes.h>

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "units/statefile.h"

#define HASH_A "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
#define HASH_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define VERSION(code, name, hash)                                                                  \
    "{\"seq\":1,\"pending\":{\"code\":" code ",\"name\":\"" name "\",\"files_hash\":\"" hash "\"}" \
    "}"

static struct store_state example(void) {
    struct store_state s = { .seq = 7 };
    assert_int_equal(store_version_set(&s.current, 3, HASH_A, true), 0);
    assert_int_equal(store_version_set(&s.pending, 4, HASH_B, false), 0);
    return s;
}

/* A first line with the checksum line that fits it. */
static char *sealed(const char *line) {
    char *text = NULL;
    assert_true(asprintf(&text, "%s\ncrc32 00000000\n", line) > 0);
    size_t n = strlen(line) + 1;
    (void) snprintf(text + n, sizeof "crc32 00000000\n", "crc32 %08" PRIx32 "\n",
                    text_crc32(0, text, n));
    return text;
}

static void test_what_is_written_reads_back(void **state) {
    (void) state;
    struct store_state s = example(), back;
    struct str text = STR_INIT(STATEFILE_MAX), again = STR_INIT(STATEFILE_MAX);

    s.rest = strdup("{\"trial\":{\"left\":2},\"floor\":1,\"list\":[1,\"x\"]}");
    assert_int_equal(statefile_encode(&s, &text, NULL), 0);
    assert_int_equal(statefile_decode(text.data, text.len, &back, NULL), 0);
    assert_int_equal(back.seq, 7);
    assert_string_equal(back.current.name, "3-aaaaaaaaaaaaaaaa");
    assert_string_equal(back.current.files_hash, HASH_A);
    assert_true(back.current.is_unsigned);
    assert_int_equal(back.current.code, 3);
    assert_string_equal(back.pending.name, "4-0123456789abcdef");
    assert_false(back.pending.is_unsigned);
    assert_string_equal(back.previous.name, "");
    assert_string_equal(back.rest, s.rest);

    assert_int_equal(statefile_encode(&back, &again, NULL), 0);
    assert_string_equal(again.data, text.data);
    store_state_clear(&s);
    store_state_clear(&back);
    assert_null(back.rest);
    str_clear(&text);
    str_clear(&again);
}

static void test_members_of_ours_in_rest_do_not_double(void **state) {
    (void) state;
    struct store_state s = example(), back;
    struct str text = STR_INIT(STATEFILE_MAX);
    s.rest = "{\"seq\":99,\"current\":null,\"other\":1}";
    assert_int_equal(statefile_encode(&s, &text, NULL), 0);
    assert_int_equal(statefile_decode(text.data, text.len, &back, NULL), 0);
    assert_int_equal(back.seq, 7);
    assert_string_equal(back.rest, "{\"other\":1}");
    store_state_clear(&back);
    str_clear(&text);
}

static void assert_damaged(const char *text, size_t len) {
    struct store_state untouched = { .seq = 4711 };
    struct err e = { 0 };
    int r = statefile_decode(text, len, &untouched, &e);
    if (r != -EBADMSG || !e.text[0])
        fail_msg("%d (%s): %.*s", r, e.text, (int) len, text);
    assert_int_equal(untouched.seq, 4711);
}

static void test_every_cut_and_every_flipped_byte_is_seen(void **state) {
    (void) state;
    struct store_state s = example();
    struct str text = STR_INIT(STATEFILE_MAX);
    assert_int_equal(statefile_encode(&s, &text, NULL), 0);

    for (size_t n = 0; n < text.len; n++)
        assert_damaged(text.data, n);
    for (size_t i = 0; i < text.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            text.data[i] = (char) (text.data[i] ^ 1 << bit);
            assert_damaged(text.data, text.len);
            text.data[i] = (char) (text.data[i] ^ 1 << bit);
        }
    memset(text.data, 0, text.len); /* what a file system leaves after a cut */
    assert_damaged(text.data, text.len);
    str_clear(&text);
}

/* A good checksum does not make it true. */
static void test_what_is_inside_is_checked_too(void **state) {
    (void) state;
    static const char *const lines[] = {
        "",
        "7",
        "[]",
        "{}",
        "{\"seq\":0}",
        "{\"seq\":-1}",
        "{\"seq\":\"1\"}",
        "{\"seq\":1,\"seq\":2}",
        "{\"seq\":1,\"current\":7}",
        "{\"seq\":1,\"current\":{}}",
        VERSION("3", "../../x", HASH_A),
        VERSION("4", "3-aaaaaaaaaaaaaaaa", HASH_A),
        VERSION("-3", "3-aaaaaaaaaaaaaaaa", HASH_A),
        VERSION("3", "3-aaaaaaaaaaaaaaaa", HASH_B),
        VERSION("3", "3-aaaaaaaaaaaaaaaa", "aa"),
        "{\"seq\":1}\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *text = sealed(lines[i]);
        assert_damaged(text, strlen(text));
        free(text);
    }
    char *good = sealed("{\"seq\":1}");
    struct store_state s;
    assert_int_equal(statefile_decode(good, strlen(good), &s, NULL), 0);
    assert_null(s.rest);
    free(good);
}

static void test_what_would_not_read_back_is_not_written(void **state) {
    (void) state;
    struct str out = STR_INIT(STATEFILE_MAX);
    struct store_state s = example();
    struct err e = { 0 };

    s.current.code = 5;
    assert_int_equal(statefile_encode(&s, &out, &e), -EINVAL);
    assert_non_null(strstr(e.text, "current"));
    s = example();
    strcpy(s.pending.name, "../x");
    assert_int_equal(statefile_encode(&s, &out, &e), -EINVAL);
    s = example();
    s.rest = "[1]";
    assert_int_equal(statefile_encode(&s, &out, &e), -EINVAL);
    s.rest = "{\"a\":";
    assert_int_equal(statefile_encode(&s, &out, &e), -EINVAL);
    s.rest = NULL;
    s.seq = (UINT64_C(1) << 53) + 1;
    assert_int_equal(statefile_encode(&s, &out, &e), -EINVAL);
    s.seq = 1;
    s.rest = malloc(STATEFILE_MAX);
    memset(s.rest, 'x', STATEFILE_MAX);
    memcpy(s.rest, "{\"a\":\"", 6);
    strcpy(s.rest + STATEFILE_MAX - 3, "\"}");
    assert_int_equal(statefile_encode(&s, &out, &e), -E2BIG);
    free(s.rest);
    assert_int_equal(out.len, 0);
}

static void test_a_version_is_named_by_what_it_is(void **state) {
    (void) state;
    struct store_version v = { .code = 4711 };
    assert_int_equal(store_version_set(&v, 0, HASH_A, false), -EINVAL);
    assert_int_equal(store_version_set(&v, (UINT64_C(1) << 53) + 1, HASH_A, false), -EINVAL);
    assert_int_equal(store_version_set(&v, 1, "aa", false), -EINVAL);
    assert_int_equal(v.code, 4711);
    assert_int_equal(store_version_set(&v, UINT64_C(1) << 53, HASH_A, false), 0);
    assert_string_equal(v.name, "9007199254740992-aaaaaaaaaaaaaaaa");
    assert_true(store_version_is_sound(&v));
    v.name[0] = '8';
    assert_false(store_version_is_sound(&v));
}

static void test_the_seq_of_a_damaged_file_is_guessed(void **state) {
    (void) state;
    assert_int_equal(statefile_guess_seq("{\"seq\":12}\ncrc32 bad", 20), 12);
    assert_int_equal(statefile_guess_seq("{\"seq\":12}", 10), 0);
    assert_int_equal(statefile_guess_seq("{\"seq\":-2}\n", 11), 0);
    assert_int_equal(statefile_guess_seq("\0\0\0\n", 4), 0);
    assert_int_equal(statefile_guess_seq("", 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_members_of_ours_in_rest_do_not_double),
        cmocka_unit_test(test_every_cut_and_every_flipped_byte_is_seen),
        cmocka_unit_test(test_what_is_inside_is_checked_too),
        cmocka_unit_test(test_what_would_not_read_back_is_not_written),
        cmocka_unit_test(test_a_version_is_named_by_what_it_is),
        cmocka_unit_test(test_the_seq_of_a_damaged_file_is_guessed),
    };
    return cmocka_run_group_tests_name("units/statefile", tests, NULL, NULL);
}
