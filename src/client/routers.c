#include "client/routers.h"

#include "base/str.h"
#include "fetch/replica_picker.h"
#include "net/http_client.h"

#define HUNDREDTHS_MAX ((uint64_t)LG_ROUTERS_RETRY_BURST * 100)

static struct lg_slice trim(struct lg_slice s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = lg_slice_skip(s, 1);
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static enum lg_rc add(struct lg_routers *r, struct lg_slice url, struct lg_error *err)
{
    LG_AUTO_STR char *host = NULL;
    uint16_t port;
    struct lg_host *known;
    enum lg_rc rc = lg_http_parse_url(url, &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "router");
    known = lg_host_table_get(r->hosts, host, port);
    for (size_t i = 0; i < r->count; i++)
        if (r->list[i] == known)
            return LG_OK; /* Named twice. */
    if (r->count == LG_ROUTERS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "more than %u routers; name some of them",
                            LG_ROUTERS_MAX);
    r->list[r->count++] = known;
    return LG_OK;
}

static enum lg_rc add_all(struct lg_routers *r, struct lg_slice urls, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;
    bool more = true;

    while (rc == LG_OK && more) {
        const uint8_t *comma = urls.size == 0 ? NULL : memchr(urls.data, ',', urls.size);
        size_t size = comma == NULL ? urls.size : (size_t)(comma - urls.data);

        rc = add(r, trim(lg_slice(urls.data, size)), err);
        more = comma != NULL;
        urls = lg_slice_skip(urls, size + 1);
    }
    return rc;
}

enum lg_rc lg_routers_init(struct lg_routers *r, const char *urls, uint32_t retry_percent,
                           struct lg_error *err)
{
    struct lg_routers made = {.hosts = lg_host_table_new(),
                              .retry_percent = retry_percent,
                              .retry_hundredths = HUNDREDTHS_MAX};
    enum lg_rc rc = add_all(&made, lg_slice_str(urls), err);

    if (rc == LG_OK)
        *r = made;
    else
        lg_routers_done(&made);
    return rc;
}

void lg_routers_done(struct lg_routers *r)
{
    lg_host_table_free(r->hosts);
    *r = (struct lg_routers){0};
}

struct lg_host *lg_routers_pick(const struct lg_routers *r, const struct lg_host *const *tried,
                                size_t tried_count, uint64_t now_us)
{
    return lg_replica_pick(r->list, r->count, tried, tried_count, now_us);
}

void lg_routers_read_began(struct lg_routers *r)
{
    r->retry_hundredths = LG_MIN(r->retry_hundredths + r->retry_percent, HUNDREDTHS_MAX);
}

bool lg_routers_take_retry(struct lg_routers *r)
{
    if (r->retry_hundredths < 100)
        return false;
    r->retry_hundredths -= 100;
    return true;
}
