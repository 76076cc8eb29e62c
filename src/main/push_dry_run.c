#include "main/push_dry_run.h"

#include "base/json.h"

static const char *const fits[] = {
    [LG_PUSH_FIT_SAME] = "same", [LG_PUSH_FIT_RESOLVED] = "resolved", [LG_PUSH_FIT_ADDED] = "added",
    [LG_PUSH_FIT_NEW] = "new",   [LG_PUSH_FIT_UNKNOWN] = "unknown",
};

static void write_json(struct lg_buf *out, const char *store, const struct lg_push_outcome *o)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *counts = lg_json_new_array();

    lg_json_set_str(json, "store", store);
    lg_json_set_bool(json, "dryRun", true);
    lg_json_set_int(json, "records", (int64_t)o->records);
    lg_json_set_int(json, "duplicates", (int64_t)o->duplicates);
    lg_json_set_int(json, "bytes", (int64_t)o->bytes);
    lg_json_set_int(json, "largestKeyBytes", (int64_t)o->key_bytes_max);
    lg_json_set_int(json, "largestValueBytes", (int64_t)o->value_bytes_max);
    lg_json_set_int(json, "partitions", o->partitions);
    for (uint32_t i = 0; o->partition_records != NULL && i < o->partitions; i++)
        lg_json_push(counts, lg_json_new_int((int64_t)o->partition_records[i]));
    lg_json_set(json, "partitionRecords", counts);
    lg_json_set_str(json, "schema", fits[o->fit]);
    if (o->schema_id > 0)
        lg_json_set_int(json, "schemaId", o->schema_id);
    lg_json_write(out, json, /* pretty= */ false);
    lg_buf_append_byte(out, '\n');
}

static void write_spread(struct lg_buf *out, const struct lg_push_outcome *o)
{
    uint64_t least = UINT64_MAX, most = 0;

    for (uint32_t i = 0; o->partition_records != NULL && i < o->partitions; i++) {
        least = LG_MIN(least, o->partition_records[i]);
        most = LG_MAX(most, o->partition_records[i]);
    }
    lg_buf_appendf(out, "partitions     %u", o->partitions);
    if (least <= most)
        lg_buf_appendf(out, ", with %llu to %llu records", (unsigned long long)least,
                       (unsigned long long)most);
    lg_buf_append_byte(out, '\n');
}

static void write_schema(struct lg_buf *out, const char *store, const struct lg_push_outcome *o)
{
    switch (o->fit) {
    case LG_PUSH_FIT_SAME:
        lg_buf_appendf(out, "schema         fits value schema %d of store '%s'\n", o->schema_id,
                       store);
        break;
    case LG_PUSH_FIT_RESOLVED:
        lg_buf_appendf(out, "schema         another; turns into value schema %d of store '%s'\n",
                       o->schema_id, store);
        break;
    case LG_PUSH_FIT_ADDED:
        lg_buf_appendf(out, "schema         the file's; it would be added to store '%s'\n", store);
        break;
    case LG_PUSH_FIT_NEW:
        lg_buf_appendf(out, "schema         the file's; store '%s' would be made with it\n", store);
        break;
    case LG_PUSH_FIT_UNKNOWN:
        lg_buf_append_str(out, "schema         not compared: the controller cannot be reached\n");
        break;
    }
}

void lg_push_dry_run_write(struct lg_buf *out, const char *store, const struct lg_push_outcome *o,
                           bool json)
{
    if (json) {
        write_json(out, store, o);
        return;
    }
    lg_buf_append_str(out, "a push would succeed; nothing was changed\n");
    lg_buf_appendf(out, "records        %llu\n", (unsigned long long)o->records);
    lg_buf_appendf(out, "duplicates     %llu dropped\n", (unsigned long long)o->duplicates);
    lg_buf_appendf(out, "bytes          %llu of keys and values\n", (unsigned long long)o->bytes);
    lg_buf_appendf(out, "largest key    %llu bytes\n", (unsigned long long)o->key_bytes_max);
    lg_buf_appendf(out, "largest value  %llu bytes\n", (unsigned long long)o->value_bytes_max);
    write_spread(out, o);
    write_schema(out, store, o);
}
