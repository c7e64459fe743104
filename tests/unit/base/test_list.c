/* SPDX-License-Identifier: MIT */
#include "supervisor/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct item {
    int n;
    struct list node;
};

struct fixture {
    struct list head;
    struct item items[5];
};

static void fill(struct fixture *f) {
    list_init(&f->head);
    for (int i = 0; i < 5; i++) {
        f->items[i].n = i;
        list_init(&f->items[i].node);
        list_append(&f->head, &f->items[i].node);
    }
}

static int sum_in_order(struct list *head) {
    struct item *it;
    int sum = 0;

    list_for_each (it, head, struct item, node)
        sum = sum * 10 + it->n + 1;
    return sum;
}

static void test_order(void **state) {
    (void) state;
    struct fixture f;

    fill(&f);
    assert_int_equal(sum_in_order(&f.head), 12345);
    assert_ptr_equal(list_first(&f.head, struct item, node), &f.items[0]);
}

static void test_an_empty_list(void **state) {
    (void) state;
    struct list head;

    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first(&head, struct item, node));
    assert_int_equal(sum_in_order(&head), 0);
}

static void test_remove_and_again(void **state) {
    (void) state;
    struct fixture f;

    fill(&f);
    list_remove(&f.items[2].node);
    assert_int_equal(sum_in_order(&f.head), 1245);
    list_remove(&f.items[3].node);
    list_remove(&f.items[2].node); /* of a node that is in no list: nothing, whoever left since */
    assert_int_equal(sum_in_order(&f.head), 125);
    list_remove(&f.items[0].node);
    list_remove(&f.items[4].node);
    assert_int_equal(sum_in_order(&f.head), 2);
}

static void test_append_moves(void **state) {
    (void) state;
    struct fixture f;
    struct list other;

    fill(&f);
    list_append(&f.head, &f.items[0].node);
    assert_int_equal(sum_in_order(&f.head), 23451);
    list_init(&other);
    list_append(&other, &f.items[2].node);
    assert_int_equal(sum_in_order(&f.head), 2451);
    assert_int_equal(sum_in_order(&other), 3);
}

static void test_the_current_one_may_go_during_a_walk(void **state) {
    (void) state;
    struct fixture f;
    struct item *it;
    int sum = 0;

    fill(&f);
    list_for_each (it, &f.head, struct item, node) {
        sum = sum * 10 + it->n + 1;
        list_remove(&it->node);
    }
    assert_int_equal(sum, 12345);
    assert_true(list_empty(&f.head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_an_empty_list),
        cmocka_unit_test(test_remove_and_again),
        cmocka_unit_test(test_append_moves),
        cmocka_unit_test(test_the_current_one_may_go_during_a_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
