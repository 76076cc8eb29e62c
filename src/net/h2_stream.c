/* Streams of our own HTTP/2 engine. They are pooled: one that was closed keeps its memory until the
 * connection takes it for another request, which no event does, so a pointer can be asked for
 * `live` after an event. */
#include "net/h2_impl.h"

/* --- The table ------------------------------------------------------------------------------- */

struct lg_h2_str *lg_h2_str_open(struct lg_h2_conn *c, uint32_t id)
{
    struct lg_h2_str **bucket = &c->buckets[lg_h2_bucket_of(id)], *st = c->free_streams;

    if (st != NULL)
        c->free_streams = st->next;
    else
        st = lg_new(struct lg_h2_str);
    lg_h2_sending_begin(&c->send, &st->send, id);
    st->live = true;
    st->remote_end = st->paused = false;
    st->receive_window = c->stream_window_now;
    st->credit = 0;
    st->content_length = -1;
    st->body_bytes = 0;
    st->kept = 0;
    st->next = *bucket;
    *bucket = st;
    c->streams++;
    return st;
}

void lg_h2_str_close(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    struct lg_h2_str **at = &c->buckets[lg_h2_bucket_of(st->send.head.id)];

    lg_h2_sending_drop(&c->send, &st->send);
    c->send.guard.body_bytes -= st->kept;
    while (*at != st)
        at = &(*at)->next;
    *at = st->next;
    st->live = false;
    st->next = c->free_streams;
    c->free_streams = st;
    c->streams--;
    if (c->data_stream == st)
        c->data_stream = NULL;
}

void lg_h2_str_free_all(struct lg_h2_conn *c)
{
    struct lg_h2_str *st;

    while ((st = c->free_streams) != NULL) {
        c->free_streams = st->next;
        lg_h2_sending_done(&st->send);
        lg_free(st);
    }
}

void lg_h2_str_drop_all(struct lg_h2_conn *c, uint32_t code)
{
    for (size_t i = 0; i < LG_H2_BUCKETS; i++)
        while (c->buckets[i] != NULL) {
            struct lg_h2_str *st = c->buckets[i];

            lg_h2_sending_gone(&c->send, &st->send, code);
            if (st->live)
                lg_h2_str_close(c, st);
        }
}

/* --- Small frames ---------------------------------------------------------------------------- */

void lg_h2_put_reset(struct lg_h2_conn *c, uint32_t id, uint32_t code, bool ended)
{
    lg_store_u32be(lg_h2_put_frame(&c->send, 4, LG_H2_RST_STREAM, 0, id), code);
    if (ended)
        return;
    if (c->last_id - id < 128)
        c->was_reset |= (uint64_t)1 << ((c->last_id - id) / 2);
    c->reset_max = LG_MAX(c->reset_max, id);
}

void lg_h2_put_window(struct lg_h2_conn *c, uint32_t id, uint32_t bytes)
{
    lg_store_u32be(lg_h2_put_frame(&c->send, 4, LG_H2_WINDOW_UPDATE, 0, id), bytes);
}

void lg_h2_str_fault(struct lg_h2_conn *c, struct lg_h2_str *st, uint32_t code, bool blame)
{
    lg_h2_put_reset(c, st->send.head.id, code, st->remote_end);
    lg_h2_sending_gone(&c->send, &st->send, code);
    if (st->live)
        lg_h2_str_close(c, st);
    if (blame && code != LG_H2_ENHANCE_YOUR_CALM) /* That was counted as a limit. */
        lg_h2_count_fault(LG_H2_OF_STREAM, code);
    if (blame)
        (void)lg_h2_conn_spend(c, LG_H2_OVER_resets);
}

void lg_h2_str_credit(struct lg_h2_conn *c, struct lg_h2_str *st, size_t bytes)
{
    st->credit += (uint32_t)bytes;
    if (st->paused || st->remote_end || st->credit < c->stream_window / 2)
        return;
    lg_h2_put_window(c, st->send.head.id, st->credit);
    st->receive_window += st->credit;
    st->credit = 0;
}

/* The answer is sent. A request that has not come whole is stopped: nobody reads it (8.1). */
void lg_h2_str_sent_all(struct lg_h2_sender *s, struct lg_h2_sending *sending)
{
    struct lg_h2_conn *c = LG_CONTAINER_OF(s, struct lg_h2_conn, send);
    struct lg_h2_str *st = LG_CONTAINER_OF(sending, struct lg_h2_str, send);

    if (!st->remote_end)
        lg_h2_put_reset(c, st->send.head.id, LG_H2_NO_ERROR, /* ended= */ false);
    lg_h2_str_close(c, st);
}

void lg_h2_own_reset(struct lg_h2_stream *head_of, uint32_t code)
{
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    st->send.callers = false;
    lg_h2_str_fault(lg_h2_conn_of(head_of->conn), st, code, /* blame= */ false);
}

void lg_h2_own_release(struct lg_h2_stream *head_of, size_t n)
{
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    n = LG_MIN(n, st->kept);
    st->kept -= n;
    lg_h2_conn_of(head_of->conn)->send.guard.body_bytes -= n;
}

void lg_h2_own_pause(struct lg_h2_stream *head_of, bool paused)
{
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    st->paused = paused;
    if (!paused)
        lg_h2_str_credit(lg_h2_conn_of(head_of->conn), st, 0);
}
