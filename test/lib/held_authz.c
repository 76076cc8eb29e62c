#include "test/lib/held_authz.h"

static struct lg_authz_ask *asked; /* by the last call; NULL: it was answered */
static struct lg_lane *opened_on;
static bool end_allows;

bool held_authz_is_asked(void)
{
    return asked != NULL;
}

void held_authz_say(bool allowed)
{
    struct lg_authz_ask *ask = LG_TAKE(asked);

    ask->rc = LG_OK;
    ask->allowed = allowed;
    ask->done(ask);
}

void held_authz_cannot_say(void)
{
    struct lg_authz_ask *ask = LG_TAKE(asked);

    ask->rc = lg_error_set(&ask->err, LG_ERR_TIMEOUT, "the judge sleeps");
    ask->done(ask);
}

void held_authz_at_the_end(bool allowed)
{
    end_allows = allowed;
}

struct lg_lane *held_authz_lane(void)
{
    return opened_on;
}

static void keep(struct lg_authz_driver *d, struct lg_authz_ask *ask)
{
    (void)d;
    assert(asked == NULL && "one question at a time");
    asked = ask;
}

static void end(struct lg_authz_driver *d)
{
    (void)d;
    if (asked != NULL)
        held_authz_say(end_allows);
}

static void release(struct lg_authz_driver *d)
{
    (void)d;
}

static const struct lg_authz_driver_ops ops = {
    .name = "held", .ask = keep, .cancel = end, .free = release};
static struct lg_authz_driver driver = {&ops};

static struct lg_authz_driver *open_driver(void *ctx, struct lg_lane *lane,
                                           struct lg_transport *transport)
{
    (void)ctx, (void)transport;
    asked = NULL;
    end_allows = false;
    opened_on = lane;
    return &driver;
}

const struct lg_authz_config held_authz = {.driver = open_driver};
