/* Bodies of streamed multi-gets: any bytes, in pieces whose sizes the input chooses, must mean the
 * same as in one piece, and never reach beyond the keys that were asked for. */
#include "client/multi_answer.h"

#define KEYS 8u

struct answer {
    struct lg_read_key keys[KEYS], *pointers[KEYS];
    struct lg_multi_answer m;
    enum lg_rc rc;
};

static void run(struct answer *a, struct lg_slice body, size_t piece)
{
    struct lg_error err;

    memset(a, 0, sizeof *a);
    for (size_t i = 0; i < KEYS; i++)
        a->pointers[i] = &a->keys[i];
    a->m = (struct lg_multi_answer){.keys = a->pointers,
                                    .key_count = KEYS,
                                    .arena = lg_arena_new(1 << 16),
                                    .value_bytes_max = 1 << 12};
    lg_multi_answer_begin(&a->m);
    while (a->rc == LG_OK && body.size > 0) {
        size_t n = LG_MIN(piece, body.size);

        a->rc = lg_multi_answer_feed(&a->m, lg_slice(body.data, n), &err);
        body = lg_slice_skip(body, n);
    }
    assert(a->m.partial.size <= (1 << 12) + 32); /* Never more than one record. */
    if (a->rc == LG_OK)
        a->rc = lg_multi_answer_end(&a->m, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer whole, pieces;

    if (size == 0)
        return 0;
    run(&whole, lg_slice(data + 1, size - 1), size);
    run(&pieces, lg_slice(data + 1, size - 1), 1 + data[0] % 40u);
    assert(whole.rc == pieces.rc);
    for (size_t i = 0; whole.rc == LG_OK && i < KEYS; i++) {
        assert(whole.keys[i].rc == pieces.keys[i].rc);
        assert(lg_slice_eq(whole.keys[i].value, pieces.keys[i].value));
    }
    lg_multi_answer_done(&whole.m);
    lg_multi_answer_done(&pieces.m);
    lg_arena_free(whole.m.arena);
    lg_arena_free(pieces.m.arena);
    return 0;
}
