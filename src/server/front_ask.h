/* Questions of a call of gRPC to the server's lane: what only that knows. */
#ifndef LG_SERVER_FRONT_ASK_H
#define LG_SERVER_FRONT_ASK_H

#include "lane/lane.h"

/* Embed it; it is allocated by who asks and freed by its `back`. */
struct lg_front_ask {
    struct lg_task task;
    struct lg_lane *from;
    void (*there)(struct lg_front_ask *ask); /* on the server's lane */
    void (*back)(struct lg_front_ask *ask);  /* on the lane that asks, never from inside */
};
/* `home` is the server's lane; it may be the calling one. Both lanes run until `back` has come. */
void lg_front_ask(struct lg_front_ask *ask, struct lg_lane *from, struct lg_lane *home);

#endif
