#include "server/front_ask.h"

static void is_back(struct lg_task *task)
{
    struct lg_front_ask *ask = LG_CONTAINER_OF(task, struct lg_front_ask, task);

    ask->back(ask);
}

static void is_there(struct lg_task *task)
{
    struct lg_front_ask *ask = LG_CONTAINER_OF(task, struct lg_front_ask, task);

    ask->there(ask);
    ask->task.run = is_back;
    lg_lane_post(ask->from, &ask->task);
}

void lg_front_ask(struct lg_front_ask *ask, struct lg_lane *from, struct lg_lane *home)
{
    ask->from = from;
    ask->task.run = is_there;
    lg_lane_post(home, &ask->task);
}
