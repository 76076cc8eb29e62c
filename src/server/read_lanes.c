/* Lanes that only read; see the header. Each part is touched on its lane only, from its first task
 * to its last, but for what a task that is posted hands over. */
#include "server/read_lanes.h"

#include "server/read_group.h"

struct part { /* of one lane */
    struct lg_read_lanes *all;
    struct lg_lane *lane;
    struct lg_http_server *http; /* NULL: it does not listen */
    struct lg_http_server *rpc;  /* on the port of gRPC alone; NULL: there is none */
    struct lg_epoch_reader *reader;
    struct lg_read_gate *gate; /* NULL once the group has it */
    struct lg_front_rest front;
    struct lg_front_grpc *grpc;
    struct lg_task begin, tell, end; /* There; what failed, back; there and back. */
    struct lg_error err;
};

struct lg_read_lanes {
    struct lg_read_lanes_options o;
    struct lg_lane *home;
    struct part *parts;
    size_t count, stopping;
    uint64_t grace_ms;
    struct lg_task none; /* There is no lane to wait for. */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static enum lg_rc listen_on(struct part *p, struct lg_error *err)
{
    const struct lg_read_lanes_options *o = &p->all->o;
    struct lg_http_server_options http = o->http;
    enum lg_rc rc;

    if (p->gate == NULL) {
        *err = p->err;
        return err->rc;
    }
    rc = lg_warmer_join(o->warmer, &p->reader, err);
    if (rc != LG_OK)
        return rc;
    p->front.group = lg_read_group_new(p->lane, p->reader, LG_TAKE(p->gate), o->cold);
    p->grpc = lg_front_grpc_new(
        &(struct lg_front_grpc_options){.lane = p->lane, .rest = &p->front, .home = o->home_grpc});
    http.lane = p->lane;
    http.with = o->with;
    http.handler = lg_front_rest_read;
    http.ctx = &p->front;
    http.rpc_ctx = p->grpc;
    rc = lg_http_server_start(&http, &p->http, err);
    if (rc != LG_OK || o->rpc_with == NULL)
        return rc;
    http.with = o->rpc_with;
    return lg_http_server_start(&http, &p->rpc, err);
}

static void tell_failed(struct lg_task *task)
{
    struct part *p = LG_CONTAINER_OF(task, struct part, tell);

    p->all->o.failed(p->all->o.ctx, &p->err);
}

static void begin(struct lg_task *task)
{
    struct part *p = LG_CONTAINER_OF(task, struct part, begin);

    if (listen_on(p, &p->err) == LG_OK)
        return;
    p->tell.run = tell_failed;
    lg_lane_post(p->all->home, &p->tell);
}

struct lg_read_lanes *lg_read_lanes_start(const struct lg_read_lanes_options *o)
{
    struct lg_read_lanes *r = lg_new(struct lg_read_lanes);

    assert(o->count <= LG_READ_LANES_MAX);
    r->o = *o;
    r->o.lanes = NULL;
    r->home = o->http.lane;
    r->count = o->count;
    r->parts = lg_new_array(struct part, o->count);
    for (size_t i = 0; i < o->count; i++) {
        struct part *p = &r->parts[i];

        p->all = r;
        p->lane = o->lanes[i];
        p->front = (struct lg_front_rest){.serving = o->home->serving,
                                          .authz = o->home->authz,
                                          .profiler = o->home->profiler,
                                          .options = o->home->options,
                                          .home = o->home,
                                          .home_lane = r->home};
        if (lg_read_gate_open(p->lane, o->quota, o->shed_target_us, &p->gate, &p->err) != LG_OK)
            p->gate = NULL;
        p->begin.run = begin;
        lg_lane_post(p->lane, &p->begin);
    }
    return r;
}

/* --- The end --------------------------------------------------------------------------------- */

static void end_if_idle(struct lg_read_lanes *r)
{
    void (*stopped)(void *ctx) = r->stopped;
    void *ctx = r->stopped_ctx;

    if (r->stopping > 0)
        return;
    lg_free(r->parts);
    lg_free(r);
    stopped(ctx);
}

static void is_back(struct lg_task *task)
{
    struct lg_read_lanes *r = LG_CONTAINER_OF(task, struct part, end)->all;

    r->stopping--;
    end_if_idle(r);
}

static void http_stopped(void *ctx)
{
    struct part *p = ctx;

    lg_front_grpc_free(p->grpc);
    lg_read_group_free(p->front.group);
    lg_read_gate_close(p->gate);
    lg_epoch_quit(p->reader);
    p->end.run = is_back;
    lg_lane_post(p->all->home, &p->end);
}

static void end_shared(void *ctx)
{
    struct part *p = ctx;

    if (p->http == NULL)
        http_stopped(p);
    else
        lg_http_server_stop(p->http, p->all->grace_ms, http_stopped, p);
}

static void end(struct lg_task *task)
{
    struct part *p = LG_CONTAINER_OF(task, struct part, end);

    if (p->rpc == NULL)
        end_shared(p);
    else
        lg_http_server_stop(p->rpc, p->all->grace_ms, end_shared, p);
}

static void none_left(struct lg_task *task)
{
    end_if_idle(LG_CONTAINER_OF(task, struct lg_read_lanes, none));
}

void lg_read_lanes_stop(struct lg_read_lanes *r, uint64_t grace_ms, void (*stopped)(void *ctx),
                        void *ctx)
{
    r->stopped = stopped;
    r->stopped_ctx = ctx;
    r->grace_ms = grace_ms;
    r->stopping = r->count;
    for (size_t i = 0; i < r->count; i++) { /* Behind its beginning. */
        r->parts[i].end.run = end;
        lg_lane_post(r->parts[i].lane, &r->parts[i].end);
    }
    if (r->count > 0)
        return;
    r->none.run = none_left;
    lg_lane_post(r->home, &r->none);
}
