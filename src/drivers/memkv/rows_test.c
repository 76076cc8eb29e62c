/* Sorted rows keep their order under random changes, and their file holds exactly them. */
#include "test/test.h"

#include <stdio.h>

#include "base/rand.h"
#include "drivers/memkv/rows.h"
#include "drivers/sim/disk_sim.h"

#define KEYS 200

static struct lg_slice key_of(unsigned n, char buf[16])
{
    snprintf(buf, 16, "k%u", n);
    return lg_slice_str(buf);
}

/* Against a plain array as the model. */
static void random_changes_agree_with_an_array(void **state)
{
    (void)state;
    LG_SCOPED(lg_memkv_rows) rows = {0};
    int model[KEYS];
    struct lg_rand rand;
    char key[16], value[16];
    size_t bytes = 0;

    lg_rand_seed(&rand, 4);
    memset(model, -1, sizeof(model));
    for (int i = 0; i < 5000; i++) {
        unsigned n = (unsigned)lg_rand_below(&rand, KEYS);

        if (lg_rand_chance(&rand, 1, 3)) {
            lg_memkv_rows_remove(&rows, key_of(n, key));
            model[n] = -1;
        } else {
            snprintf(value, sizeof(value), "%d", i);
            lg_memkv_rows_put(&rows, key_of(n, key), lg_slice_str(value));
            model[n] = i;
        }
    }
    for (unsigned n = 0; n < KEYS; n++) {
        const struct lg_memkv_row *row = lg_memkv_rows_get(&rows, key_of(n, key));

        assert_int_equal(model[n] >= 0, row != NULL);
        if (row == NULL)
            continue;
        snprintf(value, sizeof(value), "%d", model[n]);
        assert_slice_equal(lg_memkv_row_value(row), lg_slice_str(value));
        bytes += strlen(key) + strlen(value);
    }
    assert_int_equal(bytes, rows.bytes);
    for (size_t i = 1; i < rows.rows.size; i++)
        assert_true(lg_slice_cmp(lg_memkv_row_key(&rows.rows.data[i - 1]),
                                 lg_memkv_row_key(&rows.rows.data[i])) < 0);
}

static void a_file_gives_back_its_rows_and_every_damage_shows(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_memkv_file f;
    LG_SCOPED(lg_memkv_rows) rows = {0};
    LG_SCOPED(lg_buf) large = {0};
    struct lg_error err = {0};

    memset(lg_buf_reserve(&large, 100000), 'x', 100000); /* More than one piece. */
    lg_buf_commit(&large, 100000);
    assert_ok(lg_memkv_file_create(disk, "f", &f, &err));
    assert_ok(lg_memkv_file_add(&f, LG_LIT(""), LG_LIT("of the empty key"), &err));
    assert_ok(lg_memkv_file_add(&f, LG_LIT("b"), lg_buf_slice(&large), &err));
    assert_ok(lg_memkv_file_add(&f, LG_LIT("c"), LG_LIT(""), &err));
    assert_ok(lg_memkv_file_finish(&f, &err));
    lg_memkv_file_done(&f);
    assert_ok(lg_memkv_file_load(disk, "f", &rows, &err));
    assert_int_equal(3, rows.rows.size);
    assert_slice_equal(lg_memkv_row_value(&rows.rows.data[1]), lg_buf_slice(&large));
    for (uint64_t bit = 3; lg_disk_sim_flip(disk, "f", bit); bit += 6007) {
        LG_SCOPED(lg_memkv_rows) damaged = {0};

        assert_rc(LG_ERR_CORRUPT, lg_memkv_file_load(disk, "f", &damaged, &err));
        assert_true(lg_disk_sim_flip(disk, "f", bit));
    }
    for (uint64_t size = 0; size < 60; size++) {
        LG_SCOPED(lg_memkv_rows) cut = {0};

        assert_true(lg_disk_sim_resize(disk, "f", 60 - size));
        assert_rc(LG_ERR_CORRUPT, lg_memkv_file_load(disk, "f", &cut, &err));
    }
    lg_disk_sim_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_agree_with_an_array),
        cmocka_unit_test(a_file_gives_back_its_rows_and_every_damage_shows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
