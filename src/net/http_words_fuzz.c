/* Fuzzes what the front ends read from a request's target and form: any bytes as a path, a query
 * and a body. Segments and parameters are as many as are counted, lie in bounds, and decoded text
 * is never longer than what was sent. */
#include "net/http_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_segments(struct lg_http_request *rq)
{
    size_t n = lg_http_path_segments(rq), bytes = 0;
    struct lg_slice s;

    assert(n <= rq->path.size);
    for (size_t i = 0; i < n; i++) {
        bool has = lg_http_path_segment(rq, i, &s);

        assert(has);
        (void)has;
        if (s.data != NULL) {
            assert(s.size > 0 || rq->path.size > 0);
            bytes += s.size;
        }
    }
    assert(bytes <= rq->path.size);
    assert(!lg_http_path_segment(rq, n, &s));
}

static void read_params(struct lg_http_request *rq)
{
    struct lg_slice name, value, found;
    size_t at = 0, pairs = 0, before = 0;

    while (lg_http_param_next(rq, &at, &name, &value)) {
        assert(++pairs <= rq->query.size + rq->body.size);
        assert(at >= before && name.size + value.size <= rq->query.size + rq->body.size);
        before = at;
    }
    if (lg_http_param(rq, "f", &found))
        assert(pairs > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_http_header form = {LG_LIT("content-type"),
                                  LG_LIT("application/x-www-form-urlencoded")};
    struct lg_http_request rq = {.arena = lg_arena_new(0), .headers = {&form, size % 2}};
    struct lg_slice in = lg_slice(data, size), *const parts[] = {&rq.path, &rq.query, &rq.body};

    for (size_t i = 0; i < LG_ARRAY_SIZE(parts); i++) { /* A byte 0 stands between them. */
        const uint8_t *end = in.size == 0 ? NULL : memchr(in.data, 0, in.size);

        *parts[i] = end == NULL ? in : lg_slice(in.data, (size_t)(end - in.data));
        in = lg_slice_skip(in, parts[i]->size + 1);
    }
    read_segments(&rq);
    read_params(&rq);
    lg_arena_free(rq.arena);
    return 0;
}
