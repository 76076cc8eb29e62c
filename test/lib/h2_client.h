/* A client of HTTP/2 on the simulated network: nghttp2's session over a connection, driven by a
 * test that decides what it reads and when. Everything is called on the client's lane, or by the
 * world between steps of the simulator where it says so.
 */
#ifndef LG_TEST_LIB_H2_CLIENT_H
#define LG_TEST_LIB_H2_CLIENT_H

#include "net/transport.h"

#define H2_CLIENT_ASKED_MAX 96

struct h2_asked { /* One request and what came for it. */
    int32_t id;
    struct lg_slice send; /* Borrowed until the stream is closed. */
    size_t sent;
    bool is_open_ended; /* Its end is not sent. */
    int status;         /* 0: no head has come. */
    struct lg_buf head; /* "name: value\n" of each field but :status */
    struct lg_buf body;
    bool closed;
    uint32_t code; /* of its end */
};

struct h2_client {
    struct lg_conn *conn; /* NULL: gone. */
    void *session;
    struct h2_asked asked[H2_CLIENT_ASKED_MAX];
    size_t count;
    bool closed;         /* The connection is. */
    const char *also[9]; /* Names and values that every request has, too; NULL ends them. */
    bool corked;         /* Nothing goes out until it is not, and h2_client_flush is called. */
    unsigned goaways;
    uint32_t goaway_code; /* of the last one */
};

/* Connects; the preface goes out with the first bytes. `window`: what the server may send ahead,
 * of a stream and of all; `by_hand`: it gets no more until h2_client_take says so. */
void h2_client_open(struct h2_client *c, struct lg_transport *transport, struct lg_lane *lane,
                    uint16_t port, uint32_t window, bool by_hand);
/* The same to another host than "world". */
void h2_client_open_at(struct h2_client *c, struct lg_transport *transport, struct lg_lane *lane,
                       const char *host, uint16_t port, uint32_t window, bool by_hand);
/* After the simulator has told that the connection is closed, or without one. */
void h2_client_done(struct h2_client *c);

/* Asks; NULL method is POST with a body and GET without. `extra`, a field or NULL. Returns the
 * number of the request in `asked`. */
size_t h2_client_ask(struct h2_client *c, const char *method, const char *path,
                     struct lg_slice body, const char *extra_name, const char *extra_value);
/* A POST whose body begins with `body`, and ends when h2_client_end says so. */
size_t h2_client_begin(struct h2_client *c, const char *path, struct lg_slice body);
void h2_client_end(struct h2_client *c, size_t i);
void h2_client_reset(struct h2_client *c, size_t i);
/* n more bytes may come: for request i (H2_CLIENT_NONE: for none) and for the connection. */
void h2_client_take(struct h2_client *c, size_t i, size_t n);
#define H2_CLIENT_NONE SIZE_MAX
void h2_client_ping(struct h2_client *c);
/* Sends what the session wants to send.. */
void h2_client_flush(struct h2_client *c);

#endif
