/* The servers this process talks to, and how each has been doing. Owned by one lane.
 *
 * A host that failed LG_HOST_FAILURES times in a row is avoided for LG_HOST_AVOID_US, then tried
 * again; avoided means chosen only when nobody else has the data.
 *
 * A host that was silent while it owed answers (its process is stopped, its network swallows what
 * is sent) is avoided at once: for LG_HOST_AVOID_US the first time, twice as long each further time
 * up to LG_HOST_SILENCE_US_MAX, then tried with one request at a time until it answers.
 *
 * Servers come and go, each with an address of its own: a table of LG_HOSTS_MAX hosts lets a new
 * address take the place of the one that was looked up longest ago, unless that is in use (pending,
 * held) or among the last LG_HOSTS_MAX lookups. So a table is no larger than LG_HOSTS_MAX and what
 * is in use at once. No host is ever freed before the table is: who still has a pointer that it
 * does not use compares, at worst, with another host.
 */
#ifndef LG_FETCH_HOST_HEALTH_H
#define LG_FETCH_HOST_HEALTH_H

#include "base/list.h"
#include "lane/lane.h"

#define LG_HOST_FAILURES 3u
#define LG_HOST_AVOID_US (1 * LG_SEC)
#define LG_HOST_SILENCE_US_MAX (8 * LG_SEC)
#define LG_HOSTS_MAX 10000u

struct lg_host {
    char *name; /* "host:port" */
    char *address;
    uint16_t port;
    uint32_t pending;  /* Requests sent and not answered. */
    uint32_t holds;    /* Of those who use it without `pending`. */
    uint32_t failures; /* In a row. */
    uint32_t silences; /* In a row. */
    uint64_t avoid_until_us;
    uint64_t answered_us; /* When it last answered well. */
    uint64_t last_sent;   /* The table's count at the last choice: breaks ties fairly. */
    uint64_t last_got;    /* The table's count at the last lookup. */
    struct lg_list link;  /* In the table, by last_got. */
};

struct lg_host_table;

struct lg_host_table *lg_host_table_new(void);
void lg_host_table_free(struct lg_host_table *table); /* NULL is allowed. */
size_t lg_host_table_size(const struct lg_host_table *table);
/* The host of that address, made when new; memory of it stays as long as the table. It is that
 * address's while it is in use, and for the next LG_HOSTS_MAX - 1 lookups. */
struct lg_host *lg_host_table_get(struct lg_host_table *table, const char *address, uint16_t port);
/* Around a use of its name or address that outlasts a callback and is no request that counts. */
static inline void lg_host_hold(struct lg_host *host)
{
    host->holds++;
}
static inline void lg_host_release(struct lg_host *host)
{
    assert(host->holds > 0);
    host->holds--;
}
/* To be called around each request. */
void lg_host_sent(struct lg_host_table *table, struct lg_host *host);
void lg_host_answered(struct lg_host *host, bool well, uint64_t now_us);
/* The request was taken back: nothing is learned of the host. */
void lg_host_dropped(struct lg_host *host);
/* Nobody has had an answer of it since then, though it was asked. */
static inline bool lg_host_silent_since(const struct lg_host *host, uint64_t since_us)
{
    return host->answered_us <= since_us;
}
/* It is silent: to be called when that has lasted too long. While it is avoided for that already,
 * nothing changes. */
void lg_host_went_silent(struct lg_host *host, uint64_t now_us);
static inline bool lg_host_avoided(const struct lg_host *host, uint64_t now_us)
{
    return now_us < host->avoid_until_us || (host->silences > 0 && host->pending > 0);
}

#endif
