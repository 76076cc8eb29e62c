/* The streaming batch get without a socket: many batches at a time, each with its values, what is
 * missing and one end; errors end batches, and only bytes that nobody understands the stream. */
#include "net/read_stream.h"

#include "test/test.h"

#define KEPT_MAX 8u
#define PARTS_MAX 4096u

static struct lg_read_stream *s;
static struct lg_read_batch *kept[KEPT_MAX]; /* begun and not ended */
static size_t begun, cancelled, rooms, refusals;
static bool ends_at_cancel;

static void keep(void *ctx, struct lg_read_batch *batch, const struct lg_stream_batch *asked)
{
    (void)ctx;
    assert_true(begun < KEPT_MAX && asked->store.size > 0);
    assert_null(batch->user);
    kept[begun++] = batch;
}

static void note_cancel(void *ctx, struct lg_read_batch *batch)
{
    (void)ctx;
    cancelled++;
    assert_true(batch->cancelled);
    if (ends_at_cancel)
        lg_read_batch_end(batch, &(struct lg_stream_end){.status = LG_GRPC_CANCELLED});
}

static void note_room(void *ctx)
{
    (void)ctx;
    rooms++;
}

static void note_refusal(void *ctx)
{
    (void)ctx;
    refusals++;
}

static const struct lg_read_stream_handler handler = {
    .begin = keep, .cancel = note_cancel, .room = note_room, .refused = note_refusal};

static int begin(void **state)
{
    (void)state;
    begun = cancelled = rooms = refusals = 0;
    ends_at_cancel = false;
    s = lg_read_stream_new(
        &(struct lg_read_stream_options){.handler = &handler, .batches_max = 3, .keys_max = 2});
    return 0;
}

static int end(void **state)
{
    (void)state;
    lg_read_stream_free(s);
    return 0;
}

static void send_request(const struct lg_stream_batch_get_request *rq)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err = {0};

    assert_ok(lg_grpc_append(&bytes, &lg_stream_batch_get_request_pb, rq, &err));
    lg_read_stream_input(s, lg_buf_slice(&bytes));
}

static void ask(uint64_t id, uint32_t keys)
{
    struct lg_stream_key some[4] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 4}};
    struct lg_stream_batch batch = {.store = LG_LIT("cities"), .keys = {some, keys, 0}};

    send_request(&(struct lg_stream_batch_get_request){
        .batch_id = id, .action_case = LG_STREAM_BATCH_GET_REQUEST_GET, .action.get = &batch});
}

static void ask_cancel(uint64_t id)
{
    struct lg_stream_cancel nothing = {0};

    send_request(
        &(struct lg_stream_batch_get_request){.batch_id = id,
                                              .action_case = LG_STREAM_BATCH_GET_REQUEST_CANCEL,
                                              .action.cancel = &nothing});
}

static void end_ok(struct lg_read_batch *batch)
{
    lg_read_batch_end(batch, &(struct lg_stream_end){.rcu = 1});
}

/* What was sent, as its client reads it. */
struct parts {
    struct lg_arena *arena;
    struct lg_stream_batch_get_response all[PARTS_MAX];
    size_t count;
};

static void read_output(struct parts *p)
{
    LG_SCOPED(lg_grpc_reader) r = {.message_bytes_max = SIZE_MAX};
    struct lg_slice in = lg_read_stream_output(s), message;
    struct lg_error err = {0};
    size_t size = in.size;
    bool has = true;

    p->count = 0;
    p->arena = lg_arena_new(SIZE_MAX / 2);
    while (has) {
        assert_ok(lg_grpc_next(&r, &in, &message, &has, &err));
        if (!has)
            break;
        const uint8_t *copy = lg_arena_copy(p->arena, message);
        assert_true(p->count < PARTS_MAX);
        assert_ok(lg_pb_decode(&lg_stream_batch_get_response_pb, lg_slice(copy, message.size),
                               p->arena, &p->all[p->count++], &err));
    }
    assert_true(lg_grpc_is_between(&r));
    lg_read_stream_sent(s, size);
}

static void assert_ended(const struct lg_stream_batch_get_response *rs, uint64_t id,
                         enum lg_grpc_status status)
{
    assert_int_equal(rs->batch_id, id);
    assert_non_null(rs->end);
    assert_string_equal(lg_grpc_status_name((enum lg_grpc_status)rs->end->status),
                        lg_grpc_status_name(status));
}

static struct parts p;

static void a_batch_gets_values_what_is_missing_and_an_end(void **state)
{
    (void)state;
    ask(7, 2);
    assert_int_equal(lg_read_stream_batches(s), 1);
    lg_read_batch_value(
        kept[0],
        &(struct lg_stream_value){
            .id = 300, .schema_id = -2, .data = LG_LIT("value"), .compression = 3, .version = 9});
    lg_read_batch_value(kept[0], &(struct lg_stream_value){0});
    lg_read_batch_missing(kept[0], 0);
    lg_read_batch_missing(kept[0], UINT32_MAX);
    lg_read_batch_end(kept[0], &(struct lg_stream_end){.rcu = 4, .version = 9});
    assert_int_equal(lg_read_stream_batches(s), 0);
    read_output(&p);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.all[0].values.size, 2);
    const struct lg_stream_value *v = p.all[0].values.data;
    assert_true(v->id == 300 && v->schema_id == -2 && v->compression == 3 && v->version == 9);
    assert_slice_equal(v->data, LG_LIT("value"));
    assert_int_equal(v[1].data.size, 0);
    assert_int_equal(p.all[0].missing.size, 2);
    assert_true(p.all[0].missing.data[0] == 0 && p.all[0].missing.data[1] == UINT32_MAX);
    assert_ended(&p.all[0], 7, LG_GRPC_OK);
    assert_int_equal(p.all[0].end->rcu, 4);
    lg_arena_free(p.arena);
}

static void batches_are_answered_side_by_side(void **state)
{
    (void)state;
    ask(1, 1);
    ask(2, 1);
    lg_read_batch_missing(kept[1], 1);
    lg_read_batch_missing(kept[0], 1);
    end_ok(kept[0]);
    lg_read_batch_value(kept[1], &(struct lg_stream_value){.id = 2});
    end_ok(kept[1]);
    read_output(&p);
    assert_int_equal(p.count, 3);
    assert_true(p.all[0].batch_id == 2 && p.all[0].end == NULL);
    assert_ended(&p.all[1], 1, LG_GRPC_OK);
    assert_ended(&p.all[2], 2, LG_GRPC_OK);
    assert_int_equal(p.all[2].values.size, 1);
    lg_arena_free(p.arena);
}

static void answers_are_cut_into_messages_of_a_size(void **state)
{
    uint8_t *bytes = lg_zalloc(200000);
    size_t values = 0;

    (void)state;
    ask(1, 1);
    for (uint32_t i = 0; i < 100; i++)
        lg_read_batch_value(kept[0],
                            &(struct lg_stream_value){.id = i, .data = lg_slice(bytes, 5000)});
    lg_read_batch_value(kept[0], &(struct lg_stream_value){.data = lg_slice(bytes, 200000)});
    end_ok(kept[0]);
    assert_true(lg_read_stream_is_full(s));
    read_output(&p);
    assert_false(lg_read_stream_is_full(s));
    assert_int_equal(rooms, 1);
    assert_int_equal(p.count, 8 + 1 + 1); /* 12 or 13 in each; the large one; the end */
    for (size_t i = 0; i < p.count; i++)
        values += p.all[i].values.size;
    assert_int_equal(values, 101);
    assert_ended(&p.all[p.count - 1], 1, LG_GRPC_OK);
    lg_arena_free(p.arena);
    lg_free(bytes);
}

static void what_is_wrong_with_a_batch_ends_that_batch_alone(void **state)
{
    (void)state;
    ask(1, 1);
    ask(2, 3); /* too many keys */
    ask(3, 1);
    ask(4, 1);
    ask(5, 1);                                                          /* too many batches */
    send_request(&(struct lg_stream_batch_get_request){.batch_id = 6}); /* no action */
    assert_int_equal(begun, 3);
    assert_int_equal(refusals, 3);
    lg_read_batch_fail(kept[0], &(struct lg_error){LG_ERR_NO_STORE, "no store cities"});
    lg_read_batch_fail(kept[1], &(struct lg_error){LG_ERR_UNREADY, "\xff"}); /* not UTF-8 */
    end_ok(kept[2]);
    read_output(&p);
    assert_int_equal(p.count, 6);
    assert_ended(&p.all[0], 2, LG_GRPC_INVALID_ARGUMENT);
    assert_slice_equal(p.all[0].end->message,
                       LG_LIT("more than 2 keys in one batch (limit stream_batch_keys)"));
    assert_ended(&p.all[1], 5, LG_GRPC_RESOURCE_EXHAUSTED);
    assert_slice_equal(p.all[1].end->message,
                       LG_LIT("more than 3 batches of the stream under way"));
    assert_ended(&p.all[2], 6, LG_GRPC_UNIMPLEMENTED);
    assert_ended(&p.all[3], 1, LG_GRPC_NOT_FOUND);
    assert_slice_equal(p.all[3].end->message, LG_LIT("no store cities"));
    assert_ended(&p.all[4], 3, LG_GRPC_UNAVAILABLE);
    assert_int_equal(p.all[4].end->message.size, 0);
    assert_ended(&p.all[5], 4, LG_GRPC_OK);
    lg_arena_free(p.arena);
    ask(7, 2);
    assert_int_equal(begun, 4);
    end_ok(kept[3]);
}

static void far_too_many_keys_end_their_batch_alone(void **state)
{
    LG_SCOPED(lg_buf) keys = {0}, bytes = {0};
    uint8_t size[LG_PB_VARINT_BYTES_MAX];

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        lg_buf_append(&keys, "\x1a\0", 2);
    lg_buf_append(&bytes, "\x12", 1);
    lg_buf_append(&bytes, size, (size_t)(lg_pb_put_varint(size, keys.size) - size));
    lg_buf_append_slice(&bytes, lg_buf_slice(&keys));
    lg_buf_append(&bytes, "\x08\x05", 2); /* The id comes last. */
    uint8_t prefix[LG_GRPC_PREFIX_BYTES];
    lg_grpc_prefix(prefix, /* is_compressed= */ false, bytes.size);
    lg_read_stream_input(s, lg_slice(prefix, sizeof prefix));
    lg_read_stream_input(s, lg_buf_slice(&bytes));
    ask(6, 1);
    end_ok(kept[0]);
    read_output(&p);
    assert_int_equal(p.count, 2);
    assert_ended(&p.all[0], 5, LG_GRPC_INVALID_ARGUMENT);
    assert_slice_equal(p.all[0].end->message,
                       LG_LIT("more than 2 keys in one batch (limit stream_batch_keys)"));
    assert_ended(&p.all[1], 6, LG_GRPC_OK);
    lg_arena_free(p.arena);
}

static void a_cancelled_batch_still_ends_but_tells_no_more_values(void **state)
{
    (void)state;
    ask(1, 1);
    ask(1, 1); /* the same id: both are meant */
    ask(2, 1);
    ask_cancel(9);
    assert_int_equal(cancelled, 0);
    ask_cancel(1);
    ask_cancel(1);
    assert_int_equal(cancelled, 2);
    for (size_t i = 0; i < 3; i++) {
        lg_read_batch_value(kept[i], &(struct lg_stream_value){.id = 1});
        lg_read_batch_missing(kept[i], 2);
        end_ok(kept[i]);
    }
    read_output(&p);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.all[0].values.size + p.all[0].missing.size, 0);
    assert_int_equal(p.all[2].values.size + p.all[2].missing.size, 2);
    lg_arena_free(p.arena);
}

static void assert_done(enum lg_grpc_status want, const char *words)
{
    enum lg_grpc_status status;
    struct lg_slice text;

    assert_true(lg_read_stream_is_done(s, &status, &text));
    assert_string_equal(lg_grpc_status_name(status), lg_grpc_status_name(want));
    assert_slice_equal(text, lg_slice_str(words));
}

static bool is_done(void)
{
    enum lg_grpc_status status;
    struct lg_slice text;

    return lg_read_stream_is_done(s, &status, &text);
}

static void a_stream_is_done_when_its_client_and_its_batches_are(void **state)
{
    (void)state;
    ask(1, 1);
    assert_false(is_done());
    lg_read_stream_half_closed(s);
    assert_false(is_done());
    end_ok(kept[0]);
    assert_done(LG_GRPC_OK, "");
    read_output(&p);
    assert_ended(&p.all[0], 1, LG_GRPC_OK);
    lg_arena_free(p.arena);
}

static void bytes_that_nobody_understands_end_the_stream(void **state)
{
    (void)state;
    ask(1, 1);
    lg_read_batch_missing(kept[0], 1);
    ends_at_cancel = true;
    lg_read_stream_input(s, LG_LIT("\0\0\0\0\2\x08"));
    assert_false(is_done());
    lg_read_stream_input(s, LG_LIT("\x80"));
    assert_int_equal(cancelled, 1);
    assert_done(LG_GRPC_INTERNAL,
                "lagoon.read.v1.BatchGetRequest.batch_id at byte 1: it ends inside "
                "a number");
    ask(2, 1);
    assert_int_equal(begun, 1);
    read_output(&p); /* What was said before is still sent. */
    assert_int_equal(p.count, 1);
    assert_int_equal(p.all[0].missing.size, 1);
    lg_arena_free(p.arena);
}

static void a_message_that_is_cut_off_or_too_large_ends_the_stream(void **state)
{
    (void)state;
    lg_read_stream_input(s, LG_LIT("\0\0\0"));
    lg_read_stream_half_closed(s);
    assert_done(LG_GRPC_INTERNAL, "the stream ends inside a message");
    lg_read_stream_free(s);
    begin(NULL);
    lg_read_stream_input(s, LG_LIT("\0\x10\0\0\0"));
    assert_done(LG_GRPC_RESOURCE_EXHAUSTED,
                "a message of 268435456 bytes, over the limit of 4194304");
}

static void a_server_that_ends_finishes_what_is_under_way(void **state)
{
    (void)state;
    ask(1, 1);
    lg_read_stream_drain(s);
    ask(2, 1);
    assert_int_equal(begun, 1);
    assert_false(is_done());
    end_ok(kept[0]);
    assert_done(LG_GRPC_UNAVAILABLE, "this server will end");
    read_output(&p);
    assert_ended(&p.all[0], 2, LG_GRPC_UNAVAILABLE);
    assert_ended(&p.all[1], 1, LG_GRPC_OK);
    lg_arena_free(p.arena);
}

static void a_client_that_went_is_told_nothing(void **state)
{
    (void)state;
    ask(1, 1);
    ask(2, 1);
    lg_read_batch_missing(kept[0], 1);
    lg_read_stream_abort(s);
    assert_int_equal(cancelled, 2);
    lg_read_batch_missing(kept[0], 1);
    end_ok(kept[0]);
    end_ok(kept[1]);
    assert_int_equal(lg_read_stream_output(s).size, 0);
    assert_true(is_done());
}

static void what_nobody_takes_is_bounded(void **state)
{
    size_t size = (size_t)5 << 20;
    uint8_t *bytes = lg_zalloc(size);

    (void)state;
    ask(1, 1);
    ask(2, 1);
    for (unsigned i = 0; i < 20; i++)
        lg_read_batch_value(kept[0], &(struct lg_stream_value){.data = lg_slice(bytes, size)});
    assert_true(kept[0]->cut && !kept[1]->cut);
    assert_true(lg_read_stream_output(s).size < LG_READ_STREAM_UNSENT_BYTES_MAX + 100);
    end_ok(kept[0]);
    end_ok(kept[1]);
    read_output(&p);
    assert_ended(&p.all[p.count - 2], 1, LG_GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(p.all[p.count - 2].end->rcu, 1);
    assert_ended(&p.all[p.count - 1], 2, LG_GRPC_OK);
    lg_arena_free(p.arena);
    lg_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_gets_values_what_is_missing_and_an_end, begin, end),
        cmocka_unit_test_setup_teardown(batches_are_answered_side_by_side, begin, end),
        cmocka_unit_test_setup_teardown(answers_are_cut_into_messages_of_a_size, begin, end),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_a_batch_ends_that_batch_alone, begin,
                                        end),
        cmocka_unit_test_setup_teardown(far_too_many_keys_end_their_batch_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_cancelled_batch_still_ends_but_tells_no_more_values,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_stream_is_done_when_its_client_and_its_batches_are, begin,
                                        end),
        cmocka_unit_test_setup_teardown(bytes_that_nobody_understands_end_the_stream, begin, end),
        cmocka_unit_test_setup_teardown(a_message_that_is_cut_off_or_too_large_ends_the_stream,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_server_that_ends_finishes_what_is_under_way, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_went_is_told_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_takes_is_bounded, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
