/* TLS as a port: what a transport is told that speaks it over another one.
 *
 * A driver (drivers/openssl/transport_tls.h) is a transport like any other (net/transport.h): who
 * listens and connects through it sees the plain bytes, and an accepted connection only once its
 * handshake is over. What the handshake found stands in the connection: is_secure, and the identity
 * of a peer that showed a certificate.
 *
 * TLS is spoken to a host whose name begins with LG_TLS_HOST ("tls:node-7"), which is what
 * lg_http_parse_url makes of https://node-7, and to every host when `always` is set: a process of a
 * cluster that has certificates is not led to speak plainly by an address that somebody wrote.
 */
#ifndef LG_NET_TLS_H
#define LG_NET_TLS_H

#include "base/base.h"

#define LG_TLS_HOST "tls:"
#define LG_TLS_IDENTITY_BYTES_MAX ((size_t)256)
#define LG_TLS_HANDSHAKE_MS_DEFAULT 10000u
#define LG_TLS_HANDSHAKES_MAX_DEFAULT 1000u

/* What a listener wants of the certificate of whoever connects. */
enum lg_tls_client_auth { LG_TLS_CLIENT_OFF, LG_TLS_CLIENT_REQUEST, LG_TLS_CLIENT_REQUIRE };
enum lg_tls_version { LG_TLS_1_2, LG_TLS_1_3 };

/* Paths of PEM files, read again by each reload; borrowed for the call. */
struct lg_tls_options {
    /* Ours: the certificate with those between it and its authority behind it, and its key.
     * Listeners show it, and so do we where a peer asks. NULL, both: listeners speak plainly. */
    const char *cert, *key;
    /* Who may vouch for those that connect. NULL: they are not asked for a certificate. */
    const char *client_ca;
    enum lg_tls_client_auth client_auth; /* with client_ca */
    /* Who may vouch for those that we connect to; NULL: the authorities of the system. A peer that
     * shows our own certificate is one of us, whatever its name. */
    const char *ca;
    enum lg_tls_version min_version;
    bool always;
    bool http2;            /* What we connect to is asked for HTTP/2, else for HTTP/1.1. */
    uint64_t handshake_ms; /* 0: LG_TLS_HANDSHAKE_MS_DEFAULT; then the connection is cut */
    size_t handshakes_max; /* under way on a listener; 0: LG_TLS_HANDSHAKES_MAX_DEFAULT */
};

/* The name without LG_TLS_HOST, if it has it. */
static inline const char *lg_tls_plain_host(const char *host)
{
    return strncmp(host, LG_TLS_HOST, sizeof LG_TLS_HOST - 1) == 0 ? host + sizeof LG_TLS_HOST - 1
                                                                   : host;
}
/* "https" or "http": how the URL of such a host begins. */
static inline const char *lg_tls_host_scheme(const char *host)
{
    return lg_tls_plain_host(host) == host ? "http" : "https";
}

#endif
