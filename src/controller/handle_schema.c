/* Routes of schemas. Answers have the fields of Venice's SchemaResponse and MultiSchemaResponse. */
#include "controller/core.h"
#include "controller/store_lifecycle.h"
#include "record/envelope.h"
#include "record/headers.h"

/* Venice's push job looks up which envelope versions the cluster understands by this store. */
#define ENVELOPE_STORE "venice_system_store_KAFKA_MESSAGE_ENVELOPE"
#define KEY_SCHEMA_ID 1

static struct lg_ctl_store *find(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry;
    struct lg_error err;

    if (lg_ctl_state_find(c->state, lg_front_param(rq, "store_name"), &entry, &err) == LG_OK)
        return entry;
    lg_answer_error(c, rq, 0, &err);
    return NULL;
}

static void answer_schema(struct lg_controller *c, struct lg_http_request *rq, int32_t id,
                          const char *text)
{
    struct lg_json *json = lg_answer_base(c, lg_front_param(rq, "store_name"));

    lg_json_set_int(json, "id", id);
    lg_json_set_int(json, "derivedSchemaId", -1);
    lg_json_set_str(json, "schemaStr", text);
    lg_answer_json(rq, json);
}

void lg_handle_get_key_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry = find(c, rq);

    if (entry != NULL)
        answer_schema(c, rq, KEY_SCHEMA_ID, entry->store->key_schema);
}

void lg_handle_get_value_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry = find(c, rq);
    const char *text;
    int64_t id = 0;
    struct lg_error err;
    enum lg_rc rc;

    if (entry == NULL)
        return;
    rc = lg_front_number(rq, "schema_id", 1, INT32_MAX, 0, &id, &err);
    text = lg_store_value_schema(entry->store, (int32_t)id);
    if (rc == LG_OK && text == NULL)
        rc = lg_error_set(&err, LG_ERR_NO_SCHEMA, "store '%s' has no value schema %lld",
                          entry->store->name, (long long)id);
    if (rc != LG_OK)
        lg_answer_error(c, rq, 0, &err);
    else
        answer_schema(c, rq, (int32_t)id, text);
}

void lg_handle_get_value_schema_id(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry = find(c, rq);
    struct lg_error err;
    int32_t id;

    if (entry == NULL)
        return;
    if (lg_store_lifecycle_find_schema(entry->store, lg_front_param(rq, "value_schema"), &id,
                                       &err) != LG_OK)
        lg_answer_error(c, rq, 0, &err);
    else
        answer_schema(c, rq, id, lg_store_value_schema(entry->store, id));
}

/* A schema that the store has gets its id again; another one needs readers that resolve schemas. */
void lg_handle_add_value_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry = find(c, rq);
    struct lg_error err;
    enum lg_rc rc;
    int32_t id;

    if (entry == NULL)
        return;
    rc =
        lg_store_lifecycle_find_schema(entry->store, lg_front_param(rq, "value_schema"), &id, &err);
    if (rc == LG_OK) {
        answer_schema(c, rq, id, lg_store_value_schema(entry->store, id));
        return;
    }
    if (rc == LG_ERR_NO_SCHEMA)
        (void)lg_error_set(&err, LG_ERR_UNSUPPORTED,
                           "store '%s' has another value schema, and it cannot be changed yet: "
                           "evolution of value schemas comes with `schema add`; push into a new "
                           "store",
                           entry->store->name);
    lg_answer_error(c, rq, 0, &err);
}

static void add_schema(struct lg_json *schemas, int32_t id, struct lg_slice text)
{
    struct lg_json *schema = lg_json_new_object(), *string = lg_json_new_string(text);

    assert(string != NULL); /* It was parsed once. */
    lg_json_set_int(schema, "id", id);
    lg_json_set_int(schema, "derivedSchemaId", -1);
    lg_json_set_int(schema, "rmdValueSchemaId", -1);
    lg_json_set(schema, "schemaStr", string);
    lg_json_push(schemas, schema);
}

void lg_handle_get_all_value_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    struct lg_json *json, *schemas;
    struct lg_ctl_store *entry = NULL;

    if (strcmp(name, ENVELOPE_STORE) != 0) {
        entry = find(c, rq);
        if (entry == NULL)
            return;
    }
    json = lg_answer_base(c, name);
    schemas = lg_json_new_array();
    if (entry == NULL) {
        add_schema(schemas, LG_ENVELOPE_VERSION, lg_headers_protocol_schema());
    } else {
        for (size_t i = 0; i < entry->store->value_schemas.size; i++)
            add_schema(schemas, entry->store->value_schemas.data[i].id,
                       lg_slice_str(entry->store->value_schemas.data[i].text));
    }
    lg_json_set_int(json, "superSetSchemaId",
                    entry == NULL ? -1 : entry->store->latest_superset_schema_id);
    lg_json_set(json, "schemas", schemas);
    lg_answer_json(rq, json);
}

void lg_handle_discover_cluster(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    struct lg_json *json;

    if (strcmp(name, ENVELOPE_STORE) != 0 && find(c, rq) == NULL)
        return;
    json = lg_answer_base(c, name);
    /* Venice's D2ServiceDiscoveryResponse; clients go by `cluster`. */
    lg_json_set_str(json, "d2Service", c->cluster);
    lg_json_set_str(json, "serverD2Service", NULL);
    lg_json_set_str(json, "zkAddress", NULL);
    lg_json_set_str(json, "kafkaBootstrapServers", c->log_url);
    lg_answer_json(rq, json);
}
