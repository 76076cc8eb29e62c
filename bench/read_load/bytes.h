/* The bytes of read_load.c: a socket with or without TLS, and pieces of protobuf and HTTP/2. */
#ifndef LG_BENCH_READ_LOAD_BYTES_H
#define LG_BENCH_READ_LOAD_BYTES_H

#include <errno.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "read_load: %s%s%s\n", what, errno != 0 ? ": " : "",
                  errno != 0 ? strerror(errno) : "");
    exit(1);
}

/* At most 255 characters; how many. */
static int __attribute__((format(printf, 2, 3))) print(char *to, const char *fmt, ...)
{
    va_list list;
    int n;

    va_start(list, fmt);
    n = vsnprintf(to, 256, fmt, list);
    va_end(list);
    return n;
}

/* --- Channels. ---------------------------------------------------------------------------------
 */

struct channel {
    int fd;
    SSL *tls; /* NULL: none */
};

/* As send and recv, over TLS if there is. */
static ssize_t tls_result(struct channel *c, int n)
{
    int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->tls, n);

    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        errno = EAGAIN;
    else if (why != SSL_ERROR_NONE && why != SSL_ERROR_SYSCALL)
        errno = EPROTO;
    return n > 0 ? n : why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t put(struct channel *c, const void *bytes, size_t size)
{
    if (c->tls == NULL)
        return send(c->fd, bytes, size, MSG_NOSIGNAL);
    return tls_result(c, SSL_write(c->tls, bytes, (int)size));
}

static ssize_t take(struct channel *c, void *bytes, size_t size)
{
    if (c->tls == NULL)
        return recv(c->fd, bytes, size, 0);
    return tls_result(c, SSL_read(c->tls, bytes, (int)size));
}

/* `http2`: it is offered. The descriptor blocks. */
static void begin_tls(struct channel *c, bool http2)
{
    static const uint8_t offer[] = "\x02h2";
    static SSL_CTX *context;

    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
        if (context == NULL)
            die("TLS");
        (void)SSL_CTX_set_mode(context,
                               SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, 1 << 18);
    }
    c->tls = SSL_new(context);
    if (c->tls == NULL || SSL_set_fd(c->tls, c->fd) != 1 ||
        (http2 && SSL_set_alpn_protos(c->tls, offer, 3) != 0) || SSL_connect(c->tls) != 1)
        die("the handshake of TLS");
}

/* --- Protobuf and HTTP/2. ----------------------------------------------------------------------
 */

static uint8_t *varint(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint64_t read_varint(const uint8_t **p, const uint8_t *end)
{
    uint64_t v = 0;

    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t byte = *(*p)++;

        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    errno = 0;
    die("a varint without an end");
}

static uint8_t *frame(uint8_t *p, size_t size, unsigned type, unsigned frame_flags, uint32_t stream)
{
    const uint8_t head[9] = {
        (uint8_t)(size >> 16),   (uint8_t)(size >> 8),   (uint8_t)size,
        (uint8_t)type,           (uint8_t)frame_flags,   (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};

    memcpy(p, head, sizeof(head));
    return p + sizeof(head);
}

#endif
