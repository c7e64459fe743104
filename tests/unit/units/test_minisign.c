/* SPDX-License-Identifier: MIT
 * Texts made by minisign 0.11: each byte counts. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "units/minisign.h"

/* Made by `minisign -G -W`, `minisign -S -t 'trusted words'`, `minisign -S -l`. */
#define KEY      "RWQOrhUYm37oKvxL8wgZP+sCfx+UQg88wNRQiDbs01UgIzD6P3m4KMXx"
#define KEY_FILE "untrusted comment: minisign public key 2AE87E9B1815AE0E\n" KEY "\n"
#define FIRST    "untrusted comment: signature from minisign secret key\n"
#define SECOND                                                                                     \
    "RUQOrhUYm37oKo6Rs3+gCEnKdeQ1Uuo+T7D31hb0NGub+HuIOPu9a9vBRDeytaSkOqo1Uih4aS4qj5aY2rcvEwb8jNgo" \
    "SuUW5AA=\n"
#define OLD                                                                                        \
    "RWQOrhUYm37oKlt8qJHFrHkRkREiuJPa3ra1fFgZeweXG62MeM0AXgia/00aDjT2RBf7E0T+9jtfiLFs1P2v/Bm+wBFt" \
    "e0LFCw0=\n"
#define THIRD "trusted comment: trusted words\n"
#define FOURTH                                                                                     \
    "7aHCjSMccnHccit6nsgOn0b5/7RTYp2YvRfAzU3TDjJcyAmWB5fmfa8C7vsIO3eyHr4yj4TeG3TWRIJZEVr6Ag==\n"
#define SIGNATURE FIRST SECOND THIRD FOURTH

static void test_a_key_is_read_and_written(void **state) {
    (void) state;
    static const char *const texts[] = { KEY, KEY "\n", KEY_FILE };
    for (size_t i = 0; i < 3; i++) {
        struct minisign_key key;
        char text[MINISIGN_KEY_TEXT + 1], id[17];
        assert_int_equal(minisign_key_parse(texts[i], strlen(texts[i]), &key, NULL), 0);
        assert_string_equal(minisign_key_text(&key, text), KEY);
        assert_string_equal(minisign_id_text(key.id, id), "2AE87E9B1815AE0E");
        assert_int_equal(key.point[0], 0xfc);
        assert_int_equal(key.point[31], 0xf1);
    }
}

static void refuse_key(const char *text, size_t len) {
    struct minisign_key untouched = { .id = { 7 } };
    struct err e = { 0 };
    if (minisign_key_parse(text, len, &untouched, &e) != -EINVAL || !e.text[0])
        fail_msg("'%.*s' was taken", (int) len, text);
    assert_int_equal(untouched.id[0], 7);
}

static void test_what_is_no_key(void **state) {
    (void) state;
    char text[] = KEY;
    for (size_t n = 0; n < MINISIGN_KEY_TEXT; n++)
        refuse_key(text, n);
    for (size_t i = 0; i < MINISIGN_KEY_TEXT; i++) {
        text[i] = '!';
        refuse_key(text, MINISIGN_KEY_TEXT);
        text[i] = KEY[i];
    }
    text[1] = 'U'; /* "ED": a signature's kind */
    refuse_key(text, MINISIGN_KEY_TEXT);
    refuse_key(KEY "\n\n", MINISIGN_KEY_TEXT + 2);
    refuse_key(" " KEY, MINISIGN_KEY_TEXT + 1);
    refuse_key("untrusted comment: x", 20);
    refuse_key("untrusted comment: x\n", 21);
    refuse_key(SIGNATURE, sizeof SIGNATURE - 1);
}

static void test_a_signature_is_read(void **state) {
    (void) state;
    static const char text[] = SIGNATURE "{\"what\":\"follows\"}";
    struct minisign_signature s;
    char id[17];
    assert_int_equal(minisign_signature_parse(text, sizeof text - 1, &s, NULL), 0);
    assert_string_equal(minisign_id_text(s.id, id), "2AE87E9B1815AE0E");
    assert_int_equal(s.comment_len, 13);
    assert_memory_equal(s.comment, "trusted words", 13);
    assert_int_equal(s.text_len, sizeof SIGNATURE - 1);
    assert_int_equal(s.file[0], 0x8e);
    assert_int_equal(s.file[63], 0x00);
    assert_int_equal(s.global[0], 0xed);
    assert_int_equal(s.global[63], 0x02);
}

static void refuse_signature(const char *text, size_t len, const char *says) {
    struct minisign_signature untouched = { .text_len = 7 };
    struct err e = { 0 };
    if (minisign_signature_parse(text, len, &untouched, &e) != -EINVAL || !strstr(e.text, says))
        fail_msg("'%.*s': %s", (int) len, text, e.text);
    assert_int_equal(untouched.text_len, 7);
}

static void test_what_is_no_signature(void **state) {
    (void) state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { FIRST OLD THIRD FOURTH, "old kind" },
        { SECOND THIRD FOURTH, "begin" },
        { FIRST THIRD FOURTH, "second line" },
        { FIRST FOURTH THIRD FOURTH, "second line" },
        { FIRST SECOND FOURTH, "trusted comment" },
        { FIRST SECOND THIRD "x\n", "fourth line" },
        { FIRST SECOND THIRD SECOND, "fourth line" },
        { FIRST KEY "\n" THIRD FOURTH, "second line" },
        { "\n" SIGNATURE, "begin" },
        { "{\"app_id\":\"a\"}", "begin" },
        { FIRST "\n" SECOND THIRD FOURTH, "second line" },
        { "untrusted comment: a\r\n" SECOND "trusted comment:x\n" FOURTH, "trusted comment" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse_signature(rows[i].text, strlen(rows[i].text), rows[i].says);
    for (size_t n = 0; n < sizeof SIGNATURE - 1; n++)
        refuse_signature(SIGNATURE, n, "");
}

/* One text for each signature: no spare bits, no other padding. */
static void test_base64_has_one_spelling(void **state) {
    (void) state;
    char text[] = SIGNATURE;
    char *end = strstr(text, "5AA=\n");
    assert_non_null(end);
    end[2] = 'B'; /* a bit that no byte has */
    refuse_signature(text, sizeof text - 1, "second line");
    end[2] = '=';
    refuse_signature(text, sizeof text - 1, "second line");
    end[2] = 'A';
    end[3] = 'A';
    refuse_signature(text, sizeof text - 1, "second line");
    text[sizeof FIRST - 1 + 1] = 'V'; /* "EE", of no kind */
    end[3] = '=';
    refuse_signature(text, sizeof text - 1, "unknown kind");
}

static void test_a_comment_without_end_is_not_searched_for_ever(void **state) {
    (void) state;
    size_t n = 4 * MINISIGN_TEXT_MAX;
    char *text = malloc(n + sizeof SIGNATURE);
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "untrusted comment:", 18);
    memcpy(text + n, "\n" SECOND THIRD FOURTH, sizeof("\n" SECOND THIRD FOURTH));
    refuse_signature(text, n + strlen(text + n), "begin");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_read_and_written),
        cmocka_unit_test(test_what_is_no_key),
        cmocka_unit_test(test_a_signature_is_read),
        cmocka_unit_test(test_what_is_no_signature),
        cmocka_unit_test(test_base64_has_one_spelling),
        cmocka_unit_test(test_a_comment_without_end_is_not_searched_for_ever),
    };
    return cmocka_run_group_tests_name("units/minisign", tests, NULL, NULL);
}
