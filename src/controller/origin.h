/* May this request come in at all? A web page that a browser shows must not be able to talk to a
 * controller on the same machine: neither by a form that posts to it (Origin differs from Host) nor
 * through a name that its owner points at this machine (Host is a foreign name). Pure.
 */
#ifndef LG_CONTROLLER_ORIGIN_H
#define LG_CONTROLLER_ORIGIN_H

#include "net/http.h"

/* "127.0.0.1", "127.0.0.1:5555", "[::1]:5555": an address, with or without a port? */
bool lg_origin_is_address(struct lg_slice host);
/* LG_ERR_REFUSED, in a sentence, when Host is absent or is neither an address nor "localhost" nor
 * one of `names`, or when a POST has an Origin of another host or port. */
LG_MUST_CHECK enum lg_rc lg_origin_check(enum lg_http_method method,
                                         const struct lg_http_headers *headers,
                                         const char *const *names, size_t name_count,
                                         struct lg_error *err);

#endif
