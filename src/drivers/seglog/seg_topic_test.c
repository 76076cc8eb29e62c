/* Tests of the folders of topics: names, topic.meta, creation and removal. */
#include "drivers/seglog/seg_topic.h"

#include "test/lib/doc_hex.h"
#include "test/test.h"

#include "base/hash.h"
#include "base/str.h"
#include "drivers/sim/disk_sim.h"

static void names_are_checked(void **state)
{
    (void)state;
    const char *bad[] = {"", ".", "..", "a/b", "a~b", "a b", "caf\xc3\xa9", "a\n"};
    char longest[LG_TOPIC_NAME_MAX + 2];

    memset(longest, 'x', sizeof(longest));
    longest[LG_TOPIC_NAME_MAX + 1] = '\0';
    assert_rc(LG_ERR_INVALID, lg_seg_topic_name_check(longest, NULL));
    longest[LG_TOPIC_NAME_MAX] = '\0';
    assert_rc(LG_OK, lg_seg_topic_name_check(longest, NULL));
    assert_rc(LG_OK, lg_seg_topic_name_check("Cities_v1.x-2", NULL));
    assert_rc(LG_ERR_INVALID, lg_seg_topic_name_check(NULL, NULL));
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_rc(LG_ERR_INVALID, lg_seg_topic_name_check(bad[i], NULL));
}

static void topic_meta_is_that_of_the_page(void **state)
{
    (void)state;
    struct lg_seg_topic_meta in = {.name = "cities_v1", .partitions = 4}, out = {0};
    LG_SCOPED(lg_buf) want = {0};
    LG_SCOPED(lg_buf) got = {0};
    struct lg_error err = {0};

    lg_doc_hex("docs/formats/seglog.md", 1, &want);
    lg_seg_topic_meta_write(&got, &in);
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
    assert_ok(lg_seg_topic_meta_read(lg_buf_slice(&want), &out, &err));
    assert_string_equal(out.name, "cities_v1");
    assert_int_equal(out.partitions, 4);
}

static void topic_config_is_that_of_the_page(void **state)
{
    (void)state;
    struct lg_pubsub_config in = {.retention_ms = 86400000,
                                  .compacted = true,
                                  .min_compaction_lag_ms = 60000,
                                  .replication = 3,
                                  .min_insync_replicas = 2};
    struct lg_pubsub_config out = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    lg_seg_topic_config_write(&text, &in);
    assert_true(lg_slice_starts(
        lg_buf_slice(&text),
        LG_LIT("lagoon-topic-config 1\nretention_ms 86400000\ncompacted 1\n"
               "min_compaction_lag_ms 60000\nreplication 3\nmin_insync_replicas 2\ncrc32c ")));
    assert_ok(lg_seg_topic_config_read(lg_buf_slice(&text), &out, &err));
    assert_true(lg_pubsub_config_equal(&in, &out));
    for (size_t n = 0; n < text.size; n++)
        assert_rc(LG_ERR_CORRUPT, lg_seg_topic_config_read(lg_slice(text.data, n), &out, &err));
    for (size_t i = 22; i < text.size; i++) {
        text.data[i] ^= 1;
        assert_rc(LG_ERR_CORRUPT, lg_seg_topic_config_read(lg_buf_slice(&text), &out, &err));
        text.data[i] ^= 1;
    }
    text.data[20] = '2';
    assert_rc(LG_ERR_CONFLICT, lg_seg_topic_config_read(lg_buf_slice(&text), &out, &err));
}

static void a_default_configuration_leaves_no_file(void **state)
{
    (void)state;
    struct lg_seg_topic_meta meta = {.name = "t", .partitions = 1, .number = 1};
    struct lg_pubsub_config other = {.retention_ms = 5}, ordinary = {.retention_ms = -1};
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_error err = {0};
    LG_SCOPED(lg_buf) text = {0};

    meta.config = ordinary;
    assert_ok(lg_disk_make_dirs(disk, "log", &err));
    assert_ok(lg_seg_topic_create(disk, "log", &meta, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_disk_read_file(disk, "log/t~1/topic.config", 1000, &text, &err));
    assert_ok(lg_seg_topic_configure(disk, "log", &meta, &other, &err));
    assert_ok(lg_disk_read_file(disk, "log/t~1/topic.config", 1000, &text, &err));
    assert_ok(lg_seg_topic_configure(disk, "log", &meta, &ordinary, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_disk_read_file(disk, "log/t~1/topic.config", 1000, &text, &err));
    assert_ok(lg_seg_topic_configure(disk, "log", &meta, &ordinary, &err));
    lg_disk_sim_free(disk);
}

static void a_changed_topic_meta_is_refused(void **state)
{
    (void)state;
    struct lg_seg_topic_meta out = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    lg_doc_hex("docs/formats/seglog.md", 1, &text);
    for (size_t n = 0; n < text.size; n++)
        assert_rc(LG_ERR_CORRUPT, lg_seg_topic_meta_read(lg_slice(text.data, n), &out, &err));
    for (size_t i = 15; i < text.size; i++) {
        text.data[i] ^= 1;
        assert_rc(LG_ERR_CORRUPT, lg_seg_topic_meta_read(lg_buf_slice(&text), &out, &err));
        text.data[i] ^= 1;
    }
    text.data[13] = '2';
    assert_rc(LG_ERR_CONFLICT, lg_seg_topic_meta_read(lg_buf_slice(&text), &out, &err));
    assert_int_equal(out.partitions, 0);
}

/* With a right checksum, so that nothing but the text itself is wrong. */
static void a_topic_meta_that_could_be_written_otherwise_is_refused(void **state)
{
    (void)state;
    const struct lg_slice bad[] = {
        LG_LIT("lagoon-topic 1\nname a\0b\npartitions 4\n"),
        LG_LIT("lagoon-topic 1\nname \npartitions 4\n"),
        LG_LIT("lagoon-topic 1\nname a b\npartitions 4\n"),
        LG_LIT("lagoon-topic 1\nname a\npartitions 04\n"),
        LG_LIT("lagoon-topic 1\nname a\npartitions 0\n"),
    };
    struct lg_seg_topic_meta out = {0};
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        LG_SCOPED(lg_buf) text = {0};

        lg_buf_append_slice(&text, bad[i]);
        lg_buf_appendf(&text, "crc32c %08x\n", lg_crc32c(0, bad[i].data, bad[i].size));
        assert_rc(LG_ERR_CORRUPT, lg_seg_topic_meta_read(lg_buf_slice(&text), &out, &err));
    }
    assert_string_equal(out.name, "");
}

static void names_of_folders_are_parsed(void **state)
{
    (void)state;
    struct lg_seg_topic_meta out = {0};
    const char *bad[] = {"~lock", "~1", "a", "a~", "a~x", "a~-1", "a b~1", "a~1~"};

    assert_true(lg_seg_topic_dir_parse("cities_v1~12", &out));
    assert_string_equal(out.name, "cities_v1");
    assert_int_equal(out.number, 12);
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_false(lg_seg_topic_dir_parse(bad[i], &out));
}

static enum lg_rc count_found(void *ctx, const struct lg_seg_topic_meta *meta, struct lg_error *err)
{
    (void)err;
    assert_string_equal(meta->name, "t");
    assert_int_equal(meta->partitions, 3);
    ++*(unsigned *)ctx;
    return LG_OK;
}

static unsigned scan(struct lg_disk *disk)
{
    struct lg_error err = {0};
    unsigned found = 0;

    assert_ok(lg_seg_topic_scan(disk, "log", count_found, &found, &err));
    return found;
}

static void a_topic_exists_as_long_as_its_meta(void **state)
{
    (void)state;
    const struct lg_seg_topic_meta meta = {.name = "t", .partitions = 3, .number = 5};
    LG_SCOPED(lg_disk_names) names = {0};
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_error err = {0};

    assert_ok(lg_seg_topic_create(disk, "log", &meta, &err));
    assert_int_equal(scan(disk), 1);
    lg_disk_sim_crash(disk); /* What is created is durable. */
    assert_int_equal(scan(disk), 1);
    assert_ok(lg_disk_write_file(disk, "log/t~5/00000.log", LG_LIT("x"), &err));
    assert_ok(lg_seg_topic_unmake(disk, "log", &meta, &err));
    lg_disk_sim_crash(disk); /* What is unmade, too. */
    assert_int_equal(scan(disk), 0);
    assert_ok(lg_disk_list(disk, "log", &names, &err));
    assert_int_equal(names.names.size, 0);                    /* The scan swept up. */
    assert_ok(lg_seg_topic_unmake(disk, "log", &meta, &err)); /* Absent is fine. */
    lg_disk_sim_free(disk);
}

static void a_renamed_folder_is_refused(void **state)
{
    (void)state;
    const struct lg_seg_topic_meta meta = {.name = "t", .partitions = 3, .number = 5};
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_error err = {0};
    unsigned found = 0;

    assert_ok(lg_seg_topic_create(disk, "log", &meta, &err));
    assert_ok(lg_disk_rename(disk, "log/t~5", "log/u~5", &err));
    assert_rc(LG_ERR_CORRUPT, lg_seg_topic_scan(disk, "log", count_found, &found, &err));
    assert_int_equal(found, 0);
    lg_disk_sim_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(topic_meta_is_that_of_the_page),
        cmocka_unit_test(topic_config_is_that_of_the_page),
        cmocka_unit_test(a_default_configuration_leaves_no_file),
        cmocka_unit_test(a_changed_topic_meta_is_refused),
        cmocka_unit_test(a_topic_meta_that_could_be_written_otherwise_is_refused),
        cmocka_unit_test(names_of_folders_are_parsed),
        cmocka_unit_test(a_topic_exists_as_long_as_its_meta),
        cmocka_unit_test(a_renamed_folder_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
