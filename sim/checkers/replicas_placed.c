/* When all is quiet, each partition of the current version has as many complete replicas as the
 * store wants, on different live servers, and all servers hold about as many. */
#include <stdio.h>

#include "base/str.h"
#include "sim/checkers/checkers.h"

#define INSTANCES_MAX 16

struct tally { /* How many replicas each server holds. */
    const char *ids[INSTANCES_MAX];
    unsigned counts[INSTANCES_MAX];
    size_t n;
};

static unsigned *count_of(struct tally *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->ids[i], id) == 0)
            return &t->counts[i];
    assert(t->n < INSTANCES_MAX);
    t->ids[t->n] = id;
    t->counts[t->n] = 0;
    return &t->counts[t->n++];
}

static bool is_failed(const struct lg_json *replica)
{
    return strcmp(lg_json_get_str(replica, "state", ""), "ERROR") == 0 ||
           strcmp(lg_json_get_str(replica, "status", ""), "ERROR") == 0;
}

static bool has_failed(const struct lg_json *version)
{
    const struct lg_json *partitions = lg_json_get(version, "partitions");

    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *replicas = lg_json_get(lg_json_at(partitions, p), "replicas");

        for (size_t i = 0; i < lg_json_size(replicas); i++)
            if (is_failed(lg_json_at(replicas, i)))
                return true;
    }
    return false;
}

int32_t lg_check_failed_version(const struct lg_json *replicas)
{
    const struct lg_json *versions = lg_json_get(replicas, "versions");

    for (size_t v = 0; v < lg_json_size(versions); v++)
        if (has_failed(lg_json_at(versions, v)))
            return (int32_t)lg_json_get_int(lg_json_at(versions, v), "version", 0);
    return 0;
}

static enum lg_rc check_zones(const struct lg_history *h, const struct lg_json *partition,
                              unsigned servers, int64_t factor, struct lg_error *err)
{
    const struct lg_json *replicas = lg_json_get(partition, "replicas");
    int64_t can = LG_MIN((int64_t)lg_check_zones_of(h, servers), factor);
    unsigned on = 0;

    for (size_t i = 0; i < lg_json_size(replicas); i++)
        on |= 1u << (lg_json_get_str(lg_json_at(replicas, i), "instance", "server0")[6] - '0');
    if ((int64_t)lg_check_zones_of(h, on) >= can)
        return LG_OK;
    return lg_error_set(err, LG_ERR_FAILED, "partition %lld is in %u zones, and may be in %lld",
                        (long long)lg_json_get_int(partition, "partition", -1),
                        lg_check_zones_of(h, on), (long long)can);
}

static enum lg_rc check_partition(struct tally *all, const struct lg_json *partition,
                                  int64_t factor, struct lg_error *err)
{
    const struct lg_json *replicas = lg_json_get(partition, "replicas");
    long long number = (long long)lg_json_get_int(partition, "partition", -1);
    struct tally here = {0};

    if (lg_json_get_str(partition, "leader", NULL) == NULL)
        return lg_error_set(err, LG_ERR_FAILED, "nobody leads partition %lld", number);
    if ((int64_t)lg_json_size(replicas) != factor)
        return lg_error_set(err, LG_ERR_FAILED, "partition %lld has %zu replicas, wanted are %lld",
                            number, lg_json_size(replicas), (long long)factor);
    for (size_t i = 0; i < lg_json_size(replicas); i++) {
        const struct lg_json *r = lg_json_at(replicas, i);
        const char *id = lg_json_get_str(r, "instance", "");

        if (!lg_json_get_bool(r, "live", false) ||
            strcmp(lg_json_get_str(r, "status", ""), "COMPLETED") != 0)
            return lg_error_set(err, LG_ERR_FAILED, "the replica of partition %lld on %s is %s%s",
                                number, id, lg_json_get_str(r, "status", "not there"),
                                lg_json_get_bool(r, "live", false) ? "" : ", its server is away");
        if ((strcmp(lg_json_get_str(r, "state", ""), "LEADER") == 0) !=
            (strcmp(lg_json_get_str(partition, "leader", ""), id) == 0))
            return lg_error_set(err, LG_ERR_FAILED, "%s is %s of partition %lld, which %s leads",
                                id, lg_json_get_str(r, "state", ""), number,
                                lg_json_get_str(partition, "leader", ""));
        if (++*count_of(&here, id) > 1)
            return lg_error_set(err, LG_ERR_FAILED, "partition %lld is on %s twice", number, id);
        ++*count_of(all, id);
    }
    return LG_OK;
}

/* Zones, of unequal size, come before balance. */
static enum lg_rc check_balance(const struct lg_history *h, const struct tally *all,
                                int32_t version, unsigned servers, struct lg_error *err)
{
    unsigned least = UINT32_MAX, most = 0;

    for (size_t i = 0; i < all->n; i++) {
        least = LG_MIN(least, all->counts[i]);
        most = LG_MAX(most, all->counts[i]);
    }
    least = all->n < (size_t)__builtin_popcount(servers) ? 0 : least;
    if (h->zones > 0 || most <= least + 1)
        return LG_OK;
    return lg_error_set(err, LG_ERR_FAILED,
                        "a server holds %u replicas of version %d, another one %u", most, version,
                        least);
}

enum lg_rc lg_check_placed(const struct lg_history *h, const struct lg_json *replicas,
                           int32_t version, unsigned servers, struct lg_error *err)
{
    const struct lg_json *versions = lg_json_get(replicas, "versions");

    for (size_t v = 0; v < lg_json_size(versions); v++) {
        const struct lg_json *one = lg_json_at(versions, v);
        const struct lg_json *partitions = lg_json_get(one, "partitions");
        int64_t factor = lg_json_get_int(one, "factor", 0);
        struct tally all = {0};
        enum lg_rc rc = LG_OK;

        if (lg_json_get_int(one, "version", 0) != version)
            continue;
        for (size_t p = 0; p < lg_json_size(partitions) && rc == LG_OK; p++) {
            rc = check_partition(&all, lg_json_at(partitions, p), factor, err);
            if (rc == LG_OK)
                rc = check_zones(h, lg_json_at(partitions, p), servers, factor, err);
        }
        return rc != LG_OK ? rc : check_balance(h, &all, version, servers, err);
    }
    return lg_error_set(err, LG_ERR_FAILED, "the replicas of version %d are not told", version);
}
