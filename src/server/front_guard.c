#include "server/front_guard.h"

#include "base/str.h"
#include "model/names.h"

struct lg_slice lg_front_store_of(struct lg_slice topic)
{
    struct lg_slice store;
    struct lg_error err;
    int32_t version;

    return lg_names_parse_version_topic(topic, &store, &version, &err) == LG_OK ? store : topic;
}

static void is_back(struct lg_task *task)
{
    struct lg_front_doubt *d = LG_CONTAINER_OF(task, struct lg_front_doubt, task);

    LG_AUTO_STR char *principal = d->principal, *store = d->store; /* `back` may look at them. */

    (void)principal, (void)store;
    d->back(d);
}

static void decided(struct lg_authz_wait *wait)
{
    struct lg_front_doubt *d = LG_CONTAINER_OF(wait, struct lg_front_doubt, wait);

    d->task.run = is_back;
    lg_lane_post(d->from, &d->task);
}

static void there(struct lg_task *task)
{
    struct lg_front_doubt *d = LG_CONTAINER_OF(task, struct lg_front_doubt, task);

    lg_authz_wait(d->wait.authz, &d->wait, d->principal, lg_slice_str(d->store), LG_ACL_READ);
}

void lg_front_doubt(struct lg_front_doubt *d, const struct lg_front_rest *f, struct lg_lane *from,
                    const char *principal, struct lg_slice store)
{
    d->from = from;
    d->home = f->home == NULL ? from : f->home_lane;
    d->principal = principal == NULL ? NULL : lg_strdup(principal);
    d->store = store.size == 0 ? lg_strdup("") : lg_strndup((const char *)store.data, store.size);
    d->wait.authz = f->authz;
    d->wait.done = decided;
    d->task.run = there;
    lg_lane_post(d->home, &d->task);
}

enum lg_grpc_status lg_front_refuse_read(enum lg_authz_verdict verdict, const struct lg_error *why,
                                         const char *principal, struct lg_slice store,
                                         struct lg_error *err)
{
    enum lg_rc rc = lg_authz_refuse(verdict, why, principal, store, LG_ACL_READ, err);

    if (rc != LG_ERR_REFUSED)
        return LG_GRPC_UNAVAILABLE;
    return principal == NULL ? LG_GRPC_UNAUTHENTICATED : LG_GRPC_PERMISSION_DENIED;
}
