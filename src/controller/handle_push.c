/* Routes that tell of pushes: one in detail, and those that run or ran lately. Asking does not
 * count as hearing the pusher: the lease goes on. */
#include "base/log.h"
#include "controller/core.h"
#include "controller/push_report.h"

#include <stdlib.h>

#define LIST_MAX 1000u /* pushes told at a time, the newest */

static struct lg_push_report_input
input_of(const struct lg_controller *c, const struct lg_store *store, const struct lg_version *v)
{
    return (struct lg_push_report_input){
        .store = store,
        .version = v,
        .topic = lg_ctl_state_version(c->state, store->name, v->number),
        .snapshot = lg_ctl_snapshot(c),
        .clock_ms = lg_ctl_clock_ms(c),
        .abandoned_keep_ms = (int64_t)c->o.abandoned_keep_ms,
        .space = c->o.space,
    };
}

static struct lg_json *asked_json(const struct lg_controller *c, const struct lg_store *store,
                                  const struct lg_change *ch)
{
    const struct lg_ctl_topic *t = ch->topics.size > 0 ? ch->topics.data[0] : NULL;

    return lg_push_report_asked(&(struct lg_push_asked){
        .store = store,
        .push_job_id = ch->text,
        .pusher = t != NULL ? t->pusher : ch->pusher, /* It has moved there. */
        .topic = ch->topic_name,
        .log = lg_answer_bootstrap_servers(c),
        .version = ch->version,
        .partitions = (uint32_t)store->partition_count,
        .asked_ms = ch->asked_ms,
        .swap_deferred = ch->swap_deferred,
    });
}

/* One of which nobody knows a version is the newest; so it has no number to be asked for by. */
static const struct lg_change *choose_asked(const struct lg_controller *c,
                                            struct lg_http_request *rq,
                                            const struct lg_store *store)
{
    return lg_front_param(rq, "version") != NULL
               ? NULL
               : lg_change_asked_push(c, store, lg_front_param(rq, "push_job_id"));
}

/* Which one is meant: by number, by push id, or the newest. At most one of the two is not NULL. */
static enum lg_rc choose(struct lg_http_request *rq, const struct lg_store *store,
                         const struct lg_version **out, const struct lg_past_push **out_past,
                         struct lg_error *err)
{
    const char *id = lg_front_param(rq, "push_job_id");
    int64_t number = 0;
    enum lg_rc rc = lg_front_number(rq, "version", 1, INT32_MAX, 0, &number, err);

    if (rc != LG_OK)
        return rc;
    *out = NULL;
    *out_past = NULL;
    if (id != NULL) {
        *out = lg_store_version_of_push(store, id);
        for (size_t i = store->past_pushes.size; *out == NULL && i > 0; i--)
            if (*out_past == NULL && strcmp(store->past_pushes.data[i - 1].push_job_id, id) == 0)
                *out_past = &store->past_pushes.data[i - 1];
    } else if (number != 0) {
        *out = lg_store_version(store, (int32_t)number);
        *out_past = lg_store_past_push(store, (int32_t)number);
    } else if (store->versions.size > 0) {
        *out = &store->versions.data[store->versions.size - 1];
    } else if (store->past_pushes.size > 0) {
        *out_past = &store->past_pushes.data[store->past_pushes.size - 1];
    }
    if (*out != NULL || *out_past != NULL)
        return LG_OK;
    if (id != NULL)
        return lg_error_set(err, LG_ERR_NOT_FOUND,
                            "store '%s' knows no push '%.128s'; `lagoon push list %s` names them",
                            store->name, id, store->name);
    if (number != 0)
        return lg_error_set(err, LG_ERR_NOT_FOUND,
                            "store '%s' knows no push of version %lld; `lagoon push list %s` names "
                            "them",
                            store->name, (long long)number, store->name);
    return lg_error_set(err, LG_ERR_NOT_FOUND, "nothing was ever pushed to store '%s'",
                        store->name);
}

void lg_handle_push_status(struct lg_controller *c, struct lg_http_request *rq)
{
    const struct lg_change *asked = NULL;
    const struct lg_past_push *past = NULL;
    const struct lg_version *v = NULL;
    struct lg_ctl_store *entry;
    struct lg_json *json;
    struct lg_error err;
    enum lg_rc rc = lg_ctl_state_find(c->state, lg_front_param(rq, "store_name"), &entry, &err);

    if (rc == LG_OK)
        asked = choose_asked(c, rq, entry->store);
    if (rc == LG_OK && asked == NULL)
        rc = choose(rq, entry->store, &v, &past, &err);
    if (rc != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, entry->store->name);
    if (asked != NULL) {
        lg_json_set(json, "push", asked_json(c, entry->store, asked));
    } else if (v != NULL) {
        struct lg_push_report_input in = input_of(c, entry->store, v);

        lg_json_set(json, "push", lg_push_report(&in, /* partitions= */ true));
    } else {
        lg_json_set(json, "push", lg_push_report_past(entry->store, past));
    }
    lg_answer_json(rq, json);
}

struct row {
    int64_t started_ms;
    const struct lg_store *store;
    int32_t version;
    const struct lg_version *v; /* NULL: a past one, or one that is asked for */
    const struct lg_past_push *past;
    const struct lg_change *asked;
};

/* The newest first; by name and number among equals. */
static int by_age(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int names;

    if (x->started_ms != y->started_ms)
        return x->started_ms > y->started_ms ? -1 : 1;
    names = strcmp(x->store->name, y->store->name);
    if (names != 0)
        return names;
    return x->version > y->version ? -1 : x->version < y->version;
}

struct rows {
    LG_VEC(struct row) list;
};

static void add_rows(const struct lg_controller *c, struct rows *rows, const struct lg_store *store)
{
    const struct lg_change *asked = lg_change_asked_push(c, store, NULL);

    if (asked != NULL)
        LG_VEC_PUSH(&rows->list,
                    (struct row){asked->asked_ms, store, INT32_MAX, NULL, NULL, asked});
    for (size_t i = 0; i < store->versions.size; i++) {
        const struct lg_version *v = &store->versions.data[i];

        LG_VEC_PUSH(&rows->list, (struct row){v->created_ms, store, v->number, v, NULL, NULL});
    }
    for (size_t i = 0; i < store->past_pushes.size; i++) {
        const struct lg_past_push *p = &store->past_pushes.data[i];

        LG_VEC_PUSH(&rows->list, (struct row){p->created_ms, store, p->version, NULL, p, NULL});
    }
}

void lg_handle_list_pushes(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    struct lg_json *json, *list = lg_json_new_array();
    struct rows rows = {0};
    struct lg_ctl_store *entry;
    struct lg_slice key;
    struct lg_error err;
    void *value;

    if (name != NULL && lg_ctl_state_find(c->state, name, &entry, &err) != LG_OK) {
        lg_json_unref(list);
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    if (name != NULL)
        add_rows(c, &rows, entry->store);
    for (size_t at = 0; name == NULL && lg_map_next(c->state->stores, &at, &key, &value);)
        if (((struct lg_ctl_store *)value)->store->deleted_ms == 0)
            add_rows(c, &rows, ((struct lg_ctl_store *)value)->store);
    if (rows.list.size > 0)
        qsort(rows.list.data, rows.list.size, sizeof(rows.list.data[0]), by_age);
    for (size_t i = 0; i < rows.list.size && i < LIST_MAX; i++) {
        const struct row *r = &rows.list.data[i];
        struct lg_push_report_input in;

        if (r->v != NULL)
            in = input_of(c, r->store, r->v);
        lg_json_push(list, r->v != NULL       ? lg_push_report(&in, /* partitions= */ false)
                           : r->asked != NULL ? asked_json(c, r->store, r->asked)
                                              : lg_push_report_past(r->store, r->past));
    }
    LG_VEC_DONE(&rows.list);
    json = lg_answer_base(c, name);
    lg_json_set(json, "pushes", list);
    lg_answer_json(rq, json);
}
