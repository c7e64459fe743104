/* SPDX-License-Identifier: MIT
 * list.h - intrusive doubly linked lists: a node inside the struct, O(1) in and out.
 * Layer: 1, base. Uses: libc only.
 *
 * A head and a node that is in no list both point at themselves; list_remove() of such a node
 * does nothing. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l) {
    l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l) {
    return l->next == l;
}
static inline void list_remove(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
/* Moves node to the end of head's list, out of the one it is in. */
static inline void list_append(struct list *head, struct list *node) {
    list_remove(node);
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

#define list_entry(node, type, member) ((type *) (void *) ((char *) (node) -offsetof(type, member)))
#define list_first(head, type, member)                                                             \
    (list_empty(head) ? NULL : list_entry((head)->next, type, member))
/* The body may take the current one out, no other. */
#define list_for_each(it, head, type, member)                                                      \
    for (struct list *it##_n = (head)->next, *it##_s = it##_n->next;                               \
         it##_n != (head) && ((it) = list_entry(it##_n, type, member), 1);                         \
         it##_n = it##_s, it##_s = it##_n->next)

#endif
