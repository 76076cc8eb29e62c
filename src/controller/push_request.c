/* The parameters of /request_topic. */
#include "controller/push_request.h"

#include "base/str.h"
#include "model/partitioner.h"

/* What only other kinds of stores have. Venice's push job always sends some of these, with the
 * value that means "no". */
static enum lg_rc refuse_foreign(struct lg_http_request *rq, struct lg_error *err)
{
    static const struct {
        const char *name;
        const char *no[2]; /* values that ask for nothing */
        const char *why;
    } rows[] = {
        {"is_write_compute_enabled", {"false"}, "there is no write compute"},
        {"source_grid_fabric", {NULL}, "there is one region"},
        {"batch_job_heartbeat_enabled",
         {"false"},
         "there is no store of heartbeats; give lagoon_lease_ms and call /push_heartbeat"},
        {"rewind_time_in_seconds_override", {"-1"}, "there are no hybrid stores"},
        {"repush_source_version", {"-1", "0"}, "there is no repush"},
        {"repush_ttl_seconds", {"-1", "0"}, "there is no repush"},
        {"separate_realtime_topic_enabled", {"false"}, "there are no real-time topics"},
        {"targeted_regions", {NULL}, "there is one region"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        const char *text = lg_front_param(rq, rows[i].name);
        bool harmless = text == NULL;

        for (size_t k = 0; k < LG_ARRAY_SIZE(rows[i].no); k++)
            harmless = harmless || (rows[i].no[k] != NULL && strcmp(text, rows[i].no[k]) == 0);
        if (!harmless)
            return lg_error_set(err, LG_ERR_UNSUPPORTED, "%s '%.40s' is not supported: %s",
                                rows[i].name, text, rows[i].why);
    }
    return LG_OK;
}

static enum lg_rc read_dictionary(struct lg_change *ch, struct lg_http_request *rq,
                                  struct lg_error *err)
{
    const char *text = lg_front_param(rq, "compression_dictionary");

    if (text == NULL)
        return LG_OK;
    if (!lg_base64_decode(&ch->dictionary, lg_slice_str(text)))
        return lg_error_set(err, LG_ERR_INVALID, "compression_dictionary is not base64");
    if (ch->dictionary.size > LG_PUSH_DICTIONARY_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "compression_dictionary has %zu bytes, over the limit of %zu; train a "
                            "smaller one",
                            ch->dictionary.size, LG_PUSH_DICTIONARY_BYTES_MAX);
    return LG_OK;
}

static enum lg_rc read_kind(struct lg_change *ch, struct lg_http_request *rq, struct lg_error *err)
{
    const char *type = lg_front_param(rq, "push_type");
    const char *partitioners = lg_front_param(rq, "partitioners");

    if (!lg_push_type_from_name(lg_slice_str(type), &ch->push_type))
        return lg_error_set(err, LG_ERR_INVALID, "push_type '%.40s' is unknown; it is BATCH", type);
    if (ch->push_type != LG_PUSH_TYPE_BATCH)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "push_type %s is not supported yet, only BATCH", type);
    if (partitioners != NULL && strstr(partitioners, LG_PARTITIONER_CLASS) == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the store partitions by %s, which is not among '%.200s'",
                            LG_PARTITIONER_CLASS, partitioners);
    return LG_OK;
}

enum lg_rc lg_push_request_read(struct lg_change *ch, struct lg_http_request *rq,
                                struct lg_error *err)
{
    const char *pusher = lg_front_param(rq, "lagoon_pusher");
    enum lg_rc rc = read_kind(ch, rq, err);

    if (rc == LG_OK)
        rc = refuse_foreign(rq, err);
    if (rc == LG_OK)
        rc = lg_front_bool(rq, "defer_version_swap", false, &ch->swap_deferred, err);
    if (rc == LG_OK)
        rc = lg_front_bool(rq, "start_of_push", true, &ch->start_of_push, err);
    if (rc == LG_OK)
        rc = lg_front_bool(rq, "push_in_sorted_order", false, &ch->sorted, err);
    if (rc == LG_OK)
        rc = lg_front_number(rq, "store_size", -1, INT64_MAX, -1, &ch->size_bytes, err);
    if (rc == LG_OK)
        rc = lg_front_number(rq, "lagoon_lease_ms", 0, LG_PUSH_LEASE_MS_MAX, 0, &ch->lease_ms, err);
    if (rc == LG_OK)
        rc = read_dictionary(ch, rq, err);
    if (rc == LG_OK && pusher != NULL)
        ch->pusher = lg_strf("%.200s", pusher);
    return rc;
}

enum lg_rc lg_push_request_check(struct lg_change *ch, const struct lg_version *v,
                                 struct lg_error *err)
{
    if (v->compression != LG_COMPRESSION_ZSTD_WITH_DICT)
        lg_buf_clear(&ch->dictionary);
    else if (ch->start_of_push && ch->dictionary.size == 0)
        return lg_error_set(
            err, LG_ERR_INVALID,
            "store '%s' is compressed with %s: compression_dictionary must be given",
            ch->store_name, lg_compression_name(v->compression));
    return LG_OK;
}
