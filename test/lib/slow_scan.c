/* Engines whose scan takes long; see the header. */
#include "test/lib/slow_scan.h"

static struct {
    struct lg_sim *sim;
    uint64_t us;
    const struct lg_engine_driver_ops *real;
    struct lg_engine_driver_ops slow;
} scan;

static enum lg_rc each_slowly(struct lg_engine *e,
                              enum lg_rc (*visit)(void *ctx, struct lg_slice key,
                                                  struct lg_slice value, struct lg_error *err),
                              void *ctx, struct lg_error *err)
{
    lg_sim_spend_us(scan.sim, scan.us);
    return scan.real->each(e, visit, ctx, err);
}

void lg_slow_scan(struct lg_sim *sim, struct lg_engine_driver *driver, uint64_t us)
{
    if (driver->ops != &scan.slow) {
        scan.real = driver->ops;
        scan.slow = *driver->ops;
        scan.slow.each = each_slowly;
        driver->ops = &scan.slow;
    }
    scan.sim = sim;
    scan.us = us;
}
