/* The body of a streamed multi-get in pieces of every size, and every way in which it may be wrong.
 */
#include "client/multi_answer.h"

#include "avro/encode.h"
#include "read/wire.h"
#include "test/test.h"

#define KEYS 5u

struct rig {
    struct lg_read_key keys[KEYS], *pointers[KEYS];
    struct lg_multi_answer m;
    struct lg_error err;
};

static void begin(struct rig *r)
{
    *r = (struct rig){0};
    for (size_t i = 0; i < KEYS; i++) {
        r->keys[i].index = (uint32_t)i;
        r->pointers[i] = &r->keys[i];
    }
    r->m.keys = r->pointers;
    r->m.key_count = KEYS;
    r->m.arena = lg_arena_new(0);
    r->m.value_bytes_max = 1000;
    lg_multi_answer_begin(&r->m);
}

static void done(struct rig *r)
{
    lg_multi_answer_done(&r->m);
    lg_arena_free(r->m.arena);
}

static enum lg_rc feed(struct rig *r, struct lg_slice body, size_t piece)
{
    enum lg_rc rc = LG_OK;

    for (size_t at = 0; rc == LG_OK && at < body.size; at += piece)
        rc = lg_multi_answer_feed(&r->m, lg_slice(body.data + at, LG_MIN(piece, body.size - at)),
                                  &r->err);
    return rc == LG_OK ? lg_multi_answer_end(&r->m, &r->err) : rc;
}

static void footer(struct lg_buf *out, int32_t status, const char *detail)
{
    LG_SCOPED(lg_buf) record = {0};

    lg_encode_int(&record, status);
    lg_encode_bytes(&record, lg_slice_str(detail));
    lg_encode_long(&record, 1); /* One trailer header. */
    lg_encode_string(&record, LG_LIT("name"));
    lg_encode_string(&record, LG_LIT("value"));
    lg_encode_long(&record, 0);
    lg_wire_value_add(out, &(struct lg_wire_value){LG_MULTI_FOOTER_INDEX, lg_buf_slice(&record),
                                                   LG_MULTI_FOOTER_SCHEMA_ID});
}

static void an_answer_means_the_same_in_pieces_of_any_size(void **state)
{
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_buf) large = {0};

    (void)state;
    for (size_t i = 0; i < 700; i++)
        lg_buf_append_byte(&large, (uint8_t)i);
    lg_wire_value_add(&body, &(struct lg_wire_value){3, lg_buf_slice(&large), 300});
    lg_wire_missing_add(&body, 0);
    lg_wire_value_add(&body, &(struct lg_wire_value){1, LG_LIT("one"), 1});
    lg_wire_missing_add(&body, 4);
    footer(&body, 200, "");
    for (size_t piece = 1; piece <= body.size; piece++) {
        struct rig r;

        begin(&r);
        assert_rc(LG_OK, feed(&r, lg_buf_slice(&body), piece));
        assert_rc(LG_ERR_NOT_FOUND, r.keys[0].rc);
        assert_rc(LG_OK, r.keys[1].rc);
        assert_slice_equal(r.keys[1].value, LG_LIT("one"));
        assert_rc(LG_ERR_NOT_FOUND, r.keys[2].rc); /* Left out. */
        assert_slice_equal(r.keys[3].value, lg_buf_slice(&large));
        assert_int_equal(r.keys[3].schema_id, 300);
        assert_rc(LG_ERR_NOT_FOUND, r.keys[4].rc);
        done(&r);
    }
}

static void every_cut_is_seen_unless_it_is_between_records(void **state)
{
    LG_SCOPED(lg_buf) body = {0};
    size_t first;

    (void)state;
    lg_wire_value_add(&body, &(struct lg_wire_value){0, LG_LIT("zero"), 1});
    first = body.size;
    lg_wire_value_add(&body, &(struct lg_wire_value){1, LG_LIT("one"), 200});
    for (size_t size = 0; size <= body.size; size++) {
        struct rig r;
        bool whole = size == 0 || size == first || size == body.size;

        begin(&r);
        assert_rc(whole ? LG_OK : LG_ERR_BAD_DATA,
                  feed(&r, lg_slice(body.data, size), 1 + size % 3));
        done(&r);
    }
}

static void a_footer_says_what_went_wrong(void **state)
{
    LG_SCOPED(lg_buf) body = {0};
    struct rig r;

    (void)state;
    lg_wire_value_add(&body, &(struct lg_wire_value){0, LG_LIT("zero"), 1});
    footer(&body, 429, "Quota exceeded");
    begin(&r);
    assert_rc(LG_ERR_BUSY, feed(&r, lg_buf_slice(&body), 7));
    assert_non_null(strstr(r.err.text, "429: Quota exceeded"));
    done(&r);
    lg_wire_missing_add(&body, 1); /* Something behind it. */
    begin(&r);
    assert_rc(LG_ERR_BAD_DATA, feed(&r, lg_buf_slice(&body), 7));
    assert_non_null(strstr(r.err.text, "follows the answer's footer"));
    done(&r);
}

static void assert_bad(enum lg_rc rc, const char *bytes, size_t size, const char *part)
{
    for (size_t piece = 1; piece <= size; piece++) {
        struct rig r;

        begin(&r);
        assert_rc(rc, feed(&r, lg_slice(bytes, size), piece));
        if (strstr(r.err.text, part) == NULL)
            fail_msg("'%s' does not say '%s'", r.err.text, part);
        done(&r);
    }
}
#define BAD(rc, bytes, part) assert_bad(rc, bytes, sizeof(bytes) - 1, part)

static void what_breaks_the_protocol_is_refused(void **state)
{
    (void)state;
    BAD(LG_ERR_BAD_DATA, "\x0a\x02v\x02", "names key 5 of 5");
    BAD(LG_ERR_BAD_DATA, "\x01\x02v\x02", "names key -1 of 5");
    BAD(LG_ERR_BAD_DATA, "\x02\x00\xcf\x0f", "names key -1 of 5");
    BAD(LG_ERR_BAD_DATA, "\x00\x02v\x02\x00\x02w\x02", "names key 0 twice");
    BAD(LG_ERR_BAD_DATA, "\x00\x00\xcf\x0f\x00\x02w\x02", "names key 0 twice");
    BAD(LG_ERR_BAD_DATA, "\x00\x02v\x00", "schema id 0");
    BAD(LG_ERR_BAD_DATA, "\x00\x02v\x01", "schema id -1");
    BAD(LG_ERR_BAD_DATA, "\x00\x01v\x02", "malformed");                     /* length -1 */
    BAD(LG_ERR_BAD_DATA, "\xff\xff\xff\xff\xff\x01", "malformed");          /* index too long */
    BAD(LG_ERR_BAD_DATA, "\xff\xff\xff\xff\x7f\x02v\x02", "malformed");     /* over 32 bits */
    BAD(LG_ERR_BAD_DATA, "\x00\x02v\xff\xff\xff\xff\xff\x01", "malformed"); /* schema id too long */
    BAD(LG_ERR_TOO_LARGE, "\x00\xd2\x0f", "value_bytes_max allows 1000");   /* 1001 bytes */
    BAD(LG_ERR_TOO_LARGE, "\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "value_bytes_max");
    /* A footer whose record is no footer. */
    BAD(LG_ERR_BAD_DATA, "\xff\x88\x7a\x02\x00\xd1\x0f", "footer");
    BAD(LG_ERR_BAD_DATA, "\xff\x88\x7a\x06\x00\x00\x64\xd1\x0f", "footer");
}

static void what_the_arena_cannot_hold_is_refused(void **state)
{
    LG_SCOPED(lg_buf) body = {0};
    uint8_t large[900] = {0};
    struct rig r;

    (void)state;
    for (int32_t i = 0; i < (int32_t)KEYS; i++)
        lg_wire_value_add(&body, &(struct lg_wire_value){i, lg_slice(large, sizeof large), 1});
    begin(&r);
    lg_arena_free(r.m.arena);
    r.m.arena = lg_arena_new(3000);
    assert_rc(LG_ERR_TOO_LARGE, feed(&r, lg_buf_slice(&body), 100));
    assert_non_null(strstr(r.err.text, "answer_bytes_max"));
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_the_same_in_pieces_of_any_size),
        cmocka_unit_test(every_cut_is_seen_unless_it_is_between_records),
        cmocka_unit_test(a_footer_says_what_went_wrong),
        cmocka_unit_test(what_breaks_the_protocol_is_refused),
        cmocka_unit_test(what_the_arena_cannot_hold_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
