/* The answers of a storage node. */
#include "server/front_answer.h"

#include <stdio.h>

#include "fetch/quota.h"
#include "model/names.h"
#include "server/metrics.h"

/* The headers that every answer of a storage node has; texts are made in the request's arena. */
void lg_front_answer(struct lg_http_request *rq, int status, const struct lg_front_head *head,
                     const char *content_type, struct lg_slice body)
{
    char schema_id[16], rcu[16], compression[16], seconds[16];
    struct lg_http_header headers[6] = {
        {LG_LIT("X-VENICE-SCHEMA-ID"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-RCU"), LG_SLICE_NULL},
    };
    size_t n = 3;

    (void)snprintf(schema_id, sizeof schema_id, "%d", head->schema_id);
    (void)snprintf(rcu, sizeof rcu, "%u", head->rcu);
    (void)snprintf(compression, sizeof compression, "%d", (int)head->compression);
    headers[0].value = lg_slice_str(schema_id);
    headers[1].value = lg_slice_str(compression);
    headers[2].value = lg_slice_str(rcu);
    if (head->streaming)
        headers[n++] = (struct lg_http_header){LG_LIT("X-VENICE-STREAMING-RESPONSE"), LG_LIT("1")};
    if (head->retry_after_ms != 0 && head->retry_after_ms != LG_QUOTA_NEVER_MS) {
        (void)snprintf(seconds, sizeof seconds, "%u", (head->retry_after_ms - 1) / 1000 + 1);
        headers[n++] = (struct lg_http_header){LG_LIT("Retry-After"), lg_slice_str(seconds)};
    }
    if (head->told != NULL)
        headers[n++] =
            (struct lg_http_header){LG_LIT("X-LAGOON-CLIENT-PROTOCOLS"), lg_slice_str(head->told)};
    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = content_type,
                                                   .headers = headers,
                                                   .header_count = n,
                                                   .body = body});
}

static void refuse(struct lg_http_request *rq, int status, const char *fmt, va_list ap)
{
    static const struct lg_front_head none = {.schema_id = -1, .rcu = 1};
    char text[LG_ERROR_TEXT_MAX];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    lg_front_answer(rq, status, &none, "text/plain", lg_slice_str(text));
}

void lg_front_refuse(struct lg_http_request *rq, int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    refuse(rq, status, fmt, ap);
    va_end(ap);
}

void lg_front_refuse_bad(struct lg_http_request *rq, enum lg_front_reason reason, const char *fmt,
                         ...)
{
    int status = reason == LG_FRONT_BAD_METHOD ? 405 : reason == LG_FRONT_TOO_LARGE ? 413 : 400;
    va_list ap;

    lg_metric_add(&lg_metric_server_bad_requests_total, (uint32_t)reason, 1);
    va_start(ap, fmt);
    refuse(rq, status, fmt, ap);
    va_end(ap);
}

/* Venice's texts; that of a store over its quota is empty. */
const char *lg_front_limit_text(enum lg_rc limit)
{
    switch (limit) {
    case LG_ERR_QUOTA:
        return "";
    case LG_ERR_BUSY:
        return "Server over capacity";
    default:
        return "Server overloaded";
    }
}

void lg_front_refuse_limit(struct lg_http_request *rq, enum lg_rc limit, uint32_t retry_after_ms)
{
    const struct lg_front_head head = {.schema_id = -1, .rcu = 1, .retry_after_ms = retry_after_ms};

    lg_front_answer(rq, lg_rc_http(limit, /* is_post= */ false), &head, "text/plain",
                    lg_slice_str(lg_front_limit_text(limit)));
}

/* Not here. Is it the current version, which should be, or one that never will be again? While no
 * catalog says it, it may be. */
static int status_of_missing(const struct lg_catalog_snapshot *s, struct lg_slice topic)
{
    const struct lg_catalog_store *store;
    struct lg_slice name;
    int32_t version;
    struct lg_error err;

    if (lg_names_parse_version_topic(topic, &name, &version, &err) != LG_OK)
        return 400;
    if (s == NULL)
        return 503;
    store = lg_catalog_store(s, name);
    return store != NULL && store->store->current_version == version ? 503 : 400;
}

/* The replicas of a deleted store stay, in case it comes back; nobody may read them meanwhile. Nor
 * those of a store whose reads are disabled. */
static bool is_unread(const struct lg_catalog_snapshot *s, struct lg_slice topic,
                      struct lg_error *err)
{
    struct lg_slice name;
    int32_t version;

    return s != NULL && (s->deleted.size > 0 || s->disabled > 0) &&
           lg_names_parse_version_topic(topic, &name, &version, err) == LG_OK &&
           lg_catalog_check_reads(s, name, err) != LG_OK;
}

int lg_front_why_missing(struct lg_catalog *catalog, struct lg_slice topic,
                         enum lg_replica_found found, char text[LG_FRONT_TEXT_MAX])
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(catalog);
    struct lg_error err = {0};

    if (is_unread(s, topic, &err)) {
        (void)snprintf(text, LG_FRONT_TEXT_MAX, "%s", err.text);
        return err.rc == LG_ERR_REFUSED ? 403 : 400;
    }
    if (found == LG_REPLICA_NOWHERE) {
        (void)snprintf(text, LG_FRONT_TEXT_MAX, "%.*s has no such partition", LG_FMT(topic));
        return 400;
    }
    lg_metric_add(&lg_metric_server_not_here_total, found == LG_REPLICA_NOT_OURS, 1);
    if (found == LG_REPLICA_NOT_OURS) {
        (void)snprintf(text, LG_FRONT_TEXT_MAX, "No storage exists for: %.*s", LG_FMT(topic));
        return status_of_missing(s, topic);
    }
    (void)snprintf(text, LG_FRONT_TEXT_MAX, "%.*s is not ready to serve yet", LG_FMT(topic));
    return 503;
}
