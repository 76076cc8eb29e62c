/* Routes that change a store's settings. Venice's parameters are the rows of model/settings.def;
 * those that have no meaning here are refused by name, unless they ask for what is so anyway. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "model/partitioner.h"

/* --- The change. --------------------------------------------------------------------------------
 */

static void choose(struct lg_change *ch, const struct lg_setting *setting, const char *text)
{
    LG_VEC_PUSH(&ch->choices,
                (struct lg_setting_choice){.setting = setting, .text = lg_strdup(text)});
}

static void choose_named(struct lg_change *ch, const char *name, const char *text)
{
    const struct lg_setting *setting = lg_setting_find(name);

    assert(setting != NULL);
    choose(ch, setting, text);
}

static void set_text_of(struct lg_json *row, const char *key, const struct lg_setting *setting,
                        const struct lg_store *store)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_setting_text(setting, store, &text);
    lg_json_set(row, key, lg_json_new_string(lg_buf_slice(&text)));
}

/* [{"setting","parameter","from","to","applies"}] of what differs. The caller owns it. */
static struct lg_json *differences(const struct lg_store *before, const struct lg_store *after)
{
    struct lg_json *list = lg_json_new_array();

    for (size_t i = 0; i < lg_settings_count; i++) {
        LG_SCOPED(lg_buf) was = {0}, is = {0};
        struct lg_json *row;

        lg_setting_text(&lg_settings[i], before, &was);
        lg_setting_text(&lg_settings[i], after, &is);
        if (lg_slice_eq(lg_buf_slice(&was), lg_buf_slice(&is)))
            continue;
        row = lg_json_new_object();
        lg_json_set_str(row, "setting", lg_settings[i].name);
        lg_json_set_str(row, "parameter", lg_settings[i].parameter);
        set_text_of(row, "from", &lg_settings[i], before);
        set_text_of(row, "to", &lg_settings[i], after);
        lg_json_set_str(row, "applies",
                        lg_settings[i].when == LG_SETTING_NOW ? "now" : "next push");
        lg_json_push(list, row);
    }
    return list;
}

static void store_updated(struct lg_change *ch)
{
    const struct lg_json *list = lg_json_get(ch->answer, "lagoonChanges");

    for (size_t i = 0; i < lg_json_size(list); i++) {
        const struct lg_json *row = lg_json_at(list, i);

        lg_log(LG_LOG_INFO, "store_updated", "store=%s setting=%s from=\"%s\" to=\"%s\"",
               ch->store_name, lg_json_get_str(row, "setting", ""),
               lg_json_get_str(row, "from", ""), lg_json_get_str(row, "to", ""));
    }
}

static void begin_update(struct lg_change *ch)
{
    const struct lg_store *before;
    struct lg_json *list;
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);

    for (size_t i = 0; rc == LG_OK && i < ch->choices.size; i++)
        rc = lg_setting_set(ch->choices.data[i].setting, ch->store, ch->choices.data[i].text, &err);
    if (rc == LG_OK)
        rc = lg_store_lifecycle_settle(ch->store, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    before = lg_ctl_state_store(ch->c->state, ch->store_name)->store;
    list = differences(before, ch->store);
    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_str(ch->answer, "owner", ch->store->owner); /* Venice's OwnerResponse. */
    lg_json_set_int(ch->answer, "partitionCount", ch->store->partition_count);
    lg_json_set(ch->answer, "lagoonChanges", list); /* Ours. */
    lg_json_set_bool(ch->answer, "lagoonDryRun", ch->dry_run);
    if (ch->dry_run || lg_json_size(list) == 0) {
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = store_updated;
    lg_change_commit(ch);
}

static struct lg_change *update_new(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_update);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    return ch;
}

/* --- /update_store. -----------------------------------------------------------------------------
 */

/* Venice's parameters that are no settings here: the one value that is so anyway. NULL: none. */
static const struct {
    const char *parameter, *value;
} fixed[] = {
    {"access_controlled", "false"},
    {"active_active_replication_enabled", "false"},
    {"amplification_factor", "1"},
    {"backup_strategy", "KEEP_MIN_VERSIONS"},
    {"batch_get_router_cache_enabled", "false"},
    {"blob_db_enabled", "NOT_SPECIFIED"},
    {"blob_transfer_enabled", "false"},
    {"blob_transfer_in_server_enabled", "NOT_SPECIFIED"},
    {"bootstrap_to_online_timeout_in_hours", "24"},
    {"buffer_replay_policy", NULL},
    {"compaction_enabled", "false"},
    {"compaction_threshold_milliseconds", "-1"},
    {"data_replication_policy", NULL},
    {"disable_davinci_push_status_store", "true"},
    {"disable_meta_store", "true"},
    {"disable_store_view", NULL},
    {"enable_store_migration", "false"},
    {"enum_schema_evolution_allowed", "true"},
    {"etl_active_fabrics", NULL},
    {"etl_strategy", NULL},
    {"etled_proxy_user_account", NULL},
    {"external_storage_read_mode", NULL},
    {"flink_venice_views_enabled", "false"},
    {"future_version_etl_enabled", "false"},
    {"global_rt_div_enabled", "false"},
    {"hybrid-store-disk-quota-enabled", "false"},
    {"hybrid_store_overhead_bypass", "false"},
    {"incremental_push_enabled", "false"},
    {"ingestion_pause_mode", "NOT_PAUSED"},
    {"ingestion_paused_regions", NULL},
    {"is_davinci_heartbeat_reported", "false"},
    {"largest_used_rt_version_number", "0"},
    {"largest_used_version_number", NULL},
    {"latest_superset_schema_id", NULL},
    {"max_compaction_lag_seconds", "-1"},
    {"max_nearline_record_size_bytes", "-1"},
    {"max_record_size_bytes", "-1"},
    {"migration_duplicate_store", "false"},
    {"min_compaction_lag_seconds", "-1"},
    {"native_replication_enabled", "false"},
    {"native_replication_source_fabric", NULL},
    {"nearline_producer_compression_enabled", NULL},
    {"nearline_producer_count_per_writer", NULL},
    {"offset_lag_to_go_online", "-1"},
    {"partitioner_class", LG_PARTITIONER_CLASS},
    {"partitioner_params", "{}"},
    {"persona_name", NULL},
    {"previous_current_version", NULL},
    {"pub_sub_encryption_key_urn", NULL},
    {"push_stream_source_address", NULL},
    {"real_time_topic_name", NULL},
    {"regions_filter", NULL},
    {"regular_version_etl_enabled", "false"},
    {"replication_metadata_protocol_version_id", NULL},
    {"rewind_time_seconds", "-1"},
    {"rmd_chunking_enabled", "false"},
    {"separate_realtime_topic_enabled", "false"},
    {"single_get_router_cache_enabled", "false"},
    {"storage_mode", NULL},
    {"store_lifecycle_hooks_list", "[]"},
    {"store_migration", "false"},
    {"store_view", NULL},
    {"store_view_class", NULL},
    {"store_view_name", NULL},
    {"store_view_params", NULL},
    {"target_region_promoted", "false"},
    {"target_swap_region", NULL},
    {"target_swap_region_wait_time", NULL},
    {"throughput_quota_in_bytes", "-1"},
    {"throughput_quota_in_records", "-1"},
    {"time_lag_to_go_online", "-1"},
    {"ttl_repush_enabled", "false"},
    {"unused_schema_deletion_enabled", "false"},
    {"version", NULL},
    {"write_computation_enabled", "false"},
};

/* What every call bears, or what only tells a parent controller how to merge. */
static bool is_no_setting(const char *parameter)
{
    static const char *const names[] = {"store_name", "cluster_name", "lagoon_dry_run",
                                        "replicate_all_configs", "updated_configs_list"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        if (strcmp(parameter, names[i]) == 0)
            return true;
    return false;
}

static enum lg_rc refuse_unknown(const char *parameter, struct lg_error *err)
{
    const char *names[64];
    const char *near;

    assert(lg_settings_count <= LG_ARRAY_SIZE(names));
    for (size_t i = 0; i < lg_settings_count; i++)
        names[i] = lg_settings[i].parameter;
    near = lg_nearest(parameter, names, lg_settings_count);
    return lg_error_set(err, LG_ERR_INVALID, "no setting '%.80s'%s%s%s", parameter,
                        near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

static enum lg_rc take_parameter(struct lg_change *ch, const char *parameter, const char *text,
                                 struct lg_error *err)
{
    const struct lg_setting *setting;

    if (is_no_setting(parameter))
        return LG_OK;
    for (size_t i = 0; i < LG_ARRAY_SIZE(fixed); i++) {
        if (strcmp(fixed[i].parameter, parameter) != 0)
            continue;
        if (fixed[i].value == NULL)
            return lg_error_set(err, LG_ERR_UNSUPPORTED, "%s is not supported", parameter);
        if (strcmp(fixed[i].value, text) != 0)
            return lg_error_set(err, LG_ERR_UNSUPPORTED,
                                "%s is not supported with '%.80s'; it is always '%s'", parameter,
                                text, fixed[i].value);
        return LG_OK;
    }
    setting = lg_setting_find(parameter);
    if (setting == NULL)
        return refuse_unknown(parameter, err);
    choose(ch, setting, text);
    return LG_OK;
}

static bool is_text(struct lg_slice s)
{
    return lg_utf8_valid(s) && (s.size == 0 || memchr(s.data, 0, s.size) == NULL);
}

static enum lg_rc take_parameters(struct lg_change *ch, struct lg_http_request *rq,
                                  struct lg_error *err)
{
    struct lg_slice name, value;

    for (size_t at = 0; lg_http_param_next(rq, &at, &name, &value);) {
        const char *parameter, *text;
        enum lg_rc rc;

        if (ch->choices.size >= LG_CONTROLLER_CHOICES_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "more than %u settings at once",
                                LG_CONTROLLER_CHOICES_MAX);
        if (!is_text(name) || !is_text(value))
            return lg_error_set(err, LG_ERR_INVALID, "a parameter is not text in UTF-8");
        parameter = lg_arena_str(rq->arena, name);
        text = lg_arena_str(rq->arena, value);
        if (parameter == NULL || text == NULL)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "the request's parameters are too long");
        rc = take_parameter(ch, parameter, text, err);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

void lg_handle_update_store(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = update_new(c, rq);
    struct lg_error err;
    enum lg_rc rc = lg_front_bool(rq, "lagoon_dry_run", false, &ch->dry_run, &err);

    if (rc == LG_OK)
        rc = take_parameters(ch, rq, &err);
    if (rc != LG_OK)
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}

/* --- Venice's short forms. ----------------------------------------------------------------------
 */

void lg_handle_set_owner(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = update_new(c, rq);

    choose_named(ch, "owner", lg_front_param(rq, "owner"));
    (void)lg_change_submit(ch);
}

void lg_handle_set_partition_count(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = update_new(c, rq);

    choose_named(ch, "partitions", lg_front_param(rq, "partition_count"));
    (void)lg_change_submit(ch);
}

void lg_handle_enable_store(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = update_new(c, rq);
    const char *operation = lg_front_param(rq, "operation"), *status = lg_front_param(rq, "status");
    bool reads = strcmp(operation, "read") == 0, writes = strcmp(operation, "write") == 0;
    struct lg_error err;

    if (strcmp(operation, "readwrite") == 0)
        reads = writes = true;
    if (!reads && !writes) {
        (void)lg_error_set(&err, LG_ERR_INVALID,
                           "operation is read, write or readwrite, not '%.40s'", operation);
        lg_change_abandon(ch, &err);
        return;
    }
    if (reads)
        choose_named(ch, "reads", status);
    if (writes)
        choose_named(ch, "writes", status);
    (void)lg_change_submit(ch);
}
