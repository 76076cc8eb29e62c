/* What a router's HTTP answer to a read means (wire-formats 4.4 to 4.6, 4.9). Pure: no I/O, no
 * lane; everything goes into the keys of the read and its arena.
 */
#ifndef LG_CLIENT_ANSWER_H
#define LG_CLIENT_ANSWER_H

#include "client/multi_answer.h"
#include "net/http_client.h"

/* Why a whole HTTP exchange gave no answer: LG_OK for status 200. `router` names who answered. The
 * sentence ends with the beginning of the router's own. */
LG_MUST_CHECK enum lg_rc lg_answer_status(const struct lg_http_call *call, const char *router,
                                          struct lg_error *err);
/* The code of a status that is no success, as in a streamed answer's footer. */
enum lg_rc lg_answer_rc_of_status(int64_t status);

/* The answer to a single get: 200 with the value or 404. Of the headers X-VENICE-SCHEMA-ID must be
 * there; X-VENICE-COMPRESSION-STRATEGY is NO_OP when absent. `body` is that of a 200. Sets the
 * key's rc and value (a copy in the read's arena). LG_ERR_BAD_DATA for an answer that breaks the
 * protocol. */
LG_MUST_CHECK enum lg_rc lg_answer_single(const struct lg_http_call *call, const char *router,
                                          struct lg_slice body, struct lg_read *read,
                                          struct lg_error *err);
/* The head of a 200 that answers a multi-get: `m`, in which keys, key_count, arena and
 * value_bytes_max are set, is made ready for the body. */
LG_MUST_CHECK enum lg_rc lg_answer_multi_begin(const struct lg_http_call *call, const char *router,
                                               struct lg_multi_answer *m, struct lg_error *err);

#endif
