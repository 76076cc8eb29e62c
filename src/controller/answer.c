/* Answers: JSON with Venice's base fields, and the statuses of its ErrorType. */
#include "controller/core.h"

/* Ours: the metastore does not answer. So it stands in errors that come of it, and in answers that
 * tell what was known before, and how old that is. */
static void add_silence(const struct lg_controller *c, struct lg_json *answer)
{
    struct lg_error err;
    struct lg_json *json;
    uint64_t silent_us;

    if (!lg_metastore_silence(c->o.metastore, &silent_us, &err))
        return;
    json = lg_json_new_object();
    lg_json_set_bool(json, "reachable", false);
    lg_json_set_int(json, "silentMs", (int64_t)(silent_us / LG_MS));
    lg_json_set(json, "snapshotAgeMs",
                lg_ctl_holds(c) ? lg_json_new_int((int64_t)lg_ctl_held_ms(c)) : lg_json_new_null());
    lg_json_set_str(json, "reason", err.text);
    lg_json_set(answer, "lagoonMetadata", json);
}

struct lg_json *lg_answer_base(const struct lg_controller *c, const char *name)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "cluster", c->cluster);
    lg_json_set_str(json, "name", name);
    lg_json_set_str(json, "error", NULL);
    lg_json_set_str(json, "errorType", NULL);
    lg_json_set_str(json, "exceptionType", NULL);
    /* Ours: a leader that was deposed and does not know it yet answers in an older term. */
    lg_json_set_int(json, "lagoonTerm", (int64_t)lg_controller_term(c));
    add_silence(c, json);
    return json;
}

const char *lg_answer_bootstrap_servers(const struct lg_controller *c)
{
    static const char scheme[] = "kafka://";

    return strncmp(c->log_url, scheme, sizeof(scheme) - 1) == 0 ? c->log_url + sizeof(scheme) - 1
                                                                : c->log_url;
}

static void respond(struct lg_http_request *rq, int status, struct lg_json *take_json)
{
    static const struct lg_http_header retry_after[] = {
        {{(const uint8_t *)"Retry-After", 11}, {(const uint8_t *)"1", 1}}};
    LG_SCOPED(lg_buf) body = {0};

    lg_json_write(&body, take_json, /* pretty= */ false);
    lg_json_unref(take_json);
    lg_http_respond(rq, &(struct lg_http_response){
                            .status = status,
                            .content_type = "application/json",
                            .headers = status == 503 ? retry_after : NULL,
                            .header_count = status == 503 ? 1 : 0,
                            .body = lg_buf_slice(&body),
                        });
}

void lg_answer_json(struct lg_http_request *rq, struct lg_json *take_json)
{
    respond(rq, 200, take_json);
}

/* Venice's older field knows fewer words than errorType. */
static const char *exception_type(const char *error_type)
{
    if (strcmp(error_type, "CONCURRENT_BATCH_PUSH") == 0)
        return "BAD_REQUEST";
    if (strcmp(error_type, "ACL_ERROR") == 0)
        return "GENERAL_ERROR";
    return error_type;
}

static struct lg_json *error_json(const struct lg_controller *c, struct lg_http_request *rq,
                                  const struct lg_error *err)
{
    struct lg_json *json = lg_answer_base(c, lg_front_param(rq, "store_name"));
    struct lg_json *text = lg_json_new_string(lg_slice_str(err->text));

    /* A sentence may quote foreign bytes or be cut inside a letter. */
    if (text == NULL)
        text = lg_json_new_string(lg_slice_str(lg_rc_text(err->rc)));
    lg_json_set(json, "error", text);
    lg_json_set_str(json, "errorType", lg_rc_venice(err->rc));
    lg_json_set_str(json, "exceptionType", exception_type(lg_rc_venice(err->rc)));
    lg_json_set_str(json, "lagoonCode", lg_rc_name(err->rc)); /* Ours. */
    lg_json_set_bool(json, "lagoonRetriable", lg_rc_retry(err->rc) != LG_RETRY_NEVER);
    return json;
}

void lg_answer_error(const struct lg_controller *c, struct lg_http_request *rq, int status,
                     const struct lg_error *err)
{
    struct lg_json *json = error_json(c, rq, err);

    /* Venice's controller answers 404 to a POST too: the column for GET. */
    respond(rq, status != 0 ? status : lg_rc_http(err->rc, /* is_post= */ false), json);
}

void lg_answer_uncertain(const struct lg_controller *c, struct lg_http_request *rq,
                         const struct lg_error *err)
{
    struct lg_json *json = error_json(c, rq, err);

    lg_json_set_bool(json, "lagoonUncertain", true);
    respond(rq, lg_rc_http(err->rc, /* is_post= */ false), json);
}
