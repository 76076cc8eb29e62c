#include "coord/assignment.h"

struct spot { /* One server, by how much it holds. */
    uint32_t index;
    uint64_t load;
};

static bool lighter(const struct spot *a, const struct spot *b)
{
    return a->load != b->load ? a->load < b->load : a->index < b->index;
}

/* A binary heap, lightest first: each replica goes to the lightest server that may take it. */
static void sift_down(struct spot *heap, size_t n, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        struct spot swap;

        if (child >= n)
            return;
        if (child + 1 < n && lighter(&heap[child + 1], &heap[child]))
            child++;
        if (!lighter(&heap[child], &heap[at]))
            return;
        swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static void sift_up(struct spot *heap, size_t at)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        struct spot swap;

        if (!lighter(&heap[at], &heap[parent]))
            return;
        swap = heap[at];
        heap[at] = heap[parent];
        heap[parent] = swap;
        at = parent;
    }
}

enum lg_rc lg_assignment_compute(const struct lg_assignment_input *in, uint32_t *out,
                                 struct lg_error *err)
{
    uint32_t needed = in->replication_factor > 1 ? in->replication_factor - 1 : 1;
    struct spot *heap, taken[LG_ASSIGNMENT_FACTOR_MAX];
    size_t n = in->instance_count;

    assert(in->replication_factor >= 1 && in->replication_factor <= LG_ASSIGNMENT_FACTOR_MAX);
    if (n < needed)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "%zu servers are live and %u are needed for replication factor %u; "
                            "start servers or lower the factor",
                            n, needed, in->replication_factor);
    heap = lg_new_array(struct spot, n);
    for (size_t i = 0; i < n; i++) {
        heap[i] = (struct spot){(uint32_t)i, in->load == NULL ? 0 : in->load[i]};
        sift_up(heap, i);
    }
    for (uint32_t p = 0; p < in->partitions; p++) {
        size_t count = LG_MIN((size_t)in->replication_factor, n), left = n;

        for (uint32_t r = 0; r < in->replication_factor; r++)
            out[p * in->replication_factor + r] = LG_ASSIGNMENT_NONE;
        for (size_t r = 0; r < count; r++) { /* The lightest ones, each once per partition. */
            taken[r] = heap[0];
            heap[0] = heap[--left];
            sift_down(heap, left, 0);
            out[p * in->replication_factor + r] = taken[r].index;
        }
        for (size_t r = 0; r < count; r++) {
            taken[r].load++;
            heap[left] = taken[r];
            sift_up(heap, left++);
        }
    }
    lg_free(heap);
    return LG_OK;
}
