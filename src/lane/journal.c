/* The journal. The format, and the reasoning behind torn tail or damage: docs/formats/journal.md.
 *
 * One thread appends and syncs at a time; lg_journal_read may run on others. They share only `end`,
 * which is atomic and grows after the bytes it covers were written.
 */
#include "lane/journal.h"

#include "base/hash.h"
#include "lane/mutant.h"

#define FILE_HEADER 16
#define FRAME_HEADER LG_JOURNAL_ROOM_BYTES
#define ALIGN 8
#define SCAN_CHUNK ((size_t)64 << 10) /* bytes; a multiple of ALIGN */

static const uint8_t file_magic[4] = {'L', 'G', 'J', '1'};
static const uint8_t frame_magic[4] = {'L', 'G', 'F', '1'};
static const uint8_t mark_magic[4] = {'L', 'G', 'E', '1'};

struct lg_journal {
    struct lg_file *file;
    char *path;
    uint64_t end;    /* Atomic: where the next frame goes. */
    uint64_t synced; /* Everything before it is durable. */
    uint64_t next_sequence;
    uint64_t cut_bytes;
    uint64_t marked; /* The end mark says so much; 0: there is none. */
    bool failed;     /* The tail is unknown: no more appends. */
    struct lg_buf frame;
};

struct header {
    uint32_t length;
    uint64_t sequence, synced;
    uint32_t payload_crc;
};

/* --- Frames --------------------------------------------------------------------------------- */

static size_t padding(size_t length)
{
    return (ALIGN - length % ALIGN) % ALIGN;
}

static uint64_t frame_size(uint32_t length)
{
    return FRAME_HEADER + (uint64_t)length + padding(length);
}

static void store_u32le(uint8_t *out, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static void store_u64le(uint8_t *out, uint64_t v)
{
    store_u32le(out, (uint32_t)v);
    store_u32le(out + 4, (uint32_t)(v >> 32));
}

static uint32_t header_crc(const uint8_t *bytes, uint64_t offset)
{
    uint8_t where[8];

    for (unsigned i = 0; i < sizeof(where); i++)
        where[i] = (uint8_t)(offset >> (8 * i));
    return lg_crc32c(lg_crc32c(0, where, sizeof(where)), bytes, FRAME_HEADER - 4);
}

/* False when these are not the bytes of a frame's header that was written for `offset`. */
static bool parse_header(const uint8_t *bytes, uint64_t offset, struct header *out)
{
    if (memcmp(bytes, frame_magic, sizeof(frame_magic)) != 0 ||
        lg_load_u32le(bytes + 28) != header_crc(bytes, offset))
        return false;
    *out = (struct header){lg_load_u32le(bytes + 4), lg_load_u64le(bytes + 8),
                           lg_load_u64le(bytes + 16), lg_load_u32le(bytes + 24)};
    return out->length <= LG_JOURNAL_FRAME_MAX;
}

/* An end mark is a header of its own magic behind the last frame, over which the next is written.
 * False when these are not the bytes of one that was written for `offset`. */
static bool parse_mark(const uint8_t *bytes, uint64_t offset, struct header *out)
{
    if (memcmp(bytes, mark_magic, sizeof(mark_magic)) != 0 ||
        lg_load_u32le(bytes + 28) != header_crc(bytes, offset))
        return false;
    *out =
        (struct header){.sequence = lg_load_u64le(bytes + 8), .synced = lg_load_u64le(bytes + 16)};
    return out->synced == offset;
}

/* Puts the header into the room before the payload, and zeros behind it. */
static void complete_frame(struct lg_buf *framed, const struct lg_journal *j, uint64_t offset)
{
    static const uint8_t zeros[ALIGN];
    size_t size = framed->size - FRAME_HEADER;
    uint8_t *head;

    lg_buf_append(framed, zeros, padding(size));
    assert(lg_buf_ok(framed) && "a frame is far below the ceiling of a buffer");
    head = framed->data;
    memcpy(head, frame_magic, sizeof(frame_magic));
    store_u32le(head + 4, (uint32_t)size);
    store_u64le(head + 8, j->next_sequence);
    store_u64le(head + 16, j->synced);
    store_u32le(head + 24, lg_crc32c(0, head + FRAME_HEADER, framed->size - FRAME_HEADER));
    store_u32le(head + 28, header_crc(head, offset));
}

/* Reads the frame at `offset`, which ends at `end` at the latest. `*out_whole` is false when there
 * is no whole frame; errors are those of the disk. The payload is in `out`, which is cleared first.
 */
static enum lg_rc read_frame(struct lg_file *file, uint64_t offset, uint64_t end,
                             struct header *out_header, struct lg_buf *out, bool *out_whole,
                             struct lg_error *err)
{
    uint8_t head[FRAME_HEADER];
    size_t got = 0, want;
    uint8_t *room;
    enum lg_rc rc;

    *out_whole = false;
    lg_buf_clear(out);
    if (offset > end || end - offset < FRAME_HEADER)
        return LG_OK;
    rc = lg_file_read(file, offset, head, sizeof(head), &got, err);
    if (rc != LG_OK || got < sizeof(head) || !parse_header(head, offset, out_header) ||
        frame_size(out_header->length) > end - offset)
        return rc;
    want = (size_t)frame_size(out_header->length) - FRAME_HEADER;
    room = lg_buf_reserve(out, want);
    if (room == NULL && want > 0)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a frame of %u bytes is more than its reader takes",
                            out_header->length);
    if (want > 0)
        rc = lg_file_read(file, offset + FRAME_HEADER, room, want, &got, err);
    else
        got = 0;
    if (rc != LG_OK || got < want ||
        (lg_crc32c(0, room, want) != out_header->payload_crc &&
         !lg_mutant(LG_MUTANT_journal_trusts_torn_frames)))
        return rc;
    lg_buf_commit(out, out_header->length); /* Without the padding. */
    *out_whole = true;
    return LG_OK;
}

/* --- The file's header ---------------------------------------------------------------------- */

static void build_file_header(uint8_t out[FILE_HEADER], uint32_t kind, uint32_t version)
{
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append(&b, file_magic, sizeof(file_magic));
    lg_buf_append_u32le(&b, kind);
    lg_buf_append_u32le(&b, version);
    lg_buf_append_u32le(&b, lg_crc32c(0, b.data, b.size));
    memcpy(out, b.data, FILE_HEADER);
}

static bool is_interrupted_creation(const uint8_t *found, size_t size, const uint8_t *expected)
{
    for (size_t i = 0; i < size; i++) {
        if (found[i] != 0 && found[i] != expected[i])
            return false;
    }
    return true;
}

static enum lg_rc check_file_header(const struct lg_journal_options *o, const uint8_t *found,
                                    struct lg_error *err)
{
    uint32_t kind = lg_load_u32le(found + 4), version = lg_load_u32le(found + 8);

    if (memcmp(found, file_magic, sizeof(file_magic)) != 0 ||
        lg_load_u32le(found + 12) != lg_crc32c(0, found, 12))
        return lg_error_set(err, LG_ERR_CORRUPT,
                            "%s: the header at offset 0 is damaged, or the file is no journal; "
                            "restore it from a copy",
                            o->path);
    if (kind != o->kind)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "%s holds data of kind %u, but kind %u belongs here", o->path, kind,
                            o->kind);
    if (version != o->version)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "%s has format version %u, this program reads version %u; use the "
                            "program that wrote it",
                            o->path, version, o->version);
    return LG_OK;
}

/* Checks the header, or writes it into a new file. `*size` is the file's, and is kept up to date.
 */
static enum lg_rc settle_file_header(struct lg_journal *j, const struct lg_journal_options *o,
                                     uint64_t *size, struct lg_error *err)
{
    uint8_t expected[FILE_HEADER], found[FILE_HEADER];
    size_t got = 0;
    enum lg_rc rc = lg_file_read(j->file, 0, found, sizeof(found), &got, err);

    if (rc != LG_OK)
        return rc;
    build_file_header(expected, o->kind, o->version);
    if (got == FILE_HEADER && memcmp(found, expected, FILE_HEADER) == 0)
        return LG_OK;
    if (*size > FILE_HEADER || !is_interrupted_creation(found, got, expected)) {
        if (got < FILE_HEADER)
            memset(found + got, 0, FILE_HEADER - got);
        return check_file_header(o, found, err);
    }
    j->cut_bytes = *size;
    rc = lg_file_write(j->file, 0, expected, FILE_HEADER, err);
    if (rc == LG_OK)
        *size = FILE_HEADER;
    return rc;
}

/* --- Opening -------------------------------------------------------------------------------- */

/* LG_ERR_CORRUPT when a header behind `damage` says that the frame there had been synced. */
static enum lg_rc look_for_witness(const struct lg_journal *j, uint64_t damage, uint64_t size,
                                   struct lg_error *err)
{
    LG_SCOPED(lg_buf) chunk = {0};
    uint8_t *bytes = lg_buf_reserve(&chunk, SCAN_CHUNK + FRAME_HEADER);

    assert(bytes != NULL);
    for (uint64_t base = damage + ALIGN; base < size; base += SCAN_CHUNK) {
        size_t got = 0;
        enum lg_rc rc = lg_file_read(j->file, base, bytes, SCAN_CHUNK + FRAME_HEADER, &got, err);

        if (rc != LG_OK)
            return rc;
        for (size_t at = 0; at < SCAN_CHUNK && at + FRAME_HEADER <= got; at += ALIGN) {
            struct header h;

            if ((parse_header(bytes + at, base + at, &h) ||
                 parse_mark(bytes + at, base + at, &h)) &&
                h.sequence > j->next_sequence && h.synced > damage && h.synced <= base + at)
                return lg_error_set(err, LG_ERR_CORRUPT,
                                    "%s: the frame at offset %llu is damaged, and what stands at "
                                    "%llu was written later; restore the file from a copy",
                                    j->path, (unsigned long long)damage,
                                    (unsigned long long)(base + at));
        }
    }
    return LG_OK;
}

/* Walks the whole frames; `j->end` is where they end. */
static enum lg_rc replay(struct lg_journal *j, const struct lg_journal_options *o, uint64_t size,
                         struct lg_error *err)
{
    LG_SCOPED(lg_buf) payload = {0};
    uint64_t synced = FILE_HEADER;

    j->end = FILE_HEADER;
    for (;;) {
        struct header h;
        bool whole;
        enum lg_rc rc = read_frame(j->file, j->end, size, &h, &payload, &whole, err);

        if (rc != LG_OK)
            return rc;
        if (!whole || h.sequence != j->next_sequence || h.synced < synced || h.synced > j->end)
            return LG_OK;
        if (o->replay != NULL)
            rc = o->replay(o->ctx, j->end, lg_buf_slice(&payload), err);
        if (rc != LG_OK)
            return rc;
        synced = h.synced;
        j->next_sequence++;
        j->end += frame_size(h.length);
    }
}

/* Does the file end with the end mark, and nothing behind it? */
static enum lg_rc find_mark(struct lg_journal *j, uint64_t size, struct lg_error *err)
{
    uint8_t bytes[FRAME_HEADER];
    struct header h;
    size_t got = 0;
    enum lg_rc rc;

    if (size - j->end != FRAME_HEADER)
        return LG_OK;
    rc = lg_file_read(j->file, j->end, bytes, sizeof(bytes), &got, err);
    if (rc == LG_OK && got == sizeof(bytes) && parse_mark(bytes, j->end, &h) &&
        h.sequence == j->next_sequence)
        j->marked = j->end;
    return rc;
}

/* Says behind the last frame that it is durable. Advice to the next open, so an error costs nothing
 * but what it would have seen: the mark is not synced here, and no acknowledgement waits for it. */
static void mark_end(struct lg_journal *j)
{
    uint8_t bytes[FRAME_HEADER] = {0};
    struct lg_error ignored;

    if (j->failed || j->marked == j->end || j->synced != j->end || j->next_sequence == 0)
        return;
    memcpy(bytes, mark_magic, sizeof(mark_magic));
    store_u64le(bytes + 8, j->next_sequence);
    store_u64le(bytes + 16, j->end);
    store_u32le(bytes + 28, header_crc(bytes, j->end));
    if (lg_file_write(j->file, j->end, bytes, sizeof(bytes), &ignored) == LG_OK)
        j->marked = j->end;
}

static enum lg_rc cut_tail(struct lg_journal *j, uint64_t size, struct lg_error *err)
{
    enum lg_rc rc = find_mark(j, size, err);

    if (rc != LG_OK || j->end == size || j->marked != 0)
        return rc;
    rc = look_for_witness(j, j->end, size, err);
    if (rc != LG_OK)
        return rc;
    j->cut_bytes += size - j->end;
    return lg_file_truncate(j->file, j->end, err);
}

static enum lg_rc sync_parent(const struct lg_journal_options *o, struct lg_error *err)
{
    const char *slash = strrchr(o->path, '/');
    LG_AUTO_STR char *parent = lg_strndup(o->path, slash == NULL ? 0 : (size_t)(slash - o->path));

    return lg_disk_sync_dir(o->disk, parent, err);
}

enum lg_rc lg_journal_open(const struct lg_journal_options *options, struct lg_journal **out,
                           struct lg_error *err)
{
    LG_AUTO(lg_journal) *j = lg_new(struct lg_journal);
    unsigned flags = LG_DISK_WRITE | (options->create ? LG_DISK_CREATE : 0);
    uint64_t size = 0;
    enum lg_rc rc;

    j->path = lg_strdup(options->path);
    rc = lg_file_open(options->disk, options->path, flags, &j->file, err);
    if (rc == LG_OK)
        rc = lg_file_size(j->file, &size, err);
    if (rc == LG_OK)
        rc = settle_file_header(j, options, &size, err);
    if (rc == LG_OK)
        rc = replay(j, options, size, err);
    if (rc == LG_OK)
        rc = cut_tail(j, size, err);
    /* What is there may have reached the page cache only: `synced` must not claim more. */
    if (rc == LG_OK)
        rc = lg_file_sync(j->file, err);
    if (rc == LG_OK && options->create)
        rc = sync_parent(options, err);
    if (rc != LG_OK)
        return rc;
    j->synced = j->end;
    mark_end(j); /* An older program, or a crash, left none. */
    *out = LG_TAKE(j);
    return LG_OK;
}

void lg_journal_close(struct lg_journal *j)
{
    if (j == NULL)
        return;
    lg_file_close(j->file);
    lg_buf_done(&j->frame);
    lg_free(j->path);
    lg_free(j);
}

/* --- Use ------------------------------------------------------------------------------------ */

static enum lg_rc check_usable(const struct lg_journal *j, struct lg_error *err)
{
    if (!j->failed)
        return LG_OK;
    return lg_error_set(err, LG_ERR_IO,
                        "%s: an earlier write or sync failed, so the journal's end is unknown; "
                        "open it again",
                        j->path);
}

/* Takes back what was written of a frame that found no space. Should the power go before that is
 * durable, the remains are a torn tail like any other. */
static bool drop_tail(struct lg_journal *j, uint64_t end)
{
    struct lg_error ignored;

    j->marked = 0; /* It went with the rest. */
    return lg_file_truncate(j->file, end, &ignored) == LG_OK;
}

static enum lg_rc check_size(const struct lg_journal *j, size_t size, struct lg_error *err)
{
    if (size <= LG_JOURNAL_FRAME_MAX)
        return LG_OK;
    return lg_error_set(err, LG_ERR_TOO_LARGE, "%s: a frame of %zu bytes; at most %zu are allowed",
                        j->path, size, LG_JOURNAL_FRAME_MAX);
}

enum lg_rc lg_journal_append(struct lg_journal *j, struct lg_slice payload, uint64_t *out_offset,
                             struct lg_error *err)
{
    static const uint8_t room[LG_JOURNAL_ROOM_BYTES];
    enum lg_rc rc = check_size(j, payload.size, err);

    if (rc != LG_OK)
        return rc;
    lg_buf_clear(&j->frame);
    lg_buf_append(&j->frame, room, sizeof(room));
    lg_buf_append_slice(&j->frame, payload);
    return lg_journal_append_framed(j, &j->frame, out_offset, err);
}

enum lg_rc lg_journal_append_framed(struct lg_journal *j, struct lg_buf *framed,
                                    uint64_t *out_offset, struct lg_error *err)
{
    uint64_t offset = j->end;
    enum lg_rc rc = check_usable(j, err);

    assert(framed->size >= FRAME_HEADER && lg_buf_ok(framed));
    if (rc == LG_OK)
        rc = check_size(j, framed->size - FRAME_HEADER, err);
    if (rc != LG_OK)
        return rc;
    complete_frame(framed, j, offset);
    rc = lg_file_write(j->file, offset, framed->data, framed->size, err);
    if (rc != LG_OK) {
        j->failed = rc != LG_ERR_NO_SPACE || !drop_tail(j, offset);
        return rc;
    }
    j->next_sequence++;
    __atomic_store_n(&j->end, offset + framed->size, __ATOMIC_RELEASE);
    if (out_offset != NULL)
        *out_offset = offset;
    return LG_OK;
}

enum lg_rc lg_journal_sync(struct lg_journal *j, struct lg_error *err)
{
    enum lg_rc rc = check_usable(j, err);

    if (rc == LG_OK)
        rc = lg_file_sync(j->file, err);
    if (rc == LG_OK)
        j->synced = j->end;
    else
        j->failed = true;
    mark_end(j);
    return rc;
}

enum lg_rc lg_journal_read(struct lg_journal *j, uint64_t offset, struct lg_buf *out,
                           uint64_t *out_next, struct lg_error *err)
{
    uint64_t end = __atomic_load_n(&j->end, __ATOMIC_ACQUIRE);
    struct header h;
    bool whole;
    enum lg_rc rc;

    if (offset >= end)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "%s: nothing at offset %llu, its end is %llu",
                            j->path, (unsigned long long)offset, (unsigned long long)end);
    rc = read_frame(j->file, offset, end, &h, out, &whole, err);
    if (rc != LG_OK)
        return rc;
    if (!whole)
        return lg_error_set(err, LG_ERR_CORRUPT,
                            "%s: there is no whole frame at offset %llu; restore the file from a "
                            "copy",
                            j->path, (unsigned long long)offset);
    *out_next = offset + frame_size(h.length);
    return LG_OK;
}

bool lg_journal_usable(const struct lg_journal *j)
{
    return !j->failed;
}

uint64_t lg_journal_begin(const struct lg_journal *j)
{
    (void)j;
    return FILE_HEADER;
}

uint64_t lg_journal_size(const struct lg_journal *j)
{
    return __atomic_load_n(&j->end, __ATOMIC_ACQUIRE);
}

uint64_t lg_journal_cut_bytes(const struct lg_journal *j)
{
    return j->cut_bytes;
}
