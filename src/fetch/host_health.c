#include "fetch/host_health.h"

#include "base/map.h"
#include "base/str.h"
#include "net/tls.h"

struct lg_host_table {
    struct lg_map *hosts;   /* name -> struct lg_host */
    struct lg_list by_last; /* struct lg_host, the one looked up longest ago first */
    uint64_t sent, got;
};

struct lg_host_table *lg_host_table_new(void)
{
    struct lg_host_table *table = lg_new(struct lg_host_table);

    table->hosts = lg_map_new();
    lg_list_init(&table->by_last);
    return table;
}

void lg_host_table_free(struct lg_host_table *table)
{
    size_t at = 0;
    struct lg_slice name;
    void *value;

    if (table == NULL)
        return;
    while (lg_map_next(table->hosts, &at, &name, &value)) {
        struct lg_host *host = value;

        lg_free(host->name);
        lg_free(host->address);
        lg_free(host);
    }
    lg_map_free(table->hosts);
    lg_free(table);
}

size_t lg_host_table_size(const struct lg_host_table *table)
{
    return lg_map_size(table->hosts);
}

/* One that nobody uses, without its address; NULL: there is none, or room for more. */
static struct lg_host *take_unused(struct lg_host_table *table)
{
    if (lg_map_size(table->hosts) < LG_HOSTS_MAX)
        return NULL;
    LG_LIST_EACH(it, &table->by_last)
    {
        struct lg_host *host = LG_CONTAINER_OF(it, struct lg_host, link);

        if (table->got - host->last_got < LG_HOSTS_MAX)
            return NULL; /* Nor are those behind it old enough. */
        if (host->pending > 0 || host->holds > 0)
            continue;
        (void)lg_map_remove(table->hosts, lg_slice_str(host->name));
        lg_list_remove(&host->link);
        lg_free(host->name);
        lg_free(host->address);
        *host = (struct lg_host){0};
        return host;
    }
    return NULL;
}

struct lg_host *lg_host_table_get(struct lg_host_table *table, const char *address, uint16_t port)
{
    LG_AUTO_STR char *name = lg_strf("%s:%u", lg_tls_plain_host(address), port);
    struct lg_host *host = lg_map_get(table->hosts, lg_slice_str(name));

    table->got++;
    if (host != NULL) {
        lg_list_remove(&host->link);
    } else {
        host = take_unused(table);
        if (host == NULL)
            host = lg_new(struct lg_host);
        host->name = LG_TAKE(name);
        host->address = lg_strdup(address);
        host->port = port;
        (void)lg_map_put(table->hosts, lg_slice_str(host->name), host);
    }
    host->last_got = table->got;
    lg_list_push_back(&table->by_last, &host->link);
    return host;
}

void lg_host_sent(struct lg_host_table *table, struct lg_host *host)
{
    host->pending++;
    host->last_sent = ++table->sent;
}

void lg_host_answered(struct lg_host *host, bool well, uint64_t now_us)
{
    assert(host->pending > 0);
    host->pending--;
    if (well) {
        host->failures = 0;
        host->silences = 0;
        host->avoid_until_us = 0;
        host->answered_us = now_us;
    } else if (++host->failures >= LG_HOST_FAILURES) {
        host->avoid_until_us = now_us + LG_HOST_AVOID_US;
    }
}

void lg_host_dropped(struct lg_host *host)
{
    assert(host->pending > 0);
    host->pending--;
}

void lg_host_went_silent(struct lg_host *host, uint64_t now_us)
{
    uint64_t avoid_us = LG_HOST_AVOID_US;

    if (host->silences > 0 && now_us < host->avoid_until_us)
        return;
    for (uint32_t i = 0; i < host->silences && avoid_us < LG_HOST_SILENCE_US_MAX; i++)
        avoid_us *= 2;
    host->silences++;
    host->avoid_until_us = now_us + LG_MIN(avoid_us, LG_HOST_SILENCE_US_MAX);
}
