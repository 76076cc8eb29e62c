/* Intrusive doubly linked list. A node belongs to at most one list; the head is a node too. */
#ifndef LG_BASE_LIST_H
#define LG_BASE_LIST_H

#include "base/base.h"

struct lg_list {
    struct lg_list *next, *prev;
};

static inline void lg_list_init(struct lg_list *l)
{
    l->next = l->prev = l;
}
static inline bool lg_list_empty(const struct lg_list *l)
{
    return l->next == l;
}
static inline void lg_list_push_back(struct lg_list *head, struct lg_list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
static inline void lg_list_push_front(struct lg_list *head, struct lg_list *node)
{
    lg_list_push_back(head->next, node);
}
/* Safe on a node that is in no list, if it was initialised. */
static inline void lg_list_remove(struct lg_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    lg_list_init(node);
}
/* NULL when empty. */
static inline struct lg_list *lg_list_pop_front(struct lg_list *head)
{
    struct lg_list *first = head->next;

    if (first == head)
        return NULL;
    lg_list_remove(first);
    return first;
}
/* `it` may be removed inside the loop. */
#define LG_LIST_EACH(it, head)                                                                     \
    for (struct lg_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

#endif
