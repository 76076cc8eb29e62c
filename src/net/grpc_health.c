#include "net/grpc_health.h"

struct service {
    uint8_t size;
    char name[LG_GRPC_HEALTH_NAME_MAX];
    enum lg_grpc_health state;
};

struct lg_grpc_health_board {
    struct service services[LG_GRPC_HEALTH_SERVICES_MAX];
    size_t count;
    struct lg_list watches;
    bool is_shut;
};

struct lg_grpc_health_board *lg_grpc_health_board_new(void)
{
    struct lg_grpc_health_board *board = lg_new(struct lg_grpc_health_board);

    lg_list_init(&board->watches);
    return board;
}

void lg_grpc_health_board_free(struct lg_grpc_health_board *board)
{
    if (board == NULL)
        return;
    assert(lg_list_empty(&board->watches) && "watches are stopped first");
    lg_free(board);
}

static struct lg_slice name_of(const struct service *s)
{
    return lg_slice(s->name, s->size);
}

/* The place of the service, or `count`. */
static size_t find(const struct lg_grpc_health_board *board, struct lg_slice name)
{
    size_t i = 0;

    while (i < board->count && !lg_slice_eq(name_of(&board->services[i]), name))
        i++;
    return i;
}

static enum lg_grpc_health state_of(const struct lg_grpc_health_board *board, struct lg_slice name)
{
    size_t i = find(board, name);

    return i == board->count ? LG_GRPC_HEALTH_SERVICE_UNKNOWN : board->services[i].state;
}

static enum lg_grpc_health state_now(const struct lg_grpc_health_watch *watch)
{
    return watch->is_nameable ? state_of(watch->board, lg_slice(watch->service, watch->size))
                              : LG_GRPC_HEALTH_SERVICE_UNKNOWN;
}

static void tell(struct lg_grpc_health_board *board)
{
    LG_LIST_EACH(it, &board->watches)
    {
        struct lg_grpc_health_watch *watch = LG_CONTAINER_OF(it, struct lg_grpc_health_watch, node);

        if ((int32_t)state_now(watch) != watch->told)
            watch->news(watch);
    }
}

static enum lg_rc add(struct lg_grpc_health_board *board, struct lg_slice name,
                      struct lg_error *err)
{
    struct service *s = &board->services[board->count];

    if (name.size > LG_GRPC_HEALTH_NAME_MAX || board->count == LG_GRPC_HEALTH_SERVICES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "no room for the health of service %.*s: at most %u of %u bytes",
                            (int)LG_MIN(name.size, (size_t)200), (const char *)name.data,
                            LG_GRPC_HEALTH_SERVICES_MAX, LG_GRPC_HEALTH_NAME_MAX);
    s->size = (uint8_t)name.size;
    if (name.size > 0)
        memcpy(s->name, name.data, name.size);
    board->count++;
    return LG_OK;
}

enum lg_rc lg_grpc_health_set(struct lg_grpc_health_board *board, struct lg_slice service,
                              enum lg_grpc_health state, struct lg_error *err)
{
    size_t i = find(board, service);
    bool is_gone = state == LG_GRPC_HEALTH_SERVICE_UNKNOWN;
    enum lg_rc rc = LG_OK;

    if (board->is_shut || (is_gone && i == board->count))
        return LG_OK;
    if (i == board->count)
        rc = add(board, service, err);
    if (rc != LG_OK)
        return rc;
    if (is_gone)
        board->services[i] = board->services[--board->count];
    else
        board->services[i].state = state;
    tell(board);
    return LG_OK;
}

void lg_grpc_health_shutdown(struct lg_grpc_health_board *board)
{
    for (size_t i = 0; i < board->count; i++)
        board->services[i].state = LG_GRPC_HEALTH_NOT_SERVING;
    board->is_shut = true;
    tell(board);
}

enum lg_grpc_status lg_grpc_health_check(const struct lg_grpc_health_board *board,
                                         const struct lg_grpc_health_check_request *rq,
                                         struct lg_grpc_health_check_response *out)
{
    enum lg_grpc_health state = state_of(board, rq->service);

    if (state == LG_GRPC_HEALTH_SERVICE_UNKNOWN)
        return LG_GRPC_NOT_FOUND;
    out->status = (int32_t)state;
    return LG_GRPC_OK;
}

void lg_grpc_health_watch_start(struct lg_grpc_health_watch *watch,
                                struct lg_grpc_health_board *board,
                                const struct lg_grpc_health_check_request *rq,
                                void (*news)(struct lg_grpc_health_watch *watch))
{
    *watch = (struct lg_grpc_health_watch){
        .board = board,
        .news = news,
        .told = -1,
        .is_nameable = rq->service.size <= LG_GRPC_HEALTH_NAME_MAX,
    };
    if (watch->is_nameable && rq->service.size > 0) {
        memcpy(watch->service, rq->service.data, rq->service.size);
        watch->size = (uint8_t)rq->service.size;
    }
    lg_list_push_back(&board->watches, &watch->node);
}

bool lg_grpc_health_watch_next(struct lg_grpc_health_watch *watch,
                               struct lg_grpc_health_check_response *out)
{
    int32_t now = (int32_t)state_now(watch);

    if (now == watch->told)
        return false;
    watch->told = now;
    out->status = now;
    return true;
}

void lg_grpc_health_watch_stop(struct lg_grpc_health_watch *watch)
{
    lg_list_remove(&watch->node);
}
