/* SPDX-License-Identifier: MIT
 * What is asked of workers and what they answer, true and false. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "units/answer.h"
#include "units/request.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY  "RWQOrhUYm37oKvxL8wgZP+sCfx+UQg88wNRQiDbs01UgIzD6P3m4KMXx"
#define INDEX                                                                                      \
    "{\"app_id\":\"a\",\"sequence\":7,\"expires\":\"2026-01-31T23:59:59Z\",\"packages\":[{"        \
    "\"code\":3,\"name\":\"3\",\"url\":\"https://a.example/x\",\"size\":9,\"sha256\":\"" HASH      \
    "\",\"unpacked_size\":3,\"files\":1}]}"

static void test_a_request_reads_back(void **state) {
    (void) state;
    char *keys[] = { (char *) (uintptr_t) KEY, (char *) (uintptr_t) "untrusted comment: x\n" KEY,
                     NULL };
    struct worker_request q = { .url = (char *) (uintptr_t) "https://a.example/x?y=\"z\"",
                                .max = 1000,
                                .timeout_ms = 5000,
                                .min_rate = 10,
                                .allow_http = true,
                                .resume = true,
                                .etag = (char *) (uintptr_t) "\"abc\"",
                                .size = 0,
                                .sha256 = HASH,
                                .keys = keys,
                                .unpacked_size = WORKER_REQUEST_UNSET,
                                .files = 9 };
    struct worker_request back = WORKER_REQUEST_INIT;
    struct str text = STR_INIT(WORKER_REQUEST_MAX);
    assert_int_equal(worker_request_print(&q, &text), 0);
    assert_int_equal(worker_request_parse(text.data, text.len, &back, NULL), 0);
    assert_string_equal(back.url, q.url);
    assert_int_equal(back.max, 1000);
    assert_int_equal(back.timeout_ms, 5000);
    assert_int_equal(back.min_rate, 10);
    assert_true(back.allow_http);
    assert_false(back.allow_file);
    assert_true(back.resume);
    assert_string_equal(back.etag, "\"abc\"");
    assert_int_equal(back.size, 0);
    assert_string_equal(back.sha256, HASH);
    assert_string_equal(back.keys[1], keys[1]);
    assert_null(back.keys[2]);
    assert_true(back.unpacked_size == WORKER_REQUEST_UNSET);
    assert_int_equal(back.files, 9);
    worker_request_clear(&back);
    for (size_t n = 0; n < text.len - 1; n++)
        assert_int_equal(worker_request_parse(text.data, n, &back, NULL), -EINVAL);
    str_clear(&text);

    assert_int_equal(worker_request_parse("{}", 2, &back, NULL), 0);
    assert_null(back.keys);
    assert_true(back.size == WORKER_REQUEST_UNSET);
}

static void test_bad_requests(void **state) {
    (void) state;
    static const char *const texts[] = {
        "[]",
        "7",
        "{\"url\":7}",
        "{\"max\":-1}",
        "{\"max\":\"1\"}",
        "{\"resume\":1}",
        "{\"etag\":\"\"}",
        "{\"etag\":\"a\\nb\"}",
        "{\"sha256\":\"\"}",
        "{\"sha256\":7}",
        "{\"keys\":\"" KEY "\"}",
        "{\"keys\":[7]}",
        "{\"size\":1.5}",
        "{\"url\":\"a\",\"url\":\"b\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct worker_request untouched = { .max = 4711 };
        struct err e = { 0 };
        if (worker_request_parse(texts[i], strlen(texts[i]), &untouched, &e) != -EINVAL ||
            !e.text[0] || untouched.max != 4711)
            fail_msg("%s", texts[i]);
    }
}

static void test_answers_read_back(void **state) {
    (void) state;
    struct str text = STR_INIT(WORKER_INDEX_MAX);
    struct worker_progress progress = { 7, 9, "\"e\"" }, p = { 0 };
    struct worker_file file = {
        .ok = true, .size = 9, .sha256 = HASH, .etag = "W/\"e\"", .key = KEY
    };
    struct worker_file f = { 0 };

    assert_int_equal(worker_progress_print(&progress, &text), 0);
    assert_int_equal(worker_progress_parse(text.data, text.len, &p, NULL), 0);
    assert_int_equal(p.bytes, 7);
    assert_int_equal(p.total, 9);
    assert_string_equal(p.etag, "\"e\"");
    str_reset(&text);

    assert_int_equal(worker_file_print(&file, &text), 0);
    assert_int_equal(worker_progress_parse(text.data, text.len, &p, NULL), -ENOENT);
    assert_int_equal(worker_file_parse(text.data, text.len, &f, NULL), 0);
    assert_true(f.ok);
    assert_int_equal(f.size, 9);
    assert_string_equal(f.sha256, HASH);
    assert_string_equal(f.etag, "W/\"e\"");
    assert_string_equal(f.key, KEY);
    str_reset(&text);

    file = (struct worker_file){ .fault = PACKAGE_NETWORK, .detail = "no answer" };
    assert_int_equal(worker_file_print(&file, &text), 0);
    assert_int_equal(worker_file_parse(text.data, text.len, &f, NULL), 0);
    assert_false(f.ok);
    assert_int_equal(f.fault, PACKAGE_NETWORK);
    assert_string_equal(f.detail, "no answer");
    str_clear(&text);
}

static void test_an_index_reads_back(void **state) {
    (void) state;
    struct str text = STR_INIT(WORKER_INDEX_MAX);
    struct worker_index index = { .ok = true, .key = KEY }, back = { 0 };
    assert_int_equal(index_parse(INDEX, strlen(INDEX), &index.index, NULL), 0);
    assert_int_equal(worker_index_print(&index, &text), 0);
    assert_int_equal(worker_index_parse(text.data, text.len, &back, NULL), 0);
    assert_true(back.ok);
    assert_string_equal(back.key, KEY);
    assert_int_equal(back.index->packages[0].code, 3);
    worker_index_clear(&back);
    assert_null(back.index);
    for (size_t n = 0; n < text.len - 1; n++)
        assert_int_equal(worker_index_parse(text.data, n, &back, NULL), -EBADMSG);
    worker_index_clear(&index);
    str_reset(&text);
    index.fault = PACKAGE_SIGNATURE;
    (void) snprintf(index.detail, sizeof index.detail, "nobody's");
    assert_int_equal(worker_index_print(&index, &text), 0);
    assert_int_equal(worker_index_parse(text.data, text.len, &back, NULL), 0);
    assert_int_equal(back.fault, PACKAGE_SIGNATURE);
    str_clear(&text);
}

static void test_hostile_answers(void **state) {
    (void) state;
#define FILE_LINE(size, hash, rest) "{\"ok\":true,\"size\":" size ",\"sha256\":" hash rest "}"
    static const char *const files[] = {
        "",
        "null",
        "{}",
        "{\"ok\":1}",
        "{\"ok\":true}",
        "{\"ok\":false}",
        "{\"ok\":false,\"reason\":\"ok\",\"detail\":\"x\"}",
        "{\"ok\":false,\"reason\":\"hash\",\"detail\":\"\"}",
        "{\"ok\":false,\"reason\":\"hash\",\"detail\":\"a\\u001b[2J\"}",
        FILE_LINE("-1", "\"" HASH "\"", ""),
        FILE_LINE("1073741825", "\"" HASH "\"", ""),
        FILE_LINE("1", "\"" HASH "0\"", ""),
        FILE_LINE("1", "\"\"", ""),
        FILE_LINE("1", "7", ""),
        FILE_LINE("1", "\"" HASH "\"", ",\"etag\":\"\""),
        FILE_LINE("1", "\"" HASH "\"", ",\"etag\":\"a\\nb\""),
        FILE_LINE("1", "\"" HASH "\"", ",\"key\":\"\""),
        FILE_LINE("1", "\"" HASH "\"", ",\"key\":7"),
        FILE_LINE("1", "\"" HASH "\"", ",\"key\":\"" KEY "\\n\""),
        FILE_LINE("1", "\"" HASH "\"", "") "\n" FILE_LINE("1", "\"" HASH "\"", ""),
    };
    static const char *const lines[] = {
        "",
        "[]x",
        "{\"progress\":-1}",
        "{\"progress\":1.5}",
        "{\"progress\":1,\"total\":-1}",
        "{\"progress\":\"1\"}",
        "{\"progress\":1,\"etag\":7}",
    };
    static const char *const indexes[] = {
        "{\"ok\":true}",
        "{\"ok\":true,\"key\":\"" KEY "\"}",
        "{\"ok\":true,\"key\":\"" KEY "\",\"index\":7}",
        "{\"ok\":true,\"key\":\"" KEY "\",\"index\":{}}",
        "{\"ok\":true,\"key\":\"x\",\"index\":" INDEX "}",
    };
    struct err e = { 0 };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct worker_file untouched = { .size = 4711 };
        if (worker_file_parse(files[i], strlen(files[i]), &untouched, &e) != -EBADMSG)
            fail_msg("%s", files[i]);
        assert_int_equal(untouched.size, 4711);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct worker_progress untouched = { .bytes = 4711 };
        if (worker_progress_parse(lines[i], strlen(lines[i]), &untouched, &e) != -EBADMSG)
            fail_msg("%s", lines[i]);
        assert_int_equal(untouched.bytes, 4711);
    }
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        struct worker_index untouched = { .fault = PACKAGE_HASH };
        if (worker_index_parse(indexes[i], strlen(indexes[i]), &untouched, &e) != -EBADMSG)
            fail_msg("%s", indexes[i]);
        assert_int_equal(untouched.fault, PACKAGE_HASH);
    }
    char *huge = calloc(1, WORKER_INDEX_MAX + 1);
    assert_non_null(huge);
    struct worker_index none;
    struct worker_file nothing;
    assert_int_equal(worker_index_parse(huge, WORKER_INDEX_MAX + 1, &none, &e), -EBADMSG);
    assert_int_equal(worker_file_parse(huge, WORKER_LINE_MAX + 1, &nothing, &e), -EBADMSG);
    free(huge);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_reads_back), cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_answers_read_back),    cmocka_unit_test(test_an_index_reads_back),
        cmocka_unit_test(test_hostile_answers),
    };
    return cmocka_run_group_tests_name("units/answer", tests, NULL, NULL);
}
