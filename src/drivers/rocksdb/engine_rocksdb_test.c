/* RocksDB keeps the engine's contract; damage in its files is named, never served; many replicas
 * open and are read side by side. */
#include "test/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/rocksdb/engine_rocksdb.h"
#include "storage/engine_contract.h"

#define ROWS 3000
#define REPLICAS 25

struct place {
    char root[64];
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
};

static void start_driver(struct place *p)
{
    p->driver = lg_rocksdb_new(&(struct lg_rocksdb_options){
        .disk = p->disk, .root = p->root, .block_cache_bytes = (size_t)8 << 20});
}

static struct place *place_new(void)
{
    struct place *p = lg_new(struct place);
    struct lg_error err = {0};

    snprintf(p->root, sizeof(p->root), "/tmp/lagoon_rocksdb_XXXXXX");
    assert_non_null(mkdtemp(p->root));
    assert_ok(lg_disk_posix_new(p->root, &p->disk, &err));
    start_driver(p);
    return p;
}

static void place_free(struct place *p)
{
    struct lg_disk_names names = {0};
    struct lg_error err = {0};

    lg_rocksdb_free(p->driver);
    assert_ok(lg_disk_list(p->disk, "", &names, &err));
    for (size_t i = 0; i < names.names.size; i++)
        assert_ok(lg_disk_remove_tree(p->disk, names.names.data[i], &err));
    lg_disk_names_done(&names);
    lg_disk_posix_free(p->disk);
    assert_int_equal(0, rmdir(p->root));
    lg_free(p);
}

static struct lg_engine *open_at(struct place *p, const char *path)
{
    struct lg_engine_options o = {.path = path};
    struct lg_engine *e = NULL;
    struct lg_error err = {0};

    assert_ok(lg_engine_open(p->driver, &o, &e, &err));
    return e;
}

static void write_row(unsigned n, char key[16], char value[64])
{
    snprintf(key, 16, "k%08u", n);
    snprintf(value, 64, "the value of row %u, which is %llu", n, n * 2654435761ULL);
}

static void fill(struct lg_engine *e, unsigned rows)
{
    static const char *const names[] = {"000000.sst"};
    struct lg_sst_writer *w = NULL;
    struct lg_error err = {0};

    assert_ok(lg_sst_open(e, names[0], &w, &err));
    for (unsigned n = 0; n < rows; n++) {
        char key[16], value[64];

        write_row(n, key, value);
        assert_ok(lg_sst_add(w, lg_slice_str(key), lg_slice_str(value), &err));
    }
    assert_ok(lg_sst_finish(w, &err));
    assert_ok(lg_engine_ingest(e, names, 1, &err));
}

static void it_keeps_the_engine_contract(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct lg_error err = {0};

    assert_ok(lg_engine_contract(p->driver, &err));
    place_free(p);
}

/* Path of the one table file of generation 1. */
static char *table_path(struct place *p, const char *path)
{
    LG_AUTO_STR char *folder = lg_strf("%s/gen-1", path);
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};
    char *found = NULL;

    assert_ok(lg_disk_list(p->disk, folder, &names, &err));
    for (size_t i = 0; i < names.names.size; i++) {
        const char *name = names.names.data[i];

        if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".sst") == 0) {
            assert_null(found);
            found = lg_strf("%s/%s", folder, name);
        }
    }
    assert_non_null(found);
    return found;
}

static void flip(struct place *p, const char *path, uint64_t bit)
{
    LG_AUTO(lg_file) *f = NULL;
    struct lg_error err = {0};
    uint8_t byte;
    size_t n;

    assert_ok(lg_file_open(p->disk, path, LG_DISK_WRITE, &f, &err));
    assert_ok(lg_file_read(f, bit / 8, &byte, 1, &n, &err));
    byte ^= (uint8_t)(1u << (bit % 8));
    assert_ok(lg_file_write(f, bit / 8, &byte, 1, &err));
}

/* Reads a sample of the rows; each is right or LG_ERR_CORRUPT. Counts the latter. */
static unsigned read_rows(struct lg_engine *e)
{
    unsigned corrupt = 0;

    for (unsigned n = 0; n < ROWS; n += 7) {
        LG_SCOPED(lg_buf) out = {0};
        struct lg_error err = {0};
        char key[16], value[64];
        enum lg_rc rc;

        write_row(n, key, value);
        rc = lg_engine_get(e, lg_slice_str(key), false, &out, &err);
        if (rc == LG_OK) {
            assert_slice_equal(lg_buf_slice(&out), lg_slice_str(value));
            continue;
        }
        assert_rc(LG_ERR_CORRUPT, rc);
        assert_true(err.text[0] != '\0');
        corrupt++;
    }
    return corrupt;
}

static void a_flipped_bit_is_never_served(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct lg_error err = {0};
    struct lg_rand rand;
    unsigned seen = 0;
    uint64_t size;

    lg_rand_seed(&rand, 20261121);
    {
        struct lg_engine *e = open_at(p, "t/0");

        fill(e, ROWS);
        assert_int_equal(0, read_rows(e));
        lg_engine_close(e);
    }
    LG_AUTO_STR char *path = table_path(p, "t/0");
    {
        LG_AUTO(lg_file) *f = NULL;

        assert_ok(lg_file_open(p->disk, path, LG_DISK_READ, &f, &err));
        assert_ok(lg_file_size(f, &size, &err));
    }
    for (int i = 0; i < 50; i++) {
        /* Every fifth in the last 600 bytes, where the index, the properties and the footer are. */
        uint64_t bit =
            i % 5 == 0 ? size * 8 - 1 - lg_rand_below(&rand, 4800) : lg_rand_below(&rand, size * 8);
        struct lg_engine_options o = {.path = "t/0", .complete = true};
        struct lg_engine *e = NULL;
        enum lg_rc rc;

        flip(p, path, bit);
        lg_rocksdb_free(p->driver); /* The block cache knows a file again when it is reopened. */
        start_driver(p);
        rc = lg_engine_open(p->driver, &o, &e, &err);
        if (rc == LG_OK)
            seen += read_rows(e) > 0;
        else
            assert_rc(LG_ERR_CORRUPT, rc);
        seen += rc != LG_OK;
        lg_engine_close(e);
        flip(p, path, bit);
    }
    assert_true(seen >= 10); /* The sample must have met damage, or this proved nothing. */
    place_free(p);
}

/* An SST file that waits through a restart is read whole before it is taken in. */
static void a_file_that_was_damaged_while_nobody_ran_is_not_taken_in(void **state)
{
    (void)state;
    static const char *const names[] = {"000000.sst"};

    for (uint64_t place = 1; place <= 3; place++) {
        struct place *p = place_new();
        struct lg_engine *e = open_at(p, "t/0");
        struct lg_sst_writer *w = NULL;
        LG_AUTO_STR char *path = NULL;
        struct lg_error err = {0};
        uint64_t size = 0;

        assert_ok(lg_sst_open(e, names[0], &w, &err));
        for (unsigned n = 0; n < ROWS; n++) {
            char key[16], value[64];

            write_row(n, key, value);
            assert_ok(lg_sst_add(w, lg_slice_str(key), lg_slice_str(value), &err));
        }
        assert_ok(lg_sst_finish(w, &err));
        lg_engine_close(e);
        path = lg_strf("t/0/sst/%s", names[0]);
        {
            LG_AUTO(lg_file) *f = NULL;

            assert_ok(lg_file_open(p->disk, path, LG_DISK_READ, &f, &err));
            assert_ok(lg_file_size(f, &size, &err));
        }
        flip(p, path, size * 2 * place); /* a quarter, a half, three quarters of it */
        e = open_at(p, "t/0");
        assert_rc(LG_ERR_CORRUPT, lg_engine_ingest(e, names, 1, &err));
        flip(p, path, size * 2 * place);
        assert_ok(lg_engine_ingest(e, names, 1, &err));
        assert_int_equal(0, read_rows(e));
        lg_engine_close(e);
        place_free(p);
    }
}

static void a_lost_table_file_is_corrupt(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct lg_engine_options o = {.path = "t/0", .complete = true};
    struct lg_engine *e = open_at(p, "t/0");
    struct lg_error err = {0};
    enum lg_rc rc;

    fill(e, 100);
    lg_engine_close(e);
    e = NULL;
    LG_AUTO_STR char *path = table_path(p, "t/0");
    assert_ok(lg_disk_remove(p->disk, path, &err));
    rc = lg_engine_open(p->driver, &o, &e, &err);
    if (rc == LG_OK) {
        LG_SCOPED(lg_buf) out = {0};

        rc = lg_engine_get(e, LG_LIT("k00000001"), false, &out, &err);
    }
    assert_rc(LG_ERR_CORRUPT, rc);
    lg_engine_close(e);
    place_free(p);
}

static void many_replicas_are_open_at_once(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct lg_engine *engines[REPLICAS];

    for (int i = 0; i < REPLICAS; i++) {
        LG_AUTO_STR char *path = lg_strf("t_v1/%d", i);
        struct lg_engine *e = open_at(p, path);

        fill(e, 20);
        lg_engine_close(e);
    }
    for (int i = 0; i < REPLICAS; i++) {
        LG_AUTO_STR char *path = lg_strf("t_v1/%d", i);

        engines[i] = open_at(p, path);
    }
    for (int i = 0; i < REPLICAS; i++) {
        LG_SCOPED(lg_buf) out = {0};
        struct lg_error err = {0};

        assert_ok(lg_engine_get(engines[i], LG_LIT("k00000019"), false, &out, &err));
        lg_engine_close(engines[i]);
    }
    place_free(p);
}

static void *read_on_a_thread(void *arg)
{
    for (int i = 0; i < 20; i++)
        if (read_rows(arg) != 0)
            return arg;
    return NULL;
}

/* The content is replaced by an equal one, over and over, under the readers' feet. */
static void reads_go_on_while_a_push_is_taken_in(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct lg_engine *e = open_at(p, "t/0");
    pthread_t readers[3];

    fill(e, ROWS);
    for (size_t i = 0; i < LG_ARRAY_SIZE(readers); i++)
        assert_int_equal(0, pthread_create(&readers[i], NULL, read_on_a_thread, e));
    for (int i = 0; i < 3; i++)
        fill(e, ROWS);
    for (size_t i = 0; i < LG_ARRAY_SIZE(readers); i++) {
        void *failed = NULL;

        assert_int_equal(0, pthread_join(readers[i], &failed));
        assert_null(failed);
    }
    lg_engine_close(e);
    place_free(p);
}

/* The file of generation 1 whose name begins so. */
static char *file_of_generation(struct place *p, const char *path, const char *prefix)
{
    LG_AUTO_STR char *folder = lg_strf("%s/gen-1", path);
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_error err = {0};

    assert_ok(lg_disk_list(p->disk, folder, &names, &err));
    for (size_t i = 0; i < names.names.size; i++)
        if (strncmp(names.names.data[i], prefix, strlen(prefix)) == 0)
            return lg_strf("%s/%s", folder, names.names.data[i]);
    fail_msg("%s holds no %s", folder, prefix);
    return NULL;
}

static void cut(struct place *p, const char *path, uint64_t size)
{
    LG_AUTO(lg_file) *f = NULL;
    struct lg_error err = {0};

    assert_ok(lg_file_open(p->disk, path, LG_DISK_WRITE, &f, &err));
    assert_ok(lg_file_truncate(f, size, &err));
}

static uint64_t size_at(struct place *p, const char *path)
{
    LG_AUTO(lg_file) *f = NULL;
    struct lg_error err = {0};
    uint64_t size = 0;

    assert_ok(lg_file_open(p->disk, path, LG_DISK_READ, &f, &err));
    assert_ok(lg_file_size(f, &size, &err));
    return size;
}

/* RocksDB itself takes the shorter MANIFEST for whole, and opens a database without rows. */
static void a_complete_content_whose_manifest_was_cut_is_corrupt(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct lg_error err = {0};
    unsigned refused = 0;

    for (uint64_t lost = 1; lost < 400; lost += 13) {
        LG_AUTO_STR char *path = lg_strf("e%llu", (unsigned long long)lost), *manifest = NULL;
        struct lg_engine_options complete = {.path = path, .complete = true};
        struct lg_engine *e = open_at(p, path);
        LG_SCOPED(lg_buf) value = {0};

        fill(e, 100);
        lg_engine_close(e);
        manifest = file_of_generation(p, path, "MANIFEST-");
        cut(p, manifest, size_at(p, manifest) - LG_MIN(lost, size_at(p, manifest)));
        e = NULL;
        if (lg_engine_open(p->driver, &complete, &e, &err) != LG_OK) {
            assert_int_equal(err.rc, LG_ERR_CORRUPT);
            refused++;
            continue;
        }
        assert_ok(lg_engine_get(e, LG_LIT("k00000042"), false, &value, &err));
        lg_engine_close(e);
    }
    assert_true(refused > 10);
    place_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_engine_contract),
        cmocka_unit_test(a_flipped_bit_is_never_served),
        cmocka_unit_test(a_complete_content_whose_manifest_was_cut_is_corrupt),
        cmocka_unit_test(a_file_that_was_damaged_while_nobody_ran_is_not_taken_in),
        cmocka_unit_test(a_lost_table_file_is_corrupt),
        cmocka_unit_test(many_replicas_are_open_at_once),
        cmocka_unit_test(reads_go_on_while_a_push_is_taken_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
