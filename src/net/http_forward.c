/* Requests between lanes; see the header. Each struct belongs to one lane at a time. */
#include "net/http_forward.h"

#include "base/str.h"

struct forward {
    struct lg_http_request rq;    /* What the other lane sees. */
    struct lg_http_request *from; /* What is answered in the end. */
    struct lg_lane *home;         /* Where that is. */
    struct lg_task task;          /* There, and back. */
    lg_http_handler handler;
    void *ctx;

    struct lg_http_response response; /* What it points to is in: */
    struct lg_http_header *headers;
    struct lg_buf bytes;
};

static void back(struct lg_task *task)
{
    struct forward *f = LG_CONTAINER_OF(task, struct forward, task);

    lg_http_respond(f->from, &f->response);
    lg_buf_done(&f->bytes);
    lg_free(f->headers);
    lg_free(f);
}

static struct lg_slice keep(struct lg_buf *bytes, struct lg_slice s)
{
    size_t at = bytes->size;

    lg_buf_append_slice(bytes, s);
    return lg_slice(bytes->data + at, s.size);
}

/* The response lives as long as the call: a copy goes back. */
static void respond(struct lg_http_request *rq, const struct lg_http_response *r)
{
    struct forward *f = LG_CONTAINER_OF(rq, struct forward, rq);
    size_t type_size = r->content_type == NULL ? 0 : strlen(r->content_type) + 1;
    size_t size = type_size + r->body.size;

    for (size_t i = 0; i < r->header_count; i++)
        size += r->headers[i].name.size + r->headers[i].value.size;
    (void)lg_buf_reserve(&f->bytes, size); /* So that nothing moves. */
    f->headers = lg_new_array(struct lg_http_header, r->header_count);
    for (size_t i = 0; i < r->header_count; i++)
        f->headers[i] = (struct lg_http_header){keep(&f->bytes, r->headers[i].name),
                                                keep(&f->bytes, r->headers[i].value)};
    f->response = (struct lg_http_response){
        .status = r->status, .headers = f->headers, .header_count = r->header_count};
    if (type_size > 0)
        f->response.content_type =
            (const char *)keep(&f->bytes, lg_slice(r->content_type, type_size)).data;
    f->response.body = keep(&f->bytes, r->body);
    f->task.run = back;
    lg_lane_post(f->home, &f->task);
}

static struct lg_buf take_body(struct lg_http_request *rq)
{
    struct forward *f = LG_CONTAINER_OF(rq, struct forward, rq);

    rq->body = LG_SLICE_NULL;
    return lg_http_request_take_body(f->from);
}

static bool can_stream(const struct lg_http_request *rq)
{
    (void)rq;
    return false;
}

static const struct lg_http_request_ops ops = {
    .take_body = take_body, .respond = respond, .can_stream = can_stream};

static void there(struct lg_task *task)
{
    struct forward *f = LG_CONTAINER_OF(task, struct forward, task);

    f->handler(f->ctx, &f->rq);
}

void lg_http_forward(struct lg_http_request *rq, struct lg_lane *lane, lg_http_handler handler,
                     void *ctx)
{
    struct forward *f = lg_new(struct forward);

    f->rq = *rq;
    f->rq.ops = &ops;
    f->rq.lane = lane;
    f->rq.user = NULL;
    f->from = rq;
    f->home = rq->lane;
    f->handler = handler;
    f->ctx = ctx;
    f->task.run = there;
    lg_lane_post(lane, &f->task);
}
