/* The driver that reads the access permissions of stores in the catalog. What is not listed is
 * denied; what belongs to no store is the admins' and the trusted ones', whom the table knows. */
#include "authz/authz.h"

struct acl_driver {
    struct lg_authz_driver driver; /* First. */
    struct lg_catalog_snapshot *snapshot;
};

static void judge(struct lg_authz_driver *d, struct lg_authz_ask *ask)
{
    struct acl_driver *a = LG_CONTAINER_OF(d, struct acl_driver, driver);
    const struct lg_catalog_store *store;

    if (a->snapshot == NULL) {
        ask->rc = lg_error_set(&ask->err, LG_ERR_UNREADY, "the metadata is not read yet");
        return;
    }
    ask->rc = LG_OK;
    store = lg_catalog_store(a->snapshot, lg_slice_str(ask->store));
    ask->allowed = store != NULL && lg_acl_allows(&store->store->acl, ask->principal, ask->method);
}

static void learn(struct lg_authz_driver *d, struct lg_catalog_snapshot *snapshot)
{
    struct acl_driver *a = LG_CONTAINER_OF(d, struct acl_driver, driver);
    struct lg_catalog_snapshot *before = a->snapshot;

    a->snapshot = lg_catalog_snapshot_ref(snapshot);
    lg_catalog_snapshot_unref(before);
}

static void acl_free(struct lg_authz_driver *d)
{
    struct acl_driver *a = LG_CONTAINER_OF(d, struct acl_driver, driver);

    lg_catalog_snapshot_unref(a->snapshot);
    lg_free(a);
}

static const struct lg_authz_driver_ops ops = {
    .name = "acl", .judge = judge, .learn = learn, .free = acl_free};

struct lg_authz_driver *lg_authz_acl_new(void)
{
    struct acl_driver *a = lg_new(struct acl_driver);

    a->driver.ops = &ops;
    return &a->driver;
}
