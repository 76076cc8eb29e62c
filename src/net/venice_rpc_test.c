/* What is written by hand is what the tables give: the same requests from the same bytes, also
 * from damaged ones, and the same bytes of the same answers. */
#include "net/venice_rpc.h"

#include <stdlib.h>

#include "base/rand.h"
#include "base/str.h"
#include "test/test.h"

static bool same_slice(struct lg_slice a, struct lg_slice b)
{
    return lg_slice_eq(a, b) && (a.size == 0 || a.data == b.data);
}

static void assert_same_reading(struct lg_slice in)
{
    struct lg_venice_client_request a, b;
    struct lg_error err_a = {0}, err_b = {0};
    enum lg_rc rc_a = lg_venice_request_read(in, &a, &err_a);
    enum lg_rc rc_b = lg_pb_decode(&lg_venice_client_request_pb, in, NULL, &b, &err_b);

    assert_rc(rc_b, rc_a);
    assert_string_equal(err_a.text, err_b.text);
    if (!same_slice(a.key_string, b.key_string) || !same_slice(a.key_bytes, b.key_bytes) ||
        !same_slice(a.resource_name, b.resource_name) || !same_slice(a.method, b.method) ||
        a.partition != b.partition || a.is_streaming_request != b.is_streaming_request ||
        a.is_retry_request != b.is_retry_request || a.is_batch_request != b.is_batch_request)
        fail_msg("a request is read in two ways");
}

static struct lg_slice some_text(struct lg_rand *rand, bool is_ascii)
{
    static uint8_t texts[2][400];
    uint8_t *text = texts[is_ascii];
    uint64_t size = lg_rand_below(rand, lg_rand_below(rand, 4) == 0 ? sizeof texts[0] : 20);
    uint64_t start = lg_rand_below(rand, sizeof texts[0] - size + 1);

    for (size_t i = 0; i < sizeof texts[0]; i++)
        text[i] = is_ascii ? 'a' : (uint8_t)lg_rand_next(rand);
    return lg_slice(text + start, size);
}

static struct lg_venice_client_request some_request(struct lg_rand *rand)
{
    bool is_odd = lg_rand_below(rand, 8) == 0;
    struct lg_venice_client_request rq = {0};

    rq.partition = (uint32_t)lg_rand_next(rand) >> lg_rand_below(rand, 33) % 32;
    rq.key_string = some_text(rand, /* is_ascii= */ true);
    rq.key_bytes = some_text(rand, /* is_ascii= */ false);
    rq.resource_name = is_odd ? LG_LIT("st\xc3\xb6re_v1") : LG_LIT("store_v1");
    rq.is_streaming_request = lg_rand_below(rand, 2) == 0;
    rq.is_retry_request = lg_rand_below(rand, 2) == 0;
    rq.is_batch_request = lg_rand_below(rand, 2) == 0;
    rq.method = LG_LIT("POST");
    return rq;
}

static void requests_are_read_as_the_table_reads_them(void **state)
{
    struct lg_rand rand;

    (void)state;
    lg_rand_seed(&rand, 5);
    for (unsigned i = 0; i < 3000; i++) {
        struct lg_venice_client_request rq = some_request(&rand);
        LG_SCOPED(lg_buf) bytes = {0};
        struct lg_error err = {0};
        uint8_t *copy;
        size_t size;

        assert_ok(lg_pb_encode(&lg_venice_client_request_pb, &rq, &bytes, &err));
        size = i % 3 == 0 ? lg_rand_below(&rand, bytes.size + 1) : bytes.size;
        copy = malloc(size == 0 ? 1 : size); /* So that a byte too many is seen. */
        memcpy(copy, bytes.data, size);
        if (i % 3 == 1)
            copy[lg_rand_below(&rand, size)] = (uint8_t)lg_rand_next(&rand);
        assert_same_reading(lg_slice(copy, size));
        free(copy);
    }
    assert_same_reading(LG_SLICE_NULL);
}

static void every_byte_in_every_place_is_read_as_the_table_reads_it(void **state)
{
    LG_SCOPED(lg_buf) in = {0};

    (void)state;
    assert_true(lg_hex_decode(&in, LG_LIT("0808120a416d453d3f663d6236342a0573745f76315203474554"
                                          "1a0361626338014001480108ff7f")));
    for (size_t at = 0; at < in.size; at++) {
        uint8_t old = in.data[at];

        for (unsigned byte = 0; byte < 256; byte++) {
            in.data[at] = (uint8_t)byte;
            assert_same_reading(lg_buf_slice(&in));
        }
        in.data[at] = old;
    }
}

static void assert_same_answer(const struct lg_venice_server_response *rs)
{
    struct lg_venice_answer a;
    LG_SCOPED(lg_buf) want = {0}, got = {0};
    struct lg_error err = {0};

    assert_ok(lg_grpc_append(&want, &lg_venice_server_response_pb, rs, &err));
    lg_venice_answer(&a, rs);
    lg_buf_append(&got, a.head, a.head_size);
    lg_buf_append_slice(&got, rs->data);
    lg_buf_append(&got, a.tail, a.tail_size);
    assert_int_equal(got.size, lg_venice_answer_size(&a, rs->data.size));
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

static void answers_are_written_as_the_table_writes_them(void **state)
{
    static const uint8_t value[70000];
    static const size_t sizes[] = {0, 1, 64, 127, 128, 16383, 16384, sizeof value};
    static const uint32_t numbers[] = {0, 1, 127, 128, 200, 429, (uint32_t)-420, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
        for (size_t j = 0; j < LG_ARRAY_SIZE(numbers); j++) {
            assert_same_answer(&(struct lg_venice_server_response){
                .schema_id = (int32_t)numbers[j],
                .data = lg_slice(value, sizes[i]),
                .compression_strategy = numbers[LG_ARRAY_SIZE(numbers) - 1 - j],
                .response_rcu = numbers[j],
                .is_streaming_response = j % 2 == 0,
                .error_code = numbers[(i + j) % LG_ARRAY_SIZE(numbers)]});
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_as_the_table_reads_them),
        cmocka_unit_test(every_byte_in_every_place_is_read_as_the_table_reads_it),
        cmocka_unit_test(answers_are_written_as_the_table_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
