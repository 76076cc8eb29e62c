/* What is to be sent: gathered, taken over, sent in part, pinned. */
#include "net/send_queue.h"

#include "test/test.h"

static void push(struct lg_send_queue *q, size_t size, uint8_t fill)
{
    struct lg_buf b = {0};

    memset(lg_buf_reserve(&b, size), fill, size);
    lg_buf_commit(&b, size);
    lg_send_queue_push(q, &b);
    assert_int_equal(b.size, 0);
    lg_buf_done(&b);
}

/* The bytes that are queued, as far as one look shows them. */
static size_t look(const struct lg_send_queue *q, uint8_t *out, size_t size, size_t *out_pieces)
{
    struct iovec iov[LG_SEND_QUEUE_IOV_MAX];
    size_t n = 0;

    *out_pieces = lg_send_queue_peek(q, iov);
    for (size_t i = 0; i < *out_pieces; i++) {
        assert_true(n + iov[i].iov_len <= size);
        memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
        n += iov[i].iov_len;
    }
    return n;
}

static void small_writes_are_one_piece_and_large_ones_pieces_of_their_own(void **state)
{
    struct lg_send_queue q = {0};
    uint8_t seen[40000];
    size_t pieces;

    (void)state;
    push(&q, 10, 'a');
    push(&q, 20, 'b');
    assert_int_equal(look(&q, seen, sizeof seen, &pieces), 30);
    assert_int_equal(pieces, 1);
    push(&q, 20000, 'c');
    push(&q, 5, 'd');
    assert_int_equal(q.bytes, 20035);
    assert_int_equal(look(&q, seen, sizeof seen, &pieces), 20035);
    assert_true(pieces == 2 || pieces == 3); /* What follows a large one may be put behind it. */
    assert_int_equal(seen[0], 'a');
    assert_int_equal(seen[29], 'b');
    assert_int_equal(seen[20029], 'c');
    assert_int_equal(seen[20034], 'd');
    lg_send_queue_done(&q);
}

static void what_is_sent_in_part_goes_on_where_it_stopped(void **state)
{
    struct lg_send_queue q = {0};
    uint8_t seen[64];
    size_t pieces;

    (void)state;
    push(&q, 10, 'a');
    push(&q, 10, 'b');
    lg_send_queue_sent(&q, 9);
    assert_int_equal(q.bytes, 11);
    assert_int_equal(look(&q, seen, sizeof seen, &pieces), 11);
    assert_int_equal(seen[0], 'a');
    assert_int_equal(seen[1], 'b');
    lg_send_queue_sent(&q, 11);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(look(&q, seen, sizeof seen, &pieces), 0);
    lg_send_queue_done(&q);
}

static void what_is_pinned_does_not_move(void **state)
{
    struct lg_send_queue q = {0};
    struct iovec before[LG_SEND_QUEUE_IOV_MAX], after[LG_SEND_QUEUE_IOV_MAX];

    (void)state;
    push(&q, 10, 'a');
    assert_int_equal(lg_send_queue_peek(&q, before), 1);
    lg_send_queue_fix(&q);
    for (int i = 0; i < 100; i++)
        push(&q, 10000, 'b'); /* Would make the first chunk grow, and many more of them. */
    assert_true(lg_send_queue_peek(&q, after) > 1);
    assert_ptr_equal(after[0].iov_base, before[0].iov_base);
    assert_int_equal(after[0].iov_len, 10);
    lg_send_queue_sent(&q, 10);
    assert_int_equal(q.bytes, 1000000);
    lg_send_queue_done(&q);
}

static void a_queue_that_never_runs_empty_does_not_grow(void **state)
{
    struct lg_send_queue q = {0};

    (void)state;
    push(&q, 20000, 'a');
    for (int i = 0; i < 20000; i++) {
        push(&q, 20000, 'b');
        lg_send_queue_sent(&q, 20000);
    }
    assert_int_equal(q.bytes, 20000);
    assert_true(q.chunks.capacity <= 1024);
    lg_send_queue_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_writes_are_one_piece_and_large_ones_pieces_of_their_own),
        cmocka_unit_test(what_is_sent_in_part_goes_on_where_it_stopped),
        cmocka_unit_test(what_is_pinned_does_not_move),
        cmocka_unit_test(a_queue_that_never_runs_empty_does_not_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
