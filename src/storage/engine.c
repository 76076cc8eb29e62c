/* The engine port's front: fault points, and calls through the driver's table. No state. */
#include "storage/engine.h"

#include "lane/fault.h"

enum lg_rc lg_engine_open(struct lg_engine_driver *driver, const struct lg_engine_options *options,
                          struct lg_engine **out, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_OPEN, err);

    return rc != LG_OK ? rc : driver->ops->open(driver, options, out, err);
}

void lg_engine_close(struct lg_engine *e)
{
    if (e != NULL)
        e->driver->ops->close(e);
}

enum lg_rc lg_engine_destroy(struct lg_engine_driver *driver, const char *path,
                             struct lg_error *err)
{
    return driver->ops->destroy(driver, path, err);
}

enum lg_rc lg_engine_get(struct lg_engine *e, struct lg_slice key, bool from_memory_only,
                         struct lg_buf *out, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_READ, err);

    return rc != LG_OK ? rc : e->driver->ops->get(e, key, from_memory_only, out, err);
}

enum lg_rc lg_engine_put(struct lg_engine *e, struct lg_slice key, struct lg_slice value,
                         struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_WRITE, err);

    return rc != LG_OK ? rc : e->driver->ops->put(e, key, value, err);
}

enum lg_rc lg_engine_remove(struct lg_engine *e, struct lg_slice key, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_WRITE, err);

    return rc != LG_OK ? rc : e->driver->ops->remove(e, key, err);
}

enum lg_rc lg_engine_flush(struct lg_engine *e, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_WRITE, err);

    return rc != LG_OK ? rc : e->driver->ops->flush(e, err);
}

enum lg_rc lg_sst_open(struct lg_engine *e, const char *name, struct lg_sst_writer **out,
                       struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_WRITE, err);

    return rc != LG_OK ? rc : e->driver->ops->sst_open(e, name, out, err);
}

enum lg_rc lg_sst_add(struct lg_sst_writer *w, struct lg_slice key, struct lg_slice value,
                      struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_WRITE, err);

    return rc != LG_OK ? rc : w->engine->driver->ops->sst_add(w, key, value, err);
}

enum lg_rc lg_sst_finish(struct lg_sst_writer *take_w, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_WRITE, err);

    if (rc == LG_OK)
        return take_w->engine->driver->ops->sst_finish(take_w, err);
    lg_sst_abandon(take_w);
    return rc;
}

void lg_sst_abandon(struct lg_sst_writer *take_w)
{
    if (take_w != NULL)
        take_w->engine->driver->ops->sst_abandon(take_w);
}

enum lg_rc lg_sst_list(struct lg_engine *e, struct lg_disk_names *out, struct lg_error *err)
{
    return e->driver->ops->sst_list(e, out, err);
}

enum lg_rc lg_sst_remove(struct lg_engine *e, const char *name, struct lg_error *err)
{
    return e->driver->ops->sst_remove(e, name, err);
}

enum lg_rc lg_engine_ingest(struct lg_engine *e, const char *const *names, size_t n,
                            struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_ENGINE_INGEST, err);

    return rc != LG_OK ? rc : e->driver->ops->ingest(e, names, n, err);
}

enum lg_rc lg_engine_each(struct lg_engine *e,
                          enum lg_rc (*visit)(void *ctx, struct lg_slice key, struct lg_slice value,
                                              struct lg_error *err),
                          void *ctx, struct lg_error *err)
{
    return e->driver->ops->each(e, visit, ctx, err);
}
