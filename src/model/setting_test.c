/* Settings of a store: text to member and back. */
#include "model/setting.h"

#include "test/test.h"

static const char *text_of(const char *name, const struct lg_store *s, struct lg_buf *out)
{
    const struct lg_setting *setting = lg_setting_find(name);

    assert_non_null(setting);
    lg_buf_clear(out);
    lg_setting_text(setting, s, out);
    lg_buf_append_byte(out, 0);
    return (const char *)out->data;
}

static void every_setting_comes_back_from_its_text(void **state)
{
    static const struct {
        const char *name, *text, *shown;
    } rows[] = {
        {"owner", "doge", "doge"},
        {"reads", "false", "false"},
        {"enable_writes", "false", "false"},
        {"partitions", "1000", "1000"},
        {"replication", "3", "3"},
        {"compression", "ZSTD_WITH_DICT", "ZSTD_WITH_DICT"},
        {"chunking", "true", "true"},
        {"client-decompression", "false", "false"},
        {"storage-quota", "1536MiB", "1536MiB"},
        {"storage_quota", "3221225472", "3GiB"},
        {"storage_quota_in_byte", "1023", "1023B"},
        {"storage-quota", "none", "none"},
        {"storage-quota", "-1", "none"},
        {"storage-quota", "0", "0"},
        {"read-quota", "1800", "1800"},
        {"batch-get-limit", "-1", "default"},
        {"keep-versions", "0", "default"},
        {"keep-versions", "3", "3"},
        {"backup-retention", "168h", "7d"},
        {"backup_version_retention_ms", "90000", "90s"},
        {"backup-retention", "default", "default"},
        {"read-compute", "true", "true"},
        {"fast-client", "false", "false"},
        {"schema-auto-register", "true", "true"},
        {"read-index", "false", "false"},
    };
    LG_AUTO(lg_store) *s = lg_store_new("cities", "me", NULL, 1);
    LG_SCOPED(lg_buf) out = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_error err = {0};

        assert_ok(lg_setting_set(lg_setting_find(rows[i].name), s, rows[i].text, &err));
        assert_string_equal(text_of(rows[i].name, s, &out), rows[i].shown);
    }
    assert_string_equal(s->owner, "doge");
    assert_false(s->enable_reads);
    assert_false(s->read_index_enabled);
    assert_int_equal(s->partition_count, 1000);
    assert_int_equal(s->storage_quota_bytes, 0);
    assert_int_equal(s->backup_retention_ms, -1);
    assert_int_equal(s->compression, LG_COMPRESSION_ZSTD_WITH_DICT);
}

/* All of a new store's settings can be written as they are shown. */
static void what_is_shown_can_be_set(void **state)
{
    LG_AUTO(lg_store) *s = lg_store_new("cities", "me", NULL, 1);
    LG_AUTO(lg_store) *before = lg_store_copy(s);
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO(lg_json) *was = NULL;
    LG_AUTO(lg_json) *is = NULL;

    (void)state;
    s->partition_count = before->partition_count = 4;
    for (size_t i = 0; i < lg_settings_count; i++) {
        struct lg_error err = {0};

        assert_ptr_equal(lg_setting_find(lg_settings[i].parameter), &lg_settings[i]);
        assert_ok(lg_setting_set(&lg_settings[i], s, text_of(lg_settings[i].name, s, &out), &err));
    }
    was = lg_store_to_json(before, LG_STORE_JSON_PERSISTENT);
    is = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    assert_true(lg_json_equal(was, is));
}

static void what_it_may_not_be_is_refused_with_what_it_may(void **state)
{
    static const struct {
        const char *name, *text, *sentence;
    } rows[] = {
        {"reads", "yes", "reads is true or false, not 'yes'"},
        {"partitions", "0", "partitions is a number from 1 to 1000, not '0'"},
        {"partitions", "1001", "from 1 to 1000"},
        {"partitions", "", "not ''"},
        {"replication", "17", "from 1 to 16"},
        {"compression", "LZ4", "NO_OP, GZIP, ZSTD or ZSTD_WITH_DICT, not 'LZ4'"},
        {"storage-quota", "-2", "a size like 64MiB or 10GiB, or none"},
        {"storage-quota", "10GB", "not '10GB'"},
        {"storage-quota", "9223372036854775807KiB", "a size"},
        {"storage-quota", "default", "or none"},
        {"read-quota", "9223372036854775808", "a number from 0, or none"},
        {"keep-versions", "1001", "from 1 to 1000, or default"},
        {"backup-retention", "1w", "a time like 12h or 7d, or default"},
        {"owner", "\xff", "text of at most 1024 bytes"},
    };
    LG_AUTO(lg_store) *s = lg_store_new("cities", "me", NULL, 1);
    LG_AUTO(lg_json) *was = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    LG_AUTO(lg_json) *is = NULL;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_error err = {0};

        assert_rc(LG_ERR_INVALID,
                  lg_setting_set(lg_setting_find(rows[i].name), s, rows[i].text, &err));
        if (strstr(err.text, rows[i].sentence) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].sentence);
    }
    is = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    assert_true(lg_json_equal(was, is));
    assert_null(lg_setting_find("colour"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_comes_back_from_its_text),
        cmocka_unit_test(what_is_shown_can_be_set),
        cmocka_unit_test(what_it_may_not_be_is_refused_with_what_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
