/* Any bytes as any message of proto/, or as the one of test/judge that has every type: refused, or
 * read, and then what is written is read as the same and written as the same bytes again. */
#include "net/venice_rpc.h"
#include "test/judge/every.h"

#define ARENA_MAX ((size_t)32 << 20)

static const struct lg_pb_message *table_of(uint8_t choice)
{
    size_t i = choice % (2 * LG_RPC_COUNT + 1);

    if (i == 2 * LG_RPC_COUNT)
        return &lg_judge_every_pb;
    return i % 2 == 0 ? lg_rpc_methods[i / 2].request : lg_rpc_methods[i / 2].response;
}

static bool rewrite(const struct lg_pb_message *m, struct lg_slice in, struct lg_arena *arena,
                    struct lg_buf *out)
{
    void *msg = lg_arena_alloc(arena, LG_MAX((size_t)m->struct_size, (size_t)1));
    struct lg_error err = {0};
    enum lg_rc rc;

    assert(msg != NULL);
    rc = lg_pb_decode(m, in, arena, msg, &err);
    if (rc != LG_OK) {
        assert((rc == LG_ERR_BAD_DATA || rc == LG_ERR_TOO_LARGE) && err.text[0] != '\0');
        return false;
    }
    rc = lg_pb_encode(m, msg, out, &err);
    assert(rc == LG_OK && out->size == lg_pb_size(m, msg));
    return true;
}

/* What is read by hand is read as by the table. */
static void compare_request(struct lg_slice in)
{
    struct lg_venice_client_request a, b;
    enum lg_rc rc_a = lg_venice_request_read(in, &a, NULL);
    enum lg_rc rc_b = lg_pb_decode(&lg_venice_client_request_pb, in, NULL, &b, NULL);
    LG_SCOPED(lg_buf) once = {0}, twice = {0};

    assert(rc_a == rc_b);
    rc_a = lg_pb_encode(&lg_venice_client_request_pb, &a, &once, NULL);
    rc_b = lg_pb_encode(&lg_venice_client_request_pb, &b, &twice, NULL);
    assert(rc_a == LG_OK && rc_b == LG_OK);
    assert(lg_slice_eq(lg_buf_slice(&once), lg_buf_slice(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_arena) *arena = NULL;
    LG_SCOPED(lg_buf) once = {0}, twice = {0};
    const struct lg_pb_message *m;

    if (size == 0)
        return 0;
    arena = lg_arena_new(ARENA_MAX);
    m = table_of(data[0]);
    if (m == &lg_venice_client_request_pb)
        compare_request(lg_slice(data + 1, size - 1));
    if (!rewrite(m, lg_slice(data + 1, size - 1), arena, &once))
        return 0;
    if (rewrite(m, lg_buf_slice(&once), arena, &twice))
        assert(lg_slice_eq(lg_buf_slice(&once), lg_buf_slice(&twice)));
    else
        assert(lg_arena_bytes(arena) > ARENA_MAX / 4 && "refused only for want of memory");
    return 0;
}
