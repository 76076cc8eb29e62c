/* Compression and large values through the command line and REST: every strategy, values of 20 MiB,
 * and what is refused. */
#include "base/rand.h"
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define SMALL 300
/* A value is the record {"id","text"} in Avro: two lengths, 3 bytes of "big", and the text. */
#define VALUE_BYTES_MAX ((size_t)20 << 20)
#define TEXT_BYTES_MAX (VALUE_BYTES_MAX - 1 - 3 - 4)

static void make_text(struct lg_buf *out, size_t size, uint64_t seed)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct lg_rand rand;
    uint8_t *room = lg_buf_reserve(out, size);

    lg_rand_seed(&rand, seed);
    lg_rand_bytes(&rand, room, size);
    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)letters[room[i] % 64];
    lg_buf_commit(out, size);
}

static void add_row(struct lg_buf *file, const char *id, struct lg_slice text)
{
    lg_buf_appendf(file, "{\"id\":\"%s\",\"text\":\"", id);
    lg_buf_append_slice(file, text);
    lg_buf_append_str(file, "\"}\n");
}

/* Small rows that are alike, and one large one. */
static char *write_rows(const struct lg_rig *rig, const char *name, struct lg_slice large)
{
    LG_SCOPED(lg_buf) file = {0};

    for (unsigned i = 0; i < SMALL; i++) {
        LG_AUTO_STR char *id = lg_strf("row-%u", i);
        LG_AUTO_STR char *text = lg_strf("this is row %u of a table whose rows are alike", i);

        add_row(&file, id, lg_slice_str(text));
    }
    if (large.size > 0)
        add_row(&file, "big", large);
    return lg_rig_file(rig, name, lg_buf_slice(&file));
}

static void make_store(struct lg_rig *rig, const char *name, const char *compression,
                       const char *chunking)
{
    LG_AUTO_STR char *key = lg_rig_file(rig, "key.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *value =
        lg_rig_file(rig, "value.avsc",
                    LG_LIT("{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\","
                           "\"type\":\"string\"},{\"name\":\"text\",\"type\":\"string\"}]}"));

    assert_run(rig, 0, "store", "create", name, "--key-schema", key, "--value-schema", value,
               "--compression", compression, "--chunking", chunking);
}

/* GET /storage, as Venice's thin client: plain Avro whatever is stored. */
static void expect_avro(const struct lg_rig *rig, const char *store, struct lg_slice text)
{
    LG_AUTO_STR char *target = lg_strf("/storage/%s/BmJpZw==?f=b64", store); /* "big" */
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO_STR char *strategy = NULL;

    assert_int_equal(lg_ask_get(rig->router, target, &reply), 200);
    strategy = lg_reply_header(&reply, "X-VENICE-COMPRESSION-STRATEGY");
    assert_string_equal(strategy, "0");
    assert_true(reply.body.size > text.size && reply.body.size <= text.size + 8);
    assert_memory_equal(reply.body.data + reply.body.size - text.size, text.data, text.size);
}

static void expect_json(const struct lg_rig *rig, const char *store, struct lg_slice text)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s/big", store);
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;

    assert_int_equal(lg_ask_get(rig->router, target, &reply), 200);
    json = lg_rig_json(lg_buf_slice(&reply.body));
    assert_slice_equal(lg_json_string(lg_json_get(json, "text")), text);
}

static void expect_small(struct lg_rig *rig, const char *store)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s", store);
    LG_SCOPED(lg_reply) reply = {0};

    assert_run(rig, 0, "get", store, "row-7", "--output", "json");
    lg_rig_assert_out(rig, "this is row 7 of a table");
    assert_int_equal(lg_ask_post(rig->router, target,
                                 "{\"textKeys\":[\"row-0\",\"row-299\",\"row-300\"]}", &reply),
                     200);
    assert_non_null(strstr(lg_reply_text(&reply), "this is row 299 of"));
    assert_non_null(strstr(lg_reply_text(&reply), "\"found\":false"));
}

static int64_t pushed(struct lg_rig *rig, const char *member)
{
    LG_AUTO(lg_json) *json = lg_rig_json(lg_buf_slice(&rig->out));

    return lg_json_get_int(json, member, -1);
}

static void values_of_20_MiB_are_read_back_with_every_compression(void **state)
{
    static const char *const strategies[] = {"NO_OP", "GZIP", "ZSTD", "ZSTD_WITH_DICT"};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_rig rig;

    (void)state;
    make_text(&text, TEXT_BYTES_MAX, 1);
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    {
        LG_AUTO_STR char *file = write_rows(&rig, "rows.ndjson", lg_buf_slice(&text));

        for (size_t i = 0; i < LG_ARRAY_SIZE(strategies); i++) {
            make_store(&rig, strategies[i], strategies[i], "true");
            assert_run(&rig, 0, "push", strategies[i], file, "--key-field", "id", "--output",
                       "json");
            assert_int_equal(pushed(&rig, "records"), SMALL + 1);
            assert_true(pushed(&rig, "rawValueBytes") > (int64_t)VALUE_BYTES_MAX);
            if (i == 0)
                assert_int_equal(pushed(&rig, "compressedValueBytes"),
                                 pushed(&rig, "rawValueBytes"));
            else
                assert_true(pushed(&rig, "compressedValueBytes") <
                            pushed(&rig, "rawValueBytes") / 5 * 4);
        }
    }
    for (size_t i = 0; i < 2 * LG_ARRAY_SIZE(strategies); i++) {
        expect_avro(&rig, strategies[i / 2], lg_buf_slice(&text));
        expect_json(&rig, strategies[i / 2], lg_buf_slice(&text));
        expect_small(&rig, strategies[i / 2]);
        if (i == LG_ARRAY_SIZE(strategies)) { /* All of it survives a kill -9. */
            lg_rig_kill(&rig);
            lg_rig_start(&rig, NULL, NULL);
        }
    }
    lg_rig_done(&rig);
}

static void without_chunking_values_are_compressed_all_the_same(void **state)
{
    static const char *const strategies[] = {"NO_OP", "GZIP", "ZSTD", "ZSTD_WITH_DICT"};
    struct lg_rig rig;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    {
        LG_AUTO_STR char *file = write_rows(&rig, "rows.ndjson", LG_SLICE_NULL);

        for (size_t i = 0; i < LG_ARRAY_SIZE(strategies); i++) {
            make_store(&rig, strategies[i], strategies[i], "false");
            assert_run(&rig, 0, "push", strategies[i], file, "--key-field", "id");
            if (i > 0) {
                lg_rig_assert_out(&rig, "compressed to");
                lg_rig_assert_out(&rig, strategies[i]);
            }
            expect_small(&rig, strategies[i]);
        }
        /* With a dictionary, rows that are alike become very small. */
        assert_run(&rig, 0, "push", "ZSTD_WITH_DICT", file, "--key-field", "id", "--output",
                   "json");
        assert_true(pushed(&rig, "compressedValueBytes") < pushed(&rig, "rawValueBytes") / 2);
    }
    assert_run(&rig, 0, "push", "ZSTD_WITH_DICT", "--empty");
    lg_rig_done(&rig);
}

static void what_is_too_large_is_refused_with_line_and_remedy(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    struct lg_rig rig;

    (void)state;
    make_text(&text, TEXT_BYTES_MAX + 1, 2);
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    make_store(&rig, "whole", "NO_OP", "false");
    make_store(&rig, "pieces", "NO_OP", "true");
    {
        LG_AUTO_STR char *million =
            write_rows(&rig, "million.ndjson", lg_slice(text.data, 1000000));
        LG_AUTO_STR char *over = write_rows(&rig, "over.ndjson", lg_buf_slice(&text));

        assert_run(&rig, 4, "push", "whole", million, "--key-field", "id");
        lg_rig_assert_err(&rig, "million.ndjson: line 301");
        lg_rig_assert_err(&rig, "lagoon store update STORE --chunking true");
        assert_run(&rig, 4, "push", "pieces", over, "--key-field", "id");
        lg_rig_assert_err(&rig, "over.ndjson: line 301: a value of 20971521 bytes");
        assert_run(&rig, 0, "push", "pieces", million, "--key-field", "id");
        assert_run(&rig, 0, "store", "update", "whole", "--chunking", "true");
        assert_run(&rig, 0, "push", "whole", million, "--key-field", "id");
        expect_json(&rig, "whole", lg_slice(text.data, 1000000));
        assert_run(&rig, 2, "push", "whole", million, "--key-field", "id", "--chunking", "true");
        lg_rig_assert_err(&rig, "store update whole");
    }
    lg_rig_done(&rig);
}

/* --create makes the store as it was asked for. */
static void a_push_creates_a_store_with_its_compression(void **state)
{
    struct lg_rig rig;
    LG_AUTO(lg_json) *store = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create", "--compression", "ZSTD_WITH_DICT", "--chunking", "true");
    store = lg_rig_store(&rig, "cities");
    assert_string_equal(lg_json_get_str(store, "compressionStrategy", ""), "ZSTD_WITH_DICT");
    assert_true(lg_json_get_bool(store, "chunkingEnabled", false));
    assert_run(&rig, 0, "get", "cities", "3164603");
    assert_run(&rig, 2, "push", "other", "examples/cities/cities.avro", "--key-field", "id",
               "--create", "--compression", "LZ4");
    lg_rig_assert_err(&rig, "ZSTD_WITH_DICT");
    lg_rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_20_MiB_are_read_back_with_every_compression),
        cmocka_unit_test(without_chunking_values_are_compressed_all_the_same),
        cmocka_unit_test(what_is_too_large_is_refused_with_line_and_remedy),
        cmocka_unit_test(a_push_creates_a_store_with_its_compression),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
