/* Lists of servers as a configuration names them: "host:port,[::1]:port". Pure. */
#ifndef LG_BASE_HOST_LIST_H
#define LG_BASE_HOST_LIST_H

#include "base/error.h"
#include "base/slice.h"

#define LG_HOST_NAME_BYTES_MAX ((size_t)253)

/* Every part must be a host and a port of 1 to 65535, an IPv6 address in brackets. LG_ERR_INVALID
 * names the part that is not, and shows `example` ("kafka1:9092"). The text is taken as it is: a
 * blank in it is a fault, too, since clients would take it for a part of the name. */
LG_MUST_CHECK enum lg_rc lg_host_list_check(struct lg_slice text, const char *example,
                                            struct lg_error *err);

/* "h:1,h:2/chroot" is "h:1,h:2" and "/chroot"; without a slash the path is empty. */
void lg_host_list_split(struct lg_slice text, struct lg_slice *out_servers,
                        struct lg_slice *out_path);

#endif
