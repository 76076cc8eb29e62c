/* The resources of read quotas by name: stores of a router, version topics of a server. Made anew
 * with each snapshot of a catalog:
 *
 *   lg_quota_book_begin(b);
 *   for each that has a limit: resource = lg_quota_book_set(b, name, &limit, now_us);
 *   lg_quota_book_end(b, dropped, ctx);          those that were not set are gone
 *
 * Of the control thread of its quota (fetch/quota.h).
 */
#ifndef LG_FETCH_QUOTA_BOOK_H
#define LG_FETCH_QUOTA_BOOK_H

#include "fetch/quota.h"

struct lg_quota_book; /* Opaque. */

/* `quota` is borrowed and outlives it. */
struct lg_quota_book *lg_quota_book_new(struct lg_quota *quota);
/* The resources stay as they are. NULL is allowed. */
void lg_quota_book_free(struct lg_quota_book *b);
LG_DEFINE_AUTO(lg_quota_book, lg_quota_book_free)

void lg_quota_book_begin(struct lg_quota_book *b);
/* Its resource, with this limit from now on; LG_QUOTA_NONE: there are as many as can be, and it has
 * no limit. */
uint32_t lg_quota_book_set(struct lg_quota_book *b, struct lg_slice name,
                           const struct lg_bucket_limit *limit, uint64_t now_us);
/* `dropped` comes for each name that was not set since the beginning, before its resource goes; it
 * may be NULL, and changes nothing here. */
void lg_quota_book_end(struct lg_quota_book *b, void (*dropped)(void *ctx, struct lg_slice name),
                       void *ctx);
/* LG_QUOTA_NONE: it has no limit. */
uint32_t lg_quota_book_find(const struct lg_quota_book *b, struct lg_slice name);

#endif
