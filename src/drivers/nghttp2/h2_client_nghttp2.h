/* The client of net/h2_client.h over nghttp2. Prior knowledge: it begins with the preface. It keeps
 * its windows open, so a caller must bound what it has under way. */
#ifndef LG_DRIVERS_NGHTTP2_H2_CLIENT_NGHTTP2_H
#define LG_DRIVERS_NGHTTP2_H2_CLIENT_NGHTTP2_H

#include "net/h2_client.h"

/* `handler` must outlive the connection. */
struct lg_h2_client *lg_h2_client_nghttp2_new(const struct lg_h2_client_handler *handler,
                                              void *ctx);

#endif
