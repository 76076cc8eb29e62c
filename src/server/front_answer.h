/* How a storage node answers: the headers that every one of its answers has (wire-formats 5.2). */
#ifndef LG_SERVER_FRONT_ANSWER_H
#define LG_SERVER_FRONT_ANSWER_H

#include "model/enums.h"
#include "net/http_server.h"

struct lg_front_head {
    int32_t schema_id; /* -1: none */
    uint32_t rcu;      /* 1, or how many keys were asked for */
    bool streaming;
    enum lg_compression compression; /* of the values in the body */
};

/* Answers and releases the request; the body is copied. */
void lg_front_answer(struct lg_http_request *rq, int status, const struct lg_front_head *head,
                     const char *content_type, struct lg_slice body);
/* A sentence as text. */
void lg_front_refuse(struct lg_http_request *rq, int status, const char *fmt, ...) LG_PRINTF(3, 4);

#endif
