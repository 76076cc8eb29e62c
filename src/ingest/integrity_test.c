/* Venice's integrity rules, row by row, and streams that are damaged at random. */
#include "ingest/integrity.h"

#include <stdio.h>

#include "base/rand.h"
#include "base/vec.h"
#include "test/test.h"
#include "writer/segment.h"

static const struct lg_integrity_rules before_end = {0};
static const struct lg_integrity_rules after_end = {.end_of_push_seen = true};
static const struct lg_integrity_rules tolerant = {.tolerant = true};
static const struct lg_segment_stamp stamp = {.timestamp_ms = 5,
                                              .writer = {(const uint8_t *)"w", 1}};

static struct lg_guid guid_of(uint8_t n)
{
    struct lg_guid guid = {{0}};

    guid.bytes[0] = 0xab;
    guid.bytes[15] = n;
    return guid;
}

/* --- One message at a time -------------------------------------------------------------------- */

static struct lg_envelope message(uint8_t producer, int32_t segment, int32_t sequence)
{
    return (struct lg_envelope){
        .producer = {.guid = guid_of(producer), .segment = segment, .sequence = sequence}};
}

static struct lg_envelope start(uint8_t producer, int32_t segment)
{
    struct lg_envelope e = message(producer, segment, 0);

    e.type = LG_MESSAGE_CONTROL;
    e.control = lg_control_start_of_segment(LG_CHECKSUM_NONE);
    return e;
}

static struct lg_envelope put(uint8_t producer, int32_t segment, int32_t sequence)
{
    struct lg_envelope e = message(producer, segment, sequence);

    e.type = LG_MESSAGE_PUT;
    e.put = (struct lg_put){.value = LG_LIT("v"), .schema_id = 1};
    return e;
}

static struct lg_envelope end(uint8_t producer, int32_t segment, int32_t sequence, bool is_final)
{
    struct lg_envelope e = message(producer, segment, sequence);

    e.type = LG_MESSAGE_CONTROL;
    e.control = lg_control_end_of_segment(LG_SLICE_NULL, is_final);
    return e;
}

/* Gives the message to the tracker and compares the verdict; a fault names where it is. */
static void give(struct lg_integrity *t, struct lg_envelope e,
                 const struct lg_integrity_rules *rules, enum lg_integrity_verdict want)
{
    struct lg_error err = {0};
    enum lg_integrity_verdict got = lg_integrity_check(t, &e, LG_LIT("k"), rules, &err);
    char place[64];

    if (got != want)
        fail_msg("segment %d, sequence %d: %s instead of %s (%s)", e.producer.segment,
                 e.producer.sequence, lg_integrity_verdict_name(got),
                 lg_integrity_verdict_name(want), err.text);
    if (got == LG_INTEGRITY_OK || got == LG_INTEGRITY_DUPLICATE)
        return;
    snprintf(place, sizeof(place), "segment %d, sequence %d", e.producer.segment,
             e.producer.sequence);
    assert_rc(LG_ERR_CORRUPT, err.rc);
    assert_non_null(strstr(err.text, place));
    assert_non_null(strstr(err.text, "ab0000000000000000000000000000"));
}

static void a_whole_stream_is_ok(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_error err = {0};

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_OK);
    assert_rc(LG_ERR_CORRUPT, lg_integrity_check_ended(t, NULL, &err));
    { /* Who ends the push itself has not ended its segment; for nobody else that is an excuse. */
        struct lg_guid self = guid_of(1), other = guid_of(2);

        assert_ok(lg_integrity_check_ended(t, &self, &err));
        assert_rc(LG_ERR_CORRUPT, lg_integrity_check_ended(t, &other, &err));
    }
    give(t, end(1, 0, 2, /* is_final= */ false), &before_end, LG_INTEGRITY_OK);
    assert_rc(LG_ERR_CORRUPT, lg_integrity_check_ended(t, NULL, &err));
    give(t, start(1, 1), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 1, 1), &before_end, LG_INTEGRITY_OK);
    give(t, end(1, 1, 2, /* is_final= */ true), &before_end, LG_INTEGRITY_OK);
    assert_ok(lg_integrity_check_ended(t, NULL, &err));
    assert_int_equal(lg_integrity_puts(t), 2);
    assert_int_equal(lg_integrity_producers(t), 1);
}

static void an_unknown_producer_must_begin_with_the_start_of_segment_0(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_UNREGISTERED);
    give(t, start(1, 1), &before_end, LG_INTEGRITY_UNREGISTERED);
    give(t, put(1, 0, 0), &before_end, LG_INTEGRITY_UNREGISTERED);
    assert_int_equal(lg_integrity_producers(t), 0);
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
}

static void after_end_of_push_an_unknown_producer_is_taken_with_gaps(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, put(1, 3, 7), &after_end, LG_INTEGRITY_OK);
    give(t, put(1, 3, 9), &after_end, LG_INTEGRITY_OK);
    give(t, put(1, 3, 9), &after_end, LG_INTEGRITY_DUPLICATE);
    give(t, put(1, 3, 2), &after_end, LG_INTEGRITY_DUPLICATE);
    give(t, end(1, 3, 10, true), &after_end, LG_INTEGRITY_OK);
    /* The next segment begins properly: from here on everything counts. */
    give(t, start(1, 4), &after_end, LG_INTEGRITY_OK);
    give(t, put(1, 4, 2), &after_end, LG_INTEGRITY_MISSING);
}

static void a_next_segment_must_begin_with_its_start(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, end(1, 0, 1, false), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 1, 1), &before_end, LG_INTEGRITY_UNREGISTERED);
    give(t, put(1, 1, 1), &after_end, LG_INTEGRITY_OK);
}

static void a_later_segment_without_the_end_of_this_one_is_missing(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, start(1, 1), &before_end, LG_INTEGRITY_MISSING);
    give(t, start(1, 1), &after_end, LG_INTEGRITY_MISSING);
    give(t, end(1, 0, 1, false), &before_end, LG_INTEGRITY_OK);
    give(t, start(1, 2), &before_end, LG_INTEGRITY_MISSING);
    give(t, start(1, 2), &tolerant, LG_INTEGRITY_OK);
    give(t, put(1, 2, 1), &before_end, LG_INTEGRITY_OK);
}

static void an_earlier_segment_is_a_duplicate(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, end(1, 0, 1, false), &before_end, LG_INTEGRITY_OK);
    give(t, start(1, 1), &before_end, LG_INTEGRITY_OK);
    give(t, start(1, 0), &before_end, LG_INTEGRITY_DUPLICATE);
    give(t, put(1, 0, 99), &before_end, LG_INTEGRITY_DUPLICATE);
}

/* What a pusher writes that goes on under the id of another, with another file. */
static void a_segment_that_ends_in_two_ways_is_corrupt(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    LG_AUTO(lg_integrity) *same_length = lg_integrity_new();
    struct lg_envelope other = end(1, 0, 2, /* is_final= */ true);

    (void)state;
    other.control.end_of_segment.checksum = LG_LIT("otherwis");
    for (int i = 0; i < 2; i++) {
        struct lg_integrity *one = i == 0 ? t : same_length;

        give(one, start(1, 0), &before_end, LG_INTEGRITY_OK);
        give(one, put(1, 0, 1), &before_end, LG_INTEGRITY_OK);
    }
    give(same_length, end(1, 0, 2, true), &before_end, LG_INTEGRITY_OK);
    give(same_length, end(1, 0, 2, true), &before_end, LG_INTEGRITY_DUPLICATE); /* The same file. */
    give(same_length, other, &before_end, LG_INTEGRITY_CORRUPT);
    give(same_length, other, &after_end, LG_INTEGRITY_DUPLICATE); /* Too late to be served. */
    give(t, put(1, 0, 2), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 3), &before_end, LG_INTEGRITY_OK);
    give(t, end(1, 0, 3, true), &before_end, LG_INTEGRITY_CORRUPT); /* A shorter file. */
    give(t, put(1, 0, 3), &before_end, LG_INTEGRITY_DUPLICATE);
}

static void a_gap_is_missing_and_leaves_the_state_as_it_was(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 2), &before_end, LG_INTEGRITY_MISSING);
    give(t, put(1, 0, 2), &after_end, LG_INTEGRITY_MISSING);
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 2), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 9), &tolerant, LG_INTEGRITY_OK);
    give(t, put(1, 0, 10), &before_end, LG_INTEGRITY_OK);
    assert_int_equal(lg_integrity_puts(t), 4);
}

static void data_after_the_end_of_its_segment_is_an_error(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, end(1, 0, 1, true), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 2), &before_end, LG_INTEGRITY_CORRUPT);
    give(t, put(1, 0, 2), &tolerant, LG_INTEGRITY_OK);
}

static void producers_do_not_disturb_one_another(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, start(2, 0), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_OK);
    give(t, put(2, 0, 1), &before_end, LG_INTEGRITY_OK);
    give(t, put(2, 0, 3), &before_end, LG_INTEGRITY_MISSING);
    give(t, put(1, 0, 2), &before_end, LG_INTEGRITY_OK);
}

static void heartbeats_and_leadership_are_not_looked_at(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_envelope e = put(1, 5, 9);

    (void)state;
    e.producer.guid = lg_guid_heartbeat;
    give(t, e, &before_end, LG_INTEGRITY_OK);
    give(t, e, &before_end, LG_INTEGRITY_OK);
    e.producer.guid = lg_guid_leadership;
    give(t, e, &before_end, LG_INTEGRITY_OK);
    assert_int_equal(lg_integrity_producers(t), 0);
}

static void an_unknown_checksum_type_is_corrupt(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_envelope e = start(1, 0);

    (void)state;
    e.control.start_of_segment.checksum_type = 5;
    give(t, e, &before_end, LG_INTEGRITY_CORRUPT);
    assert_int_equal(lg_integrity_producers(t), 0);
}

static void a_wrong_checksum_after_end_of_push_is_reported_and_ends_the_segment(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_envelope first = start(1, 0), last = end(1, 0, 1, false);

    (void)state;
    first.control = lg_control_start_of_segment(LG_CHECKSUM_ADHASH);
    last.control.end_of_segment.checksum = LG_LIT("12345678");
    give(t, first, &before_end, LG_INTEGRITY_OK);
    give(t, last, &before_end, LG_INTEGRITY_CORRUPT);
    give(t, last, &after_end, LG_INTEGRITY_CORRUPT);
    give(t, last, &tolerant, LG_INTEGRITY_DUPLICATE);
    give(t, start(1, 1), &after_end, LG_INTEGRITY_OK);
}

static void after_a_tolerated_gap_the_checksum_is_not_compared(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_envelope first = start(1, 0), last = end(1, 0, 6, true);

    (void)state;
    first.control = lg_control_start_of_segment(LG_CHECKSUM_ADHASH);
    last.control.end_of_segment.checksum = LG_LIT("12345678");
    give(t, first, &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 5), &tolerant, LG_INTEGRITY_OK);
    give(t, last, &before_end, LG_INTEGRITY_OK);
}

static void the_record_count_must_reach_what_was_announced(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_error err = {0};

    (void)state;
    give(t, start(1, 0), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_OK);
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_DUPLICATE);
    assert_ok(lg_integrity_check_count(t, -1, &err));
    assert_ok(lg_integrity_check_count(t, 0, &err));
    assert_ok(lg_integrity_check_count(t, 1, &err));
    assert_rc(LG_ERR_CORRUPT, lg_integrity_check_count(t, 2, &err));
    assert_non_null(strstr(err.text, "announced 2 records for this partition, 1 came"));
}

static void the_number_of_producers_is_bounded(void **state)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();

    (void)state;
    for (int i = 0; i < LG_INTEGRITY_PRODUCERS_MAX; i++) {
        struct lg_envelope e = start(1, 0);

        e.producer.guid.bytes[13] = (uint8_t)(i >> 8);
        e.producer.guid.bytes[14] = (uint8_t)i;
        give(t, e, &before_end, LG_INTEGRITY_OK);
        if (i == 500) { /* The only one that is through. */
            e = end(1, 0, 1, true);
            e.producer.guid.bytes[13] = (uint8_t)(i >> 8);
            e.producer.guid.bytes[14] = (uint8_t)i;
            give(t, e, &before_end, LG_INTEGRITY_OK);
        }
    }
    give(t, start(2, 0), &before_end, LG_INTEGRITY_OK);
    assert_int_equal(lg_integrity_producers(t), LG_INTEGRITY_PRODUCERS_MAX);
    give(t, put(1, 0, 1), &before_end, LG_INTEGRITY_OK); /* The very first is still known. */
    give(t, start(3, 0), &before_end, LG_INTEGRITY_OK);  /* None is through: the silent one goes. */
    assert_int_equal(lg_integrity_producers(t), LG_INTEGRITY_PRODUCERS_MAX);
    give(t, put(1, 0, 2), &before_end, LG_INTEGRITY_OK);
    give(t, put(2, 0, 1), &before_end, LG_INTEGRITY_OK);
}

/* --- Whole streams, damaged ------------------------------------------------------------------- */

struct stream {
    LG_VEC(struct lg_buf) keys;
    LG_VEC(struct lg_buf) values;
};

static void stream_done(struct stream *s)
{
    for (size_t i = 0; i < s->keys.size; i++) {
        lg_buf_done(&s->keys.data[i]);
        lg_buf_done(&s->values.data[i]);
    }
    LG_VEC_DONE(&s->keys);
    LG_VEC_DONE(&s->values);
}

static void take(struct stream *s, struct lg_buf *key, struct lg_buf *value)
{
    LG_VEC_PUSH(&s->keys, *key);
    LG_VEC_PUSH(&s->values, *value);
    *key = (struct lg_buf){0};
    *value = (struct lg_buf){0};
}

/* SOS and SOP by one producer, the data by another in one to three segments, SOS, EOP, EOS by a
 * third: what a push writes into a partition. */
static void make_push(struct stream *s, struct lg_rand *r, enum lg_checksum_type checksum)
{
    struct lg_guid guids[3] = {guid_of(1), guid_of(2), guid_of(3)};
    struct lg_control sop = lg_control_start_of_push(true, false), eop = lg_control_end_of_push();
    uint64_t segments = 1 + lg_rand_below(r, 3);
    struct lg_buf k = {0}, v = {0};
    struct lg_segment w;
    char text[32];

    lg_segment_init(&w, &guids[0], 0, checksum);
    lg_segment_start(&w, &stamp, &k, &v);
    take(s, &k, &v);
    lg_segment_control(&w, &stamp, &sop, &k, &v);
    take(s, &k, &v);
    lg_segment_init(&w, &guids[1], 0, checksum);
    for (uint64_t i = 0; i < segments; i++) {
        uint64_t records = 1 + lg_rand_below(r, 20);

        lg_segment_start(&w, &stamp, &k, &v);
        take(s, &k, &v);
        for (uint64_t j = 0; j < records; j++) {
            snprintf(text, sizeof(text), "%03d.%03d", (int)i, (int)j);
            lg_segment_put(&w, &stamp, lg_slice_str(text), 1, lg_slice_str(text), &k, &v);
            take(s, &k, &v);
        }
        lg_segment_end(&w, &stamp, /* is_final= */ i + 1 == segments, &k, &v);
        take(s, &k, &v);
    }
    lg_segment_init(&w, &guids[2], 0, checksum);
    lg_segment_start(&w, &stamp, &k, &v);
    take(s, &k, &v);
    lg_segment_control(&w, &stamp, &eop, &k, &v);
    take(s, &k, &v);
    lg_segment_end(&w, &stamp, /* is_final= */ true, &k, &v);
    take(s, &k, &v);
}

enum damage { DAMAGE_NONE, DAMAGE_DROP, DAMAGE_REPEAT, DAMAGE_SWAP, DAMAGE_CORRUPT };

struct outcome {
    enum lg_integrity_verdict first_fault;
    uint64_t puts, duplicates;
    bool reached_end_of_push; /* and what is checked there passed */
};

/* One message as an ingestion task takes it; true at END_OF_PUSH or the first fault. */
static bool feed(struct lg_integrity *t, struct lg_slice key, struct lg_slice value,
                 int64_t announced, struct outcome *o)
{
    struct lg_error err = {0};
    enum lg_key_header header;
    struct lg_slice bare;
    struct lg_envelope e;
    enum lg_integrity_verdict v;

    assert_ok(lg_envelope_decode_key(key, &header, &bare, &err));
    assert_ok(lg_envelope_decode(value, &e, &err));
    v = lg_integrity_check(t, &e, bare, &before_end, &err);
    if (v == LG_INTEGRITY_DUPLICATE)
        o->duplicates++;
    else if (v != LG_INTEGRITY_OK)
        o->first_fault = v;
    if (v != LG_INTEGRITY_OK)
        return v != LG_INTEGRITY_DUPLICATE;
    if (e.type != LG_MESSAGE_CONTROL || e.control.type != LG_CONTROL_END_OF_PUSH)
        return false;
    o->reached_end_of_push = lg_integrity_check_ended(t, NULL, &err) == LG_OK &&
                             lg_integrity_check_count(t, announced, &err) == LG_OK;
    return true;
}

/* Plays the stream with one message dropped, repeated, swapped with the next or changed; half of
 * the times the tracker is saved and loaded in between, as over a restart. */
static struct outcome play(struct stream *s, enum damage damage, size_t at, struct lg_rand *r,
                           int64_t announced)
{
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct outcome o = {.first_fault = LG_INTEGRITY_OK};
    size_t restart = (size_t)lg_rand_below(r, s->keys.size * 2);
    struct lg_error err = {0};
    bool ended = false;

    for (size_t i = 0; i < s->keys.size && !ended; i++) {
        size_t k = i;

        if (i == restart) {
            LG_SCOPED(lg_buf) saved = {0};

            lg_integrity_save(t, &saved);
            lg_integrity_free(t);
            t = NULL;
            assert_ok(lg_integrity_load(lg_buf_slice(&saved), &t, &err));
        }
        if (damage == DAMAGE_SWAP && (i == at || i == at + 1))
            k = i == at ? at + 1 : at;
        if (damage == DAMAGE_DROP && i == at)
            continue;
        ended = feed(t, lg_buf_slice(&s->keys.data[k]), lg_buf_slice(&s->values.data[k]), announced,
                     &o);
        if (damage == DAMAGE_REPEAT && i >= at && !ended)
            ended = feed(t, lg_buf_slice(&s->keys.data[at]), lg_buf_slice(&s->values.data[at]),
                         announced, &o);
    }
    o.puts = lg_integrity_puts(t);
    return o;
}

/* The messages of the data producer are [2, size - 3). */
static size_t data_message(const struct stream *s, struct lg_rand *r)
{
    return 2 + (size_t)lg_rand_below(r, s->keys.size - 5);
}

static enum lg_checksum_type any_checksum(struct lg_rand *r)
{
    return (enum lg_checksum_type)(1 + lg_rand_below(r, 4));
}

static int64_t count_puts(const struct stream *s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s->keys.size; i++)
        n += s->keys.data[i].data[0] == LG_KEY_DATA;
    return n;
}

#define ROUNDS 300

static void whole_streams_pass_and_repetitions_are_harmless(void **state)
{
    struct lg_rand r;

    (void)state;
    lg_rand_seed(&r, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct stream s = {0};
        enum damage damage = round % 2 == 0 ? DAMAGE_NONE : DAMAGE_REPEAT;
        struct outcome o;
        int64_t puts;

        make_push(&s, &r, any_checksum(&r));
        puts = count_puts(&s);
        o = play(&s, damage, data_message(&s, &r), &r, puts);
        assert_int_equal(o.first_fault, LG_INTEGRITY_OK);
        assert_true(o.reached_end_of_push);
        assert_int_equal(o.puts, puts);
        assert_int_equal(o.duplicates > 0, damage == DAMAGE_REPEAT);
        stream_done(&s);
    }
}

static void every_lost_or_moved_message_is_caught_before_end_of_push(void **state)
{
    struct lg_rand r;
    int by_verdict[5] = {0};

    (void)state;
    lg_rand_seed(&r, 2);
    for (int round = 0; round < ROUNDS; round++) {
        struct stream s = {0};
        enum damage damage = round % 2 == 0 ? DAMAGE_DROP : DAMAGE_SWAP;
        struct outcome o;
        size_t at;

        make_push(&s, &r, any_checksum(&r));
        at = data_message(&s, &r);
        if (damage == DAMAGE_SWAP && at == s.keys.size - 4)
            at--; /* Beyond it stands another producer, whose order does not matter. */
        o = play(&s, damage, at, &r, count_puts(&s));
        assert_false(o.reached_end_of_push);
        by_verdict[o.first_fault]++;
        stream_done(&s);
    }
    assert_true(by_verdict[LG_INTEGRITY_MISSING] > 0);
    assert_true(by_verdict[LG_INTEGRITY_UNREGISTERED] > 0);
    assert_true(by_verdict[LG_INTEGRITY_OK] > 0); /* The last end of segment: caught at the end. */
}

static void every_changed_record_is_caught_before_end_of_push(void **state)
{
    struct lg_rand r;

    (void)state;
    lg_rand_seed(&r, 3);
    for (int round = 0; round < ROUNDS; round++) {
        struct stream s = {0};
        struct outcome o;
        size_t at;
        uint8_t *byte;

        make_push(&s, &r, any_checksum(&r));
        do
            at = data_message(&s, &r);
        while (s.keys.data[at].data[0] != LG_KEY_DATA);
        /* A byte of the key, or of the value: magic, version, type, GUID and five varints stand
         * before the payload's branch and length. */
        if (round % 2 == 0)
            byte = &s.keys.data[at].data[1 + lg_rand_below(&r, s.keys.data[at].size - 1)];
        else
            byte = memmem(s.values.data[at].data, s.values.data[at].size, s.keys.data[at].data + 1,
                          s.keys.data[at].size - 1);
        assert_non_null(byte);
        *byte ^= (uint8_t)(1 << lg_rand_below(&r, 7));
        o = play(&s, DAMAGE_NONE, 0, &r, count_puts(&s));
        assert_int_equal(o.first_fault, LG_INTEGRITY_CORRUPT);
        assert_false(o.reached_end_of_push);
        stream_done(&s);
    }
}

static void a_stream_cut_off_at_its_end_shows_in_the_record_count_too(void **state)
{
    struct stream s = {0};
    struct lg_error err = {0};
    LG_AUTO(lg_integrity) *t = lg_integrity_new();
    struct lg_rand r;
    struct outcome o = {0};

    (void)state;
    lg_rand_seed(&r, 4);
    make_push(&s, &r, LG_CHECKSUM_ADHASH);
    for (size_t i = 0; i < s.keys.size; i++)
        if (i < s.keys.size - 5 || i >= s.keys.size - 3)
            (void)feed(t, lg_buf_slice(&s.keys.data[i]), lg_buf_slice(&s.values.data[i]), -1, &o);
    assert_rc(LG_ERR_CORRUPT, lg_integrity_check_ended(t, NULL, &err));
    assert_non_null(strstr(err.text, "without the end of its last segment"));
    assert_rc(LG_ERR_CORRUPT, lg_integrity_check_count(t, count_puts(&s), &err));
    stream_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_stream_is_ok),
        cmocka_unit_test(an_unknown_producer_must_begin_with_the_start_of_segment_0),
        cmocka_unit_test(after_end_of_push_an_unknown_producer_is_taken_with_gaps),
        cmocka_unit_test(a_next_segment_must_begin_with_its_start),
        cmocka_unit_test(a_later_segment_without_the_end_of_this_one_is_missing),
        cmocka_unit_test(an_earlier_segment_is_a_duplicate),
        cmocka_unit_test(a_segment_that_ends_in_two_ways_is_corrupt),
        cmocka_unit_test(a_gap_is_missing_and_leaves_the_state_as_it_was),
        cmocka_unit_test(data_after_the_end_of_its_segment_is_an_error),
        cmocka_unit_test(producers_do_not_disturb_one_another),
        cmocka_unit_test(heartbeats_and_leadership_are_not_looked_at),
        cmocka_unit_test(an_unknown_checksum_type_is_corrupt),
        cmocka_unit_test(a_wrong_checksum_after_end_of_push_is_reported_and_ends_the_segment),
        cmocka_unit_test(after_a_tolerated_gap_the_checksum_is_not_compared),
        cmocka_unit_test(the_record_count_must_reach_what_was_announced),
        cmocka_unit_test(the_number_of_producers_is_bounded),
        cmocka_unit_test(whole_streams_pass_and_repetitions_are_harmless),
        cmocka_unit_test(every_lost_or_moved_message_is_caught_before_end_of_push),
        cmocka_unit_test(every_changed_record_is_caught_before_end_of_push),
        cmocka_unit_test(a_stream_cut_off_at_its_end_shows_in_the_record_count_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
