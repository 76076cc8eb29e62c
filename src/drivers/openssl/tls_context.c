#include "drivers/openssl/tls_context.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "drivers/openssl/transport_tls.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define CHAIN_MAX 16
#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* --- Files ----------------------------------------------------------------------------------- */

static enum lg_rc cannot_read(const char *key, const char *path, int errnum, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_INVALID, "%s: %s cannot be read: %s", key, path,
                        strerror(errnum));
}

/* A key that others may read is no secret. */
static enum lg_rc check_mode(const char *key, const char *path, int fd, struct lg_error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return cannot_read(key, path, errno, err);
    if (!S_ISREG(st.st_mode))
        return lg_error_set(err, LG_ERR_INVALID, "%s: %s is not a file", key, path);
    if (strcmp(key, "tls_key") == 0 && (st.st_mode & S_IRWXO) != 0)
        return lg_error_set(err, LG_ERR_REFUSED,
                            "%s: everybody may read %s; take that away: chmod o-rwx %s", key, path,
                            path);
    return LG_OK;
}

static enum lg_rc read_all(const char *key, const char *path, int fd, struct lg_buf *out,
                           struct lg_error *err)
{
    ssize_t got;

    do {
        uint8_t *room = lg_buf_reserve(out, 4096);

        got = read(fd, room, 4096);
        if (got < 0 && errno != EINTR)
            return cannot_read(key, path, errno, err);
        if (got > 0)
            lg_buf_commit(out, (size_t)got);
        if (out->size > FILE_BYTES_MAX)
            return lg_error_set(err, LG_ERR_INVALID, "%s: %s is larger than 1 MiB", key, path);
    } while (got != 0);
    return LG_OK;
}

static enum lg_rc read_file(const char *key, const char *path, struct lg_buf *out,
                            struct lg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum lg_rc rc;

    if (fd < 0)
        return cannot_read(key, path, errno, err);
    rc = check_mode(key, path, fd, err);
    if (rc == LG_OK)
        rc = read_all(key, path, fd, out, err);
    (void)close(fd); /* Nothing was written. */
    return rc;
}

/* For messages; in UTC, as certificates have it. */
static void tell_time(const ASN1_TIME *when, char *out, size_t out_size)
{
    struct tm tm;

    out[0] = '\0';
    if (ASN1_TIME_to_tm(when, &tm) == 1)
        (void)strftime(out, out_size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static enum lg_rc check_dates(const char *path, const X509 *cert, struct lg_error *err)
{
    char when[40];

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        tell_time(X509_get0_notAfter(cert), when, sizeof when);
        return lg_error_set(err, LG_ERR_INVALID,
                            "tls_cert: the certificate in %s expired on %s; renew it", path, when);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        tell_time(X509_get0_notBefore(cert), when, sizeof when);
        return lg_error_set(err, LG_ERR_INVALID,
                            "tls_cert: the certificate in %s is valid from %s only; is this "
                            "machine's clock right?",
                            path, when);
    }
    return LG_OK;
}

static enum lg_rc no_pem(const char *key, const char *path, const char *what, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_INVALID,
                        "%s: %s holds no %s in PEM (-----BEGIN ...); convert it with `openssl "
                        "%s -inform DER`, or name the right file",
                        key, path, what, strcmp(what, "key") == 0 ? "pkey" : "x509");
}

/* --- Ours ------------------------------------------------------------------------------------ */

static BIO *memory_of(const struct lg_buf *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->size);

    assert(bio != NULL && "out of memory");
    return bio;
}

/* Takes what PEM holds into the context: the first certificate is ours. */
static enum lg_rc use_chain(SSL_CTX *ctx, const char *path, BIO *bio, struct lg_error *err)
{
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    enum lg_rc rc =
        cert == NULL ? no_pem("tls_cert", path, "certificate", err) : check_dates(path, cert, err);

    if (rc == LG_OK && SSL_CTX_use_certificate(ctx, cert) != 1)
        rc =
            lg_error_set(err, LG_ERR_INVALID, "tls_cert: the certificate in %s is not accepted: %s",
                         path, ERR_reason_error_string(ERR_peek_last_error()));
    X509_free(cert);
    for (unsigned n = 0; rc == LG_OK && n < CHAIN_MAX; n++) {
        X509 *above = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (above == NULL)
            break;
        if (SSL_CTX_add0_chain_cert(ctx, above) != 1)
            X509_free(above);
    }
    ERR_clear_error();
    return rc;
}

/* We cannot ask anybody for a passphrase. */
static int no_passphrase(char *buf, int size, int writes, void *u)
{
    (void)buf, (void)size, (void)writes;
    *(bool *)u = true;
    return -1;
}

static enum lg_rc use_key(SSL_CTX *ctx, const struct lg_tls_options *o, BIO *bio,
                          struct lg_error *err)
{
    bool encrypted = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
    enum lg_rc rc = LG_OK;

    if (encrypted)
        rc = lg_error_set(err, LG_ERR_INVALID,
                          "tls_key: the key in %s is encrypted, and there is nobody to ask for its "
                          "passphrase; write it without: openssl pkey -in %s -out FILE",
                          o->key, o->key);
    else if (key == NULL)
        rc = no_pem("tls_key", o->key, "key", err);
    else if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1 ||
             SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = lg_error_set(err, LG_ERR_INVALID,
                          "tls_key: the key in %s is not that of the certificate in %s; give the "
                          "key that this was made with",
                          o->key, o->cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

static enum lg_rc use_own(SSL_CTX *ctx, const struct lg_tls_options *o, struct lg_error *err)
{
    LG_SCOPED(lg_buf) cert = {0}, key = {0};
    enum lg_rc rc = read_file("tls_cert", o->cert, &cert, err);
    BIO *bio;

    if (rc == LG_OK)
        rc = read_file("tls_key", o->key, &key, err);
    if (rc != LG_OK)
        return rc;
    bio = memory_of(&cert);
    rc = use_chain(ctx, o->cert, bio, err);
    BIO_free(bio);
    if (rc == LG_OK) {
        bio = memory_of(&key);
        rc = use_key(ctx, o, bio, err);
        BIO_free(bio);
    }
    OPENSSL_cleanse(key.data, key.size);
    return rc;
}

/* --- Authorities ----------------------------------------------------------------------------- */

static enum lg_rc use_authorities(SSL_CTX *ctx, const char *key, const char *path, bool names_too,
                                  struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = read_file(key, path, &text, err);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    unsigned n = 0;
    BIO *bio;
    X509 *ca;

    if (rc != LG_OK)
        return rc;
    bio = memory_of(&text);
    while ((ca = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        n++;
        (void)X509_STORE_add_cert(store, ca); /* It may stand there twice. */
        if (names_too)
            (void)SSL_CTX_add_client_CA(ctx, ca); /* Without, clients guess which one to show. */
        X509_free(ca);
    }
    BIO_free(bio);
    ERR_clear_error();
    return n > 0 ? LG_OK : no_pem(key, path, "certificate", err);
}

/* --- Contexts -------------------------------------------------------------------------------- */

static SSL_CTX *context_new(const SSL_METHOD *method, const struct lg_tls_options *o)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    assert(ctx != NULL && "out of memory");
    (void)SSL_CTX_set_min_proto_version(ctx, o->min_version == LG_TLS_1_3 ? TLS1_3_VERSION
                                                                          : TLS1_2_VERSION);
    (void)SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1); /* One copy per arrival, not two per record. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

/* RFC 7301: what both sides speak, ours first; who offers nothing of it is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *arg)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", one[] = "\x08http/1.1";
    bool two = lg_tls_speaks_http2(ssl);
    unsigned char *chosen;

    (void)arg;
    if (SSL_select_next_proto(&chosen, out_size, two ? both : one,
                              two ? sizeof both - 1 : sizeof one - 1, in,
                              in_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum lg_rc server_context(const struct lg_tls_options *o, SSL_CTX **out,
                                 struct lg_error *err)
{
    SSL_CTX *ctx = context_new(TLS_server_method(), o);
    int verify = SSL_VERIFY_PEER;
    enum lg_rc rc = use_own(ctx, o, err);

    if (rc == LG_OK && o->client_ca != NULL && o->client_auth != LG_TLS_CLIENT_OFF) {
        if (o->client_auth == LG_TLS_CLIENT_REQUIRE)
            verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        rc = use_authorities(ctx, "tls_client_ca", o->client_ca, /* names_too= */ true, err);
        SSL_CTX_set_verify(ctx, verify, NULL);
        /* Who comes back with a ticket would not be verified again. */
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_num_tickets(ctx, 0);
    }
    if (rc != LG_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    *out = ctx;
    return LG_OK;
}

/* A peer that shows our own certificate has our key: it is this process, or one that was given the
 * same. Names do not matter then, such as 127.0.0.1. */
static int verify_peer(X509_STORE_CTX *store, void *arg)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const X509 *own = SSL_get_certificate(ssl);

    (void)arg;
    if (own != NULL && X509_cmp(own, X509_STORE_CTX_get0_cert(store)) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    return X509_verify_cert(store);
}

static enum lg_rc client_context(const struct lg_tls_options *o, SSL_CTX **out,
                                 struct lg_error *err)
{
    static const unsigned char http1[] = "\x08http/1.1", http2[] = "\x02h2";
    SSL_CTX *ctx = context_new(TLS_client_method(), o);
    enum lg_rc rc = LG_OK;

    if (o->cert != NULL)
        rc = use_own(ctx, o, err);
    if (rc == LG_OK && o->ca != NULL)
        rc = use_authorities(ctx, "tls_ca", o->ca, /* names_too= */ false, err);
    else if (rc == LG_OK)
        (void)SSL_CTX_set_default_verify_paths(ctx); /* Without them nobody is trusted. */
    if (rc != LG_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_peer, NULL);
    (void)SSL_CTX_set_alpn_protos(ctx, o->http2 ? http2 : http1,
                                  o->http2 ? sizeof http2 - 1 : sizeof http1 - 1);
    *out = ctx;
    return LG_OK;
}

enum lg_rc lg_tls_contexts_load(const struct lg_tls_options *o, struct lg_tls_contexts *out,
                                struct lg_error *err)
{
    struct lg_tls_contexts c = {0};
    enum lg_rc rc = LG_OK;

    if ((o->cert == NULL) != (o->key == NULL))
        return lg_error_set(err, LG_ERR_INVALID, "tls_cert and tls_key go together; %s is missing",
                            o->cert == NULL ? "tls_cert" : "tls_key");
    ERR_clear_error();
    if (o->cert != NULL)
        rc = server_context(o, &c.server, err);
    if (rc == LG_OK)
        rc = client_context(o, &c.client, err);
    if (rc != LG_OK) {
        lg_tls_contexts_done(&c);
        return rc;
    }
    *out = c;
    return LG_OK;
}

void lg_tls_check_files(const struct lg_tls_options *o,
                        void (*wrong)(void *ctx, const struct lg_error *err), void *ctx)
{
    SSL_CTX *into = context_new(TLS_server_method(), o);
    struct lg_error err;

    ERR_clear_error();
    if (o->cert != NULL && o->key != NULL && use_own(into, o, &err) != LG_OK)
        wrong(ctx, &err);
    if (o->client_ca != NULL && o->client_auth != LG_TLS_CLIENT_OFF &&
        use_authorities(into, "tls_client_ca", o->client_ca, /* names_too= */ false, &err) != LG_OK)
        wrong(ctx, &err);
    if (o->ca != NULL &&
        use_authorities(into, "tls_ca", o->ca, /* names_too= */ false, &err) != LG_OK)
        wrong(ctx, &err);
    SSL_CTX_free(into);
}

void lg_tls_contexts_done(struct lg_tls_contexts *c)
{
    SSL_CTX_free(c->server);
    SSL_CTX_free(c->client);
    *c = (struct lg_tls_contexts){0};
}

/* --- Peers ----------------------------------------------------------------------------------- */

/* The one URI among the alternative names; NULL: there is none, or there are several. */
static const ASN1_IA5STRING *only_uri(const GENERAL_NAMES *names)
{
    const ASN1_IA5STRING *found = NULL;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_URI)
            continue;
        if (found != NULL)
            return NULL;
        found = name->d.uniformResourceIdentifier;
    }
    return found;
}

static bool copy_name(const void *bytes, size_t size, char out[LG_TLS_IDENTITY_BYTES_MAX])
{
    if (size == 0 || size >= LG_TLS_IDENTITY_BYTES_MAX || memchr(bytes, 0, size) != NULL)
        return false;
    memcpy(out, bytes, size);
    out[size] = '\0';
    return true;
}

/* A scheme, a colon and printable ASCII (RFC 3986, 3.1), which no subject can read like: "CN=admin"
 * is no URI, whoever signed it as one. */
static bool is_uri(const uint8_t *text, size_t size)
{
    size_t colon = 0;

    if (size == 0 || !isalpha(text[0]))
        return false;
    while (colon < size && (isalnum(text[colon]) || memchr("+-.", text[colon], 3) != NULL))
        colon++;
    if (colon == size || text[colon] != ':')
        return false;
    for (size_t i = colon; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static bool uri_of(const ASN1_IA5STRING *uri, char out[LG_TLS_IDENTITY_BYTES_MAX])
{
    const uint8_t *text = ASN1_STRING_get0_data(uri);
    size_t size = (size_t)ASN1_STRING_length(uri);

    return is_uri(text, size) && copy_name(text, size, out);
}

static bool subject_of(const X509 *cert, char out[LG_TLS_IDENTITY_BYTES_MAX])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;
    bool fits = false;

    assert(bio != NULL && "out of memory");
    if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        size = BIO_get_mem_data(bio, &text);
        fits = copy_name(text, (size_t)size, out);
    }
    BIO_free(bio);
    return fits;
}

bool lg_tls_identity(const SSL *ssl, char out[LG_TLS_IDENTITY_BYTES_MAX])
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    GENERAL_NAMES *names;
    const ASN1_IA5STRING *uri;
    bool found;

    if (cert == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return false;
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    uri = only_uri(names);
    found = uri != NULL ? uri_of(uri, out) : subject_of(cert, out);
    GENERAL_NAMES_free(names);
    return found;
}

bool lg_tls_expect_host(SSL *ssl, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1)
        return true;
    ERR_clear_error();
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* Alerts by which a peer says that it does not take our certificate. */
static bool refuses_ours(int reason)
{
    switch (reason) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        return true;
    default:
        return false;
    }
}

static bool lacks_authority(long verified)
{
    return verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           verified == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           verified == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

static enum lg_tls_refusal refusal_of_certificate(long verified)
{
    switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return LG_TLS_REFUSED_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return LG_TLS_REFUSED_NAME;
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return LG_TLS_REFUSED_UNKNOWN_CA;
    default:
        return lacks_authority(verified) ? LG_TLS_REFUSED_UNKNOWN_CA : LG_TLS_REFUSED_CERTIFICATE;
    }
}

static enum lg_tls_refusal refusal_of_error(int reason)
{
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return LG_TLS_REFUSED_MISSING;
    case SSL_R_BAD_SIGNATURE: /* A certificate without its key. */
        return LG_TLS_REFUSED_CERTIFICATE;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        return LG_TLS_REFUSED_PROTOCOL;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
        return LG_TLS_REFUSED_NOT_TLS;
    default:
        return reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX
                   ? LG_TLS_REFUSED_PEER
                   : LG_TLS_REFUSED_OTHER;
    }
}

enum lg_tls_refusal lg_tls_refusal(const SSL *ssl)
{
    long verified = SSL_get_verify_result(ssl);
    unsigned long code = ERR_peek_last_error();

    if (verified != X509_V_OK)
        return refusal_of_certificate(verified);
    return ERR_GET_LIB(code) == ERR_LIB_SSL ? refusal_of_error(ERR_GET_REASON(code))
                                            : LG_TLS_REFUSED_OTHER;
}

/* A client's word about the peer that refused it, or that it refused; false: that is not why. */
static bool describe_untrusted(const SSL *ssl, unsigned long code, char *out, size_t out_size)
{
    long verified = SSL_get_verify_result(ssl);
    X509 *ours = SSL_get_certificate(ssl);
    char name[LG_TLS_IDENTITY_BYTES_MAX];

    if (verified != X509_V_OK)
        (void)snprintf(out, out_size, "its certificate is refused: %s%s",
                       X509_verify_cert_error_string(verified),
                       lacks_authority(verified) ? ": tls_ca (--tls-ca) names its authority" : "");
    else if (ERR_GET_REASON(code) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED)
        (void)snprintf(out, out_size, "it wants a certificate: tls_cert (--tls-cert) names ours");
    else if (refuses_ours(ERR_GET_REASON(code)) && ours != NULL)
        (void)snprintf(out, out_size, "it refuses our certificate %.40s: %s: see its tls_client_ca",
                       subject_of(ours, name) ? name : "of tls_cert",
                       ERR_reason_error_string(code));
    else
        return false;
    return true;
}

bool lg_tls_describe(const SSL *ssl, char *out, size_t out_size)
{
    unsigned long code = ERR_peek_last_error();
    long verified = SSL_get_verify_result(ssl);
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    if (!SSL_is_server(ssl) && describe_untrusted(ssl, code, out, out_size))
        return true;
    if (verified != X509_V_OK)
        (void)snprintf(out, out_size, "the certificate of the client is refused: %s",
                       X509_verify_cert_error_string(verified));
    else if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER ||
             ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST)
        (void)snprintf(out, out_size, "the other side does not speak TLS");
    else
        (void)snprintf(out, out_size, "TLS failed: %s", reason == NULL ? "unknown" : reason);
    return false;
}
