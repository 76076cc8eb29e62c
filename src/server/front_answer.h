/* How a storage node answers: the headers that every one of its answers has (wire-formats 5.2). */
#ifndef LG_SERVER_FRONT_ANSWER_H
#define LG_SERVER_FRONT_ANSWER_H

#include "catalog/catalog.h"
#include "model/enums.h"
#include "net/http_server.h"
#include "server/serving.h"

struct lg_front_head {
    int32_t schema_id; /* -1: none */
    uint32_t rcu;      /* 1, or how many keys were asked for */
    bool streaming;
    enum lg_compression compression; /* of the values in the body */
    const char *told;                /* what clients are told to speak; NULL: nothing is said */
    uint32_t retry_after_ms;         /* 0 or LG_QUOTA_NEVER_MS: nothing is said of it */
};

/* Answers and releases the request; the body is copied. */
void lg_front_answer(struct lg_http_request *rq, int status, const struct lg_front_head *head,
                     const char *content_type, struct lg_slice body);
/* A sentence as text. */
void lg_front_refuse(struct lg_http_request *rq, int status, const char *fmt, ...) LG_PRINTF(3, 4);

/* What is wrong with a request of REST; by the labels of server_bad_requests_total. */
enum lg_front_reason {
    LG_FRONT_BAD_PATH,
    LG_FRONT_BAD_METHOD,    /* 405 */
    LG_FRONT_BAD_PARAMETER, /* of a query */
    LG_FRONT_BAD_PARTITION, /* no number, or one that the version has not */
    LG_FRONT_BAD_KEY,
    LG_FRONT_BAD_VERSION, /* X-VENICE-API-VERSION */
    LG_FRONT_TOO_LARGE,   /* 413: too many keys, or too much of something else */
    LG_FRONT_BAD_BODY,
    LG_FRONT_NO_RESOURCE, /* a store, version or profile that is not to be had here */
};
/* As lg_front_refuse, with the status of the reason (400 where none is said), and counted. */
void lg_front_refuse_bad(struct lg_http_request *rq, enum lg_front_reason reason, const char *fmt,
                         ...) LG_PRINTF(3, 4);

/* What lg_read_gate_admit says becomes a status of HTTP by lg_rc_http; and the text to it. */
const char *lg_front_limit_text(enum lg_rc limit);
/* The refusal as an answer of REST. */
void lg_front_refuse_limit(struct lg_http_request *rq, enum lg_rc limit, uint32_t retry_after_ms);

/* To calls of gRPC for a store whose operator has turned them off. */
#define LG_FRONT_GRPC_OFF "gRPC is off for this store (its setting grpc is false); read by HTTP"

#define LG_FRONT_TEXT_MAX LG_ERROR_TEXT_MAX
/* On the server's lane: the status of HTTP for a read of what the table says is not served here,
 * counted, and a sentence. */
int lg_front_why_missing(struct lg_catalog *catalog, struct lg_slice topic,
                         enum lg_replica_found found, char text[LG_FRONT_TEXT_MAX]);

#endif
