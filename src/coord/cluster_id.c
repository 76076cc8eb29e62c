/* Reads /cluster, makes it if it may, and says what is wrong. */
#include "coord/cluster_id.h"

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"

#define PAUSE_US (200 * LG_MS)

enum lg_rc lg_cluster_id_check(struct lg_slice value, const char *name, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error why;
    const char *there;
    int64_t format;

    if (lg_json_parse(value, &json, &why) != LG_OK || lg_json_get_str(json, "name", NULL) == NULL ||
        lg_json_get_int(json, "format", 0) < 1)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the node " LG_CLUSTER_PATH " of cluster '%s' is not what a controller "
                            "writes: %.*s; it may be removed while no controller runs, and the "
                            "next one makes it anew",
                            name, (int)LG_MIN(value.size, (size_t)100), (const char *)value.data);
    there = lg_json_get_str(json, "name", "");
    format = lg_json_get_int(json, "format", 0);
    if (format > LG_CLUSTER_FORMAT)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "the metadata of cluster '%s' has format %lld, written by release %s; "
                            "this release reads up to format %d: install the newer one here",
                            there, (long long)format, lg_json_get_str(json, "createdBy", "(none)"),
                            LG_CLUSTER_FORMAT);
    if (strcmp(there, name) != 0)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "this metadata belongs to cluster '%s', not to '%s'; correct "
                            "cluster.name, or the address and root of the metastore",
                            there, name);
    return LG_OK;
}

char *lg_cluster_id_value(const char *name)
{
    struct lg_json *json = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};

    lg_json_set_str(json, "name", name);
    lg_json_set_int(json, "format", LG_CLUSTER_FORMAT);
    lg_json_set_str(json, "createdBy", LAGOON_VERSION);
    lg_json_write(&text, json, /* pretty= */ false);
    lg_json_unref(json);
    return lg_strndup((const char *)text.data, text.size);
}

static void read_it(struct lg_cluster_check *k);

static void finish(struct lg_cluster_check *k, enum lg_rc rc)
{
    lg_timer_stop(k->lane, &k->pause);
    lg_free(k->value);
    k->value = NULL;
    k->rc = rc;
    k->done(k);
}

static void pause_ended(struct lg_timer *timer)
{
    struct lg_cluster_check *k = LG_CONTAINER_OF(timer, struct lg_cluster_check, pause);

    if (k->cancelled)
        finish(k, lg_error_set(&k->err, LG_ERR_UNAVAILABLE, "the check of the cluster was ended"));
    else
        read_it(k);
}

static void again_later(struct lg_cluster_check *k, const struct lg_error *err)
{
    if (!k->told)
        lg_log(LG_LOG_WARN, "metadata_unavailable", "cluster=%s reason=\"%s\"", k->name, err->text);
    k->told = true;
    lg_timer_start(k->lane, &k->pause, k->cancelled ? 0 : PAUSE_US, pause_ended);
}

static void created(struct lg_meta_op *op)
{
    struct lg_cluster_check *k = LG_CONTAINER_OF(op, struct lg_cluster_check, op);

    if (op->rc == LG_OK)
        finish(k, LG_OK);
    else if (op->rc == LG_ERR_CONFLICT && !k->cancelled)
        read_it(k); /* Another controller was faster. */
    else
        again_later(k, &op->err);
}

static void create(struct lg_cluster_check *k)
{
    k->value = lg_cluster_id_value(k->name);
    k->change = (struct lg_meta_change){.kind = LG_META_CREATE,
                                        .path = LG_CLUSTER_PATH,
                                        .value = lg_slice_str(k->value),
                                        .version = LG_META_ANY_VERSION};
    k->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                .lane = k->lane,
                                .changes = &k->change,
                                .change_count = 1,
                                .done = created};
    lg_metastore_submit(k->metastore, &k->op);
}

static void was_read(struct lg_meta_op *op)
{
    struct lg_cluster_check *k = LG_CONTAINER_OF(op, struct lg_cluster_check, op);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);

    if (op->rc == LG_OK) {
        finish(k,
               lg_cluster_id_check(value == NULL ? LG_SLICE_NULL : value->bytes, k->name, &k->err));
    } else if (op->rc != LG_ERR_NOT_FOUND) {
        again_later(k, &op->err);
    } else if (k->creates && !k->cancelled) {
        create(k);
    } else {
        finish(k, lg_error_set(&k->err, LG_ERR_NOT_FOUND,
                               "there is no cluster '%s' in this metastore; start one of its "
                               "controllers first, or correct cluster.name",
                               k->name));
    }
}

static void read_it(struct lg_cluster_check *k)
{
    lg_free(k->value);
    k->value = NULL;
    k->op = (struct lg_meta_op){
        .kind = LG_META_GET, .lane = k->lane, .path = LG_CLUSTER_PATH, .done = was_read};
    lg_metastore_submit(k->metastore, &k->op);
}

void lg_cluster_check_submit(struct lg_cluster_check *k)
{
    k->cancelled = k->told = false;
    k->value = NULL;
    k->pause = (struct lg_timer){0};
    k->err = (struct lg_error){0};
    read_it(k);
}

void lg_cluster_check_cancel(struct lg_cluster_check *k)
{
    k->cancelled = true;
    if (lg_timer_armed(&k->pause))
        lg_timer_start(k->lane, &k->pause, 0, pause_ended);
}
