/* Tests of shared bytes. */
#include "test/test.h"

#include "base/blob.h"

static void a_blob_is_a_copy_that_lives_until_the_last_reference_goes(void **state)
{
    (void)state;
    char text[] = "abc";
    struct lg_blob *blob = lg_blob_new(lg_slice(text, 3)), *other = lg_blob_ref(blob);

    text[0] = 'x';
    assert_ptr_equal(other, blob);
    lg_blob_unref(blob);
    assert_slice_equal(other->bytes, LG_LIT("abc"));
    lg_blob_unref(other); /* Freed twice or not at all: the sanitizers tell. */
    lg_blob_unref(NULL);
}

static void a_buffer_moves_into_a_blob_without_a_copy(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = lg_buf_with_ceiling(10);
    LG_AUTO(lg_blob) *blob = NULL;
    const uint8_t *data;

    lg_buf_append_str(&b, "abc");
    data = b.data;
    blob = lg_blob_take(&b);
    assert_ptr_equal(blob->bytes.data, data);
    assert_slice_equal(blob->bytes, LG_LIT("abc"));
    assert_int_equal(b.size, 0);
    assert_null(b.data);
    assert_int_equal(b.ceiling, 10);
}

static void a_blob_may_be_empty(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = {0};
    LG_AUTO(lg_blob) *copied = lg_blob_new(LG_SLICE_NULL);
    LG_AUTO(lg_blob) *taken = lg_blob_take(&b);

    assert_int_equal(copied->bytes.size, 0);
    assert_int_equal(taken->bytes.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_a_copy_that_lives_until_the_last_reference_goes),
        cmocka_unit_test(a_buffer_moves_into_a_blob_without_a_copy),
        cmocka_unit_test(a_blob_may_be_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
