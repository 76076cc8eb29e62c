/* The queue of changes: one at a time, each one durable write, and only then the answer.
 *
 * A write whose outcome is unknown, or that contradicts what is in memory, is followed by reading
 * everything again before the next change begins.
 */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"

struct lg_change *lg_change_new(struct lg_controller *c, struct lg_http_request *rq,
                                void (*begin)(struct lg_change *ch))
{
    struct lg_change *ch = lg_new(struct lg_change);

    ch->c = c;
    ch->rq = rq;
    ch->begin = begin;
    lg_list_init(&ch->link);
    return ch;
}

static void change_free(struct lg_change *ch)
{
    lg_free(ch->store_name);
    lg_free(ch->topic_name);
    lg_free(ch->text);
    lg_free(ch->partition_count);
    lg_free(ch->replication_factor);
    lg_free(ch->owner);
    lg_free(ch->value_schema);
    lg_free(ch->counts);
    lg_free(ch->pusher);
    lg_acl_done(&ch->acl);
    lg_buf_done(&ch->dictionary);
    for (size_t i = 0; i < ch->choices.size; i++)
        lg_free(ch->choices.data[i].text);
    LG_VEC_DONE(&ch->choices);
    lg_store_free(ch->store);
    for (size_t i = 0; i < ch->topics.size; i++)
        lg_ctl_topic_free(ch->topics.data[i]);
    LG_VEC_DONE(&ch->topics);
    for (size_t i = 0; i < ch->nodes.size; i++) {
        lg_node_record_done(&ch->nodes.data[i].record);
        lg_free(ch->nodes.data[i].id);
    }
    LG_VEC_DONE(&ch->nodes);
    for (size_t i = 0; i < ch->trashed.size; i++)
        lg_free(ch->trashed.data[i]);
    LG_VEC_DONE(&ch->trashed);
    lg_json_unref(ch->answer);
    LG_VEC_DONE(&ch->writes);
    for (size_t i = 0; i < ch->paths.size; i++)
        lg_free(ch->paths.data[i]);
    LG_VEC_DONE(&ch->paths);
    for (size_t i = 0; i < ch->values.size; i++)
        lg_blob_unref(ch->values.data[i]);
    LG_VEC_DONE(&ch->values);
    lg_free(ch);
}

static void respond(struct lg_change *ch, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_error told;

    if (ch->rq == NULL) {
        /* The controller's own change: it is tried again by whoever asked for it. */
        if (rc != LG_OK)
            lg_log(LG_LOG_WARN, "change_failed", "topic=%s reason=\"%s\"",
                   ch->topic_name == NULL ? "-" : ch->topic_name, err->text);
        return;
    }
    if (rc == LG_OK) {
        if (ch->answer == NULL)
            ch->answer = lg_answer_base(ch->c, ch->store_name);
        lg_answer_json(LG_TAKE(ch->rq), LG_TAKE(ch->answer));
        return;
    }
    told = *err;
    told.rc = rc;
    if (ch->is_uncertain)
        lg_answer_uncertain(ch->c, LG_TAKE(ch->rq), &told);
    else
        lg_answer_error(ch->c, LG_TAKE(ch->rq), 0, &told);
}

bool lg_change_submit(struct lg_change *ch)
{
    struct lg_controller *c = ch->c;
    struct lg_error err;
    enum lg_rc rc = LG_OK;

    if (c->stopping)
        rc = lg_error_set(&err, LG_ERR_UNAVAILABLE, "the controller is stopping; ask again later");
    else if (!lg_ctl_leads(c) || lg_ctl_is_cut_off(c, &err))
        rc = lg_ctl_not_leader(c, &err);
    else if (c->change_count >= LG_CONTROLLER_CHANGES_MAX) {
        lg_metric_add(&lg_metric_controller_refused_total, 0, 1);
        rc = lg_error_set(&err, LG_ERR_BUSY, "%u changes wait already; ask again later",
                          LG_CONTROLLER_CHANGES_MAX);
    }
    if (rc != LG_OK) {
        respond(ch, rc, &err);
        change_free(ch);
        return false;
    }
    lg_list_push_back(&c->changes, &ch->link);
    c->change_count++;
    lg_ctl_wake(c);
    return true;
}

void lg_change_abandon(struct lg_change *ch, const struct lg_error *err)
{
    respond(ch, err->rc, err);
    change_free(ch);
}

void lg_change_end(struct lg_change *ch, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_controller *c = ch->c;

    if (rc != LG_OK && ch->rq == NULL) /* What failed now would fail at once again. */
        c->own_not_before_us = lg_lane_now_us(c->o.lane) + LG_CTL_LOOK_INTERVAL_US;
    lg_metric_add(&lg_metric_controller_changes_total, rc != LG_OK, 1);
    respond(ch, rc, err);
    lg_list_remove(&ch->link);
    c->change_count--;
    c->change_open = false;
    change_free(ch);
    lg_ctl_wake(c);
}

void lg_changes_refuse(struct lg_controller *c, const struct lg_error *err)
{
    LG_LIST_EACH(link, &c->changes)
    {
        struct lg_change *ch = LG_CONTAINER_OF(link, struct lg_change, link);

        if (c->change_open && link == c->changes.next) /* It runs. */
            continue;
        respond(ch, err->rc, err);
        lg_list_remove(link);
        c->change_count--;
        change_free(ch);
    }
}

void lg_changes_cut_off(struct lg_controller *c, const struct lg_error *why)
{
    struct lg_change *running;
    struct lg_error err = *why;

    lg_changes_refuse(c, why);
    if (!c->change_open)
        return;
    running = LG_CONTAINER_OF(c->changes.next, struct lg_change, link);
    (void)lg_error_wrap(&err, "it is not known whether the change was made");
    running->is_uncertain = true;
    if (running->rq != NULL)
        respond(running, err.rc, &err);
}

enum lg_rc lg_change_take_store(struct lg_change *ch, const char *name, struct lg_error *err)
{
    struct lg_ctl_store *entry;
    enum lg_rc rc = lg_ctl_state_find(ch->c->state, name, &entry, err);

    if (rc != LG_OK)
        return rc;
    ch->store = lg_store_copy(entry->store);
    return LG_OK;
}

/* The first of all: it must still be the leader that it was. */
static void add_fence(struct lg_change *ch)
{
    if (ch->writes.size == 0)
        LG_VEC_PUSH(&ch->writes, ch->fence);
}

static void add_write(struct lg_change *ch, enum lg_meta_change_kind kind, char *take_path,
                      struct lg_blob *take_value, int64_t version)
{
    add_fence(ch);
    LG_VEC_PUSH(&ch->paths, take_path);
    if (take_value != NULL)
        LG_VEC_PUSH(&ch->values, take_value);
    LG_VEC_PUSH(&ch->writes, (struct lg_meta_change){
                                 .kind = kind,
                                 .path = take_path,
                                 .value = take_value == NULL ? LG_SLICE_NULL : take_value->bytes,
                                 .version = version,
                             });
}

static struct lg_blob *blob_of(struct lg_json *take_json)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, take_json, /* pretty= */ false);
    lg_json_unref(take_json);
    return lg_blob_take(&text);
}

enum lg_rc lg_change_write_store(struct lg_change *ch, struct lg_error *err)
{
    struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store->name);
    LG_AUTO(lg_blob) *value = blob_of(lg_store_to_json(ch->store, LG_STORE_JSON_PERSISTENT));
    char *path;

    assert(ch->store_is_new == (entry == NULL));
    if (value->bytes.size > LG_META_VALUE_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the metadata of store '%s' would take %zu bytes, over the limit of "
                            "%zu; shorten its schemas",
                            ch->store->name, value->bytes.size, LG_META_VALUE_MAX);
    path = lg_strf("/stores/%s", ch->store->name);
    if (ch->store_is_new && lg_map_get(ch->c->state->graves, lg_slice_str(ch->store->name)) != NULL)
        add_write(ch, LG_META_REMOVE_TREE, lg_strf("/graveyard/%s", ch->store->name), NULL,
                  LG_META_ANY_VERSION);
    if (ch->store_is_new)
        add_write(ch, LG_META_CREATE, path, LG_TAKE(value), LG_META_ANY_VERSION);
    else
        add_write(ch, LG_META_SET, path, LG_TAKE(value), entry->node_version);
    return LG_OK;
}

void lg_change_write_topic(struct lg_change *ch, struct lg_ctl_topic *take_topic, bool created)
{
    struct lg_ctl_topic *t = take_topic;

    if (created)
        add_write(ch, LG_META_PUT, lg_strf("/assignment/%s", t->name),
                  blob_of(lg_ctl_topic_assignment_json(t)), LG_META_ANY_VERSION);
    add_write(ch, LG_META_PUT, lg_strf("/pushes/%s", t->name), blob_of(lg_ctl_topic_push_json(t)),
              LG_META_ANY_VERSION);
    LG_VEC_PUSH(&ch->topics, t);
}

void lg_change_write_assignment(struct lg_change *ch, struct lg_ctl_topic *take_topic)
{
    add_write(ch, LG_META_PUT, lg_strf("/assignment/%s", take_topic->name),
              blob_of(lg_ctl_topic_assignment_json(take_topic)), LG_META_ANY_VERSION);
    LG_VEC_PUSH(&ch->topics, take_topic);
}

void lg_change_write_node(struct lg_change *ch, const char *id, struct lg_node_record *take_record,
                          bool gone)
{
    if (gone)
        add_write(ch, LG_META_REMOVE_TREE, lg_strf("/nodes/%s", id), NULL, LG_META_ANY_VERSION);
    else
        add_write(ch, LG_META_PUT, lg_strf("/nodes/%s", id),
                  blob_of(lg_node_record_to_json(take_record)), LG_META_ANY_VERSION);
    LG_VEC_PUSH(&ch->nodes, (struct lg_ctl_node_change){lg_strdup(id), *take_record, gone});
    *take_record = (struct lg_node_record){0};
}

void lg_change_write_clients(struct lg_change *ch, enum lg_client_protocols protocols)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "protocols", lg_client_protocols_name(protocols));
    add_write(ch, LG_META_PUT, lg_strdup("/settings/clients"), blob_of(json), LG_META_ANY_VERSION);
}

void lg_change_write_clock(struct lg_change *ch, int64_t clock_ms)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_int(json, "ms", clock_ms);
    add_write(ch, LG_META_PUT, lg_strdup(LG_CTL_CLOCK_PATH), blob_of(json), LG_META_ANY_VERSION);
}

void lg_change_write_trash(struct lg_change *ch, const char *topic)
{
    add_write(ch, LG_META_REMOVE_TREE, lg_strf("/assignment/%s", topic), NULL, LG_META_ANY_VERSION);
    add_write(ch, LG_META_REMOVE_TREE, lg_strf("/pushes/%s", topic), NULL, LG_META_ANY_VERSION);
    add_write(ch, LG_META_PUT, lg_strf("/trash/%s", topic), lg_blob_new(LG_LIT("{}")),
              LG_META_ANY_VERSION);
    LG_VEC_PUSH(&ch->trashed, lg_strdup(topic));
}

enum lg_rc lg_change_write_purge(struct lg_change *ch, struct lg_error *err)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store->name);
    struct lg_json *grave;
    char topic[LG_NAMES_TOPIC_MAX + 1];

    if (lg_map_size(ch->c->state->graves) >= LG_CONTROLLER_GRAVES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the graveyard holds %u names, which is the limit; forget one that is "
                            "not used again with /remove_store_from_graveyard",
                            LG_CONTROLLER_GRAVES_MAX);
    grave = lg_json_new_object();
    lg_json_set_int(grave, "largestUsedVersionNumber", ch->store->largest_used_version);
    lg_json_set_int(grave, "purgedTime", (int64_t)lg_lane_wall_ms(ch->c->o.lane));
    add_write(ch, LG_META_REMOVE, lg_strf("/stores/%s", ch->store->name), NULL,
              entry->node_version);
    add_write(ch, LG_META_PUT, lg_strf("/graveyard/%s", ch->store->name), blob_of(grave),
              LG_META_ANY_VERSION);
    for (size_t i = 0; i < ch->store->versions.size; i++) {
        lg_names_version_topic(topic, ch->store->name, ch->store->versions.data[i].number);
        lg_change_write_trash(ch, topic);
    }
    ch->store_is_gone = true;
    return LG_OK;
}

void lg_change_write_forget_grave(struct lg_change *ch)
{
    add_write(ch, LG_META_REMOVE_TREE, lg_strf("/graveyard/%s", ch->store_name), NULL,
              LG_META_ANY_VERSION);
}

/* Memory follows what is durable. */
static void take_over(struct lg_change *ch)
{
    struct lg_ctl_state *state = ch->c->state;

    if (ch->store_is_gone) {
        lg_ctl_state_bury(state, ch->store->name, ch->store->largest_used_version);
    } else if (ch->store != NULL) {
        struct lg_ctl_store *before = lg_ctl_state_store(state, ch->store->name);

        lg_ctl_state_unbury(state, ch->store->name);
        lg_ctl_state_put_store(state, LG_TAKE(ch->store),
                               before == NULL ? 0 : before->node_version + 1);
    }
    for (size_t i = 0; i < ch->topics.size; i++)
        lg_ctl_state_put_topic(state, ch->topics.data[i]);
    ch->topics.size = 0;
    for (size_t i = 0; i < ch->nodes.size; i++) {
        if (ch->nodes.data[i].gone)
            lg_ctl_state_remove_node(state, ch->nodes.data[i].id);
        else
            lg_ctl_state_put_node(state, ch->nodes.data[i].id, &ch->nodes.data[i].record);
    }
    for (size_t i = 0; i < ch->trashed.size; i++)
        lg_ctl_state_trash(state, ch->trashed.data[i], lg_lane_now_us(ch->c->o.lane));
}

/* A write of this change failed. */
static void end_unwritten(struct lg_change *ch, const struct lg_meta_op *op)
{
    struct lg_controller *c = ch->c;
    struct lg_error err = op->err;
    enum lg_rc rc = op->rc;

    /* It may have happened, or memory may be wrong: read before anything else is decided. */
    if (c->election != NULL && lg_election_check_fenced(c->election, op))
        rc = lg_error_set(&err, LG_ERR_UNAVAILABLE,
                          "this controller does not lead cluster '%s' any more, nothing was "
                          "changed; ask again",
                          c->cluster);
    else if (rc == LG_ERR_UNAVAILABLE) {
        (void)lg_error_wrap(&err, "it is not known whether the change was made; ask again");
        ch->is_uncertain = true;
    } else if (rc == LG_ERR_CONFLICT) {
        (void)lg_error_wrap(&err, "nothing was changed, as somebody else has written into the "
                                  "metadata, which are read anew; ask again");
    }
    lg_ctl_load(c);
    lg_change_end(ch, rc, &err);
}

static void confirmed(struct lg_meta_op *op)
{
    struct lg_change *ch = LG_CONTAINER_OF(op, struct lg_change, op);

    if (op->rc != LG_OK)
        end_unwritten(ch, op);
    else
        ch->confirmed(ch);
}

void lg_change_confirm(struct lg_change *ch, void (*then)(struct lg_change *ch))
{
    ch->confirmed = then;
    ch->op = (struct lg_meta_op){
        .kind = LG_META_WRITE,
        .lane = ch->c->o.lane,
        .changes = &ch->fence,
        .change_count = 1,
        .done = confirmed,
    };
    lg_metastore_submit(ch->c->o.metastore, &ch->op);
}

static void written(struct lg_meta_op *op)
{
    struct lg_change *ch = LG_CONTAINER_OF(op, struct lg_change, op);

    if (op->rc != LG_OK) {
        end_unwritten(ch, op);
        return;
    }
    take_over(ch);
    if (ch->applied != NULL)
        ch->applied(ch);
    lg_change_end(ch, LG_OK, NULL);
}

void lg_change_commit(struct lg_change *ch)
{
    add_fence(ch);
    ch->op = (struct lg_meta_op){
        .kind = LG_META_WRITE,
        .lane = ch->c->o.lane,
        .changes = ch->writes.data,
        .change_count = ch->writes.size,
        .done = written,
    };
    lg_metastore_submit(ch->c->o.metastore, &ch->op);
}
