/* A replica without a warm cache, for tests of reads; see the header. */
#include "test/lib/cold_replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/rocksdb/engine_rocksdb.h"
#include "test/test.h"

static void open_engine(struct lg_cold_replica *c)
{
    struct lg_rocksdb_options o = {
        .disk = c->disk, .root = c->root, .block_cache_bytes = (size_t)8 << 20};
    struct lg_engine_options e = {.path = "t_v1/0"};
    struct lg_error err = {0};

    c->driver = lg_rocksdb_new(&o);
    assert_ok(lg_engine_open(c->driver, &e, &c->engine, &err));
}

static void close_engine(struct lg_cold_replica *c)
{
    lg_engine_close(c->engine);
    lg_rocksdb_free(c->driver);
}

static void fill(struct lg_cold_replica *c)
{
    static const char *const names[] = {"000000.sst"};
    struct lg_sst_writer *w = NULL;
    struct lg_error err = {0};

    assert_ok(lg_sst_open(c->engine, names[0], &w, &err));
    for (unsigned n = 0; n < LG_COLD_REPLICA_ROWS; n++) {
        LG_SCOPED(lg_buf) value = {0};
        LG_AUTO_STR char *key = lg_strf("key%05u", n);

        lg_buf_append_u32be(&value, 3);
        lg_buf_appendf(&value, "value of row %u", n);
        assert_ok(lg_sst_add(w, lg_slice_str(key), lg_buf_slice(&value), &err));
    }
    assert_ok(lg_sst_add(w, LG_LIT("short"), LG_LIT("abc"), &err)); /* No room for a schema id. */
    assert_ok(lg_sst_finish(w, &err));
    assert_ok(lg_engine_ingest(c->engine, names, 1, &err));
}

struct lg_cold_replica *lg_cold_replica_new(struct lg_lane *lane)
{
    struct lg_cold_replica *c = lg_new(struct lg_cold_replica);
    struct lg_error err = {0};

    snprintf(c->root, sizeof(c->root), "/tmp/lagoon_replica_XXXXXX");
    assert_non_null(mkdtemp(c->root));
    assert_ok(lg_disk_posix_new(c->root, &c->disk, &err));
    open_engine(c);
    fill(c);
    close_engine(c); /* And with it the cache. */
    open_engine(c);
    lg_replica_init(&c->replica, lane, c->engine, "t_v1", 0);
    return c;
}

void lg_cold_replica_free(struct lg_cold_replica *c)
{
    struct lg_error err = {0};

    close_engine(c);
    assert_ok(lg_disk_remove_tree(c->disk, "t_v1", &err));
    lg_disk_posix_free(c->disk);
    assert_int_equal(0, rmdir(c->root));
    lg_free(c);
}
