/* SPDX-License-Identifier: MIT
 * The page is well formed, needs nothing from elsewhere, and shows what it is given as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdlib.h>

#include "record_kit.h"
#include "supervisor/base/str.h"
#include "tests/stress/csv.h"
#include "tests/stress/page.h"
#include "tests/stress/plan.h"
#include "tests/stress/summary.h"
#include "tests/stress/svg.h"

#define DEEP 64

/* Every tag that is opened is closed, in order; attributes are quoted, and & begins an entity. */
static void assert_well_formed(const char *text) {
    char open[DEEP][16];
    int depth = 0;

    for (const char *p = text; *p; p++) {
        if (*p == '&' && !strchr("alqg", p[1]))
            fail_msg("a bare ampersand at '%.40s'", p);
        if (*p != '<' || p[1] == '!')
            continue;
        const char *end = strchr(p, '>');
        assert_non_null(end);
        bool closes = p[1] == '/', empty = end[-1] == '/';
        char name[16] = "";
        (void) sscanf(p + 1 + closes, "%15[a-z0-9]", name);
        int quotes = 0;
        for (const char *q = p; q < end; q++) {
            quotes += *q == '"';
            if (q > p && *q == '<')
                fail_msg("'<' inside a tag: '%.60s'", p);
        }
        if (quotes % 2)
            fail_msg("an attribute without its end: '%.60s'", p);
        if (closes) {
            if (depth == 0 || strcmp(open[depth - 1], name) != 0)
                fail_msg("</%s> where <%s> is open: '%.60s'", name, depth ? open[depth - 1] : "",
                         p);
            depth--;
        } else if (!empty && strcmp(name, "meta") != 0) {
            assert_true(depth < DEEP);
            (void) snprintf(open[depth++], sizeof open[0], "%s", name);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
}

static void busy_record(struct record *r) {
    kit_init(r, 4);
    for (unsigned i = 0; i < 1500; i++) { /* more than there are columns */
        struct record_sample *s = record_add_sample(r);
        s->at = i * 10000;
        s->some_us = s->full_us = i * 7;
        s->some_avg10 = i % 4000;
        s->total = 1 << 30;
        s->budget = 64 << 20;
        s->n = (unsigned) r->n_apps;
        s->front = -1;
        s->bytes = calloc(s->n, sizeof *s->bytes);
        s->state = calloc(s->n, sizeof *s->state);
        for (unsigned a = 0; a < s->n; a++) {
            s->bytes[a] = (i / 100 + a) % 3 ? (uint64_t) (a + 1) << 22 : 0;
            s->state[a] = (uint8_t) ((i / 50 + a) % STATE_COUNT);
            s->current += s->bytes[a];
        }
    }
    r->end = 15000000;
    for (unsigned i = 0; i < 30; i++) {
        struct record_turn *t = record_add_turn(r);
        *t = (struct record_turn){ .app = (int) (i % 4),
                                   .kind = i % 2 ? TURN_HOT : TURN_COLD,
                                   .at = i * 500000,
                                   .until = (i + 1) * 500000,
                                   .shown_us = (uint64_t) 1 << i,
                                   .whole_us = (uint64_t) 3 << i,
                                   .front_us = 500000,
                                   .stalled_us = i * 10000 };
    }
    kit_state(r, 100, 1, "suspended", "timeout");
    kit_decide(r, 200, 1, "kill");
    kit_exit(r, 210, 1, "memory_pressure");
    assert_int_equal(kit_hear(r, 300, 2, "memory", "{\"level\":10,\"source\":\"budget\"}"), 0);
    assert_int_equal(kit_hear(r, 400, 2, "memory", "{\"level\":0,\"source\":\"budget\"}"), 0);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(kit_hear(r, i * 50, 2, "warned", "{\"level\":5,\"source\":\"system\"}"),
                         0);
}

static void page_of(const struct record *r, struct str *out) {
    static const struct plan p = { .manners = "keep",
                                   .socket = "<&\"",
                                   .miniprogd = "",
                                   .backend = "auto",
                                   .budget = "auto",
                                   .out = "",
                                   .set = "" };
    struct summary s;

    assert_int_equal(summary_make(&p, r, &s), 0);
    const struct outcome it = { r, &s };
    page_write(&p, &it, &it, out);
    assert_int_equal(str_error(out), 0);
}

static void test_page_is_whole(void **state) {
    (void) state;
    struct str out = STR_INIT(16 << 20);
    struct record r;

    busy_record(&r);
    page_of(&r, &out);
    assert_well_formed(out.data);
    static const char *const never[] = { "<script", "http:", "https:", "url(", "@import",
                                         "src=",    "<link", "nan",    "-nan", "(null)" };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(out.data, never[i]))
            fail_msg("the page has '%s'", never[i]);
    static const char *const always[] = { "prefers-color-scheme: dark",
                                          "class=\"band suspended",
                                          "m-kill",
                                          "x: first",
                                          "level 10 at",
                                          "Parameters",
                                          "viewBox" };
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (!strstr(out.data, always[i]))
            fail_msg("the page has no '%s'", always[i]);
    str_clear(&out);
    record_clear(&r);
}

/* An interrupted run may have anything or nothing. */
static void test_page_of_nothing(void **state) {
    (void) state;
    struct str out = STR_INIT(1 << 20);
    struct record r;

    record_init(&r, EPOCH);
    page_of(&r, &out);
    assert_well_formed(out.data);
    str_clear(&out);
    kit_init(&r, 2);
    (void) record_add_sample(&r); /* no reply came */
    (void) record_add_turn(&r);
    page_of(&r, &out);
    assert_well_formed(out.data);
    str_clear(&out);
    record_clear(&r);
}

static void test_texts_stay_text(void **state) {
    (void) state;
    struct str out = STR_INIT(4 << 20);
    struct record r;

    kit_init(&r, 2);
    kit_state(&r, 1, 1, "suspended", "timeout");
    assert_int_equal(kit_hear(&r, 2, 1, "decision",
                              "{\"action\":\"kill\",\"text\":\"<script>alert(1)</script>\","
                              "\"candidates\":[{\"id\":\"\\\"><b\",\"text\":\"&lt\\u0007\"}]}"),
                     0);
    r.end = 10000;
    page_of(&r, &out);
    assert_well_formed(out.data);
    assert_null(strstr(out.data, "<script"));
    assert_non_null(strstr(out.data, "&lt;script&gt;alert(1)"));
    assert_non_null(strstr(out.data, "&amp;lt "));
    assert_non_null(strstr(out.data, "&lt;&amp;&quot;")); /* the parameter */
    str_clear(&out);
    svg_text(&out, "a\xff\xc3\x28 \xe5\xb0\x8f\x01z"); /* not UTF-8 in places */
    assert_string_equal(out.data, "a  ( \xe5\xb0\x8f z");
    str_clear(&out);
    record_clear(&r);
}

static void test_csv(void **state) {
    (void) state;
    struct str out = STR_INIT(16 << 20);
    struct record r;

    busy_record(&r);
    (void) record_add_sample(&r); /* without figures: left out */
    (void) record_app(&r, "org.example.late");
    csv_write(&r, &out);
    size_t lines = 0, commas = 0, first = 0;
    for (const char *p = out.data; *p; p++) {
        commas += *p == ',';
        if (*p != '\n')
            continue;
        if (lines++ == 0)
            first = commas;
        assert_int_equal(commas, first);
        commas = 0;
    }
    assert_int_equal(lines, 1501);
    assert_non_null(strstr(out.data, ",a01_state,a01_bytes,"));
    assert_non_null(strstr(out.data, ",org.example.late_state,"));
    str_clear(&out);
    record_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_is_whole),
        cmocka_unit_test(test_page_of_nothing),
        cmocka_unit_test(test_texts_stay_text),
        cmocka_unit_test(test_csv),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
