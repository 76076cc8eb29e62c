/* Who may push, and what a push leaves behind. Pure. */
#include "controller/version_lifecycle.h"

/* Its pusher is silent; or nobody promised to be heard of, and it has run for too long. */
static bool may_be_replaced(const struct lg_version *running, int64_t clock_ms)
{
    return lg_version_lease_expired(running, clock_ms) ||
           (running->push_lease_ms == 0 &&
            clock_ms - running->started_clock_ms > LG_VERSION_LINGER_MS);
}

enum lg_rc lg_version_lifecycle_admit(struct lg_store *store, const struct lg_store_push *push,
                                      int32_t *out_version, bool *out_is_new, int32_t *out_replaced,
                                      struct lg_error *err)
{
    struct lg_version *version, *running;
    bool is_new;
    int32_t replaced;
    enum lg_rc rc = lg_store_add_version(store, push, &version, &is_new, err);

    *out_replaced = 0;
    if (rc == LG_ERR_CONCURRENT) {
        running = lg_store_running_push(store);
        if (running == NULL || !may_be_replaced(running, push->clock_ms))
            return rc;
        replaced = running->number;
        running->status = LG_VERSION_KILLED; /* Undone below if the new one is refused. */
        rc = lg_store_add_version(store, push, &version, &is_new, err);
        if (rc != LG_OK) {
            lg_store_version(store, replaced)->status = LG_VERSION_STARTED;
            return rc;
        }
        *out_replaced = replaced;
    }
    if (rc != LG_OK)
        return rc;
    *out_version = version->number;
    *out_is_new = is_new;
    return LG_OK;
}

enum lg_push_status lg_version_lifecycle_job_status(const struct lg_version *version)
{
    if (version == NULL)
        return LG_PUSH_ARCHIVED;
    switch (version->status) {
    case LG_VERSION_ONLINE:
    case LG_VERSION_PUSHED:
    case LG_VERSION_PARTIALLY_ONLINE:
    case LG_VERSION_ROLLED_BACK:
        return LG_PUSH_COMPLETED;
    case LG_VERSION_ERROR:
    case LG_VERSION_KILLED:
        return LG_PUSH_ERROR;
    case LG_VERSION_NOT_CREATED:
    case LG_VERSION_STARTED:
    case LG_VERSION_CREATED:
        return LG_PUSH_STARTED;
    }
    return LG_PUSH_UNKNOWN;
}
