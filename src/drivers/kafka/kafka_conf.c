/* Clients of librdkafka: their settings, their errors in our words, their log in ours. Any thread.
 */
#include "drivers/kafka/kafka_impl.h"

#include <stdio.h>

#include "base/health.h"
#include "base/log.h"

#define REASON_MAX 256

static const char *const known[] = {
    "security.protocol", "sasl.mechanism",   "sasl.username",
    "sasl.password",     "ssl.ca.location",  "ssl.certificate.location",
    "ssl.key.location",  "ssl.key.password", "ssl.endpoint.identification.algorithm",
    "compression.type",  "client.id"};

bool lg_kafka_setting_known(const char *name)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(known); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static void logged(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    lg_log(level <= 3 ? LG_LOG_WARN : LG_LOG_DEBUG, "kafka_client", "facility=%s text=%s", facility,
           text);
}

static void client_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)opaque;
    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        lg_health_warn("kafka", false, "no broker can be reached: %.150s", reason);
    lg_log(LG_LOG_DEBUG, "kafka_client_error", "code=%s reason=%s",
           rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

/* Kafka answered in TLS that it does not take our certificate, or wants one. With TLS 1.3 that
 * comes after the handshake and looks like any lost connection, but for its words (alerts of RFC
 * 8446). */
static bool wants_certificate(const char *reason)
{
    static const char words[] = "SSL alert number ";
    static const int alerts[] = {42, 43, 44, 45, 46, 48, 49, 116};
    const char *at = strstr(reason, words);
    int number = 0;

    if (at == NULL)
        return false;
    for (at += strlen(words); *at >= '0' && *at <= '9' && number < 1000; at++)
        number = number * 10 + (*at - '0');
    for (size_t i = 0; i < LG_ARRAY_SIZE(alerts); i++)
        if (alerts[i] == number)
            return true;
    return false;
}

/* Of the clients whose opaque is the log itself; they make the first contact. "Disconnected while
 * requesting ApiVersion: might be caused by incorrect security.protocol configuration" is what
 * librdkafka says of a listener that speaks another protocol; a broker that goes down may look the
 * same, so this alone proves nothing. */
static void first_contact_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct lg_kafka *k = opaque;
    /* So ends TLS with who does not speak it, or goes down. */
    bool is_end = strstr(reason, "unexpected eof") != NULL ||
                  strstr(reason, "security.protocol") != NULL ||
                  strstr(reason, "PLAINTEXT broker") != NULL;
    bool is_gone =
        strncmp(reason, "Connect to ", 11) == 0 || strstr(reason, ": Connect to ") != NULL;

    client_error(rk, code, reason, opaque);
    if (is_end)
        code = RD_KAFKA_RESP_ERR__TRANSPORT;
    else if (wants_certificate(reason))
        code = RD_KAFKA_RESP_ERR__SSL;
    else if (is_gone && code == RD_KAFKA_RESP_ERR__TRANSPORT)
        code = RD_KAFKA_RESP_ERR_NO_ERROR; /* Nobody is there now, who might not let us in. */
    else if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION && code != RD_KAFKA_RESP_ERR__SSL)
        return;
    (void)pthread_mutex_lock(&k->lock);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && k->turned != RD_KAFKA_RESP_ERR__TRANSPORT)
        code = k->turned; /* What was proved stays. */
    else if (is_end && k->met && strstr(reason, "in state UP") != NULL)
        code = k->turned; /* It had let us in: it went down. */
    else
        (void)snprintf(k->turned_text, sizeof k->turned_text, "%s", reason);
    k->turned = (rd_kafka_resp_err_t)code;
    (void)pthread_mutex_unlock(&k->lock);
}

static enum lg_rc set(rd_kafka_conf_t *conf, const char *name, const char *value,
                      struct lg_error *err)
{
    char reason[REASON_MAX];

    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK)
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID, "Kafka setting %s: %s", name, reason);
}

static enum lg_rc set_number(rd_kafka_conf_t *conf, const char *name, size_t value,
                             struct lg_error *err)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%zu", value);
    return set(conf, name, text, err);
}

struct pair {
    const char *name, *value;
};

static enum lg_rc set_all(rd_kafka_conf_t *conf, const struct pair *pairs, size_t n,
                          struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < n; i++)
        rc = set(conf, pairs[i].name, pairs[i].value, err);
    return rc;
}

static enum lg_rc set_common(struct lg_kafka *k, rd_kafka_conf_t *conf, struct lg_error *err)
{
    static const struct pair pairs[] = {{"socket.nagle.disable", "true"},
                                        {"allow.auto.create.topics", "false"},
                                        {"reconnect.backoff.ms", "50"},
                                        {"reconnect.backoff.max.ms", "1000"},
                                        {"socket.connection.setup.timeout.ms", "5000"},
                                        {"socket.timeout.ms", "10000"},
                                        {"topic.metadata.refresh.interval.ms", "30000"},
                                        /* A topic was seen before it is read or written: one that
                                         * is not there any more was deleted. */
                                        {"topic.metadata.propagation.max.ms", "5000"},
                                        {"log.connection.close", "false"}};
    enum lg_rc rc = set_all(conf, pairs, LG_ARRAY_SIZE(pairs), err);

    if (rc == LG_OK)
        rc = set(conf, "bootstrap.servers", k->servers, err);
    for (size_t i = 0; rc == LG_OK && i < k->setting_count; i++)
        rc = set(conf, k->settings[i].name, k->settings[i].value, err);
    rd_kafka_conf_set_log_cb(conf, logged);
    rd_kafka_conf_set_error_cb(conf, client_error);
    return rc;
}

static enum lg_rc set_consumer(struct lg_kafka *k, rd_kafka_conf_t *conf, struct lg_error *err)
{
    static const struct pair pairs[] = {{"enable.partition.eof", "true"},
                                        {"auto.offset.reset", "error"},
                                        {"enable.auto.commit", "false"},
                                        {"fetch.wait.max.ms", "500"},
                                        {"fetch.error.backoff.ms", "50"},
                                        {"isolation.level", "read_committed"},
                                        {"check.crcs", "true"}};
    enum lg_rc rc = set_all(conf, pairs, LG_ARRAY_SIZE(pairs), err);

    if (rc == LG_OK)
        rc = set_number(conf, "queued.max.messages.kbytes", k->prefetch_kbytes, err);
    if (rc == LG_OK)
        rc = set_number(conf, "fetch.message.max.bytes", (size_t)k->prefetch_kbytes << 10, err);
    if (rc == LG_OK)
        rc = set_number(conf, "fetch.max.bytes", LG_KAFKA_FETCH_BYTES_MAX, err);
    if (rc == LG_OK)
        rc = set_number(conf, "message.max.bytes", LG_KAFKA_RECORD_BYTES_MAX, err);
    return rc;
}

static enum lg_rc set_producer(rd_kafka_conf_t *conf, struct lg_error *err)
{
    static const struct pair pairs[] = {{"enable.idempotence", "true"},
                                        {"acks", "all"},
                                        {"linger.ms", "2"},
                                        {"message.timeout.ms", "30000"},
                                        {"queue.buffering.max.messages", "10000000"}};
    enum lg_rc rc = set_all(conf, pairs, LG_ARRAY_SIZE(pairs), err);

    if (rc == LG_OK) /* Our own bound holds first; this one is above it. */
        rc = set_number(conf, "queue.buffering.max.kbytes", LG_KAFKA_IN_FLIGHT_BYTES_MAX >> 8, err);
    if (rc == LG_OK)
        rc = set_number(conf, "message.max.bytes", LG_KAFKA_RECORD_BYTES_MAX, err);
    return rc;
}

enum lg_rc k_client_new(struct lg_kafka *k, rd_kafka_type_t type, bool idempotent, void *opaque,
                        void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *m,
                                          void *opaque),
                        rd_kafka_t **out, struct lg_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[REASON_MAX];
    enum lg_rc rc = set_common(k, conf, err);

    if (rc == LG_OK && type == RD_KAFKA_CONSUMER)
        rc = set_consumer(k, conf, err);
    if (rc == LG_OK && idempotent)
        rc = set_producer(conf, err);
    /* The one that asks first is also told of connections that end: see first_contact_error. */
    if (rc == LG_OK && !idempotent && type == RD_KAFKA_PRODUCER)
        rc = set(conf, "log.connection.close", "true", err);
    if (rc != LG_OK) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    if (!idempotent)
        rd_kafka_conf_set_error_cb(conf, first_contact_error);
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, opaque);
    *out = rd_kafka_new(type, conf, reason, sizeof reason);
    if (*out != NULL)
        return LG_OK;
    rd_kafka_conf_destroy(conf);
    return lg_error_set(err, LG_ERR_INVALID, "the settings of Kafka do not work: %s", reason);
}

/* --- Who is not let in ---------------------------------------------------------------------- */

static const char *setting(const struct lg_kafka *k, const char *name, const char *otherwise)
{
    for (size_t i = 0; i < k->setting_count; i++)
        if (strcmp(k->settings[i].name, name) == 0)
            return k->settings[i].value;
    return otherwise;
}

void k_met(struct lg_kafka *k)
{
    (void)pthread_mutex_lock(&k->lock);
    k->met = true;
    k->turned = RD_KAFKA_RESP_ERR_NO_ERROR;
    (void)pthread_mutex_unlock(&k->lock);
}

/* Why nobody has let us in, with what is to be looked at. False: nothing is known. */
static bool describe_refusal(struct lg_kafka *k, bool *out_proved, bool *out_met,
                             struct lg_error *err)
{
    const char *protocol = setting(k, "security.protocol", "plaintext");
    const char *certificate = setting(k, "ssl.certificate.location", NULL);
    rd_kafka_resp_err_t code;
    char text[sizeof k->turned_text];

    (void)pthread_mutex_lock(&k->lock);
    code = k->turned;
    *out_met = k->met;
    memcpy(text, k->turned_text, sizeof text);
    (void)pthread_mutex_unlock(&k->lock);
    *out_proved = code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL;
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
        lg_error_set(err, LG_ERR_REFUSED,
                     "Kafka at %s does not let user '%s' in by %s over %s: check sasl.username, "
                     "sasl.password.file and sasl.mechanism (%s)",
                     k->servers, setting(k, "sasl.username", ""),
                     setting(k, "sasl.mechanism", "GSSAPI"), protocol, text);
    else if (code == RD_KAFKA_RESP_ERR__SSL && wants_certificate(text) && certificate == NULL)
        lg_error_set(err, LG_ERR_REFUSED,
                     "Kafka at %s wants a certificate of who connects, and there is none: give "
                     "ssl.certificate.location and ssl.key.location (%s)",
                     k->servers, text);
    else if (code == RD_KAFKA_RESP_ERR__SSL && wants_certificate(text))
        lg_error_set(err, LG_ERR_REFUSED,
                     "Kafka at %s does not accept the certificate %s: is it valid now, and of an "
                     "authority that Kafka trusts? Check ssl.certificate.location (%s)",
                     k->servers, certificate, text);
    else if (code == RD_KAFKA_RESP_ERR__SSL)
        lg_error_set(err, LG_ERR_REFUSED,
                     "no TLS with Kafka at %s over %s: check ssl.ca.location (%s), "
                     "ssl.certificate.location and the name in Kafka's certificate (%s)",
                     k->servers, protocol, setting(k, "ssl.ca.location", "those of the system"),
                     text);
    else if (code == RD_KAFKA_RESP_ERR__TRANSPORT)
        lg_error_set(err, LG_ERR_REFUSED,
                     "Kafka at %s ends each connection that speaks %s: does security.protocol fit "
                     "that port? (%s)",
                     k->servers, protocol, text);
    return code != RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool k_turned_away(struct lg_kafka *k, struct lg_error *err)
{
    struct lg_error why = {0};
    bool proved, met;

    if (!describe_refusal(k, &proved, &met, &why) || met || !proved)
        return false;
    *err = why;
    return true;
}

bool k_why_silent(struct lg_kafka *k, struct lg_error *err)
{
    struct lg_error why = {0};
    bool proved, met;

    if (!describe_refusal(k, &proved, &met, &why))
        return false;
    if (met) /* Who was let in before is let in again, once the brokers are what they were. */
        why.rc = LG_ERR_UNAVAILABLE;
    *err = why;
    return true;
}

bool k_may_retry(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR: /* Brokers are still coming up. */
        return true;
    default:
        return false;
    }
}

enum lg_rc k_error(struct lg_kafka *k, struct lg_error *err, rd_kafka_resp_err_t code,
                   const char *topic)
{
    const char *text = rd_kafka_err2str(code);

    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return lg_error_set(err, LG_ERR_NOT_FOUND, "there is no topic %s", topic);
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return lg_error_set(err, LG_ERR_INVALID,
                            "topic \"%s\": a name holds only letters, digits, '.', '_' and '-', at "
                            "most %u",
                            topic, LG_TOPIC_NAME_MAX);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "topic %s: a record is larger than the topic takes: raise its "
                            "max.message.bytes",
                            topic);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return lg_error_set(err, LG_ERR_REFUSED,
                            "topic %s: Kafka at %s refuses it (%s): check the user and its rights",
                            topic, k->servers, text);
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
        return lg_error_set(err, LG_ERR_INVALID, "topic %s: Kafka does not take it: %s", topic,
                            text);
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return lg_error_set(err, LG_ERR_BAD_DATA, "topic %s: Kafka does not take a record: %s",
                            topic, text);
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "topic %s: too few replicas are in sync (min.insync.replicas): start "
                            "the brokers that are missing",
                            topic);
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "topic %s: Kafka has fewer live brokers than replicas are asked for: "
                            "start brokers, or lower kafka.replication.factor",
                            topic);
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "topic %s: a partition has no leader: start the brokers that are down",
                            topic);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
        return lg_error_set(err, LG_ERR_CORRUPT, "topic %s: a batch fails its checksum: %s", topic,
                            text);
    default:
        break;
    }
    if (k_may_retry(code) || code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) {
        if (k_why_silent(k, err))
            return err->rc;
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "no Kafka broker answers at %s; check kafka.bootstrap.servers (%s)",
                            k->servers, text);
    }
    return lg_error_set(err, LG_ERR_UNAVAILABLE, "topic %s: Kafka at %s: %s", topic, k->servers,
                        text);
}

void k_watch(struct lg_kafka *k, rd_kafka_queue_t *queue)
{
    static const uint64_t one = 1;

    rd_kafka_queue_io_event_enable(queue, k->wake_fd, &one, sizeof one);
}
