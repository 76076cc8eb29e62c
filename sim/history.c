#include "sim/history.h"

#include <stdio.h>

#include "base/hash.h"

void lg_history_violate(struct lg_history *h, const char *checker, const char *fmt, ...)
{
    va_list args;

    if (h->violated)
        return;
    h->violated = true;
    (void)snprintf(h->checker, sizeof h->checker, "%s", checker);
    va_start(args, fmt);
    (void)vsnprintf(h->sentence, sizeof h->sentence, fmt, args);
    va_end(args);
}

const char *lg_history_store_name(unsigned store)
{
    static const char *const names[LG_HISTORY_STORES] = {"cities", "rivers"};

    assert(store < LG_HISTORY_STORES);
    return names[store];
}

unsigned lg_history_push_begun(struct lg_history *h, unsigned store)
{
    if (h->push_count >= LG_HISTORY_PUSHES_MAX)
        return 0;
    h->pushes[++h->push_count] = (struct lg_sim_push){.store = store};
    return h->push_count;
}

bool lg_history_is_empty(unsigned push)
{
    return push % 13 == 7;
}

bool lg_history_is_deferred(unsigned push)
{
    return push % 6 == 4;
}

bool lg_history_is_large(unsigned push)
{
    return push % 11 == 5 && !lg_history_is_empty(push);
}

bool lg_history_has_row(unsigned push, unsigned key)
{
    uint32_t pair[2] = {push, key};

    return !lg_history_is_empty(push) && key < LG_HISTORY_KEYS &&
           lg_hash64(pair, sizeof pair, 0) % 8 != 0;
}

size_t lg_history_row_count(unsigned push)
{
    size_t count = 0;

    for (unsigned key = 0; key < LG_HISTORY_KEYS; key++)
        count += lg_history_has_row(push, key);
    return count;
}

void lg_history_row_text(unsigned push, unsigned key, struct lg_buf *out)
{
    lg_buf_appendf(out,
                   "row %u of push %u, long enough that a batch of rows spans sectors of a disk",
                   key, push);
    for (unsigned i = 0; lg_history_is_large(push) && i < 8; i++)
        lg_buf_append_str(out, ", and longer than the quota of its store would ever allow");
}

void lg_history_file(unsigned push, struct lg_buf *out)
{
    for (unsigned key = 0; key < LG_HISTORY_KEYS; key++) {
        if (!lg_history_has_row(push, key))
            continue;
        lg_buf_appendf(out, "{\"id\":%u,\"push\":%u,\"text\":\"", key, push);
        lg_history_row_text(push, key, out);
        lg_buf_append_str(out, "\"}\n");
    }
}

unsigned lg_history_push_of_value(const struct lg_json *value, unsigned key, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    int64_t push = lg_json_get_int(value, "push", 0);

    if (push < 1 || push > LG_HISTORY_PUSHES_MAX) {
        (void)lg_error_set(err, LG_ERR_CORRUPT, "the value of key %u is of no push", key);
        return 0;
    }
    lg_history_row_text((unsigned)push, key, &text);
    if (lg_json_get_int(value, "id", -1) != key || !lg_history_has_row((unsigned)push, key) ||
        !lg_slice_eq_str(lg_buf_slice(&text), lg_json_get_str(value, "text", ""))) {
        LG_SCOPED(lg_buf) found = {0};

        lg_json_write(&found, value, /* pretty= */ false);
        (void)lg_error_set(err, LG_ERR_CORRUPT, "key %u has the value %.*s, which nobody pushed",
                           key, (int)LG_MIN(found.size, (size_t)200), (const char *)found.data);
        return 0;
    }
    return (unsigned)push;
}

void lg_history_schema(unsigned more, struct lg_buf *out)
{
    struct lg_slice first = LG_LIT(LG_HISTORY_VALUE_SCHEMA);

    lg_buf_append(out, first.data, first.size - 2); /* without "]}" */
    for (unsigned i = 1; i <= more; i++)
        lg_buf_appendf(out, ",{\"name\":\"more%u\",\"type\":\"long\",\"default\":%u}", i, i);
    lg_buf_append_str(out, "]}");
}
