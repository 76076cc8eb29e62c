/* Gets from memory; see the header. Any lane, inside an epoch. */
#include "read/hot_get.h"

#include "storage/partition.h"
#include "storage/warmer.h"

#define GROUP 64 /* What is prepared on the stack at a time; an index overlaps fewer than that. */

static void take_answer(struct lg_hot_get *g, const struct lg_read_index_get *from)
{
    g->rc = from->rc;
    if (g->rc == LG_OK) { /* Shorter ones are known by their key only: storage/warmer.c. */
        assert(from->value.size >= LG_PARTITION_VALUE_HEADER_BYTES);
        g->schema_id = (int32_t)lg_load_u32be(from->value.data);
        g->payload = lg_slice(from->value.data + LG_PARTITION_VALUE_HEADER_BYTES,
                              from->value.size - LG_PARTITION_VALUE_HEADER_BYTES);
    } else if (g->rc == LG_ERR_CORRUPT) {
        lg_warmer_doubt(g->replica);
        g->rc = LG_ERR_WOULD_BLOCK;
    }
}

static void get_group(struct lg_hot_get *gets, size_t n)
{
    struct lg_read_index_get asked[GROUP];
    struct lg_hot_get *of[GROUP];
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        struct lg_hot_get *g = &gets[i];
        struct lg_read_index *index;

        g->rc = LG_ERR_UNREADY;
        if (g->replica == NULL)
            continue;
        g->rc = LG_ERR_WOULD_BLOCK;
        index = lg_pointer_load(&g->replica->index);
        if (index == NULL)
            continue;
        asked[m].index = index;
        asked[m].key = g->key;
        of[m++] = g;
    }
    lg_read_index_get(asked, m);
    for (size_t i = 0; i < m; i++)
        take_answer(of[i], &asked[i]);
}

void lg_hot_get(struct lg_hot_get *gets, size_t n)
{
    for (size_t at = 0; at < n; at += GROUP)
        get_group(gets + at, LG_MIN(n - at, (size_t)GROUP));
}
