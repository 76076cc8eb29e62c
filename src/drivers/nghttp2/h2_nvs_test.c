/* Fields on their way to nghttp2: all of them, in order, and whose text they are. */
#include "drivers/nghttp2/h2_nvs.h"

#include "test/test.h"

#define BOTH (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE)

static void assert_nv(const nghttp2_nv *nv, struct lg_http_header field, uint8_t flags)
{
    assert_slice_equal(lg_slice(nv->name, nv->namelen), field.name);
    assert_slice_equal(lg_slice(nv->value, nv->valuelen), field.value);
    assert_int_equal(nv->flags, flags);
}

/* Prepared ones outlive the answer, so nghttp2 need not copy them. */
static void prepared_fields_come_first_and_are_not_copied(void **state)
{
    const struct lg_http_header known[] = {{LG_LIT(":status"), LG_LIT("200")},
                                           {LG_LIT("content-type"), LG_LIT("text/plain")}};
    const struct lg_http_header own = {LG_LIT("x"), LG_LIT("")};
    struct lg_h2_prepared *prepared = lg_h2_prepared_new(known, LG_ARRAY_SIZE(known));
    struct lg_h2_head head = {prepared, &own, 1};
    nghttp2_nv few[LG_NGHTTP2_NVS_FEW];
    size_t count;

    (void)state;
    assert_ptr_equal(lg_nghttp2_nvs(&head, few, &count), few);
    assert_int_equal(count, 3);
    assert_nv(&few[0], known[0], BOTH);
    assert_nv(&few[1], known[1], BOTH);
    assert_nv(&few[2], own, NGHTTP2_NV_FLAG_NONE);
    lg_h2_prepared_free(prepared);
}

static void many_fields_have_memory_of_their_own(void **state)
{
    struct lg_http_header fields[LG_NGHTTP2_NVS_FEW + 1];
    struct lg_h2_head head = {NULL, fields, LG_NGHTTP2_NVS_FEW};
    nghttp2_nv few[LG_NGHTTP2_NVS_FEW], *nva;
    size_t count;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(fields); i++)
        fields[i] = (struct lg_http_header){LG_LIT("name"), lg_slice(&"abcdefghijklmnopq"[i], 1)};
    assert_ptr_equal(lg_nghttp2_nvs(&head, few, &count), few);
    assert_int_equal(count, LG_NGHTTP2_NVS_FEW);
    head.count = LG_ARRAY_SIZE(fields);
    nva = lg_nghttp2_nvs(&head, few, &count);
    assert_ptr_not_equal(nva, few);
    assert_int_equal(count, LG_ARRAY_SIZE(fields));
    for (size_t i = 0; i < count; i++)
        assert_nv(&nva[i], fields[i], NGHTTP2_NV_FLAG_NONE);
    lg_free(nva);
}

static void a_copy_borrows_nothing(void **state)
{
    char text[] = "grpc-status0grpc-message";
    const struct lg_http_header fields[] = {{lg_slice(text, 11), lg_slice(text + 11, 1)},
                                            {lg_slice(text + 12, 12), LG_SLICE_NULL}};
    struct lg_http_header *out = lg_nghttp2_fields_copy(fields, LG_ARRAY_SIZE(fields));

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_slice_equal(out[0].name, LG_LIT("grpc-status"));
    assert_slice_equal(out[0].value, LG_LIT("0"));
    assert_slice_equal(out[1].name, LG_LIT("grpc-message"));
    assert_int_equal(out[1].value.size, 0);
    lg_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepared_fields_come_first_and_are_not_copied),
        cmocka_unit_test(many_fields_have_memory_of_their_own),
        cmocka_unit_test(a_copy_borrows_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
