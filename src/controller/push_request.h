/* What a pusher may ask for: the parameters of /request_topic (wire-formats.md 9.2), each honoured
 * or refused by its name. Runs on the controller's lane.
 */
#ifndef LG_CONTROLLER_PUSH_REQUEST_H
#define LG_CONTROLLER_PUSH_REQUEST_H

#include "controller/core.h"

#define LG_PUSH_LEASE_MS_MAX INT64_C(86400000)           /* a day */
#define LG_PUSH_DICTIONARY_BYTES_MAX ((size_t)900 << 10) /* fits into a record */

/* Reads the request into the change. LG_ERR_INVALID for a value that is none, LG_ERR_UNSUPPORTED
 * for what there is not; both name the parameter. */
LG_MUST_CHECK enum lg_rc lg_push_request_read(struct lg_change *ch, struct lg_http_request *rq,
                                              struct lg_error *err);
/* Does what was asked fit the new version? LG_ERR_INVALID when its compression needs a dictionary
 * and none came. A dictionary that it does not need is dropped, as Venice does. */
LG_MUST_CHECK enum lg_rc lg_push_request_check(struct lg_change *ch, const struct lg_version *v,
                                               struct lg_error *err);

#endif
