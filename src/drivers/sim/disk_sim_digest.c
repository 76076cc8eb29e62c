/* A digest of all that is durable on a simulated disk, whatever the order of its making. */
#include <stdlib.h>

#include "base/hash.h"
#include "drivers/sim/disk_sim_impl.h"

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct entry *const *)a)->name, (*(const struct entry *const *)b)->name);
}

static uint64_t digest_of(const struct node *n, uint64_t seed, unsigned depth)
{
    LG_VEC(const struct entry *) sorted = {0};
    uint64_t h = lg_hash64(n->durable.data, n->durable.size, seed + n->is_dir);

    for (size_t i = 0; i < n->entries.size && depth < LG_DISK_SIM_DEPTH_MAX; i++) {
        if (n->entries.data[i].durable != NULL)
            LG_VEC_PUSH(&sorted, &n->entries.data[i]);
    }
    if (sorted.size > 1)
        qsort(sorted.data, sorted.size, sizeof(sorted.data[0]), by_name);
    for (size_t i = 0; i < sorted.size; i++) {
        h = lg_hash64(sorted.data[i]->name, strlen(sorted.data[i]->name), h);
        h = digest_of(sorted.data[i]->durable, h, depth + 1);
    }
    LG_VEC_DONE(&sorted);
    return h;
}

uint64_t lg_disk_sim_digest(const struct lg_disk *disk)
{
    return digest_of(((const struct disk_sim *)disk)->root, 0, 0);
}
