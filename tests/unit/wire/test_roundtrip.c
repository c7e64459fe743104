/* SPDX-License-Identifier: MIT
 * test_roundtrip.c - random values made from a type fit it; one slip in them, and they do not.
 *
 * The values are made from the parsed types alone, so the maker and the check have only the
 * meaning of a type in common. The seed is fixed: a red run is red again. */
#include "supervisor/wire/idl.h"

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/idl_type.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 20

/* Makes one value; the slip-th place where one can be wrong is made wrong (never, if it is 0). */
struct maker {
    struct jsonw *w;
    uint64_t random;
    unsigned places, slip;
    bool slipped;
};

static uint64_t next_random(struct maker *m) {
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random;
}

static bool slips_here(struct maker *m) {
    if (++m->places != m->slip)
        return false;
    m->slipped = true;
    return true;
}

static void make_value(struct maker *m, const char *key, const struct idl_type *type);

static void make_text(struct maker *m, const char *key) {
    static const char *const texts[] = { "", "a", "\xe5\xb0\x8f\xe7\xa8\x8b", "x\n\"\\\x01",
                                         "null" };

    jsonw_string(m->w, key, texts[next_random(m) % 5]);
}

static void make_enum(struct maker *m, const char *key, const struct idl_type *type) {
    const struct idl_member *value = type->members;

    for (uint64_t n = next_random(m) % 8; n > 0; n--)
        value = value->next ? value->next : type->members;
    jsonw_string(m->w, key, value->name);
}

static void make_members(struct maker *m, const struct idl_type *type) {
    for (const struct idl_member *t = type->members; t; t = t->next) {
        bool optional = t->type->kind == IDL_OPTIONAL;
        if (optional && next_random(m) % 4 == 0)
            continue;
        if (!optional && slips_here(m)) /* missing */
            continue;
        make_value(m, t->name, t->type);
    }
    if (slips_here(m))
        jsonw_bool(m->w, "unknown_member", true);
}

static void make_struct(struct maker *m, const char *key, const struct idl_type *type) {
    jsonw_object(m->w, key);
    make_members(m, type);
    jsonw_end_object(m->w);
}

static void make_array(struct maker *m, const char *key, const struct idl_type *of) {
    jsonw_array(m->w, key);
    for (uint64_t n = next_random(m) % 4; n > 0; n--)
        make_value(m, NULL, of);
    jsonw_end_array(m->w);
}

static void make_map(struct maker *m, const char *key, const struct idl_type *of) {
    char name[32];

    jsonw_object(m->w, key);
    for (uint64_t n = next_random(m) % 4; n > 0; n--) {
        (void) snprintf(name, sizeof name, "any name %u", (unsigned) n);
        make_value(m, name, of);
    }
    jsonw_end_object(m->w);
}

/* A value of another kind: whatever the type is, `wrong` is none of it. */
static void make_wrong(struct maker *m, const char *key, enum idl_kind kind) {
    if (kind == IDL_ENUM)
        jsonw_string(m->w, key, "none of them");
    else if (kind == IDL_BOOL)
        jsonw_int(m->w, key, 1);
    else if (kind == IDL_INT)
        jsonw_raw(m->w, key, "0.5", 3);
    else
        jsonw_bool(m->w, key, true);
}

static void make_value(struct maker *m, const char *key, const struct idl_type *type) {
    if (type->kind == IDL_OPTIONAL) {
        if (next_random(m) % 8 == 0) {
            jsonw_raw(m->w, key, "null", 4);
            return;
        }
        type = type->of;
    }
    if (type->kind == IDL_NAMED)
        type = type->of;
    if (slips_here(m)) {
        make_wrong(m, key, type->kind);
        return;
    }
    switch (type->kind) {
    case IDL_BOOL:
        jsonw_bool(m->w, key, next_random(m) % 2);
        break;
    case IDL_INT:
        jsonw_int(m->w, key, (int64_t) (next_random(m) % (1ULL << 53)) - (1LL << 52));
        break;
    case IDL_FLOAT:
        jsonw_raw(m->w, key, "2.5", 3);
        break;
    case IDL_STRING:
        make_text(m, key);
        break;
    case IDL_OBJECT:
        jsonw_raw(m->w, key, "{\"any\":[1,{\"thing\":null}]}", 26);
        break;
    case IDL_ENUM:
        make_enum(m, key, type);
        break;
    case IDL_STRUCT:
        make_struct(m, key, type);
        break;
    case IDL_ARRAY:
        make_array(m, key, type->of);
        break;
    case IDL_MAP:
        make_map(m, key, type->of);
        break;
    case IDL_NAMED:
    case IDL_OPTIONAL:
        fail_msg("a type leads to two of its kind");
    }
}

/* A whole reply around the value, written and read as on a socket. 0 if it fits. */
static int make_and_check(const struct idl *idl, const struct idl_type *type, struct maker *m,
                          struct err *e) {
    struct str out = STR_INIT(1 << 20);
    struct varlink_reply reply;
    struct jsonw w;
    char where[64] = "";

    varlink_begin_reply(&w, &out, false);
    m->w = &w;
    make_members(m, type);
    varlink_end(&w);
    assert_int_equal(str_error(&out), 0);
    assert_int_equal(out.data[out.len - 1], '\0');
    if (varlink_reply_parse(out.data, out.len - 1, &reply, e) != 0)
        fail_msg("no reply (%s): %s", e->text, out.data);
    int r = idl_check(idl, type, reply.parameters, where, sizeof where, e);
    if (r == 0 && m->slipped)
        fail_msg("taken with a slip: %s", out.data);
    if (r < 0 && !m->slipped)
        fail_msg("refused (%s): %s", e->text, out.data);
    if (r < 0)
        assert_true(where[0] != '\0');
    varlink_reply_clear(&reply);
    str_clear(&out);
    return r;
}

/* First as it should be, which counts the places; then once for each of them, with a slip there. */
static unsigned walk_type(const struct idl *idl, const struct idl_type *type, uint64_t seed) {
    struct maker good = { .random = seed };
    struct err e = { 0 };

    assert_int_equal(make_and_check(idl, type, &good, &e), 0);
    for (unsigned slip = 1; slip <= good.places; slip++) {
        struct maker bad = { .random = seed, .slip = slip };
        assert_int_equal(make_and_check(idl, type, &bad, &e), -EINVAL);
    }
    return good.places;
}

static void walk_interface(const struct idl *idl) {
    uint64_t seed = 0x9e3779b97f4a7c15;
    unsigned places = 0;

    for (int round = 0; round < ROUNDS; round++)
        for (const struct idl_method *s = idl->symbols; s; s = s->next) {
            seed += 0x9e3779b97f4a7c15;
            if (s->in->kind == IDL_STRUCT)
                places += walk_type(idl, s->in, seed);
            if (s->out)
                places += walk_type(idl, s->out, seed);
        }
    assert_true(places > 10 * ROUNDS);
}

static void test_our_interfaces(void **state) {
    (void) state;
    walk_interface(wire_supervisor());
    walk_interface(wire_app());
    walk_interface(wire_service());
}

/* All that a type can be, beyond what ours use. */
static void test_every_kind_of_type(void **state) {
    (void) state;
    static const char text[] =
        "interface a.b\n"
        "type Leaf (one, two, three)\n"
        "type Tree (leaf: Leaf, f: float, maybe: ?Leaf, set: [string](), o: ?object)\n"
        "method M(a: [][]Tree, b: ?[][string]Leaf, c: [string][]?int, d: []?Tree) ->\n"
        "  (x: (y: (z: (in, out), w: ?bool)), v: ?[string]Tree)\n";
    struct idl *idl = NULL;

    assert_int_equal(idl_parse(text, strlen(text), &idl, NULL), 0);
    walk_interface(idl);
    (void) idl_free(idl);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_interfaces),
        cmocka_unit_test(test_every_kind_of_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
