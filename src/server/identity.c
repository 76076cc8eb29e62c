/* The file server.json: see the header. */
#include "server/identity.h"

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"

#define IDENTITY_BYTES 16
#define RESETS_MAX 100000u

struct lg_identity {
    struct lg_lane *lane;
    struct lg_disk *disk;
    char *text, *instance, *cluster;
    char *cluster_id;      /* NULL: none that is known */
    struct lg_map *resets; /* "<topic>/<partition>" -> int64_t, owned */
    bool is_new, adopts;   /* it has no file; the file has no id of the cluster yet */

    struct lg_offload save;
    bool saving, changed;
    struct lg_buf content;
    enum lg_rc rc;
    struct lg_error err;
    struct lg_task end;
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* --- Reading. ----------------------------------------------------------------------------------
 */

static void put_reset(struct lg_identity *id, struct lg_slice key, int64_t number)
{
    int64_t *kept = lg_new(int64_t);

    *kept = number;
    lg_free(lg_map_put(id->resets, key, kept));
}

static enum lg_rc damaged(const char *why, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_CORRUPT,
                        LG_IDENTITY_FILE " of the data directory is damaged: %s; restore it from a "
                                         "backup, or give the server an empty directory: it reads "
                                         "its replicas from the log again",
                        why);
}

static enum lg_rc take(struct lg_identity *id, const struct lg_json *json, struct lg_error *err)
{
    const struct lg_json *resets = lg_json_get(json, "resets");
    const char *text = lg_json_get_str(json, "identity", "");
    const char *key;
    struct lg_json *number;
    size_t i = 0;

    if (text[0] == '\0' || strlen(text) > 2 * (size_t)IDENTITY_BYTES)
        return damaged("it names no identity", err);
    if (lg_json_size(resets) > RESETS_MAX)
        return damaged("it has too many resets", err);
    lg_free(id->text);
    id->text = lg_strdup(text);
    id->instance = lg_strdup(lg_json_get_str(json, "instance", ""));
    if (lg_json_type(resets) == LG_JSON_OBJECT)
        while (lg_json_next(resets, &i, &key, &number))
            if (lg_json_type(number) == LG_JSON_INT)
                put_reset(id, lg_slice_str(key), lg_json_int(number));
    return LG_OK;
}

static enum lg_rc check_cluster(const struct lg_identity *id, const struct lg_json *json,
                                struct lg_error *err)
{
    const char *theirs = lg_json_get_str(json, "cluster", NULL);

    if (theirs == NULL && id->cluster != NULL)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "the data directory belongs to a standalone Lagoon, not to a server of "
                            "the cluster %s; give the server a directory of its own",
                            id->cluster);
    if (theirs != NULL && (id->cluster == NULL || strcmp(theirs, id->cluster) != 0))
        return lg_error_set(
            err, LG_ERR_CONFLICT,
            "the data directory belongs to a server of the cluster %s, not to %s%s; "
            "set cluster.name to %s, or give the server another directory",
            theirs, id->cluster == NULL ? "a standalone Lagoon" : "the cluster ",
            id->cluster == NULL ? "" : id->cluster, theirs);
    return LG_OK;
}

/* An id, once a cluster has one, is never taken from it: one without is another cluster, too. */
static enum lg_rc check_cluster_id(struct lg_identity *id, const struct lg_identity_options *o,
                                   const struct lg_json *json, struct lg_error *err)
{
    const char *theirs = lg_json_get_str(json, "clusterId", "");

    if (id->cluster == NULL || theirs[0] == '\0') {
        id->adopts = id->cluster_id != NULL;
        return LG_OK;
    }
    if (o->cluster_id == NULL) { /* Nobody asks: it stays. */
        id->cluster_id = lg_strdup(theirs);
        return LG_OK;
    }
    if (strcmp(theirs, o->cluster_id) == 0)
        return LG_OK;
    return lg_error_set(
        err, LG_ERR_CONFLICT,
        "the data directory%s%s holds replicas of the cluster %s with the id %.40s, but the one in "
        "ZooKeeper has the id %s; nothing was removed. Is it the wrong ZooKeeper, or was it "
        "emptied? Correct zookeeper.address or restore ZooKeeper; to begin anew, move the "
        "directory away",
        o->place == NULL ? "" : " ", o->place == NULL ? "" : o->place, id->cluster, theirs,
        o->cluster_id[0] == '\0' ? "(none)" : o->cluster_id);
}

static enum lg_rc read_file(struct lg_identity *id, const struct lg_identity_options *o,
                            struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error inner = {0};
    enum lg_rc rc =
        lg_disk_read_file(id->disk, LG_IDENTITY_FILE, LG_IDENTITY_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND)
        return LG_OK;
    if (rc != LG_OK)
        return rc;
    id->is_new = false;
    if (lg_json_parse(lg_buf_slice(&text), &json, &inner) != LG_OK)
        return damaged(inner.text, err);
    rc = take(id, json, err);
    if (rc == LG_OK)
        rc = check_cluster(id, json, err);
    return rc == LG_OK ? check_cluster_id(id, o, json, err) : rc;
}

enum lg_rc lg_identity_open(const struct lg_identity_options *o, struct lg_identity **out,
                            struct lg_error *err)
{
    struct lg_identity *id = lg_new(struct lg_identity);
    uint8_t bytes[IDENTITY_BYTES];
    struct lg_buf text = {0};
    enum lg_rc rc = LG_OK;

    id->lane = o->lane;
    id->disk = o->disk;
    id->cluster = o->cluster == NULL ? NULL : lg_strdup(o->cluster);
    if (o->cluster != NULL && o->cluster_id != NULL && o->cluster_id[0] != '\0')
        id->cluster_id = lg_strdup(o->cluster_id);
    id->resets = lg_map_new();
    id->is_new = true;
    if (o->disk != NULL)
        rc = read_file(id, o, err);
    if (rc != LG_OK) {
        lg_identity_free(id);
        return rc;
    }
    if (id->text == NULL) {
        lg_rand_bytes(&o->lane->rand, bytes, sizeof bytes);
        lg_hex_encode(&text, lg_slice(bytes, sizeof bytes));
        id->text = lg_strndup((const char *)text.data, text.size);
        lg_buf_done(&text);
    }
    *out = id;
    return LG_OK;
}

bool lg_identity_is_new(const struct lg_identity *id)
{
    return id->is_new;
}

const char *lg_identity_text(const struct lg_identity *id)
{
    return id->text;
}

/* --- Writing. ----------------------------------------------------------------------------------
 */

static void write_content(const struct lg_identity *id, struct lg_buf *out)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *resets = lg_json_new_object();
    struct lg_slice key;
    void *number;
    size_t at = 0;

    lg_json_set_str(json, "identity", id->text);
    lg_json_set_str(json, "instance", id->instance);
    if (id->cluster != NULL)
        lg_json_set_str(json, "cluster", id->cluster);
    if (id->cluster_id != NULL)
        lg_json_set_str(json, "clusterId", id->cluster_id);
    lg_json_set_str(json, "release", LAGOON_VERSION);
    while (lg_map_next(id->resets, &at, &key, &number)) {
        LG_AUTO_STR char *name = lg_strndup((const char *)key.data, key.size);

        lg_json_set_int(resets, name, *(const int64_t *)number);
    }
    lg_json_set(json, "resets", resets);
    lg_buf_clear(out);
    lg_json_write(out, json, /* pretty= */ true);
    lg_buf_append_byte(out, '\n');
}

enum lg_rc lg_identity_keep(struct lg_identity *id, const char *instance, struct lg_error *err)
{
    bool renamed =
        id->instance != NULL && id->instance[0] != 0 && strcmp(id->instance, instance) != 0;

    if (renamed)
        lg_log(LG_LOG_WARN, "server_renamed", "from=%s to=%s", id->instance, instance);
    if (!id->is_new && !id->adopts && id->instance != NULL && strcmp(id->instance, instance) == 0)
        return LG_OK;
    lg_free(id->instance);
    id->instance = lg_strdup(instance);
    if (id->disk == NULL)
        return LG_OK;
    write_content(id, &id->content);
    return lg_disk_write_file(id->disk, LG_IDENTITY_FILE, lg_buf_slice(&id->content), err);
}

static void save_work(struct lg_offload *offload)
{
    struct lg_identity *id = LG_CONTAINER_OF(offload, struct lg_identity, save);

    id->rc = lg_disk_write_file(id->disk, LG_IDENTITY_FILE, lg_buf_slice(&id->content), &id->err);
}

static void save(struct lg_identity *id);

static void end_now(struct lg_identity *id)
{
    void (*closed)(void *ctx) = id->closed;
    void *ctx = id->closed_ctx;

    lg_identity_free(id);
    closed(ctx);
}

/* What could not be saved is done once more after a restart: a reset begins anew, no more. */
static void saved(struct lg_offload *offload)
{
    struct lg_identity *id = LG_CONTAINER_OF(offload, struct lg_identity, save);

    id->saving = false;
    if (id->rc != LG_OK)
        lg_log(LG_LOG_WARN, "identity_not_saved", "reason=\"%s\"", id->err.text);
    if (id->changed)
        save(id);
    else if (id->closing)
        end_now(id);
}

static void save(struct lg_identity *id)
{
    id->changed = true;
    if (id->disk == NULL || id->saving)
        return;
    id->changed = false;
    id->saving = true;
    write_content(id, &id->content);
    id->save.work = save_work;
    id->save.done = saved;
    lg_offload(id->lane, &id->save);
}

static char *reset_key(const char *topic, uint32_t partition)
{
    return lg_strf("%s/%u", topic, partition);
}

int64_t lg_identity_reset(const struct lg_identity *id, const char *topic, uint32_t partition)
{
    LG_AUTO_STR char *key = reset_key(topic, partition);
    const int64_t *number = lg_map_get(id->resets, lg_slice_str(key));

    return number == NULL ? 0 : *number;
}

void lg_identity_set_reset(struct lg_identity *id, const char *topic, uint32_t partition,
                           int64_t number)
{
    LG_AUTO_STR char *key = reset_key(topic, partition);

    if (lg_identity_reset(id, topic, partition) == number)
        return;
    if (number == 0)
        lg_free(lg_map_remove(id->resets, lg_slice_str(key)));
    else
        put_reset(id, lg_slice_str(key), number);
    save(id);
}

/* --- The end. ----------------------------------------------------------------------------------
 */

static void end_posted(struct lg_task *task)
{
    end_now(LG_CONTAINER_OF(task, struct lg_identity, end));
}

void lg_identity_close(struct lg_identity *id, void (*closed)(void *ctx), void *ctx)
{
    id->closing = true;
    id->closed = closed;
    id->closed_ctx = ctx;
    if (id->saving)
        return;
    id->end.run = end_posted;
    lg_lane_post(id->lane, &id->end);
}

void lg_identity_free(struct lg_identity *id)
{
    struct lg_slice key;
    void *number;
    size_t at = 0;

    if (id == NULL)
        return;
    while (lg_map_next(id->resets, &at, &key, &number))
        lg_free(number);
    lg_map_free(id->resets);
    lg_buf_done(&id->content);
    lg_free(id->text);
    lg_free(id->instance);
    lg_free(id->cluster);
    lg_free(id->cluster_id);
    lg_free(id);
}
