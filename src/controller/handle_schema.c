/* Routes of schemas. Answers have the fields of Venice's SchemaResponse and MultiSchemaResponse. */
#include "base/log.h"
#include "controller/core.h"
#include "controller/store_lifecycle.h"
#include "lane/mutant.h"
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

static void answer_id_of(struct lg_controller *c, struct lg_http_request *rq, const char *text)
{
    struct lg_ctl_store *entry = find(c, rq);
    struct lg_error err;
    int32_t id;

    if (entry == NULL)
        return;
    if (lg_store_lifecycle_find_schema(entry->store, text, &id, &err) != LG_OK)
        lg_answer_error(c, rq, 0, &err);
    else
        answer_schema(c, rq, id, lg_store_value_schema(entry->store, id));
}

void lg_handle_get_value_schema_id(struct lg_controller *c, struct lg_http_request *rq)
{
    answer_id_of(c, rq, lg_front_param(rq, "value_schema"));
}

/* There are no derived schemas, so it is a value schema. */
void lg_handle_get_value_or_derived_schema_id(struct lg_controller *c, struct lg_http_request *rq)
{
    answer_id_of(c, rq, lg_front_param(rq, "derived_schema"));
}

/* --- Adding one. --------------------------------------------------------------------------------
 */

static void schema_added(struct lg_change *ch)
{
    lg_log(LG_LOG_INFO, "schema_added", "store=%s id=%lld superset=%lld", ch->store_name,
           (long long)lg_json_get_int(ch->answer, "id", 0),
           (long long)lg_json_get_int(ch->answer, "superSetSchemaId", -1));
}

/* Venice's SchemaResponse, and what we have to say. */
static void answer_added(struct lg_change *ch, const struct lg_compat_report *report,
                         const struct lg_added_schema *added)
{
    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_int(ch->answer, "id", added->id);
    lg_json_set_int(ch->answer, "derivedSchemaId", -1);
    lg_json_set_str(ch->answer, "schemaStr",
                    added->id > 0 ? lg_store_value_schema(ch->store, added->id) : ch->text);
    lg_json_set_int(ch->answer, "superSetSchemaId", ch->store->latest_superset_schema_id);
    lg_json_set_bool(ch->answer, "lagoonIsNew", added->is_new);
    lg_json_set_bool(ch->answer, "lagoonDryRun", ch->dry_run);
    lg_json_set_str(ch->answer, "lagoonMode", lg_compat_mode_name(ch->compat_mode));
    lg_json_set_bool(ch->answer, "lagoonCompatible", report->broken == 0);
    lg_json_set_bool(ch->answer, "lagoonFindingsCut", report->is_cut);
    lg_json_set(ch->answer, "lagoonFindings", lg_compat_report_json(report));
}

static void begin_add_schema(struct lg_change *ch)
{
    LG_SCOPED(lg_compat_report) report = {0};
    struct lg_add_schema wanted = {
        .text = ch->text, .mode = ch->compat_mode, .wanted_id = ch->version};
    struct lg_added_schema added = {.id = -1};
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);

    if (rc == LG_OK)
        rc = lg_store_lifecycle_add_schema(ch->store, &wanted, &report, &added, &err);
    if (rc == LG_ERR_SCHEMA && ch->dry_run && report.broken > 0)
        rc = LG_OK; /* The report is the answer. */
    if (rc == LG_OK)
        answer_added(ch, &report, &added);
    if (rc != LG_OK || ch->dry_run || !added.is_new || lg_mutant(LG_MUTANT_schema_not_written)) {
        lg_change_end(ch, rc, &err);
        return;
    }
    rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = schema_added;
    lg_change_commit(ch);
}

void lg_handle_add_value_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_add_schema);
    const char *mode = lg_front_param(rq, "schema_compat_type");
    int64_t id = 0;
    struct lg_error err;
    enum lg_rc rc = lg_front_number(rq, "schema_id", 1, INT32_MAX, 0, &id, &err);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    ch->text = lg_strdup(lg_front_param(rq, "value_schema"));
    ch->version = (int32_t)id;
    ch->compat_mode = LG_COMPAT_FULL;
    if (rc == LG_OK && mode != NULL)
        rc = lg_compat_mode_parse(mode, &ch->compat_mode, &err);
    if (rc == LG_OK)
        rc = lg_front_bool(rq, "lagoon_dry_run", false, &ch->dry_run, &err);
    if (rc != LG_OK)
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}

/* Update schemas belong to partial updates. */
static void refuse_derived(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_UNSUPPORTED,
                       "derived schemas are not supported: there are no partial updates");
    lg_answer_error(c, rq, 0, &err);
}

void lg_handle_add_derived_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    refuse_derived(c, rq);
}

void lg_handle_remove_derived_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    refuse_derived(c, rq);
}

/* --- Lists. -------------------------------------------------------------------------------------
 */

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

void lg_handle_get_all_value_and_derived_schema(struct lg_controller *c, struct lg_http_request *rq)
{
    lg_handle_get_all_value_schema(c, rq);
}

/* Batch stores have none. */
void lg_handle_get_all_replication_metadata_schemas(struct lg_controller *c,
                                                    struct lg_http_request *rq)
{
    struct lg_ctl_store *entry = find(c, rq);
    struct lg_json *json;

    if (entry == NULL)
        return;
    json = lg_answer_base(c, entry->store->name);
    lg_json_set_int(json, "superSetSchemaId", -1);
    lg_json_set(json, "schemas", lg_json_new_array());
    lg_answer_json(rq, json);
}

/* Free for all: where not everybody may see which stores there are, nobody is told one that was not
 * asked for. */
static enum lg_rc discover_store(const struct lg_controller *c, const char *name,
                                 struct lg_error *err)
{
    struct lg_ctl_store *entry;

    return c->authz == NULL ? lg_ctl_state_find(c->state, name, &entry, err)
                            : lg_ctl_state_find_unhinted(c->state, name, &entry, err);
}

void lg_handle_discover_cluster(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    const struct lg_catalog_store *store;
    struct lg_json *json;
    struct lg_error err;

    if (strcmp(name, ENVELOPE_STORE) != 0 && discover_store(c, name, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    json = lg_answer_base(c, name);
    /* Venice's D2ServiceDiscoveryResponse; clients go by `cluster`. */
    lg_json_set_str(json, "d2Service", c->cluster);
    lg_json_set_str(json, "serverD2Service", NULL);
    lg_json_set_str(json, "zkAddress", NULL);
    lg_json_set_str(json, "kafkaBootstrapServers", lg_answer_bootstrap_servers(c));
    store = lg_ctl_snapshot(c) == NULL ? NULL
                                       : lg_catalog_store(lg_ctl_snapshot(c), lg_slice_str(name));
    if (store != NULL) /* Ours; others leave it unread. */
        lg_json_set_str(json, "lagoonClientProtocols",
                        lg_client_protocols_name(lg_catalog_told(lg_ctl_snapshot(c), store)));
    lg_answer_json(rq, json);
}
