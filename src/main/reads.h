/* What `lagoon get` stands on: the client library, and standard input by lines. */
#ifndef LG_MAIN_READS_H
#define LG_MAIN_READS_H

#include "admin/admin.h"
#include "net/tls.h"

struct lg_reads; /* Opaque. */

/* `router_url` is copied. Nothing is asked yet. */
struct lg_reads *lg_reads_new(const char *router_url, uint64_t timeout_ms,
                              const struct lg_tls_options *tls);
void lg_reads_free(struct lg_reads *reads); /* NULL is allowed. */

/* As struct lg_admin says of open_store, read_keys and read_line. */
LG_MUST_CHECK enum lg_rc lg_reads_open(struct lg_reads *r, const char *store,
                                       const char *reader_schema, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_reads_keys(struct lg_reads *r, const struct lg_slice *keys, size_t n,
                                       struct lg_admin_read_key *out, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_reads_line(struct lg_reads *r, size_t bytes_max, bool wait,
                                       struct lg_buf *out, enum lg_admin_line *out_got,
                                       struct lg_error *err);

#endif
