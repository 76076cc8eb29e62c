/* Large values put together again, and every way in which their pieces may be wrong. */
#include "test/test.h"

#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "record/chunk.h"
#include "storage/chunk_reader.h"

struct fixture {
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_engine *engine;
};

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);
    struct lg_engine_options o = {.path = "rows"};
    struct lg_error err = {0};

    f->disk = lg_disk_sim_new(NULL, 1);
    f->driver = lg_memkv_new(f->disk, "");
    assert_ok(lg_engine_open(f->driver, &o, &f->engine, &err));
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    lg_engine_close(f->engine);
    lg_memkv_free(f->driver);
    lg_disk_sim_free(f->disk);
    lg_free(f);
    return 0;
}

static void put(struct fixture *f, struct lg_slice key, int32_t schema_id, struct lg_slice payload)
{
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    lg_buf_append_u32be(&value, (uint32_t)schema_id);
    lg_buf_append_slice(&value, payload);
    assert_ok(lg_engine_put(f->engine, key, lg_buf_slice(&value), &err));
}

/* Names "k0" and "k1"; under `k` and the plain suffix. */
static void put_manifest(struct fixture *f, int32_t size)
{
    LG_SCOPED(lg_buf) list = {0}, manifest = {0};
    struct lg_slice keys[2] = {LG_LIT("k0"), LG_LIT("k1")};

    lg_sequence_write_bytes(&list, keys, 2);
    lg_manifest_encode(&manifest,
                       &(struct lg_manifest){lg_sequence_of(lg_buf_slice(&list), 2), 7, size});
    put(f, LG_LIT("k\x02\x00"), LG_SCHEMA_ID_MANIFEST, lg_buf_slice(&manifest));
}

static void put_large(struct fixture *f)
{
    put(f, LG_LIT("k0"), LG_SCHEMA_ID_CHUNK, LG_LIT("hello "));
    put(f, LG_LIT("k1"), LG_SCHEMA_ID_CHUNK, LG_LIT("world"));
    put_manifest(f, 11);
}

static enum lg_rc get(struct fixture *f, bool chunked, struct lg_slice key, bool from_memory_only,
                      int32_t *id, struct lg_buf *out, struct lg_error *err)
{
    return lg_chunk_reader_get(f->engine, chunked, key, from_memory_only, id, out, err);
}

static void a_large_value_is_put_together(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id = 0;

    put_large(f);
    lg_buf_append_str(&out, "before ");
    assert_ok(get(f, true, LG_LIT("k"), false, &id, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("before hello world"));
    assert_int_equal(id, 7);
}

static void a_large_value_leaves_the_lane(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id = 5;

    put_large(f);
    assert_rc(LG_ERR_WOULD_BLOCK, get(f, true, LG_LIT("k"), true, &id, &out, &err));
    assert_int_equal(out.size, 0);
    assert_int_equal(id, 5);
}

static void a_small_value_is_read_under_the_plain_suffix_of_a_chunked_version(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id = 0;

    put(f, LG_LIT("k\x02\x00"), 3, LG_LIT("small"));
    assert_ok(get(f, true, LG_LIT("k"), true, &id, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("small"));
    assert_int_equal(id, 3);
    assert_rc(LG_ERR_NOT_FOUND, get(f, false, LG_LIT("k"), false, &id, &out, &err));
    assert_rc(LG_ERR_NOT_FOUND, get(f, true, LG_LIT("other"), false, &id, &out, &err));
}

static void a_value_of_an_unchunked_version_is_read_under_its_key(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id = 0;

    put(f, LG_LIT("k"), 3, LG_LIT("plain"));
    assert_ok(get(f, false, LG_LIT("k"), true, &id, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("plain"));
    assert_int_equal(id, 3);
}

static void corrupt(struct fixture *f, const char *sentence)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    int32_t id = 5;

    lg_buf_append_str(&out, "kept");
    assert_rc(LG_ERR_CORRUPT, get(f, true, LG_LIT("k"), false, &id, &out, &err));
    if (strstr(err.text, sentence) == NULL)
        fail_msg("'%s' is not in '%s'", sentence, err.text);
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("kept"));
    assert_int_equal(id, 5);
}

static void pieces_that_do_not_fit_are_corrupt(void **state)
{
    struct fixture *f = *state;
    struct lg_error err = {0};

    put_large(f);
    assert_ok(lg_engine_remove(f->engine, LG_LIT("k1"), &err));
    corrupt(f, "chunk 1 of a value is missing");
    put(f, LG_LIT("k1"), 3, LG_LIT("world"));
    corrupt(f, "chunk 1 of a value has schema id 3");
    put(f, LG_LIT("k1"), LG_SCHEMA_ID_CHUNK, LG_LIT("worl"));
    corrupt(f, "have 10 bytes, its manifest announces 11");
    put(f, LG_LIT("k1"), LG_SCHEMA_ID_CHUNK, LG_LIT("worlds"));
    corrupt(f, "have 12 bytes, its manifest announces 11");
    put(f, LG_LIT("k\x02\x00"), LG_SCHEMA_ID_MANIFEST, LG_LIT("no manifest"));
    corrupt(f, "manifest of a value is damaged");
    assert_ok(lg_engine_put(f->engine, LG_LIT("k\x02\x00"), LG_LIT("abc"), &err));
    corrupt(f, "without a schema id");
}

static void a_large_value_past_the_readers_ceiling_is_refused(void **state)
{
    struct fixture *f = *state;
    LG_SCOPED(lg_buf) out = lg_buf_with_ceiling(60);
    struct lg_error err = {0};
    int32_t id;

    put_large(f);
    put_manifest(f, 100);
    assert_rc(LG_ERR_TOO_LARGE, get(f, true, LG_LIT("k"), false, &id, &out, &err));
    assert_int_equal(out.size, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_value_is_put_together),
        TEST(a_large_value_leaves_the_lane),
        TEST(a_small_value_is_read_under_the_plain_suffix_of_a_chunked_version),
        TEST(a_value_of_an_unchunked_version_is_read_under_its_key),
        TEST(pieces_that_do_not_fit_are_corrupt),
        TEST(a_large_value_past_the_readers_ceiling_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
