/* The memory of a session of nghttp2: what is freed is used again, and never more of it is kept
 * than is said. */
#include "drivers/nghttp2/h2_pool.h"

#include "test/test.h"

static void what_was_freed_is_the_next_of_its_size(void **state)
{
    struct lg_nghttp2_pool p;
    void *small, *large;

    (void)state;
    lg_nghttp2_pool_init(&p);
    small = p.mem.malloc(33, p.mem.mem_user_data);
    large = p.mem.malloc(65, p.mem.mem_user_data);
    p.mem.free(small, p.mem.mem_user_data);
    p.mem.free(large, p.mem.mem_user_data);
    assert_ptr_equal(p.mem.malloc(128, p.mem.mem_user_data), large);
    assert_ptr_equal(p.mem.malloc(1, p.mem.mem_user_data), small);
    p.mem.free(small, p.mem.mem_user_data);
    p.mem.free(large, p.mem.mem_user_data);
    p.mem.free(NULL, p.mem.mem_user_data);
    lg_nghttp2_pool_done(&p);
}

static void what_is_used_again_is_zeroed_where_that_is_asked(void **state)
{
    static const uint8_t zeros[60];
    struct lg_nghttp2_pool p;
    void *b;

    (void)state;
    lg_nghttp2_pool_init(&p);
    b = p.mem.malloc(60, p.mem.mem_user_data);
    memset(b, 7, 60);
    p.mem.free(b, p.mem.mem_user_data);
    b = p.mem.calloc(6, 10, p.mem.mem_user_data);
    assert_memory_equal(b, zeros, sizeof zeros);
    p.mem.free(b, p.mem.mem_user_data);
    assert_null(p.mem.calloc(SIZE_MAX, 2, p.mem.mem_user_data));
    lg_nghttp2_pool_done(&p);
}

static void a_block_that_grows_keeps_its_bytes(void **state)
{
    struct lg_nghttp2_pool p;
    char *b;

    (void)state;
    lg_nghttp2_pool_init(&p);
    b = p.mem.realloc(NULL, 64, p.mem.mem_user_data);
    memset(b, 'x', 64);
    assert_ptr_equal(p.mem.realloc(b, 10, p.mem.mem_user_data), b);
    for (size_t bytes = 65; bytes < 10000; bytes *= 3) {
        b = p.mem.realloc(b, bytes, p.mem.mem_user_data);
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(b[i], 'x');
        memset(b + 64, 'y', bytes - 64);
    }
    p.mem.free(b, p.mem.mem_user_data);
    lg_nghttp2_pool_done(&p);
}

static void no_more_are_kept_than_is_said(void **state)
{
    void *blocks[LG_NGHTTP2_POOL_KEPT_MAX + 5];
    struct lg_nghttp2_pool p;

    (void)state;
    lg_nghttp2_pool_init(&p);
    for (size_t i = 0; i < LG_ARRAY_SIZE(blocks); i++)
        blocks[i] = p.mem.malloc(512, p.mem.mem_user_data);
    for (size_t i = 0; i < LG_ARRAY_SIZE(blocks); i++)
        p.mem.free(blocks[i], p.mem.mem_user_data);
    assert_int_equal(p.kept[3], LG_NGHTTP2_POOL_KEPT_MAX);
    p.mem.free(p.mem.malloc(513, p.mem.mem_user_data), p.mem.mem_user_data);
    assert_int_equal(p.kept[0] + p.kept[1] + p.kept[2], 0);
    lg_nghttp2_pool_done(&p);
    assert_int_equal(p.kept[3], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_freed_is_the_next_of_its_size),
        cmocka_unit_test(what_is_used_again_is_zeroed_where_that_is_asked),
        cmocka_unit_test(a_block_that_grows_keeps_its_bytes),
        cmocka_unit_test(no_more_are_kept_than_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
