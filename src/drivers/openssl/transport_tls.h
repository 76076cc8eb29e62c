/* TLS over another transport, by OpenSSL: versions 1.2 and 1.3, ALPN (h2 for listeners that speak
 * it, http/1.1), certificates on both sides.
 *
 * What a connection sends while it handles what it received goes out as one record and one write.
 * A connection belongs to its lane; certificates are shared by all lanes and replaced as a whole by
 * a reload, for handshakes from then on: open connections go on as they are.
 */
#ifndef LG_DRIVERS_OPENSSL_TRANSPORT_TLS_H
#define LG_DRIVERS_OPENSSL_TRANSPORT_TLS_H

#include "base/error.h"
#include "net/tls.h"
#include "net/transport.h"

/* Over `under`, which stays the caller's. LG_ERR_INVALID: a file that cannot be read, holds nothing
 * of its kind, has expired, or a key that does not fit, in a sentence that names option, file and
 * remedy; LG_ERR_REFUSED: a key that everybody may read. */
LG_MUST_CHECK enum lg_rc lg_transport_tls_new(struct lg_transport *under,
                                              const struct lg_tls_options *options,
                                              struct lg_transport **out, struct lg_error *err);
/* Reads the files again, for handshakes from now on; from any thread. On failure (as above) all
 * stays as it was. Whether listeners speak TLS does not change: LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_transport_tls_reload(struct lg_transport *transport,
                                                 const struct lg_tls_options *options,
                                                 struct lg_error *err);
/* Tells what is wrong with the files that would be read: errors as above, one for the certificate
 * with its key and one for each file of authorities, that begin with the option's name and a colon.
 */
void lg_tls_check_files(const struct lg_tls_options *options,
                        void (*wrong)(void *ctx, const struct lg_error *err), void *ctx);
/* After `under` is freed, which ends the connections. NULL is allowed. */
void lg_transport_tls_free(struct lg_transport *transport);

#endif
