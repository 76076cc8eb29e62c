/* Engines whose disk is slow; see the header. */
#include "test/lib/slow_engine.h"

static struct {
    struct lg_sim *sim;
    uint64_t scan_us, get_us;
    struct lg_slice warm;
    const struct lg_engine_driver_ops *real;
    struct lg_engine_driver_ops slow;
} disk;

static enum lg_rc each_slowly(struct lg_engine *e,
                              enum lg_rc (*visit)(void *ctx, struct lg_slice key,
                                                  struct lg_slice value, struct lg_error *err),
                              void *ctx, struct lg_error *err)
{
    lg_sim_spend_us(disk.sim, disk.scan_us);
    return disk.real->each(e, visit, ctx, err);
}

static enum lg_rc get_slowly(struct lg_engine *e, struct lg_slice key, bool from_memory_only,
                             struct lg_buf *out, struct lg_error *err)
{
    if (key.size == disk.warm.size && memcmp(key.data, disk.warm.data, key.size) == 0)
        return disk.real->get(e, key, /* from_memory_only= */ false, out, err);
    if (from_memory_only)
        return LG_ERR_WOULD_BLOCK;
    lg_sim_spend_us(disk.sim, disk.get_us);
    return disk.real->get(e, key, from_memory_only, out, err);
}

static struct lg_engine_driver_ops *slow_ops(struct lg_sim *sim, struct lg_engine_driver *driver)
{
    if (driver->ops != &disk.slow) {
        disk.real = driver->ops;
        disk.slow = *driver->ops;
        driver->ops = &disk.slow;
    }
    disk.sim = sim;
    return &disk.slow;
}

void lg_slow_scan(struct lg_sim *sim, struct lg_engine_driver *driver, uint64_t us)
{
    slow_ops(sim, driver)->each = each_slowly;
    disk.scan_us = us;
}

void lg_slow_get(struct lg_sim *sim, struct lg_engine_driver *driver, uint64_t us,
                 struct lg_slice warm)
{
    slow_ops(sim, driver)->get = get_slowly;
    disk.get_us = us;
    disk.warm = warm;
}
