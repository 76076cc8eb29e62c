#include "main/log_url.h"

#include <errno.h>
#include <unistd.h>

#include "base/str.h"
#include "drivers/kafka/kafka.h"
#include "drivers/loghttp/loghttp.h"
#include "main/secret_file.h"

#define SETTINGS_MAX 8u
#define LOGHTTP_SCHEME "lagoon+"

struct lg_log_url {
    struct lg_kafka *kafka;     /* or */
    struct lg_loghttp *loghttp; /* the other is NULL */
    void (*closed)(void *ctx);
    void *ctx;
    struct lg_lane *lane;
    struct lg_task task;
};

/* librdkafka's own sentence does not name the file. */
static enum lg_rc check_files(const struct lg_role_options *k, struct lg_error *err)
{
    const struct {
        const char *key, *path;
    } files[] = {{"ssl.ca.location", k->ssl_ca_location},
                 {"ssl.certificate.location", k->ssl_certificate_location},
                 {"ssl.key.location", k->ssl_key_location}};

    for (size_t i = 0; i < LG_ARRAY_SIZE(files); i++)
        if (files[i].path != NULL && access(files[i].path, R_OK) != 0)
            return lg_error_set(err, LG_ERR_INVALID, "%s: %s cannot be read: %s", files[i].key,
                                files[i].path, strerror(errno));
    return LG_OK;
}

static enum lg_rc open_kafka(const struct lg_log_url_options *o, struct lg_kafka **out,
                             struct lg_error *err)
{
    const struct lg_role_options *k = o->kafka;
    LG_AUTO_STR char *password = NULL;
    struct lg_kafka_setting all[SETTINGS_MAX] = {{0}}, given[SETTINGS_MAX];
    size_t count = 0;

    if (k != NULL) {
        if (check_files(k, err) != LG_OK)
            return err->rc;
        if (k->sasl_password_file != NULL &&
            lg_secret_file_read("sasl.password.file", k->sasl_password_file, &password, err) !=
                LG_OK)
            return err->rc;
        all[0] = (struct lg_kafka_setting){"security.protocol", k->security_protocol};
        all[1] = (struct lg_kafka_setting){"sasl.mechanism", k->sasl_mechanism};
        all[2] = (struct lg_kafka_setting){"sasl.username", k->sasl_username};
        all[3] = (struct lg_kafka_setting){"sasl.password", password};
        all[4] = (struct lg_kafka_setting){"ssl.ca.location", k->ssl_ca_location};
        all[5] = (struct lg_kafka_setting){"ssl.certificate.location", k->ssl_certificate_location};
        all[6] = (struct lg_kafka_setting){"ssl.key.location", k->ssl_key_location};
        all[7] = (struct lg_kafka_setting){"ssl.endpoint.identification.algorithm",
                                           k->ssl_identification};
    }
    for (size_t i = 0; i < SETTINGS_MAX; i++)
        if (all[i].value != NULL)
            given[count++] = all[i];
    return lg_kafka_open(
        &(struct lg_kafka_options){
            .servers = o->url, .settings = given, .setting_count = count, .lane = o->lane},
        out, err);
}

enum lg_rc lg_log_url_open(const struct lg_log_url_options *o, struct lg_log_url **out,
                           struct lg_error *err)
{
    struct lg_log_url *log = lg_new(struct lg_log_url);
    enum lg_rc rc;

    log->lane = o->lane;
    if (lg_slice_starts(lg_slice_str(o->url), LG_LIT(LG_KAFKA_SCHEME)) ||
        strstr(o->url, "://") == NULL)
        rc = open_kafka(o, &log->kafka, err);
    else if (lg_slice_starts(lg_slice_str(o->url), LG_LIT(LOGHTTP_SCHEME)))
        rc = lg_loghttp_new(
            &(struct lg_loghttp_options){.transport = o->transport, .lane = o->lane, .url = o->url},
            &log->loghttp, err);
    else
        rc = lg_error_set(err, LG_ERR_INVALID,
                          "'%s' is no log; there are host:port,... (Kafka's) and "
                          "lagoon+http://host:port",
                          o->url);
    if (rc != LG_OK)
        lg_free(log);
    else
        *out = log;
    return rc;
}

struct lg_pubsub *lg_log_url_pubsub(struct lg_log_url *log)
{
    return log->kafka != NULL ? lg_kafka_pubsub(log->kafka) : lg_loghttp_pubsub(log->loghttp);
}

static void closed(void *ctx)
{
    struct lg_log_url *log = ctx;
    void (*tell)(void *) = log->closed;
    void *whom = log->ctx;

    lg_free(log);
    if (tell != NULL)
        tell(whom);
}

static void close_loghttp(struct lg_task *task)
{
    struct lg_log_url *log = LG_CONTAINER_OF(task, struct lg_log_url, task);

    lg_loghttp_free(log->loghttp);
    closed(log);
}

void lg_log_url_close(struct lg_log_url *log, void (*tell)(void *ctx), void *ctx)
{
    log->closed = tell;
    log->ctx = ctx;
    if (log->kafka != NULL) {
        lg_kafka_close(log->kafka, closed, log);
        return;
    }
    log->task.run = close_loghttp;
    lg_lane_post(log->lane, &log->task);
}
