/* Certificates, keys and authorities, as OpenSSL wants them: the inside of transport_tls.h.
 * Immutable once made; any thread. */
#ifndef LG_DRIVERS_OPENSSL_TLS_CONTEXT_H
#define LG_DRIVERS_OPENSSL_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "base/error.h"
#include "net/tls.h"

struct lg_tls_contexts {
    SSL_CTX *server; /* NULL: listeners speak plainly */
    SSL_CTX *client;
};

/* Does the listener of this connection speak HTTP/2? (transport_tls.c) */
bool lg_tls_speaks_http2(const SSL *ssl);

/* Reads the files. Errors as lg_transport_tls_new. */
LG_MUST_CHECK enum lg_rc lg_tls_contexts_load(const struct lg_tls_options *o,
                                              struct lg_tls_contexts *out, struct lg_error *err);
void lg_tls_contexts_done(struct lg_tls_contexts *c);

/* Who the peer is, by its verified certificate: the URI among its alternative names when it has
 * exactly one, else its subject ("CN=reader,O=example"). False: it showed none, or one whose name
 * does not fit, is empty or holds a NUL, or whose URI is none (no scheme, or more than printable
 * ASCII). */
bool lg_tls_identity(const SSL *ssl, char out[LG_TLS_IDENTITY_BYTES_MAX]);
/* The peer must be `host`: a name or an address. False: no such name can be checked. */
bool lg_tls_expect_host(SSL *ssl, const char *host);
/* Why a handshake was refused; by the labels of tls_refused_total. */
enum lg_tls_refusal {
    LG_TLS_REFUSED_MISSING,
    LG_TLS_REFUSED_EXPIRED,
    LG_TLS_REFUSED_UNKNOWN_CA,
    LG_TLS_REFUSED_NAME,
    LG_TLS_REFUSED_CERTIFICATE,
    LG_TLS_REFUSED_PROTOCOL,
    LG_TLS_REFUSED_NOT_TLS,
    LG_TLS_REFUSED_PEER,
    LG_TLS_REFUSED_OTHER,
    LG_TLS_REFUSALS
};
/* Of the last call on `ssl`, from OpenSSL's queue of errors. */
enum lg_tls_refusal lg_tls_refusal(const SSL *ssl);
/* Why the last call on `ssl` failed, in words, from OpenSSL's queue of errors. True: a certificate
 * is why, and we are the client; the words say which one, and what would help. */
bool lg_tls_describe(const SSL *ssl, char *out, size_t out_size);

#endif
