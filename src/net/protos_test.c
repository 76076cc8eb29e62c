/* What proto/ describes: Venice's golden bytes, every message round and cut at each byte, and that
 * the generated files are those of proto/. */
#include "net/protos.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "net/grpc.h"
#include "test/lib/doc_hex.h"
#include "test/test.h"

static void hex(struct lg_buf *out, const char *text)
{
    assert_true(lg_hex_decode(out, lg_slice_str(text)));
}

static void assert_encodes(const struct lg_pb_message *m, const void *msg, const char *want)
{
    LG_SCOPED(lg_buf) got = {0}, text = {0};
    struct lg_error err = {0};

    assert_ok(lg_pb_encode(m, msg, &got, &err));
    assert_int_equal(got.size, lg_pb_size(m, msg));
    lg_hex_encode(&text, lg_buf_slice(&got));
    lg_buf_append_byte(&text, 0);
    assert_string_equal(text.data, want);
}

#define GET "0808120a416d453d3f663d6236342a0573745f76315203474554"
#define OK "080212070c76616c756531200130c801"

static void a_get_is_read_and_written_as_venice_does(void **state)
{
    LG_SCOPED(lg_buf) in = {0};
    struct lg_venice_client_request rq;
    struct lg_error err = {0};

    (void)state;
    hex(&in, GET);
    assert_ok(lg_pb_decode(&lg_venice_client_request_pb, lg_buf_slice(&in), NULL, &rq, &err));
    assert_int_equal(rq.partition, 8);
    assert_slice_equal(rq.key_string, LG_LIT("AmE=?f=b64"));
    assert_slice_equal(rq.resource_name, LG_LIT("st_v1"));
    assert_slice_equal(rq.method, LG_LIT("GET"));
    assert_int_equal(rq.key_bytes.size, 0);
    assert_false(rq.is_batch_request || rq.is_streaming_request || rq.is_retry_request);
    assert_ptr_equal(rq.key_string.data, in.data + 4); /* Not copied. */
    assert_encodes(&lg_venice_client_request_pb, &rq, GET);
}

static void an_answer_is_read_and_written_as_venice_does(void **state)
{
    LG_SCOPED(lg_buf) in = {0};
    struct lg_venice_server_response rs;
    struct lg_error err = {0};

    (void)state;
    hex(&in, OK);
    assert_ok(lg_pb_decode(&lg_venice_server_response_pb, lg_buf_slice(&in), NULL, &rs, &err));
    assert_int_equal(rs.schema_id, 1);
    assert_slice_equal(rs.data, lg_slice("\x0cvalue1", 7));
    assert_int_equal(rs.response_rcu, 1);
    assert_int_equal(rs.error_code, 200);
    assert_encodes(&lg_venice_server_response_pb, &rs, OK);
}

static void a_missing_key_is_venices_minus_420_in_an_unsigned_field(void **state)
{
    const struct lg_venice_server_response rs = {.error_code = (uint32_t)-420};
    LG_SCOPED(lg_buf) in = {0};
    struct lg_venice_server_response got;
    struct lg_error err = {0};

    (void)state;
    assert_int_equal(rs.error_code, 4294966876);
    assert_encodes(&lg_venice_server_response_pb, &rs, "30dcfcffff0f");
    /* As a client would write it that widens the sign. */
    hex(&in, "30dcfcffffffffffffff01");
    assert_ok(lg_pb_decode(&lg_venice_server_response_pb, lg_buf_slice(&in), NULL, &got, &err));
    assert_int_equal((int32_t)got.error_code, -420);
}

static void a_negative_schema_id_is_zigzag(void **state)
{
    (void)state;
    assert_encodes(&lg_venice_server_response_pb,
                   &(struct lg_venice_server_response){.schema_id = -1}, "0801");
    assert_encodes(&lg_venice_server_response_pb,
                   &(struct lg_venice_server_response){.schema_id = INT32_MIN}, "08ffffffff0f");
}

/* Cut at every byte: refused, or a message that ends between two fields. */
static void a_message_cut_anywhere_is_refused_or_shorter(void **state)
{
    LG_SCOPED(lg_buf) in = {0};
    /* Where the fields of OK end. */
    static const size_t ends[] = {0, 2, 11, 13, 16};

    (void)state;
    hex(&in, OK);
    for (size_t size = 0, whole = 0; size <= in.size; size++) {
        /* Memory of its own, so that the sanitizer sees a byte too many. */
        uint8_t *cut = size == 0 ? NULL : malloc(size);
        struct lg_venice_server_response rs;
        struct lg_error err = {0};
        enum lg_rc rc;

        if (size > 0)
            memcpy(cut, in.data, size);
        rc = lg_pb_decode(&lg_venice_server_response_pb, lg_slice(cut, size), NULL, &rs, &err);
        assert_rc(size == ends[whole] ? LG_OK : LG_ERR_BAD_DATA, rc);
        whole += size == ends[whole];
        free(cut);
    }
}

static void maps_are_sorted_and_the_last_of_a_key_stays(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    LG_SCOPED(lg_buf) in = {0};
    struct lg_venice_count_by_value_response rs;
    struct lg_error err = {0};

    (void)state;
    /* {"f": {"b": 1, "a": 2, "b": 3}} */
    hex(&in, "0a1a0a01661215"
             "0a050a01621001"
             "0a050a01611002"
             "0a050a01621003");
    assert_ok(
        lg_pb_decode(&lg_venice_count_by_value_response_pb, lg_buf_slice(&in), arena, &rs, &err));
    assert_int_equal(rs.field_to_value_counts.size, 1);
    struct lg_venice_value_count *counts = rs.field_to_value_counts.data[0].value;
    assert_int_equal(counts->value_to_counts.size, 2);
    assert_slice_equal(counts->value_to_counts.data[0].key, LG_LIT("a"));
    assert_int_equal(counts->value_to_counts.data[0].value, 2);
    assert_slice_equal(counts->value_to_counts.data[1].key, LG_LIT("b"));
    assert_int_equal(counts->value_to_counts.data[1].value, 3);
    assert_encodes(&lg_venice_count_by_value_response_pb, &rs,
                   "0a130a0166120e0a050a016110020a050a01621003");
}

static void methods_are_found_by_their_exact_path(void **state)
{
    (void)state;
    assert_int_equal(lg_rpc_find(LG_LIT("/com.linkedin.venice.protocols.VeniceReadService/get")),
                     LG_RPC_VENICE_READ_GET);
    assert_int_equal(lg_rpc_find(LG_LIT("/com.linkedin.venice.protocols.VeniceReadService/Get")),
                     LG_RPC_COUNT);
    assert_int_equal(lg_rpc_find(LG_LIT("/grpc.health.v1.Health/Watch")), LG_RPC_HEALTH_WATCH);
    assert_true(lg_rpc_methods[LG_RPC_HEALTH_WATCH].server_streams);
    assert_false(lg_rpc_methods[LG_RPC_HEALTH_WATCH].client_streams);
    assert_ptr_equal(lg_rpc_methods[LG_RPC_VENICE_READ_BATCH_GET].request,
                     &lg_venice_client_request_pb);
}

static void files_are_found_by_name_and_symbol(void **state)
{
    (void)state;
    for (size_t i = 0; i < lg_rpc_symbol_count; i++) {
        const struct lg_rpc_symbol *s = &lg_rpc_symbols[i];

        assert_ptr_equal(lg_rpc_file_of_symbol(s->name), &lg_rpc_files[s->file]);
        assert_true(i == 0 || lg_slice_cmp(lg_rpc_symbols[i - 1].name, s->name) < 0);
    }
    assert_ptr_equal(lg_rpc_file_of_symbol(LG_LIT("grpc.health.v1.Health.Check")),
                     lg_rpc_file_by_name(LG_LIT("grpc/health/v1/health.proto")));
    assert_null(lg_rpc_file_of_symbol(LG_LIT("grpc.health.v1")));
    assert_null(lg_rpc_file_of_symbol(LG_SLICE_NULL));
    assert_null(lg_rpc_file_by_name(LG_LIT("health.proto")));
}

/* --- The examples of docs/formats/grpc.md ----------------------------------------------------- */
static void assert_example(size_t index, const struct lg_buf *got)
{
    LG_SCOPED(lg_buf) want = {0};

    lg_doc_hex("docs/formats/grpc.md", index, &want);
    assert_slice_equal(lg_buf_slice(got), lg_buf_slice(&want));
}

static void append(struct lg_buf *out, const struct lg_pb_message *m, const void *msg)
{
    struct lg_error err = {0};

    assert_ok(lg_grpc_append(out, m, msg, &err));
}

static void the_page_shows_venices_messages(void **state)
{
    LG_SCOPED(lg_buf) rq = {0}, found = {0}, missing = {0};

    (void)state;
    append(&rq, &lg_venice_client_request_pb,
           &(struct lg_venice_client_request){.partition = 8,
                                              .key_string = LG_LIT("AmE=?f=b64"),
                                              .resource_name = LG_LIT("st_v1"),
                                              .method = LG_LIT("GET")});
    assert_example(0, &rq);
    append(&found, &lg_venice_server_response_pb,
           &(struct lg_venice_server_response){
               .schema_id = 1, .data = LG_LIT("\x0cvalue1"), .response_rcu = 1, .error_code = 200});
    assert_example(1, &found);
    append(&missing, &lg_venice_server_response_pb,
           &(struct lg_venice_server_response){.error_code = (uint32_t)-420});
    assert_example(2, &missing);
}

static void the_page_shows_a_batch_and_its_answers(void **state)
{
    struct lg_stream_key keys[] = {
        {.key = LG_LIT("\2a")},
        {.id = 1, .key = LG_LIT("\2b")},
        {.id = 2, .key = LG_LIT("\2c"), .has_partition = true},
    };
    struct lg_stream_batch batch = {.store = LG_LIT("cities"), .keys = {keys, 3, 0}};
    struct lg_stream_cancel cancel = {0};
    struct lg_stream_value value = {
        .id = 1, .schema_id = 1, .data = LG_LIT("\x0cvalue1"), .version = 3};
    uint32_t missing[] = {0, 2};
    struct lg_stream_end ok = {.rcu = 3, .version = 3};
    struct lg_stream_end over = {.status = LG_GRPC_RESOURCE_EXHAUSTED,
                                 .message = LG_LIT("over the read quota of store cities"),
                                 .retry_after_ms = 250};
    const struct lg_stream_batch_get_response answers[] = {
        {.batch_id = 7, .values = {&value, 1, 0}, .missing = {missing, 2, 0}},
        {.batch_id = 7, .end = &ok},
        {.batch_id = 8, .end = &over},
    };
    struct lg_stream_batch_get_request rq = {
        .batch_id = 7, .action_case = LG_STREAM_BATCH_GET_REQUEST_GET, .action.get = &batch};
    LG_SCOPED(lg_buf) asked = {0}, answered = {0}, cancelled = {0};

    (void)state;
    append(&asked, &lg_stream_batch_get_request_pb, &rq);
    assert_example(3, &asked);
    for (size_t i = 0; i < LG_ARRAY_SIZE(answers); i++)
        append(&answered, &lg_stream_batch_get_response_pb, &answers[i]);
    assert_example(4, &answered);
    rq.action_case = LG_STREAM_BATCH_GET_REQUEST_CANCEL;
    rq.action.cancel = &cancel;
    append(&cancelled, &lg_stream_batch_get_request_pb, &rq);
    assert_example(5, &cancelled);
}

static void the_generated_files_are_those_of_proto(void **state)
{
    char text[4096];
    size_t n;
    FILE *f = popen("/usr/bin/python3 tools/gen_protos.py --check 2>&1", "re");

    (void)state;
    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    if (pclose(f) != 0)
        fail_msg("tools/gen_protos.py --check: %s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_is_read_and_written_as_venice_does),
        cmocka_unit_test(an_answer_is_read_and_written_as_venice_does),
        cmocka_unit_test(a_missing_key_is_venices_minus_420_in_an_unsigned_field),
        cmocka_unit_test(a_negative_schema_id_is_zigzag),
        cmocka_unit_test(a_message_cut_anywhere_is_refused_or_shorter),
        cmocka_unit_test(maps_are_sorted_and_the_last_of_a_key_stays),
        cmocka_unit_test(methods_are_found_by_their_exact_path),
        cmocka_unit_test(files_are_found_by_name_and_symbol),
        cmocka_unit_test(the_page_shows_venices_messages),
        cmocka_unit_test(the_page_shows_a_batch_and_its_answers),
        cmocka_unit_test(the_generated_files_are_those_of_proto),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
