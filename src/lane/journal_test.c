/* The journal: every truncation, every flipped bit, every power cut; and the bytes of its page. */
#include "lane/journal.h"

#include <stdio.h>

#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "lane/fault.h"
#include "test/test.h"

#define PAGE "docs/formats/journal.md"
#define END_MARK 32u
#define FILE_MAX 65536

static struct lg_disk *disk;
static struct lg_error err;

static int set_up(void **state)
{
    (void)state;
    disk = lg_disk_sim_new(NULL, 1);
    err = (struct lg_error){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_fault_disarm_all();
    lg_disk_sim_free(disk);
    return 0;
}

/* What an open replays: payloads joined by '|'. */
static enum lg_rc join(void *ctx, uint64_t offset, struct lg_slice payload, struct lg_error *e)
{
    (void)offset, (void)e;
    lg_buf_append_slice(ctx, payload);
    lg_buf_append_byte(ctx, '|');
    return LG_OK;
}

static enum lg_rc try_open(struct lg_journal **out, struct lg_buf *joined)
{
    struct lg_journal_options o = {.disk = disk,
                                   .path = "j",
                                   .kind = 1,
                                   .version = 1,
                                   .create = true,
                                   .replay = join,
                                   .ctx = joined};

    lg_buf_clear(joined);
    return lg_journal_open(&o, out, &err);
}

static void append(struct lg_journal *j, const char *text)
{
    assert_ok(lg_journal_append(j, lg_slice_str(text), NULL, &err));
}

static void append_synced(struct lg_journal *j, const char *text)
{
    append(j, text);
    assert_ok(lg_journal_sync(j, &err));
}

static void assert_joined(const struct lg_buf *joined, const char *want)
{
    LG_AUTO_STR char *got = lg_strndup((const char *)joined->data, joined->size);

    assert_string_equal(got, want);
}

/* The same frame as by a copy, with room used and the buffer's content left as the frame. */
static void a_payload_framed_in_place_is_read_back_like_a_copied_one(void **state)
{
    (void)state;
    LG_AUTO(lg_journal) *j = NULL;
    LG_SCOPED(lg_buf) joined = {0}, framed = {0};

    assert_ok(try_open(&j, &joined));
    append(j, "one");
    for (size_t i = 0; i < LG_JOURNAL_ROOM_BYTES; i++)
        lg_buf_append_byte(&framed, 0xee);
    lg_buf_append_str(&framed, "in place");
    assert_ok(lg_journal_append_framed(j, &framed, NULL, &err));
    append_synced(j, "three");
    lg_journal_close(j);
    j = NULL;
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "one|in place|three|");
    assert_int_equal(lg_journal_cut_bytes(j), 0);
}

/* --- Bytes ---------------------------------------------------------------------------------- */

static void page_bytes(struct lg_buf *out)
{
    FILE *f = fopen(PAGE, "r");
    char line[256];
    bool inside = false;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (inside && strncmp(line, "```", 3) == 0)
            break;
        for (char *at = line; inside && *at != '\0' && *at != '\n'; at += 2 + (at[2] == ' '))
            assert_true(lg_hex_decode(out, lg_slice(at, 2)));
        inside = inside || strcmp(line, "```hex\n") == 0;
    }
    fclose(f);
}

static void the_page_shows_the_bytes(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) page = {0};
    LG_SCOPED(lg_buf) file = {0};
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;

    page_bytes(&page);
    assert_ok(try_open(&j, &joined));
    append_synced(j, "hello");
    append_synced(j, "journal");
    lg_journal_close(j);
    assert_ok(lg_disk_read_file(disk, "j", FILE_MAX, &file, &err));
    assert_slice_equal(lg_buf_slice(&file), lg_buf_slice(&page));
    assert_ok(lg_disk_write_file(disk, "j", lg_buf_slice(&page), &err));
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "hello|journal|");
    lg_journal_close(j);
}

/* --- Use ------------------------------------------------------------------------------------ */

static void frames_come_back_in_order_and_by_offset(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    LG_SCOPED(lg_buf) payload = {0};
    struct lg_journal *j = NULL;
    uint64_t offsets[3], next = 0;

    assert_ok(try_open(&j, &joined));
    assert_int_equal(lg_journal_begin(j), lg_journal_size(j));
    assert_ok(lg_journal_append(j, LG_LIT("one"), &offsets[0], &err));
    assert_ok(lg_journal_append(j, LG_SLICE_NULL, &offsets[1], &err));
    assert_ok(lg_journal_append(j, LG_LIT("eleven byte"), &offsets[2], &err));
    assert_int_equal(offsets[0], lg_journal_begin(j));
    assert_ok(lg_journal_read(j, offsets[0], &payload, &next, &err));
    assert_slice_equal(lg_buf_slice(&payload), LG_LIT("one"));
    assert_int_equal(next, offsets[1]);
    assert_ok(lg_journal_read(j, next, &payload, &next, &err));
    assert_int_equal(payload.size, 0);
    assert_ok(lg_journal_read(j, next, &payload, &next, &err));
    assert_slice_equal(lg_buf_slice(&payload), LG_LIT("eleven byte"));
    assert_int_equal(next, lg_journal_size(j));
    assert_rc(LG_ERR_NOT_FOUND, lg_journal_read(j, next, &payload, &next, &err));
    assert_rc(LG_ERR_CORRUPT, lg_journal_read(j, offsets[2] + 8, &payload, &next, &err));
    lg_journal_close(j);
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "one||eleven byte|");
    assert_int_equal(lg_journal_cut_bytes(j), 0);
    append_synced(j, "more");
    lg_journal_close(j);
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "one||eleven byte|more|");
    lg_journal_close(j);
}

static enum lg_rc refuse(void *ctx, uint64_t offset, struct lg_slice payload, struct lg_error *e)
{
    (void)ctx, (void)offset, (void)payload;
    return lg_error_set(e, LG_ERR_BAD_DATA, "not understood");
}

static void a_foreign_file_is_refused(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;
    struct lg_journal_options o = {.disk = disk, .path = "j", .kind = 1, .version = 1};

    assert_rc(LG_ERR_NOT_FOUND, lg_journal_open(&o, &j, &err));
    assert_ok(lg_disk_write_file(disk, "j", LG_LIT("#!/bin/sh\n"), &err));
    assert_rc(LG_ERR_CORRUPT, lg_journal_open(&o, &j, &err));
    assert_ok(lg_disk_write_file(disk, "j", LG_LIT("a text longer than a header\n"), &err));
    assert_rc(LG_ERR_CORRUPT, lg_journal_open(&o, &j, &err));
    assert_ok(lg_disk_remove(disk, "j", &err));
    assert_ok(try_open(&j, &joined));
    append_synced(j, "x");
    lg_journal_close(LG_TAKE(j));
    o.kind = 2;
    assert_rc(LG_ERR_CONFLICT, lg_journal_open(&o, &j, &err));
    assert_string_equal(err.text, "j holds data of kind 1, but kind 2 belongs here");
    o.kind = 1;
    o.version = 2;
    assert_rc(LG_ERR_CONFLICT, lg_journal_open(&o, &j, &err));
    o.version = 1;
    o.replay = refuse;
    assert_rc(LG_ERR_BAD_DATA, lg_journal_open(&o, &j, &err));
    assert_string_equal(err.text, "not understood");
    assert_null(j);
}

static void a_frame_over_the_limit_writes_nothing(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;
    struct lg_slice big = {(const uint8_t *)"", LG_JOURNAL_FRAME_MAX + 1};

    assert_ok(try_open(&j, &joined));
    assert_rc(LG_ERR_TOO_LARGE, lg_journal_append(j, big, NULL, &err));
    append_synced(j, "small");
    lg_journal_close(j);
}

static void after_a_failure_the_journal_refuses_until_it_is_opened_again(void **state)
{
    (void)state;
    static const enum lg_fault faults[] = {LG_FAULT_DISK_WRITE, LG_FAULT_DISK_SYNC};

    for (unsigned i = 0; i < LG_ARRAY_SIZE(faults); i++) {
        LG_SCOPED(lg_buf) joined = {0};
        struct lg_journal *j = NULL;
        enum lg_rc rc;

        assert_ok(try_open(&j, &joined));
        append_synced(j, "good");
        lg_fault_arm(faults[i], 0, 1);
        rc = lg_journal_append(j, LG_LIT("bad"), NULL, &err);
        if (rc == LG_OK)
            rc = lg_journal_sync(j, &err);
        assert_rc(LG_ERR_IO, rc);
        assert_rc(LG_ERR_IO, lg_journal_append(j, LG_LIT("worse"), NULL, &err));
        assert_non_null(strstr(err.text, "open it again"));
        assert_rc(LG_ERR_IO, lg_journal_sync(j, &err));
        lg_journal_close(j);
        assert_ok(try_open(&j, &joined));
        append_synced(j, "better");
        lg_journal_close(j);
        assert_ok(lg_disk_remove(disk, "j", &err));
    }
}

/* Leaves room for so many bytes. */
static void leave(uint64_t room)
{
    uint64_t huge = (uint64_t)1 << 40, now;

    lg_disk_sim_set_capacity(disk, huge);
    assert_ok(lg_disk_free_bytes(disk, &now, &err));
    lg_disk_sim_set_capacity(disk, huge - now + room);
}

static void a_frame_that_finds_no_space_leaves_no_trace_and_goes_in_later(void **state)
{
    (void)state;
    for (uint64_t room = 0; room + END_MARK < 48; room++) { /* of a frame of 48 bytes */
        LG_SCOPED(lg_buf) joined = {0};
        struct lg_journal *j = NULL;
        uint64_t size;

        assert_ok(lg_disk_remove(disk, "j", &err));
        assert_ok(try_open(&j, &joined));
        append_synced(j, "one");
        size = lg_journal_size(j);
        leave(room);
        for (int i = 0; i < 2; i++) {
            assert_rc(LG_ERR_NO_SPACE,
                      lg_journal_append(j, LG_LIT("0123456789abcdef"), NULL, &err));
            assert_true(lg_journal_usable(j));
            assert_int_equal(lg_journal_size(j), size);
        }
        lg_disk_sim_set_capacity(disk, 0);
        append_synced(j, "fedcba9876543210");
        append_synced(j, "two");
        lg_journal_close(j);
        assert_ok(try_open(&j, &joined));
        assert_joined(&joined, "one|fedcba9876543210|two|");
        assert_int_equal(lg_journal_cut_bytes(j), 0);
        lg_journal_close(j);
    }
}

/* Whatever of the refused frame is on the disk when the power goes is a torn tail. */
static void a_power_cut_after_a_refused_frame_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 200; seed++) {
        LG_SCOPED(lg_buf) joined = {0};
        LG_SCOPED(lg_buf) large = {0};
        struct lg_journal *j = NULL;

        lg_disk_sim_free(disk);
        disk = lg_disk_sim_new(NULL, seed);
        assert_ok(try_open(&j, &joined));
        append_synced(j, "one");
        memset(lg_buf_reserve(&large, 5000), 'x', 5000);
        lg_buf_commit(&large, 5000);
        leave(seed * 20);
        assert_rc(LG_ERR_NO_SPACE, lg_journal_append(j, lg_buf_slice(&large), NULL, &err));
        if (seed % 2 == 0)
            append_synced(j, "small");
        lg_journal_close(j);
        lg_disk_sim_crash(disk);
        lg_disk_sim_set_capacity(disk, 0);
        assert_ok(try_open(&j, &joined));
        assert_joined(&joined, seed % 2 == 0 ? "one|small|" : "one|");
        append_synced(j, "more");
        lg_journal_close(j);
    }
}

static void an_open_fails_with_the_disk_and_succeeds_afterwards(void **state)
{
    (void)state;
    static const enum lg_fault faults[] = {LG_FAULT_DISK_OPEN, LG_FAULT_DISK_READ,
                                           LG_FAULT_DISK_SYNC};
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;

    assert_ok(try_open(&j, &joined));
    append_synced(j, "kept");
    lg_journal_close(LG_TAKE(j));
    for (unsigned i = 0; i < LG_ARRAY_SIZE(faults); i++) {
        for (unsigned skip = 0; skip < 2; skip++) {
            lg_fault_arm(faults[i], skip, 1);
            if (try_open(&j, &joined) == LG_OK)
                lg_journal_close(LG_TAKE(j)); /* This point is passed once only. */
            lg_fault_disarm_all();
        }
    }
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "kept|");
    lg_journal_close(j);
}

/* --- Damage --------------------------------------------------------------------------------- */

/* Three groups: "a", "bb" | "ccc", "dddd" | "e". Returns where each frame begins, and the end. */
static void make_sample(uint64_t bounds[6], bool last_group)
{
    static const char *const payloads[] = {"a", "bb", "ccc", "dddd", "eeeeeeee"};
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;

    assert_ok(lg_disk_remove(disk, "j", &err));
    assert_ok(try_open(&j, &joined));
    for (unsigned i = 0; i < (last_group ? 5 : 4); i++) {
        bounds[i] = lg_journal_size(j);
        append(j, payloads[i]);
        if (i % 2 == 1 || i == 4)
            assert_ok(lg_journal_sync(j, &err));
    }
    bounds[last_group ? 5 : 4] = lg_journal_size(j);
    lg_journal_close(j);
}

static const char *const prefixes[] = {
    "", "a|", "a|bb|", "a|bb|ccc|", "a|bb|ccc|dddd|", "a|bb|ccc|dddd|eeeeeeee|"};

static void every_truncation_cuts_to_the_last_whole_frame(void **state)
{
    (void)state;
    uint64_t bounds[6];

    make_sample(bounds, /* last_group= */ true);
    for (uint64_t size = 0; size <= bounds[5] + END_MARK; size++) {
        LG_SCOPED(lg_buf) joined = {0};
        struct lg_journal *j = NULL;
        unsigned whole = 0;

        make_sample(bounds, /* last_group= */ true);
        assert_true(lg_disk_sim_resize(disk, "j", size));
        while (whole < 5 && bounds[whole + 1] <= size)
            whole++;
        assert_ok(try_open(&j, &joined));
        assert_joined(&joined, prefixes[whole]);
        assert_int_equal(lg_journal_cut_bytes(j), size < 16 ? size
                                                  : size == bounds[5] + END_MARK
                                                      ? 0
                                                      : size - bounds[whole]);
        append_synced(j, "new");
        lg_journal_close(j);
        assert_ok(try_open(&j, &joined));
        assert_int_equal(lg_journal_cut_bytes(j), 0);
        lg_journal_close(j);
    }
}

/* `certain`: the number of frames before which damage must be found by something later. `marked`:
 * the end mark is there; a crash may have cost it. */
static void flip_every_bit(bool last_group, bool marked, unsigned frames, unsigned certain)
{
    uint64_t bounds[6];

    make_sample(bounds, last_group);
    for (uint64_t bit = 0; bit < bounds[frames] * 8; bit++) {
        LG_SCOPED(lg_buf) joined = {0};
        struct lg_journal *j = NULL;
        unsigned hit = 0;

        while (bounds[hit + 1] <= bit / 8)
            hit++;
        make_sample(bounds, last_group);
        if (!marked)
            assert_true(lg_disk_sim_resize(disk, "j", bounds[frames]));
        assert_true(lg_disk_sim_flip(disk, "j", bit));
        if (bit / 8 < bounds[0] || hit < certain) {
            assert_rc(LG_ERR_CORRUPT, try_open(&j, &joined));
            continue;
        }
        assert_ok(try_open(&j, &joined));
        assert_joined(&joined, prefixes[hit]);
        assert_int_equal(lg_journal_cut_bytes(j), bounds[frames] - bounds[hit]);
        lg_journal_close(j);
    }
}

static void every_flipped_bit_with_a_later_group_behind_it_is_corruption(void **state)
{
    (void)state;
    /* Only the last group, the frame "eeeeeeee", has no witness. */
    flip_every_bit(/* last_group= */ true, /* marked= */ false, 5, 4);
}

static void every_flipped_bit_in_the_last_group_is_cut(void **state)
{
    (void)state;
    /* "dddd" behind a damaged "ccc" is of the same group: a crash may have done that. */
    flip_every_bit(/* last_group= */ false, /* marked= */ false, 4, 2);
}

static void every_flipped_bit_before_an_end_mark_is_corruption(void **state)
{
    (void)state;
    flip_every_bit(/* last_group= */ true, /* marked= */ true, 5, 5);
    flip_every_bit(/* last_group= */ false, /* marked= */ true, 4, 4);
}

static void a_flipped_bit_in_the_end_mark_costs_nothing(void **state)
{
    (void)state;
    uint64_t bounds[6];

    make_sample(bounds, /* last_group= */ true);
    for (uint64_t bit = bounds[5] * 8; bit < (bounds[5] + END_MARK) * 8; bit++) {
        LG_SCOPED(lg_buf) joined = {0};
        struct lg_journal *j = NULL;

        assert_true(lg_disk_sim_flip(disk, "j", bit));
        assert_ok(try_open(&j, &joined)); /* And writes it anew. */
        assert_joined(&joined, prefixes[5]);
        assert_int_equal(lg_journal_cut_bytes(j), END_MARK);
        lg_journal_close(j);
    }
}

static void a_journal_without_an_end_mark_gets_one_when_it_is_opened(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;
    uint64_t bounds[6];

    make_sample(bounds, /* last_group= */ true);
    assert_true(lg_disk_sim_resize(disk, "j", bounds[5])); /* As an older program leaves it. */
    assert_ok(try_open(&j, &joined));
    assert_int_equal(lg_journal_cut_bytes(j), 0);
    lg_journal_close(LG_TAKE(j));
    assert_true(lg_disk_sim_flip(disk, "j", bounds[4] * 8));
    assert_rc(LG_ERR_CORRUPT, try_open(&j, &joined));
}

static void corruption_names_file_and_offset_and_changes_nothing(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    LG_SCOPED(lg_buf) before = {0};
    LG_SCOPED(lg_buf) after = {0};
    struct lg_journal *j = NULL;
    uint64_t bounds[6];

    make_sample(bounds, /* last_group= */ true);
    assert_true(lg_disk_sim_flip(disk, "j", bounds[1] * 8 + 33 * 8));
    assert_ok(lg_disk_read_file(disk, "j", FILE_MAX, &before, &err));
    assert_rc(LG_ERR_CORRUPT, try_open(&j, &joined));
    assert_string_equal(err.text, "j: the frame at offset 56 is damaged, and what stands at 96 "
                                  "was written later; restore the file from a copy");
    assert_ok(lg_disk_read_file(disk, "j", FILE_MAX, &after, &err));
    assert_slice_equal(lg_buf_slice(&after), lg_buf_slice(&before));
}

static void a_journal_inside_a_payload_bears_no_witness(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    LG_SCOPED(lg_buf) copy = {0};
    struct lg_journal *j = NULL;
    uint64_t bounds[6], torn;

    make_sample(bounds, /* last_group= */ true);
    assert_ok(lg_disk_read_file(disk, "j", FILE_MAX, &copy, &err));
    assert_ok(lg_disk_remove(disk, "j", &err));
    assert_ok(try_open(&j, &joined));
    append_synced(j, "x"); /* The copy's later frames claim more than this. */
    torn = lg_journal_size(j);
    assert_ok(lg_journal_append(j, lg_buf_slice(&copy), NULL, &err));
    lg_journal_close(j);
    assert_true(lg_disk_sim_flip(disk, "j", torn * 8));
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "x|");
    lg_journal_close(j);
}

static void what_was_cut_does_not_come_back_behind_a_shorter_frame(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    struct lg_journal *j = NULL;
    uint64_t size;

    assert_ok(try_open(&j, &joined));
    append(j, "a payload that is torn; behind it stands");
    append(j, "a whole one of the same group");
    lg_journal_close(j);
    assert_true(lg_disk_sim_flip(disk, "j", 16 * 8));
    assert_ok(try_open(&j, &joined));
    assert_int_equal(lg_journal_size(j), lg_journal_begin(j));
    append_synced(j, "short");
    size = lg_journal_size(j);
    lg_journal_close(j);
    assert_ok(try_open(&j, &joined));
    assert_joined(&joined, "short|");
    assert_int_equal(lg_journal_cut_bytes(j), 0);
    assert_int_equal(lg_journal_size(j), size);
    lg_journal_close(j);
}

static void a_witness_far_behind_the_damage_is_found(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) joined = {0};
    LG_SCOPED(lg_buf) big = {0};
    struct lg_journal *j = NULL;

    for (unsigned i = 0; i < 3; i++) {
        assert_ok(lg_disk_remove(disk, "j", &err));
        assert_ok(try_open(&j, &joined));
        lg_buf_clear(&big);
        /* Around the border of the scan's chunks, too. */
        memset(lg_buf_reserve(&big, 300000), 'x', 300000);
        lg_buf_commit(&big, ((size_t)64 << 10) * (i + 1) + 8 * i - 32);
        assert_ok(lg_journal_append(j, lg_buf_slice(&big), NULL, &err));
        assert_ok(lg_journal_sync(j, &err));
        append(j, "witness");
        lg_journal_close(LG_TAKE(j));
        assert_true(lg_disk_sim_flip(disk, "j", 16 * 8 + 4 * 8)); /* Its length. */
        assert_rc(LG_ERR_CORRUPT, try_open(&j, &joined));
    }
}

/* --- Power cuts ----------------------------------------------------------------------------- */

enum { CUT_SEEDS = 300, CUT_ROUNDS = 6, CUT_OPS = 40 };

struct history {
    uint64_t appended, acknowledged, replayed;
};

/* Frame n holds the text of n, over and over, up to some length: torn sectors are likely. */
static enum lg_rc check_numbered(void *ctx, uint64_t offset, struct lg_slice payload,
                                 struct lg_error *e)
{
    struct history *h = ctx;
    uint64_t number;

    (void)offset, (void)e;
    assert_true(payload.size >= 8 && payload.size % 8 == 0);
    for (size_t at = 0; at < payload.size; at += 8) {
        number = lg_load_u64be(payload.data + at);
        assert_int_equal(number, h->replayed);
    }
    h->replayed++;
    return LG_OK;
}

static enum lg_rc append_numbered(struct lg_journal *j, struct lg_rand *rand, struct history *h)
{
    LG_SCOPED(lg_buf) payload = {0};
    uint64_t times = 1 + lg_rand_below(rand, lg_rand_chance(rand, 1, 4) ? 300 : 10);
    enum lg_rc rc;

    for (uint64_t i = 0; i < times; i++)
        lg_buf_append_u64be(&payload, h->appended);
    rc = lg_journal_append(j, lg_buf_slice(&payload), NULL, &err);
    if (rc == LG_OK)
        h->appended++;
    return rc;
}

static void live_until_the_cut(struct lg_disk *d, struct lg_rand *rand, struct history *h)
{
    struct lg_journal *j = NULL;
    struct lg_journal_options o = {.disk = d,
                                   .path = "j",
                                   .kind = 7,
                                   .version = 1,
                                   .create = true,
                                   .replay = check_numbered,
                                   .ctx = h};
    enum lg_rc rc;

    h->replayed = 0;
    rc = lg_journal_open(&o, &j, &err);
    if (rc != LG_OK) {
        assert_rc(LG_ERR_IO, rc); /* The cut: never damage, never a conflict. */
        return;
    }
    assert_true(h->replayed >= h->acknowledged);
    assert_true(h->replayed <= h->appended + 1); /* The append that was cut may be whole. */
    h->acknowledged = h->appended = h->replayed;
    while (rc == LG_OK) {
        rc = append_numbered(j, rand, h);
        if (rc == LG_OK && lg_rand_chance(rand, 1, 3)) {
            rc = lg_journal_sync(j, &err);
            if (rc == LG_OK)
                h->acknowledged = h->appended;
        }
    }
    assert_rc(LG_ERR_IO, rc);
    lg_journal_close(j);
}

static void what_was_synced_survives_power_cuts_at_any_operation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < CUT_SEEDS; seed++) {
        struct lg_disk *d = lg_disk_sim_new(NULL, seed);
        struct history h = {0};
        struct lg_rand rand;

        lg_rand_seed(&rand, seed);
        for (unsigned round = 0; round < CUT_ROUNDS; round++) {
            lg_disk_sim_cut_after(d, lg_rand_below(&rand, CUT_OPS), NULL, NULL);
            live_until_the_cut(d, &rand, &h);
            lg_disk_sim_crash(d);
        }
        lg_disk_sim_free(d);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_payload_framed_in_place_is_read_back_like_a_copied_one),
        T(the_page_shows_the_bytes),
        T(frames_come_back_in_order_and_by_offset),
        T(a_foreign_file_is_refused),
        T(a_frame_over_the_limit_writes_nothing),
        T(after_a_failure_the_journal_refuses_until_it_is_opened_again),
        T(a_frame_that_finds_no_space_leaves_no_trace_and_goes_in_later),
        T(a_power_cut_after_a_refused_frame_loses_nothing),
        T(an_open_fails_with_the_disk_and_succeeds_afterwards),
        T(every_truncation_cuts_to_the_last_whole_frame),
        T(every_flipped_bit_with_a_later_group_behind_it_is_corruption),
        T(every_flipped_bit_in_the_last_group_is_cut),
        T(every_flipped_bit_before_an_end_mark_is_corruption),
        T(a_flipped_bit_in_the_end_mark_costs_nothing),
        T(a_journal_without_an_end_mark_gets_one_when_it_is_opened),
        T(corruption_names_file_and_offset_and_changes_nothing),
        T(a_journal_inside_a_payload_bears_no_witness),
        T(what_was_cut_does_not_come_back_behind_a_shorter_frame),
        T(a_witness_far_behind_the_damage_is_found),
        T(what_was_synced_survives_power_cuts_at_any_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
