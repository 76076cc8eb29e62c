/* Configurations of topics, checked alike by every driver. Pure. */
#include "pubsub/pubsub.h"

enum lg_rc lg_pubsub_config_check(const char *topic, struct lg_pubsub_config *config,
                                  struct lg_error *err)
{
    if (config->retention_ms < -1)
        return lg_error_set(err, LG_ERR_INVALID,
                            "topic %s: a retention of %lld ms; it is at least 1, or -1 for ever",
                            topic, (long long)config->retention_ms);
    if (config->min_compaction_lag_ms < 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "topic %s: a minimum compaction lag of %lld ms; it is at least 0",
                            topic, (long long)config->min_compaction_lag_ms);
    if (config->replication > LG_TOPIC_REPLICATION_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "topic %s: %u replicas, at most %u", topic,
                            (unsigned)config->replication, LG_TOPIC_REPLICATION_MAX);
    if (config->replication != 0 && config->min_insync_replicas > config->replication)
        return lg_error_set(err, LG_ERR_INVALID,
                            "topic %s: %u in-sync replicas are asked for, but it has only %u: no "
                            "record could be produced",
                            topic, (unsigned)config->min_insync_replicas,
                            (unsigned)config->replication);
    if (config->retention_ms == 0)
        config->retention_ms = -1;
    return LG_OK;
}

bool lg_pubsub_config_equal(const struct lg_pubsub_config *a, const struct lg_pubsub_config *b)
{
    int64_t a_retention_ms = a->retention_ms == 0 ? -1 : a->retention_ms;
    int64_t b_retention_ms = b->retention_ms == 0 ? -1 : b->retention_ms;

    return a_retention_ms == b_retention_ms && a->compacted == b->compacted &&
           a->min_compaction_lag_ms == b->min_compaction_lag_ms &&
           a->replication == b->replication && a->min_insync_replicas == b->min_insync_replicas;
}
