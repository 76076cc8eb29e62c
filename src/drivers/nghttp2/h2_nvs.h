/* The fields of a head to send as nghttp2 takes them. Stateless. */
#ifndef LG_DRIVERS_NGHTTP2_H2_NVS_H
#define LG_DRIVERS_NGHTTP2_H2_NVS_H

#include <nghttp2/nghttp2.h>

#include "net/http2.h"

#define LG_NGHTTP2_NVS_FEW 16u /* No memory is taken for so many. */

/* The fields of a head, in `few` if they have room there; else the caller frees them. They borrow
 * from the head. */
nghttp2_nv *lg_nghttp2_nvs(const struct lg_h2_head *head, nghttp2_nv few[LG_NGHTTP2_NVS_FEW],
                           size_t *count);
/* A copy in one block, the text behind the fields. The caller frees it. */
struct lg_http_header *lg_nghttp2_fields_copy(const struct lg_http_header *fields, size_t count);

#endif
