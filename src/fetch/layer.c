#include "fetch/layer.h"

#include <stdio.h>

static bool answered(const struct lg_read_key *key)
{
    return key->rc == LG_OK || key->rc == LG_ERR_NOT_FOUND;
}

void lg_read_sum_up(struct lg_read *read)
{
    read->rc = LG_OK;
    for (size_t i = 0; i < read->key_count && read->rc == LG_OK; i++)
        if (!answered(read->keys[i]))
            read->rc = read->keys[i]->rc;
    if (read->rc != LG_OK && read->err.rc != read->rc)
        (void)lg_error_set(&read->err, read->rc, "%s", lg_rc_text(read->rc));
}

void lg_read_settle(struct lg_read *read)
{
    lg_read_sum_up(read);
    read->done(read);
}

void lg_read_fail(struct lg_read *read, const struct lg_error *err)
{
    assert(err->rc != LG_OK);
    for (size_t i = 0; i < read->key_count; i++)
        read->keys[i]->rc = err->rc;
    read->rc = err->rc;
    read->err = *err;
}

static void fail_now(struct lg_task *task)
{
    struct lg_read *read = LG_CONTAINER_OF(task, struct lg_read, task);

    read->done(read);
}

void lg_read_fail_later(struct lg_layer *layer, struct lg_read *read, enum lg_rc rc,
                        const char *fmt, ...)
{
    struct lg_error err = {.rc = rc};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(err.text, sizeof err.text, fmt, ap);
    va_end(ap);
    lg_read_fail(read, &err);
    read->task.run = fail_now;
    lg_lane_post(layer->lane, &read->task);
}
