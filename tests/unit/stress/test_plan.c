/* SPDX-License-Identifier: MIT
 * The command line, and the order of turns that follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <getopt.h>

#include "record_kit.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "tests/stress/order.h"
#include "tests/stress/plan.h"

#define WORDS 8

static int parse(struct plan *ret, struct err *e, const char *words) {
    static char text[512];
    char *argv[WORDS + 2] = { (char *) "miniprog-stress" };
    int argc = 1;

    (void) snprintf(text, sizeof text, "%s", words);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    optind = 0; /* getopt begins anew. Source: getopt(3), NOTES */
    return plan_parse(argc, argv, ret, e);
}

static struct plan plan_of(const char *words) {
    struct plan p;
    struct err e = { 0 };
    if (parse(&p, &e, words) < 0)
        fail_msg("'%s': %s", words, e.text);
    return p;
}

static void test_options_over_scenario_over_defaults(void **state) {
    (void) state;
    struct plan p = plan_of("storm");
    assert_int_equal(p.scenario, SCENARIO_STORM);
    assert_int_equal(p.apps, 24);       /* the scenario's */
    assert_int_equal(p.size, 32 << 20); /* the default */
    assert_int_equal(p.budget_bytes, 24ull * (32 << 20) / 2);
    assert_int_equal(p.order[0], MANNER_FREE);
    assert_int_equal(p.order[7], MANNER_DEAF);
    assert_int_equal(p.order[8], MANNER_FREE); /* round again */

    p = plan_of("--apps=3 churn --size 4M --until-warm=2 --own --manners=deaf,leak --random=12.5%");
    assert_int_equal(p.scenario, SCENARIO_CHURN);
    assert_int_equal(p.apps, 3);
    assert_int_equal(p.until_warm, 2);
    assert_int_equal(p.random, 125);
    assert_true(p.own);
    assert_int_equal(p.order[1], MANNER_LEAK);
    assert_int_equal(p.order[2], MANNER_DEAF);

    p = plan_of("--budget=none storm --set memory.moderate=x --set a.b=c");
    assert_int_equal(p.budget_bytes, 0);
    assert_int_equal(p.n_sets, 2);
    assert_string_equal(p.sets[1], "a.b=c");
    p = plan_of("leak --apps=2 --manners=free");
    assert_int_equal(p.order[0], MANNER_FREE);
    assert_int_equal(p.order[1], MANNER_LEAK);
}

static void test_refusals(void **state) {
    (void) state;
    static const struct {
        const char *words, *text;
    } rows[] = {
        { "", "say which scenario" },
        { "tempest", "there is no scenario 'tempest'" },
        { "storm leak", "'leak' is too much" },
        { "--wet storm", "there is no option '--wet'" },
        { "storm --apps", "needs a value" },
        { "--apps=1 storm", "--apps must be" },
        { "--apps=501 storm", "--apps must be" },
        { "--apps=-1 storm", "--apps=-1 is not a N" },
        { "--size=32MB storm", "--size=32MB is not a SIZE" },
        { "--size=512K storm", "--size must be" },
        { "--again=101% storm", "--again=101% is not a %" },
        { "--turn=0 storm", "10ms" },
        { "--time=infinity storm", "never end" },
        { "--budget=much storm", "--budget=much" },
        { "--manners=free,rude storm", "there is no manner 'rude'" },
        { "--manners=free, storm", "there is no manner ''" },
        { "--own=yes storm", "there is no option" },
    };
    struct plan p = { .apps = 77 };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = { 0 };
        assert_int_equal(parse(&p, &e, rows[i].words), -EINVAL);
        if (!strstr(e.text, rows[i].text))
            fail_msg("'%s': '%s' was expected in '%s'", rows[i].words, rows[i].text, e.text);
    }
    assert_int_equal(p.apps, 77); /* untouched */
    p = plan_of("--tidy");        /* needs no scenario */
    assert_true(p.tidy);
}

static void test_help_names_everything(void **state) {
    (void) state;
    struct str out = STR_INIT(1 << 16);

    plan_help(&out);
    assert_int_equal(str_error(&out), 0);
#define X(name, kind, otherwise, argument, help) assert_non_null(strstr(out.data, help));
    PLAN_OPTIONS(X)
#undef X
    for (int s = 0; s < SCENARIO_COUNT; s++)
        assert_non_null(strstr(out.data, scenario_promise((enum scenario) s)));
    for (const char *line = out.data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strcspn(line, "\n") > 160)
            fail_msg("too long: %.40s", line);
    }
    str_clear(&out);
}

/* --- order -------------------------------------------------------------------------------- */

static void test_order_is_the_seeds(void **state) {
    (void) state;
    struct plan p = plan_of("storm --apps=5 --turns=40");
    struct record r;
    struct order a, b;
    unsigned seen = 0;
    int x, y;

    kit_init(&r, 5);
    order_init(&a, &p);
    order_init(&b, &p);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(order_next(&a, &p, &r, &x), ORDER_OPEN);
        assert_int_equal(order_next(&b, &p, &r, &y), ORDER_OPEN);
        assert_int_equal(x, y);
        assert_in_range(x, 0, 4);
        seen |= 1u << x;
    }
    assert_int_equal(seen, 31); /* each had a turn */
    assert_int_equal(order_next(&a, &p, &r, &x), ORDER_DONE);
    record_clear(&r);
}

static void test_order_of_churn(void **state) {
    (void) state;
    struct plan p = plan_of("churn --apps=4 --hide=20% --end=20%");
    unsigned n[ORDER_DONE + 1] = { 0 };
    struct record r;
    struct order o;
    int app;

    kit_init(&r, 4);
    order_init(&o, &p);
    for (int i = 0; i < 100; i++) /* nobody lives: there is nobody to hide or to end */
        assert_int_equal(order_next(&o, &p, &r, &app), ORDER_OPEN);
    r.app[1].state = STATE_FOREGROUND;
    r.app[2].state = STATE_STOPPING;
    r.app[4].state = STATE_FOREGROUND; /* none of ours */
    for (int i = 0; i < 1000; i++) {
        enum order_do what = order_next(&o, &p, &r, &app);
        n[what]++;
        if (what != ORDER_OPEN)
            assert_int_equal(app, 1);
    }
    assert_in_range(n[ORDER_HIDE], 100, 300);
    assert_in_range(n[ORDER_CLOSE] + n[ORDER_KILL], 100, 300);
    assert_true(n[ORDER_CLOSE] > 20 && n[ORDER_KILL] > 20 && n[ORDER_OPEN] > 400);
    record_clear(&r);
}

static void test_order_of_leak(void **state) {
    (void) state;
    struct plan p = plan_of("leak --apps=3");
    struct record r;
    struct order o;
    int app;

    kit_init(&r, 3);
    r.leaker = 2;
    order_init(&o, &p);
    for (int i = 0; i < 3; i++) { /* the leaking one last */
        assert_int_equal(order_next(&o, &p, &r, &app), ORDER_OPEN);
        assert_int_equal(app, i);
    }
    r.app[2].state = STATE_FOREGROUND;
    assert_int_equal(order_next(&o, &p, &r, &app), ORDER_WAIT);
    r.app[2].state = STATE_STOPPED;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(order_next(&o, &p, &r, &app), ORDER_OPEN);
        assert_int_equal(app, i);
    }
    assert_int_equal(order_next(&o, &p, &r, &app), ORDER_DONE);
    record_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_over_scenario_over_defaults),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help_names_everything),
        cmocka_unit_test(test_order_is_the_seeds),
        cmocka_unit_test(test_order_of_churn),
        cmocka_unit_test(test_order_of_leak),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
