#include "test/lib/uring_here.h"

#include "drivers/uring/lane_uring.h"
#include "test/test.h"

static enum lg_rc try_ring(struct lg_error *err)
{
    struct lg_lane *lane = NULL;
    enum lg_rc rc =
        lg_lane_uring_new("here", &(struct lg_lane_uring_options){.pool = NULL}, &lane, err);

    lg_lane_uring_free(lane);
    return rc;
}

bool lg_uring_is_here(void)
{
    struct lg_error err = {0};

    if (try_ring(&err) == LG_OK)
        return true;
    print_error("NOT RUN, but for the refusal: %s\n", err.text);
    return false;
}

void lg_uring_is_refused_with_a_reason(void **state)
{
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_UNAVAILABLE, try_ring(&err));
    assert_true(strlen(err.text) > 0);
}
