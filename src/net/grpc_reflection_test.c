/* Reflection without a socket: each question, and that version 1 and its predecessor are alike. */
#include "net/grpc_reflection.h"

#include "test/test.h"

static const struct lg_slice offered[] = {
    {(const uint8_t *)"grpc.health.v1.Health", 21},
    {(const uint8_t *)"lagoon.read.v1.ReadService", 26},
};
static const struct lg_grpc_reflection r = {offered, LG_ARRAY_SIZE(offered)};

/* The answer as a client reads it. */
static struct lg_reflection_response ask(const struct lg_reflection_request *rq,
                                         struct lg_arena *arena)
{
    struct lg_grpc_reflection_answer answer;
    struct lg_reflection_response got;
    LG_SCOPED(lg_buf) bytes = {0}, alpha = {0};
    struct lg_error err = {0};
    uint8_t *kept;

    lg_grpc_reflection_answer(&r, rq, &answer);
    assert_ok(lg_pb_encode(&lg_reflection_response_pb, &answer.response, &bytes, &err));
    assert_ok(lg_pb_encode(&lg_reflection_alpha_response_pb, &answer.response, &alpha, &err));
    assert_slice_equal(lg_buf_slice(&bytes), lg_buf_slice(&alpha));
    kept = lg_arena_copy(arena, lg_buf_slice(&bytes));
    assert_ok(
        lg_pb_decode(&lg_reflection_response_pb, lg_slice(kept, bytes.size), arena, &got, &err));
    assert_non_null(got.original_request);
    assert_int_equal(got.original_request->message_request_case, rq->message_request_case);
    return got;
}

static void assert_error(struct lg_reflection_response rs, enum lg_grpc_status status)
{
    assert_int_equal(rs.message_response_case, LG_REFLECTION_RESPONSE_ERROR_RESPONSE);
    assert_int_equal(rs.message_response.error_response->error_code, status);
    assert_true(rs.message_response.error_response->error_message.size > 0);
}

static void services_that_are_offered_are_listed(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_reflection_response rs = ask(
        &(struct lg_reflection_request){
            .host = LG_LIT("h"), .message_request_case = LG_REFLECTION_REQUEST_LIST_SERVICES},
        arena);

    (void)state;
    assert_slice_equal(rs.valid_host, LG_LIT("h"));
    assert_slice_equal(rs.original_request->host, LG_LIT("h"));
    assert_int_equal(rs.message_response_case, LG_REFLECTION_RESPONSE_LIST_SERVICES_RESPONSE);
    struct lg_reflection_list_service_response *list = rs.message_response.list_services_response;
    assert_int_equal(list->service.size, 2);
    assert_slice_equal(list->service.data[1].name, offered[1]);
}

static struct lg_reflection_response ask_symbol(struct lg_slice symbol, struct lg_arena *arena)
{
    return ask(&(struct lg_reflection_request){.message_request_case =
                                                   LG_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL,
                                               .message_request.file_containing_symbol = symbol},
               arena);
}

static struct lg_reflection_response ask_file(struct lg_slice name, struct lg_arena *arena)
{
    return ask(&(struct lg_reflection_request){.message_request_case =
                                                   LG_REFLECTION_REQUEST_FILE_BY_FILENAME,
                                               .message_request.file_by_filename = name},
               arena);
}

static void files_are_told_by_name_and_symbol(void **state)
{
    static const char *const symbols[] = {"grpc.health.v1.Health",
                                          "grpc.health.v1.Health.Watch",
                                          "grpc.health.v1.HealthCheckResponse",
                                          "grpc.health.v1.HealthCheckResponse.ServingStatus",
                                          "grpc.health.v1.HealthCheckResponse.SERVING",
                                          "grpc.health.v1.HealthCheckRequest.service"};
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    const struct lg_rpc_file *want = lg_rpc_file_by_name(LG_LIT("grpc/health/v1/health.proto"));
    struct lg_reflection_response rs = ask_file(want->name, arena);

    (void)state;
    for (size_t i = 0; i <= LG_ARRAY_SIZE(symbols); i++) {
        assert_int_equal(rs.message_response_case, LG_REFLECTION_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
        struct lg_reflection_file_descriptor_response *file =
            rs.message_response.file_descriptor_response;
        assert_int_equal(file->file_descriptor_proto.size, 1);
        assert_slice_equal(file->file_descriptor_proto.data[0], want->descriptor);
        if (i < LG_ARRAY_SIZE(symbols))
            rs = ask_symbol(lg_slice_str(symbols[i]), arena);
    }
}

static void what_is_not_there_or_not_offered_is_not_found(void **state)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_reflection_extension_request extension = {LG_LIT("a.B"), 1};

    (void)state;
    assert_error(ask_symbol(LG_LIT("a.B"), arena), LG_GRPC_NOT_FOUND);
    assert_error(ask_symbol(LG_LIT("com.linkedin.venice.protocols.VeniceReadService"), arena),
                 LG_GRPC_NOT_FOUND);
    assert_error(ask_file(LG_LIT("VeniceReadService.proto"), arena), LG_GRPC_NOT_FOUND);
    assert_error(ask_file(LG_LIT("a.proto"), arena), LG_GRPC_NOT_FOUND);
    assert_error(
        ask(&(struct lg_reflection_request){.message_request_case =
                                                LG_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE,
                                            .message_request.all_extension_numbers_of_type =
                                                LG_LIT("grpc.health.v1.Health")},
            arena),
        LG_GRPC_NOT_FOUND);
    assert_error(ask(
                     &(struct lg_reflection_request){
                         .message_request_case = LG_REFLECTION_REQUEST_FILE_CONTAINING_EXTENSION,
                         .message_request.file_containing_extension = &extension},
                     arena),
                 LG_GRPC_NOT_FOUND);
    assert_error(ask(&(struct lg_reflection_request){0}, arena), LG_GRPC_UNIMPLEMENTED);
}

/* One struct serves both versions: their tables may differ in nothing but names. */
static void assert_alike(const struct lg_pb_message *a, const struct lg_pb_message *b,
                         unsigned depth)
{
    assert_true(depth < 8);
    assert_int_equal(a->field_count, b->field_count);
    assert_int_equal(a->struct_size, b->struct_size);
    for (size_t i = 0; i < a->field_count; i++) {
        const struct lg_pb_field *x = &a->fields[i], *y = &b->fields[i];

        assert_true(x->number == y->number && x->type == y->type && x->label == y->label &&
                    x->offset == y->offset && x->has == y->has);
        if (x->message != NULL)
            assert_alike(x->message, y->message, depth + 1);
    }
}

static void version_1_and_its_predecessor_have_the_same_structs(void **state)
{
    (void)state;
    assert_alike(&lg_reflection_request_pb, &lg_reflection_alpha_request_pb, 0);
    assert_alike(&lg_reflection_response_pb, &lg_reflection_alpha_response_pb, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_that_are_offered_are_listed),
        cmocka_unit_test(files_are_told_by_name_and_symbol),
        cmocka_unit_test(what_is_not_there_or_not_offered_is_not_found),
        cmocka_unit_test(version_1_and_its_predecessor_have_the_same_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
