/* Names of stores, topics and instances. Pure. */
#include "model/names.h"

#include <stdio.h>

#include "base/str.h"

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_byte(uint8_t c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

enum lg_rc lg_names_check_store(struct lg_slice name, struct lg_error *err)
{
    if (name.size == 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the store name is empty; give a letter, then letters, digits, '_' or "
                            "'-'");
    if (name.size > LG_STORE_NAME_MAX)
        return lg_error_set(
            err, LG_ERR_INVALID,
            "the store name has %zu bytes; shorten it to at most %d (limit store_name_bytes)",
            name.size, LG_STORE_NAME_MAX);
    for (size_t i = 0; i < name.size; i++) {
        if (!is_name_byte(name.data[i]))
            return lg_error_set(err, LG_ERR_INVALID,
                                "byte %zu of the store name is 0x%02x; use only letters, digits, "
                                "'_' and '-'",
                                i + 1, name.data[i]);
        if (i > 0 && name.data[i] == '-' && name.data[i - 1] == '-')
            return lg_error_set(err, LG_ERR_INVALID,
                                "store name %.*s contains \"--\"; use a single '-'", LG_FMT(name));
    }
    if (!is_letter(name.data[0]))
        return lg_error_set(err, LG_ERR_INVALID,
                            "store name %.*s begins with '%c'; let it begin with a letter",
                            LG_FMT(name), name.data[0]);
    return LG_OK;
}

bool lg_names_is_system_store(struct lg_slice name)
{
    return lg_slice_starts(name, LG_LIT("venice_system_store_"));
}

/* Formats into an array that the caller's contract makes large enough. */
static void LG_PRINTF(2, 3) format_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(out, LG_NAMES_TOPIC_MAX + 1, fmt, args);
    va_end(args);
    assert(n > 0 && n <= LG_NAMES_TOPIC_MAX);
}

void lg_names_version_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store, int32_t version)
{
    assert(version >= 1);
    format_topic(out, "%s_v%d", store, version);
}

void lg_names_rt_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store)
{
    format_topic(out, "%s_rt", store);
}

void lg_names_separate_rt_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store)
{
    format_topic(out, "%s_rt_sep", store);
}

void lg_names_reprocessing_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store,
                                 int32_t version)
{
    assert(version >= 1);
    format_topic(out, "%s_v%d_sr", store, version);
}

static enum lg_rc not_a_version_topic(struct lg_slice topic, struct lg_error *err)
{
    return lg_error_set(
        err, LG_ERR_INVALID, "%.*s is not a version topic; one is named <store>_v<number>",
        (int)LG_MIN(topic.size, (size_t)LG_NAMES_TOPIC_MAX), (const char *)topic.data);
}

enum lg_rc lg_names_parse_version_topic(struct lg_slice topic, struct lg_slice *out_store,
                                        int32_t *out_version, struct lg_error *err)
{
    size_t at = topic.size;
    struct lg_slice store, digits;
    int64_t number;

    while (at > 0 && topic.data[at - 1] >= '0' && topic.data[at - 1] <= '9')
        at--;
    digits = lg_slice_skip(topic, at);
    if (at < 3 || topic.data[at - 1] != 'v' || topic.data[at - 2] != '_' || digits.size == 0 ||
        digits.data[0] == '0' || !lg_parse_i64(digits, 1, INT32_MAX, &number))
        return not_a_version_topic(topic, err);
    store = lg_slice(topic.data, at - 2);
    if (lg_names_check_store(store, err) != LG_OK)
        return not_a_version_topic(topic, err);
    *out_store = store;
    *out_version = (int32_t)number;
    return LG_OK;
}

bool lg_names_parse_rt_topic(struct lg_slice topic, struct lg_slice *out_store)
{
    struct lg_slice store;

    if (topic.size < 4 || memcmp(topic.data + topic.size - 3, "_rt", 3) != 0)
        return false;
    store = lg_slice(topic.data, topic.size - 3);
    if (lg_names_check_store(store, /* err= */ NULL) != LG_OK)
        return false;
    *out_store = store;
    return true;
}

enum lg_rc lg_names_instance(char out[LG_NAMES_INSTANCE_MAX + 1], const char *host, uint16_t port,
                             struct lg_error *err)
{
    size_t size = strlen(host);

    if (size == 0 || size > LG_NAMES_HOST_MAX)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the host name has %zu bytes; an instance needs 1 to %d", size,
                            LG_NAMES_HOST_MAX);
    snprintf(out, LG_NAMES_INSTANCE_MAX + 1, "%s_%u", host, port);
    return LG_OK;
}

enum lg_rc lg_names_parse_instance(struct lg_slice id, struct lg_slice *out_host,
                                   uint16_t *out_port, struct lg_error *err)
{
    size_t at = id.size;
    uint64_t port;

    while (at > 0 && id.data[at - 1] != '_')
        at--;
    if (at < 2 || at - 1 > LG_NAMES_HOST_MAX ||
        !lg_parse_u64(lg_slice_skip(id, at), UINT16_MAX, &port))
        return lg_error_set(
            err, LG_ERR_INVALID, "%.*s is not an instance; one is named <host>_<port>",
            (int)LG_MIN(id.size, (size_t)LG_NAMES_INSTANCE_MAX), (const char *)id.data);
    *out_host = lg_slice(id.data, at - 1);
    *out_port = (uint16_t)port;
    return LG_OK;
}
