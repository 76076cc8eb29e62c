/* The partitioner against the vectors of wire-formats.md 1. */
#include "model/partitioner.h"

#include "base/str.h"
#include "test/test.h"

static const uint32_t counts[] = {2, 3, 10, 12, 100, 1000};
#define ANY UINT32_MAX /* not given in the sheet */

static const struct {
    const char *key_hex;
    uint32_t want[LG_ARRAY_SIZE(counts)];
} vectors[] = {
    {"0261", {0, 2, 8, 8, 48, 648}},
    {"086b657931", {1, 0, 1, 3, 31, 431}},
    {"0a68656c6c6f", {1, 2, 7, 11, 87, 487}},
    {"14757365723a3132333435", {0, 0, 4, 6, 14, 314}},
    {"12e697a5e69cace8aa9e", {0, 0, 8, 0, 28, 28}},
    {"00", {1, 0, 7, 9, 37, 137}},
    {"02", {ANY, ANY, 7, 3, 27, ANY}},       /* int 1 */
    {"aab4de75", {ANY, ANY, 6, 2, 26, ANY}}, /* long 123456789 */
    {"00010203", {ANY, ANY, 0, 4, 80, ANY}}, /* raw bytes */
};

static void every_vector_falls_where_venice_puts_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(vectors); i++) {
        LG_SCOPED(lg_buf) key = {0};

        assert_true(lg_hex_decode(&key, lg_slice_str(vectors[i].key_hex)));
        for (size_t j = 0; j < LG_ARRAY_SIZE(counts); j++) {
            uint32_t got = lg_partitioner_partition(lg_buf_slice(&key), counts[j]);

            if (vectors[i].want[j] != ANY && got != vectors[i].want[j])
                fail_msg("key %s of %u partitions: %u, not %u", vectors[i].key_hex, counts[j], got,
                         vectors[i].want[j]);
        }
    }
}

static void one_partition_holds_everything(void **state)
{
    (void)state;
    assert_int_equal(lg_partitioner_partition(LG_LIT("anything"), 1), 0);
    assert_int_equal(lg_partitioner_partition(LG_SLICE_NULL, 1), 0);
}

static void the_largest_count_stays_in_range(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 100; i++)
        assert_true(lg_partitioner_partition(lg_slice(&i, 1), 1u << 23) < 1u << 23);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_falls_where_venice_puts_it),
        cmocka_unit_test(one_partition_holds_everything),
        cmocka_unit_test(the_largest_count_stays_in_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
