/* SPDX-License-Identifier: MIT
 * Whose index and whose package an app takes. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "units/admit.h"
#include "units/index.h"

#define KEY_A "RWQOrhUYm37oKvxL8wgZP+sCfx+UQg88wNRQiDbs01UgIzD6P3m4KMXx"
#define KEY_B "RWQBBBBBBBBBBvxL8wgZP+sCfx+UQg88wNRQiDbs01UgIzD6P3m4KMXx"
#define KEY_C "RWQCCCCCCCCCCvxL8wgZP+sCfx+UQg88wNRQiDbs01UgIzD6P3m4KMXx"

static struct index edition(uint64_t sequence, const char *next_key) {
    struct index ix = { .app_id = "a", .sequence = sequence };
    (void) snprintf(ix.next_key, sizeof ix.next_key, "%s", next_key);
    return ix;
}

static void test_indexes(void **state) {
    (void) state;
    static const struct {
        const char *what, *id, *pinned, *key, *next_key;
        uint64_t seen, sequence;
        enum package_fault fault;
        const char *pin;
        uint64_t remember;
    } rows[] = {
        { "a first one", NULL, "", KEY_A, "", 0, 7, PACKAGE_OK, KEY_A, 7 },
        { "a first one that begins high", NULL, "", KEY_A, "", 0, UINT64_C(1) << 53, PACKAGE_OK,
          KEY_A, UINT64_C(1) << 53 },
        { "the next edition", "a", KEY_A, KEY_A, "", 7, 8, PACKAGE_OK, KEY_A, 8 },
        { "the same again", "a", KEY_A, KEY_A, "", 7, 7, PACKAGE_OK, KEY_A, 7 },
        { "an older one", "a", KEY_A, KEY_A, "", 7, 6, PACKAGE_DOWNGRADE, NULL, 0 },
        { "the longest step", "a", KEY_A, KEY_A, "", 7, 7 + INDEX_SEQUENCE_STEP_MAX, PACKAGE_OK,
          KEY_A, 7 + INDEX_SEQUENCE_STEP_MAX },
        { "a leap", "a", KEY_A, KEY_A, "", 7, 8 + INDEX_SEQUENCE_STEP_MAX, PACKAGE_FORMAT, NULL,
          0 },
        { "another app's", "b", KEY_A, KEY_A, "", 7, 8, PACKAGE_TARGET, NULL, 0 },
        { "another key's", "a", KEY_A, KEY_B, "", 7, 8, PACKAGE_TRUST, NULL, 0 },
        { "a key hands over", "a", KEY_A, KEY_A, KEY_B, 7, 8, PACKAGE_OK, KEY_B, 0 },
        { "a first one hands over", NULL, "", KEY_A, KEY_B, 0, 8, PACKAGE_OK, KEY_B, 0 },
        { "after that the old index still counts", "a", KEY_B, KEY_A, KEY_B, 0, 9, PACKAGE_OK,
          KEY_B, 0 },
        { "but does not move the sequence", "a", KEY_B, KEY_A, KEY_B, 5, 9, PACKAGE_OK, KEY_B, 5 },
        { "the new key begins anew", "a", KEY_B, KEY_B, "", 0, 1, PACKAGE_OK, KEY_B, 1 },
        { "the old key cannot hand over again", "a", KEY_B, KEY_A, KEY_C, 5, 9, PACKAGE_TRUST, NULL,
          0 },
        { "nor go on by itself", "a", KEY_B, KEY_A, "", 5, 9, PACKAGE_TRUST, NULL, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct index ix = edition(rows[i].sequence, rows[i].next_key);
        struct admit_app app = { .id = rows[i].id,
                                 .pinned = rows[i].pinned,
                                 .index_seen = rows[i].seen };
        enum package_fault fault = PACKAGE_OK;
        struct err e = { 0 };
        int r = admit_index(&ix, rows[i].key, &app, &fault, &e);
        if (fault != rows[i].fault || r != (fault ? -EINVAL : 0) || (fault && !e.text[0]))
            fail_msg("%s: %d, %s", rows[i].what, r, package_fault_name(fault));
        if (fault)
            continue;
        const char *pin = admit_pin(&ix, rows[i].key, app.pinned);
        uint64_t remember = admit_sequence(&ix, rows[i].key, &app);
        if (strcmp(pin, rows[i].pin) != 0 || remember != rows[i].remember)
            fail_msg("%s: pinned %s, sequence %d", rows[i].what, pin, (int) remember);
    }
}

static void test_packages(void **state) {
    (void) state;
    static const struct {
        const char *what;
        struct admit_package p;
        struct admit_app app;
        enum package_fault fault;
    } rows[] = {
        { "a first folder", { ADMIT_FOLDER, "a", 1, "", 0 }, { NULL, 0, "", 0, 0 }, PACKAGE_OK },
        { "a folder again", { ADMIT_FOLDER, "a", 1, "", 0 }, { "a", 1, "", 0, 0 }, PACKAGE_OK },
        { "a lower folder",
          { ADMIT_FOLDER, "a", 1, "", 0 },
          { "a", 2, "", 0, 0 },
          PACKAGE_DOWNGRADE },
        { "a folder over a signed app",
          { ADMIT_FOLDER, "a", 3, "", 0 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_TRUST },
        { "a first signed one",
          { ADMIT_SIGNED, "a", 1, KEY_A, 0 },
          { NULL, 0, "", 0, 0 },
          PACKAGE_OK },
        { "a signed one over a folder",
          { ADMIT_SIGNED, "a", 2, KEY_A, 0 },
          { "a", 1, "", 0, 0 },
          PACKAGE_OK },
        { "the same code signed",
          { ADMIT_SIGNED, "a", 2, KEY_A, 0 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_SAME_VERSION },
        { "a lower signed one",
          { ADMIT_SIGNED, "a", 1, KEY_A, 0 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_DOWNGRADE },
        { "another key",
          { ADMIT_SIGNED, "a", 3, KEY_B, 0 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_TRUST },
        { "under the floor",
          { ADMIT_SIGNED, "a", 3, KEY_A, 0 },
          { "a", 2, KEY_A, 0, 4 },
          PACKAGE_DOWNGRADE },
        { "what an index names",
          { ADMIT_INDEXED, "a", 3, "", 3 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_OK },
        { "not what it names",
          { ADMIT_INDEXED, "a", 4, "", 3 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_MANIFEST },
        { "of another app",
          { ADMIT_INDEXED, "b", 3, "", 3 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_TARGET },
        { "an index alone does not go back",
          { ADMIT_INDEXED, "a", 1, "", 1 },
          { "a", 2, KEY_A, 0, 0 },
          PACKAGE_DOWNGRADE },
        { "its order does, under the floor too",
          { ADMIT_ORDERED, "a", 1, "", 1 },
          { "a", 2, KEY_A, 0, 2 },
          PACKAGE_OK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum package_fault fault = PACKAGE_OK;
        struct err e = { 0 };
        int r = admit_package(&rows[i].p, &rows[i].app, &fault, &e);
        if (fault != rows[i].fault || r != (fault ? -EINVAL : 0) || (fault && !e.text[0]))
            fail_msg("%s: %d, %s", rows[i].what, r, package_fault_name(fault));
    }
    assert_string_equal(admit_pin(NULL, KEY_A, ""), KEY_A);
    assert_string_equal(admit_pin(NULL, KEY_A, KEY_B), KEY_B);
}

static void test_urls(void **state) {
    (void) state;
    static const struct {
        const char *url, *index_url;
        bool allow_http, taken;
    } rows[] = {
        { "https://a/x", NULL, false, true },        { "http://a/x", NULL, false, false },
        { "http://a/x", NULL, true, true },          { "http://a/x", "https://a/i", true, true },
        { "file:///x", NULL, false, true },          { "file:///x", "file:///i", false, true },
        { "file:///x", "https://a/i", true, false }, { "file:///x", "http://a/i", true, false },
        { "ftp://a/x", NULL, true, false },          { "/x", NULL, true, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { 0 };
        int r = admit_url(rows[i].url, rows[i].index_url, rows[i].allow_http, &e);
        if (r != (rows[i].taken ? 0 : -EINVAL) || (r < 0 && !e.text[0]))
            fail_msg("row %zu, %s: %d", i, rows[i].url, r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_packages),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests_name("units/admit", tests, NULL, NULL);
}
