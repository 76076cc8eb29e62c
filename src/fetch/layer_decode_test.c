/* Compressed and chunked versions read through a router and a server: every strategy, with and
 * without chunks, as people, Venice's clients and clients that decompress themselves ask. */
#include "base/rand.h"
#include "base/str.h"
#include "read/wire.h"
#include "record/value_codec.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define KEY1 "\x08key1"
#define LARGE "\x0alarge"
#define LARGE_BYTES ((size_t)3000000)
#define DICTIONARY LG_LIT("words that values of this version repeat")

static const struct {
    const char *store;
    enum lg_compression compression;
    bool chunked;
} versions[] = {
    {"plain", LG_COMPRESSION_NO_OP, false},  {"gzip", LG_COMPRESSION_GZIP, false},
    {"zstd", LG_COMPRESSION_ZSTD, false},    {"dict", LG_COMPRESSION_ZSTD_WITH_DICT, false},
    {"plain_c", LG_COMPRESSION_NO_OP, true}, {"gzip_c", LG_COMPRESSION_GZIP, true},
    {"zstd_c", LG_COMPRESSION_ZSTD, true},   {"dict_c", LG_COMPRESSION_ZSTD_WITH_DICT, true},
};

struct fixture {
    struct lg_clw *w;
    uint8_t *large; /* does not compress */
};

static void write_version(struct fixture *f, size_t i)
{
    struct lg_clw_row rows[] = {
        {lg_slice_str(KEY1), LG_LIT("\x54"), 1}, /* 42 */
        {lg_slice_str(LARGE), lg_slice(f->large, versions[i].chunked ? LARGE_BYTES : 900000), 1},
    };
    LG_AUTO_STR char *topic = lg_strf("%s_v1", versions[i].store);
    LG_AUTO_STR char *path = lg_strf("/assignment/%s", topic);

    f->w->shape = (struct lg_clw_shape){.chunked = versions[i].chunked,
                                        .compression = versions[i].compression};
    if (versions[i].compression == LG_COMPRESSION_ZSTD_WITH_DICT)
        f->w->shape.dictionary = DICTIONARY;
    lg_clw_store(f->w, versions[i].store, 1, 1, 2);
    lg_clw_topic(f->w, topic, 2);
    lg_clw_rows(f->w, topic, 2, rows, LG_ARRAY_SIZE(rows), /* whole= */ true);
    lg_clw_meta(f->w, LG_META_PUT, path, "{\"partitions\":[[\"s0_8888\"],[\"s0_8888\"]]}");
}

static int up(void **state)
{
    struct fixture *f = lg_new(struct fixture);
    struct lg_rand r;

    f->w = lg_clw_new(31, /* with_controller= */ false);
    f->large = lg_alloc(LARGE_BYTES);
    lg_rand_seed(&r, 8);
    lg_rand_bytes(&r, f->large, LARGE_BYTES);
    lg_clw_server_start(f->w, 0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(versions); i++)
        write_version(f, i);
    lg_clw_router_start(f->w);
    lg_clw_run_ms(f->w, 10000);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    lg_clw_free(f->w);
    lg_free(f->large);
    lg_free(f);
    return 0;
}

static int get(struct lg_clw *w, const char *store, const char *key, const char *headers)
{
    LG_SCOPED(lg_buf) target = {0};

    lg_buf_appendf(&target, "/storage/%s/", store);
    lg_base64_encode(&target, lg_slice_str(key), /* url_safe= */ true);
    lg_buf_append_str(&target, "?f=b64");
    lg_buf_append_byte(&target, 0);
    return lg_clw_ask(w, &w->router, LG_HTTP_GET, (const char *)target.data, headers,
                      LG_SLICE_NULL);
}

static void expect_strategy(struct lg_clw *w, int strategy)
{
    LG_AUTO_STR char *text = lg_strf("%d", strategy);

    assert_string_equal(lg_clw_header(w, "X-VENICE-COMPRESSION-STRATEGY"), text);
}

static void a_get_answers_the_plain_value_of_every_strategy(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(versions); i++) {
        assert_int_equal(get(f->w, versions[i].store, KEY1, NULL), 200);
        lg_clw_expect_hex(f->w, "54");
        expect_strategy(f->w, 0);
        assert_int_equal(get(f->w, versions[i].store, LARGE, NULL), 200);
        assert_slice_equal(lg_clw_body(f->w),
                           lg_slice(f->large, versions[i].chunked ? LARGE_BYTES : 900000));
        assert_string_equal(lg_clw_header(f->w, "X-VENICE-SCHEMA-ID"), "1");
        assert_int_equal(get(f->w, versions[i].store, "\x04no", NULL), 404);
    }
}

static void a_batch_answers_plain_values_of_every_strategy(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(versions); i++) {
        LG_AUTO_STR char *target = lg_strf("/storage/%s", versions[i].store);
        size_t large_bytes = versions[i].chunked ? LARGE_BYTES : 900000;
        struct lg_decoder d;
        struct lg_wire_value value;
        struct lg_error err = {0};
        bool end = false;
        unsigned seen = 0;

        assert_int_equal(lg_clw_ask(f->w, &f->w->router, LG_HTTP_POST, target,
                                    "X-VENICE-API-VERSION: 1",
                                    LG_LIT("\x0a" KEY1 "\x0c" LARGE "\x06\x04no")),
                         200);
        expect_strategy(f->w, 0);
        d = lg_decoder_of(lg_clw_body(f->w));
        while (lg_wire_value_next(&d, &value, &end, &err) == LG_OK && !end) {
            seen |= 1u << value.index;
            assert_slice_equal(value.value,
                               value.index == 0 ? LG_LIT("\x54") : lg_slice(f->large, large_bytes));
        }
        assert_int_equal(err.rc, LG_OK);
        assert_int_equal(seen, 3);
    }
}

static void people_read_json_of_every_strategy(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(versions); i++) {
        LG_AUTO_STR char *one = lg_strf("/v1/stores/%s/key1", versions[i].store);
        LG_AUTO_STR char *many = lg_strf("/v1/stores/%s", versions[i].store);

        assert_int_equal(lg_clw_get(f->w, &f->w->router, one), 200);
        lg_clw_expect_text(f->w, "42");
        assert_int_equal(lg_clw_ask(f->w, &f->w->router, LG_HTTP_POST, many, NULL,
                                    LG_LIT("{\"textKeys\":[\"key1\",\"no\"]}")),
                         200);
        assert_int_equal(lg_json_size(lg_json_get(f->w->json, "results")), 2);
        assert_int_equal(
            lg_json_get_int(lg_json_at(lg_json_get(f->w->json, "results"), 0), "value", 0), 42);
    }
}

/* The value must come as it is stored: packed with the version's strategy. */
static void expect_packed(struct fixture *f, enum lg_compression strategy)
{
    LG_AUTO(lg_value_codec) *codec = NULL;
    LG_SCOPED(lg_buf) plain = {0};
    struct lg_error err = {0};

    expect_strategy(f->w, (int)strategy);
    assert_ok(lg_value_codec_new(strategy, LG_SLICE_NULL, &codec, &err));
    assert_ok(lg_value_codec_unpack(codec, lg_clw_body(f->w), &plain, &err));
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("\x54"));
}

static void a_client_that_decompresses_gets_what_it_can_and_never_a_dictionary(void **state)
{
    struct fixture *f = *state;
    const char *thin = "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 1";
    const char *most = "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 3";

    assert_int_equal(get(f->w, "gzip", KEY1, thin), 200);
    expect_packed(f, LG_COMPRESSION_GZIP);
    assert_int_equal(get(f->w, "zstd", KEY1, thin), 200);
    expect_packed(f, LG_COMPRESSION_NO_OP);
    assert_int_equal(get(f->w, "zstd", KEY1, most), 200);
    expect_packed(f, LG_COMPRESSION_ZSTD);
    assert_int_equal(get(f->w, "dict", KEY1, most), 200);
    expect_packed(f, LG_COMPRESSION_NO_OP);
    assert_int_equal(get(f->w, "gzip", KEY1, "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 9"), 200);
    expect_packed(f, LG_COMPRESSION_NO_OP);
}

static void a_server_gives_values_as_they_are_stored_and_its_dictionary(void **state)
{
    struct fixture *f = *state;
    const struct lg_clw_node *server = &f->w->servers[0];

    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/dict/1"), 200);
    assert_slice_equal(lg_clw_body(f->w), DICTIONARY);
    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/gzip/1"), 404);
    lg_clw_expect_text(f->w, "gzip_v1 has no dictionary: its compression strategy is GZIP");
    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/dict/2"), 400);
    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/none/1"), 400);
    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/dict/0"), 400);
    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/dict"), 400);
    assert_int_equal(lg_clw_get(f->w, server, "/dictionary/di.ct/1"), 400);
}

/* Its dictionary stands with the checkpoint, its router's was only in memory. */
static void dictionaries_outlive_a_killed_server_and_a_new_router(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f->w, "dict_c", LARGE, NULL), 200);
    lg_clw_router_stop(f->w);
    lg_clw_server_kill(f->w, 0);
    lg_clw_server_start(f->w, 0);
    lg_clw_router_start(f->w);
    lg_clw_run_ms(f->w, 10000);
    assert_int_equal(get(f->w, "dict_c", LARGE, NULL), 200);
    assert_slice_equal(lg_clw_body(f->w), lg_slice(f->large, LARGE_BYTES));
    assert_int_equal(get(f->w, "dict", KEY1, NULL), 200);
    lg_clw_expect_hex(f->w, "54");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_get_answers_the_plain_value_of_every_strategy),
        TEST(a_batch_answers_plain_values_of_every_strategy),
        TEST(people_read_json_of_every_strategy),
        TEST(a_client_that_decompresses_gets_what_it_can_and_never_a_dictionary),
        TEST(a_server_gives_values_as_they_are_stored_and_its_dictionary),
        TEST(dictionaries_outlive_a_killed_server_and_a_new_router),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
