/* The insides of the simulated disk, shared by disk_sim.c and disk_sim_digest.c alone. */
#ifndef LG_DRIVERS_SIM_DISK_SIM_IMPL_H
#define LG_DRIVERS_SIM_DISK_SIM_IMPL_H

#include "base/list.h"
#include "drivers/sim/disk_sim.h"

#define LG_DISK_SIM_DEPTH_MAX 64 /* Folders in one path. */

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

struct node;

struct entry {
    char *name;
    struct node *now, *durable; /* Each holds a reference; one of them is not NULL. */
};

struct node {           /* A file or a folder. */
    struct lg_list all; /* In disk_sim.nodes. */
    unsigned refs;      /* Entries (once per now and durable) and open files. */
    bool is_dir, locked, visited;
    struct bytes now, durable; /* Of a file. */
    size_t dirty_begin, dirty_end;
    LG_VEC(struct entry) entries; /* Of a folder. */
};

struct disk_sim {
    struct lg_disk disk; /* First: lg_disk pointers are cast back. */
    struct lg_sim *sim;
    struct lg_rand rand;
    struct node *root;
    struct lg_list nodes, files;
    uint64_t ops, used, capacity; /* capacity 0: no limit */
    uint64_t refused;             /* writes that found no space */
    uint64_t read_num, read_den, sync_num, sync_den;
    uint64_t delay_us; /* of an operation, at most */
    bool cut_armed, failed;
    uint64_t cut_left;
    void (*cut)(void *ctx);
    void *cut_ctx;
    void (*removed)(void *ctx, const char *path);
    void *removed_ctx;
};

struct file_sim {
    struct lg_file file; /* First. */
    struct lg_list open; /* In disk_sim.files. */
    struct node *node;
    char *path;
    bool writable, sync_failed, holds_lock;
};

#endif
