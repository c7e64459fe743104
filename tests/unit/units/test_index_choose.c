/* SPDX-License-Identifier: MIT
 * Which version a device is offered: one row a story. */
#include "scratch.h"

#include "units/index.h"

#define BAD_5 "5555555555555555555555555555555555555555555555555555555555555555"
#define BAD_4 "4444444444444444444444444444444444444444444444444444444444444444"

static const char *const failed_5[] = { BAD_4, BAD_5, NULL };

struct story {
    const char *what;
    uint64_t current, pending, held, downgrade_to;
    const char *const *failed;
    unsigned rollout_5, place; /* rollout_5: of code 5; 0 here is 100 */
    uint64_t now, clock_low;   /* the index expires at 1000 */
    enum index_verdict verdict;
    uint64_t code;
    bool offered;
};

/* The index has the codes 5 and 3. */
static void tell(const struct story *s) {
    struct index_package packages[] = {
        { .code = 5, .rollout = s->rollout_5 ? s->rollout_5 : 100, .sha256 = BAD_5 },
        { .code = 3, .rollout = 100, .sha256 = "33" },
    };
    struct index ix = {
        .expires = 1000, .downgrade_to = s->downgrade_to, .packages = packages, .n_packages = 2
    };
    struct index_device device = { .current = s->current,
                                   .pending = s->pending,
                                   .held = s->held,
                                   .failed = s->failed,
                                   .place = s->place,
                                   .now = s->now ? s->now : 500,
                                   .clock_low = s->clock_low };
    struct index_choice choice = { .code = 4711 };
    index_choose(&ix, &device, &choice);
    if (choice.verdict != s->verdict || choice.code != s->code || !choice.package == s->offered)
        fail_msg("%s: %s, code %d", s->what, index_verdict_sentence(choice.verdict),
                 (int) choice.code);
    if (choice.package)
        assert_int_equal(choice.package->code, choice.code);
}

static const struct story stories[] = {
    { .what = "nothing installed: the highest",
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },
    { .what = "an older one installed",
      .current = 3,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },
    { .what = "the same installed", .current = 5, .verdict = INDEX_UP_TO_DATE },
    { .what = "a newer one installed", .current = 6, .verdict = INDEX_UP_TO_DATE },
    { .what = "the same waits already", .current = 3, .pending = 5, .verdict = INDEX_UP_TO_DATE },
    { .what = "one between waits",
      .current = 2,
      .pending = 4,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },

    { .what = "in the share",
      .current = 3,
      .rollout_5 = 10,
      .place = 9,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },
    { .what = "not in the share",
      .current = 3,
      .rollout_5 = 10,
      .place = 10,
      .verdict = INDEX_ROLLOUT,
      .code = 5 },
    { .what = "not in the share, but in that of an older one",
      .current = 2,
      .rollout_5 = 10,
      .place = 99,
      .verdict = INDEX_NEWER,
      .code = 3,
      .offered = true },

    { .what = "it failed here",
      .current = 3,
      .failed = failed_5,
      .verdict = INDEX_FAILED,
      .code = 5 },
    { .what = "it failed here, an older one did not",
      .current = 2,
      .failed = failed_5,
      .verdict = INDEX_NEWER,
      .code = 3,
      .offered = true },

    { .what = "rolled back from it", .current = 3, .held = 5, .verdict = INDEX_HELD, .code = 5 },
    { .what = "rolled back from a higher one",
      .current = 3,
      .held = 6,
      .verdict = INDEX_HELD,
      .code = 5 },
    { .what = "rolled back from a lower one",
      .current = 3,
      .held = 4,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },

    { .what = "expired", .current = 3, .now = 1001, .verdict = INDEX_EXPIRED, .code = 5 },
    { .what = "expired, and nothing newer",
      .current = 5,
      .now = 1001,
      .verdict = INDEX_UP_TO_DATE },
    { .what = "expires this second",
      .current = 3,
      .now = 1000,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },
    { .what = "a clock set back",
      .current = 3,
      .now = 1001,
      .clock_low = 1002,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },
    { .what = "a clock of 1970",
      .current = 3,
      .now = 1,
      .clock_low = 2000,
      .verdict = INDEX_NEWER,
      .code = 5,
      .offered = true },
    { .what = "a clock of 2106",
      .current = 3,
      .now = UINT64_C(4294967296),
      .clock_low = 2000,
      .verdict = INDEX_EXPIRED,
      .code = 5 },

    { .what = "ordered back",
      .current = 5,
      .downgrade_to = 3,
      .verdict = INDEX_BACK,
      .code = 3,
      .offered = true },
    { .what = "ordered back, whatever is held or shared out",
      .current = 5,
      .held = 9,
      .place = 99,
      .downgrade_to = 3,
      .verdict = INDEX_BACK,
      .code = 3,
      .offered = true },
    { .what = "ordered back over what waits",
      .current = 5,
      .pending = 6,
      .downgrade_to = 3,
      .verdict = INDEX_BACK,
      .code = 3,
      .offered = true },
    { .what = "what waits is taken back",
      .current = 3,
      .pending = 5,
      .downgrade_to = 3,
      .verdict = INDEX_WITHDRAWN,
      .code = 3 },
    { .what = "what waits is taken back for one between",
      .current = 2,
      .pending = 5,
      .downgrade_to = 3,
      .verdict = INDEX_WITHDRAWN,
      .code = 3 },
    { .what = "been back", .current = 3, .downgrade_to = 3, .verdict = INDEX_UP_TO_DATE },
    { .what = "not yet as far",
      .current = 2,
      .downgrade_to = 3,
      .verdict = INDEX_NEWER,
      .code = 3,
      .offered = true },
    { .what = "ordered back by an expired index",
      .current = 5,
      .downgrade_to = 3,
      .now = 1001,
      .verdict = INDEX_EXPIRED,
      .code = 3 },
    { .what = "ordered back to what failed here",
      .current = 6,
      .downgrade_to = 5,
      .failed = failed_5,
      .verdict = INDEX_FAILED,
      .code = 5 },
};

static void test_stories(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++)
        tell(&stories[i]);
}

/* Whether or not anything newer is in it. */
static void test_an_old_index_is_known_as_one(void **state) {
    (void) state;
    const struct index ix = { .expires = 1000 };
    struct index_device device = { .now = 1000 };
    assert_false(index_has_expired(&ix, &device));
    device.now = 1001;
    assert_true(index_has_expired(&ix, &device));
    device.clock_low = 1002; /* a clock that was later once is wrong */
    assert_false(index_has_expired(&ix, &device));
}

static void test_every_verdict_has_a_sentence(void **state) {
    (void) state;
    for (int v = 0; v < INDEX_VERDICT_COUNT; v++)
        assert_true(strlen(index_verdict_sentence((enum index_verdict) v)) > 5);
    assert_string_equal(index_verdict_sentence(INDEX_VERDICT_COUNT), "?");
}

/* The same each time, another for another app, and spread over all places. */
static void test_places(void **state) {
    (void) state;
    unsigned seen[100] = { 0 };
    assert_int_equal(index_place("m", "a"), index_place("m", "a"));
    for (int i = 0; i < 10000; i++) {
        char machine[33];
        (void) snprintf(machine, sizeof machine, "%032x", i * 2654435761u);
        unsigned place = index_place(machine, "org.example.clock");
        assert_true(place < 100);
        seen[place]++;
    }
    for (int i = 0; i < 100; i++) /* 100 each on average; 4 sigma */
        if (seen[i] < 60 || seen[i] > 140)
            fail_msg("%u of 10000 in place %d", seen[i], i);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        char machine[33];
        (void) snprintf(machine, sizeof machine, "%032x", i);
        same += index_place(machine, "a") == index_place(machine, "b");
    }
    assert_true(same < 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_an_old_index_is_known_as_one),
        cmocka_unit_test(test_every_verdict_has_a_sentence),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests_name("units/index_choose", tests, NULL, NULL);
}
