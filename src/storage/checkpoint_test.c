/* Checkpoints: the bytes of the format's page, round trips, damage, and a store that keeps what was
 * saved. */
#include "test/test.h"

#include "base/hash.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "lane/fault.h"
#include "storage/checkpoint.h"
#include "test/lib/doc_hex.h"

static struct lg_checkpoint example(void)
{
    return (struct lg_checkpoint){.position = lg_position_from_offset(42),
                                  .started = true,
                                  .sorted = true,
                                  .records = 1000,
                                  .bytes = 52000,
                                  .files = 2};
}

static void assert_same(const struct lg_checkpoint *a, const struct lg_checkpoint *b)
{
    assert_true(lg_position_equal(&a->position, &b->position));
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->sorted, b->sorted);
    assert_int_equal(a->end_of_push, b->end_of_push);
    assert_int_equal(a->removing, b->removing);
    assert_int_equal(a->records, b->records);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->files, b->files);
    assert_int_equal(a->chunked, b->chunked);
    assert_int_equal(a->compression, b->compression);
    assert_slice_equal(lg_buf_slice(&a->dictionary), lg_buf_slice(&b->dictionary));
    assert_slice_equal(lg_buf_slice(&a->integrity), lg_buf_slice(&b->integrity));
}

static void the_example_of_the_page_is_what_is_written_and_read(void **state)
{
    (void)state;
    struct lg_checkpoint want = example();
    LG_SCOPED(lg_checkpoint) got = {0};
    LG_SCOPED(lg_buf) page = {0};
    LG_SCOPED(lg_buf) written = {0};
    struct lg_error err = {0};

    lg_doc_hex("docs/formats/checkpoint.md", 0, &page);
    lg_checkpoint_encode(&written, &want);
    assert_slice_equal(lg_buf_slice(&written), lg_buf_slice(&page));
    assert_ok(lg_checkpoint_decode(lg_buf_slice(&page), &got, &err));
    assert_same(&want, &got);
}

static void the_example_of_version_2_is_what_is_written_and_read(void **state)
{
    (void)state;
    LG_SCOPED(lg_checkpoint) want = example();
    LG_SCOPED(lg_checkpoint) got = {0};
    LG_SCOPED(lg_buf) page = {0};
    LG_SCOPED(lg_buf) written = {0};
    struct lg_error err = {0};

    want.chunked = true;
    want.compression = LG_COMPRESSION_ZSTD_WITH_DICT;
    lg_buf_append_str(&want.dictionary, "dict");
    lg_doc_hex("docs/formats/checkpoint.md", 1, &page);
    lg_checkpoint_encode(&written, &want);
    assert_slice_equal(lg_buf_slice(&written), lg_buf_slice(&page));
    assert_ok(lg_checkpoint_decode(lg_buf_slice(&page), &got, &err));
    assert_same(&want, &got);
}

static void every_shape_comes_back(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < 16; shape++) {
        LG_SCOPED(lg_checkpoint) want = example();
        LG_SCOPED(lg_checkpoint) got = {0};
        LG_SCOPED(lg_buf) b = {0};
        struct lg_error err = {0};

        want.chunked = (shape & 1) != 0;
        want.compression = (enum lg_compression)(shape >> 1 & 3);
        if ((shape & 8) != 0)
            lg_buf_append_str(&want.dictionary, "some words");
        lg_buf_append_str(&want.integrity, "some state");
        lg_checkpoint_encode(&b, &want);
        assert_int_equal(b.data[0], shape == 0 ? 1 : 2);
        assert_ok(lg_checkpoint_decode(lg_buf_slice(&b), &got, &err));
        assert_same(&want, &got);
    }
}

static void a_dictionary_that_leaves_the_checkpoint_is_corrupt(void **state)
{
    (void)state;
    struct lg_checkpoint c = example(), out;
    LG_SCOPED(lg_buf) b = {0};
    struct lg_error err = {0};
    uint32_t crc;

    c.chunked = true;
    lg_checkpoint_encode(&b, &c);
    b.data[31] = 1; /* its size, behind 26 bytes and 5 of position */
    crc = lg_crc32c(0, b.data, b.size - 4);
    b.size -= 4;
    lg_buf_append_u32le(&b, crc);
    assert_rc(LG_ERR_CORRUPT, lg_checkpoint_decode(lg_buf_slice(&b), &out, &err));
    assert_non_null(strstr(err.text, "dictionary"));
}

static void the_integrity_state_and_earliest_come_back(void **state)
{
    (void)state;
    LG_SCOPED(lg_checkpoint) want = {0};
    LG_SCOPED(lg_checkpoint) got = {0};
    LG_SCOPED(lg_buf) b = {0};
    struct lg_error err = {0};

    lg_checkpoint_init(&want);
    want.end_of_push = true;
    want.removing = true;
    lg_buf_append_str(&want.integrity, "some state");
    lg_buf_append_str(&b, "before");
    lg_checkpoint_encode(&b, &want); /* Appends. */
    assert_ok(lg_checkpoint_decode(lg_slice_skip(lg_buf_slice(&b), 6), &got, &err));
    assert_same(&want, &got);
}

static void every_flipped_bit_and_every_cut_is_corrupt(void **state)
{
    (void)state;
    struct lg_checkpoint c = example(), out;
    LG_SCOPED(lg_buf) b = {0};
    struct lg_error err = {0};

    lg_checkpoint_encode(&b, &c);
    for (size_t bit = 0; bit < b.size * 8; bit++) {
        b.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_rc(LG_ERR_CORRUPT, lg_checkpoint_decode(lg_buf_slice(&b), &out, &err));
        b.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t size = 0; size < b.size; size++)
        assert_rc(LG_ERR_CORRUPT, lg_checkpoint_decode(lg_slice(b.data, size), &out, &err));
}

static void another_version_is_refused(void **state)
{
    (void)state;
    struct lg_checkpoint c = example(), out;
    LG_SCOPED(lg_buf) b = {0};
    struct lg_error err = {0};
    uint32_t crc;

    lg_checkpoint_encode(&b, &c);
    b.data[0] = 9;
    crc = lg_crc32c(0, b.data, b.size - 4);
    b.size -= 4;
    lg_buf_append_u32le(&b, crc);
    assert_rc(LG_ERR_UNSUPPORTED, lg_checkpoint_decode(lg_buf_slice(&b), &out, &err));
}

static enum lg_rc note(void *ctx, const char *topic, uint32_t partition,
                       const struct lg_checkpoint *c, struct lg_error *err)
{
    (void)err;
    lg_buf_appendf(ctx, "%s %u %llu;", topic, partition, (unsigned long long)c->records);
    return LG_OK;
}

static void a_store_keeps_replicas_apart_over_a_restart(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_engine_driver *d = lg_memkv_new(disk, "");
    struct lg_checkpoint_store *s = NULL;
    struct lg_checkpoint c = example();
    LG_SCOPED(lg_checkpoint) got = {0};
    LG_SCOPED(lg_buf) seen = {0};
    struct lg_error err = {0};

    assert_ok(lg_checkpoint_store_open(d, "checkpoints", &s, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_checkpoint_load(s, "a_v1", 0, &got, &err));
    assert_ok(lg_checkpoint_save(s, "a_v1", 0, &c, &err));
    c.records = 7;
    assert_ok(lg_checkpoint_save(s, "a_v1", 11, &c, &err));
    assert_ok(lg_checkpoint_save(s, "b_v1", 1, &c, &err));
    assert_ok(lg_checkpoint_remove(s, "b_v1", 1, &err));
    assert_ok(lg_checkpoint_remove(s, "b_v1", 1, &err));
    lg_checkpoint_store_close(LG_TAKE(s));
    lg_disk_sim_crash(disk);

    assert_ok(lg_checkpoint_store_open(d, "checkpoints", &s, &err));
    assert_ok(lg_checkpoint_load(s, "a_v1", 11, &got, &err));
    assert_same(&c, &got);
    assert_rc(LG_ERR_NOT_FOUND, lg_checkpoint_load(s, "b_v1", 1, &got, &err));
    assert_ok(lg_checkpoint_each(s, note, &seen, &err));
    assert_slice_equal(lg_buf_slice(&seen), LG_LIT("a_v1 0 1000;a_v1 11 7;"));

    lg_fault_arm(LG_FAULT_CHECKPOINT_WRITE, 0, 1);
    assert_rc(LG_ERR_IO, lg_checkpoint_save(s, "a_v1", 0, &c, &err));
    lg_fault_disarm_all();
    lg_checkpoint_store_close(s);
    lg_memkv_free(d);
    lg_disk_sim_free(disk);
}

static void a_damaged_row_names_its_replica(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_engine_driver *d = lg_memkv_new(disk, "");
    struct lg_engine_options o = {.path = "checkpoints", .wal = true};
    struct lg_engine *e = NULL;
    struct lg_checkpoint_store *s = NULL;
    struct lg_checkpoint out;
    LG_SCOPED(lg_buf) seen = {0};
    struct lg_error err = {0};

    assert_ok(lg_engine_open(d, &o, &e, &err));
    assert_ok(lg_engine_put(e, LG_LIT("a_v1/0"), LG_LIT("nonsense"), &err));
    lg_engine_close(e);
    assert_ok(lg_checkpoint_store_open(d, "checkpoints", &s, &err));
    assert_rc(LG_ERR_CORRUPT, lg_checkpoint_load(s, "a_v1", 0, &out, &err));
    assert_non_null(strstr(err.text, "replica a_v1/0"));
    assert_rc(LG_ERR_CORRUPT, lg_checkpoint_each(s, note, &seen, &err));
    lg_checkpoint_store_close(s);
    lg_memkv_free(d);
    lg_disk_sim_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_page_is_what_is_written_and_read),
        cmocka_unit_test(the_example_of_version_2_is_what_is_written_and_read),
        cmocka_unit_test(every_shape_comes_back),
        cmocka_unit_test(a_dictionary_that_leaves_the_checkpoint_is_corrupt),
        cmocka_unit_test(the_integrity_state_and_earliest_come_back),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_corrupt),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_store_keeps_replicas_apart_over_a_restart),
        cmocka_unit_test(a_damaged_row_names_its_replica),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
