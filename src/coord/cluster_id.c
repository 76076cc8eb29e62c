/* Reads /cluster, makes it if it may, and says what is wrong. */
#include "coord/cluster_id.h"

#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"

#define PAUSE_US (200 * LG_MS)

/* Is there an id, if any, as we draw them? */
static bool has_proper_id(const struct lg_json *json)
{
    const struct lg_json *id = lg_json_get(json, "id");
    const char *text = lg_json_get_str(json, "id", "");

    return id == NULL || (strlen(text) == LG_CLUSTER_ID_CHARS &&
                          strspn(text, "0123456789abcdef") == LG_CLUSTER_ID_CHARS);
}

enum lg_rc lg_cluster_id_check(struct lg_slice value, const char *name, char *out_id,
                               struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error why;
    const char *there;
    int64_t format;

    if (lg_json_parse(value, &json, &why) != LG_OK || lg_json_get_str(json, "name", NULL) == NULL ||
        lg_json_get_int(json, "format", 0) < 1)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the node " LG_CLUSTER_PATH " of cluster '%s' is not what a controller "
                            "writes: %.*s; write it anew while no controller runs, with the id "
                            "that store/server.json of its servers names (clusterId)",
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
    if (!has_proper_id(json))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the id in the node " LG_CLUSTER_PATH " of cluster '%s' is not %u hex "
                            "digits; put back the one that store/server.json of its servers names "
                            "(clusterId)",
                            name, LG_CLUSTER_ID_CHARS);
    (void)snprintf(out_id, LG_CLUSTER_ID_CHARS + 1, "%s", lg_json_get_str(json, "id", ""));
    return LG_OK;
}

static char *text_of(const struct lg_json *json)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, json, /* pretty= */ false);
    return lg_strndup((const char *)text.data, text.size);
}

char *lg_cluster_id_value(const char *name, const char *id)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();

    lg_json_set_str(json, "name", name);
    lg_json_set_int(json, "format", LG_CLUSTER_FORMAT);
    lg_json_set_str(json, "createdBy", LAGOON_VERSION);
    lg_json_set_str(json, "id", id);
    return text_of(json);
}

static void draw_id(struct lg_cluster_check *k)
{
    uint8_t bytes[LG_CLUSTER_ID_CHARS / 2];
    LG_SCOPED(lg_buf) hex = {0};

    lg_rand_bytes(&k->lane->rand, bytes, sizeof bytes);
    lg_hex_encode(&hex, lg_slice(bytes, sizeof bytes));
    (void)snprintf(k->id, sizeof k->id, "%.*s", LG_FMT(lg_buf_slice(&hex)));
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

static void written(struct lg_meta_op *op)
{
    struct lg_cluster_check *k = LG_CONTAINER_OF(op, struct lg_cluster_check, op);

    if (op->rc == LG_OK)
        finish(k, LG_OK);
    else if ((op->rc == LG_ERR_CONFLICT || op->rc == LG_ERR_NOT_FOUND) && !k->cancelled)
        read_it(k); /* Another controller was faster. */
    else
        again_later(k, &op->err);
}

static void write_it(struct lg_cluster_check *k, enum lg_meta_change_kind kind, int64_t version)
{
    k->change = (struct lg_meta_change){
        .kind = kind, .path = LG_CLUSTER_PATH, .value = lg_slice_str(k->value), .version = version};
    k->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                .lane = k->lane,
                                .changes = &k->change,
                                .change_count = 1,
                                .done = written};
    lg_metastore_submit(k->metastore, &k->op);
}

static void create(struct lg_cluster_check *k)
{
    draw_id(k);
    k->value = lg_cluster_id_value(k->name, k->id);
    write_it(k, LG_META_CREATE, LG_META_ANY_VERSION);
}

/* To what a release wrote that knew no ids: all the rest of it stays, and of several controllers
 * that do it at once one succeeds. */
static void add_id(struct lg_cluster_check *k, struct lg_slice value, int64_t version)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    enum lg_rc rc = lg_json_parse(value, &json, &err);

    assert(rc == LG_OK); /* It passed the check. */
    (void)rc;
    draw_id(k);
    lg_json_set_str(json, "id", k->id);
    k->value = text_of(json);
    write_it(k, LG_META_SET, version);
}

static void was_read(struct lg_meta_op *op)
{
    struct lg_cluster_check *k = LG_CONTAINER_OF(op, struct lg_cluster_check, op);
    LG_AUTO(lg_blob) *value = LG_TAKE(op->value);
    struct lg_slice bytes = value == NULL ? LG_SLICE_NULL : value->bytes;

    if (op->rc == LG_OK) {
        enum lg_rc rc = lg_cluster_id_check(bytes, k->name, k->id, &k->err);

        if (rc == LG_OK && k->id[0] == '\0' && k->creates && !k->cancelled)
            add_id(k, bytes, op->version);
        else
            finish(k, rc);
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
    k->id[0] = '\0';
    read_it(k);
}

void lg_cluster_check_cancel(struct lg_cluster_check *k)
{
    k->cancelled = true;
    if (lg_timer_armed(&k->pause))
        lg_timer_start(k->lane, &k->pause, 0, pause_ended);
}
