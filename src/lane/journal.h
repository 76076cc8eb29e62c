/* A checksummed append-only file: the one format under the log and the metadata (ADR 0019,
 * docs/formats/journal.md).
 *
 * It is a sequence of frames; one frame is one commit: the caller appends a frame, syncs, and only
 * then appends the next group of frames. On open every frame is checked. A damaged tail that no
 * whole frame follows is what a crash leaves: it is cut off. Damage with a whole, later frame
 * behind it is LG_ERR_CORRUPT, never cut: the sentence names file and offset. All calls block (see
 * disk.h).
 */
#ifndef LG_LANE_JOURNAL_H
#define LG_LANE_JOURNAL_H

#include "lane/disk.h"

struct lg_journal;

#define LG_JOURNAL_FRAME_MAX ((size_t)64 << 20) /* bytes of payload */
#define LG_JOURNAL_ROOM_BYTES ((size_t)32)      /* before a payload that is framed in place */

struct lg_journal_options {
    struct lg_disk *disk;
    const char *path; /* Borrowed for the call. */
    uint32_t kind;    /* What the frames hold; another kind in the file is LG_ERR_CONFLICT. */
    uint32_t version; /* Of the payload's format; another in the file is LG_ERR_CONFLICT. */
    bool create;      /* Make it if absent (the name is synced); else LG_ERR_NOT_FOUND. */
    /* Called for each good frame in order. `offset` can be given to lg_journal_read. May be NULL:
     * frames are still checked. An error it returns stops the open with that error. */
    enum lg_rc (*replay)(void *ctx, uint64_t offset, struct lg_slice payload, struct lg_error *err);
    void *ctx;
};

LG_MUST_CHECK enum lg_rc lg_journal_open(const struct lg_journal_options *options,
                                         struct lg_journal **out, struct lg_error *err);
void lg_journal_close(struct lg_journal *j); /* NULL is allowed; unsynced frames may be lost. */
LG_DEFINE_AUTO(lg_journal, lg_journal_close)
/* Writes a frame at the end. `*out_offset` may be NULL. LG_ERR_NO_SPACE: nothing of the frame
 * stays, and it may be tried again once there is room. After any other error the journal refuses
 * further appends with LG_ERR_IO: reopen it. LG_ERR_TOO_LARGE over LG_JOURNAL_FRAME_MAX writes
 * nothing. */
LG_MUST_CHECK enum lg_rc lg_journal_append(struct lg_journal *j, struct lg_slice payload,
                                           uint64_t *out_offset, struct lg_error *err);
/* The same without copying the payload: it stands in `framed` behind LG_JOURNAL_ROOM_BYTES bytes of
 * any content, and the buffer's content is the frame afterwards. */
LG_MUST_CHECK enum lg_rc lg_journal_append_framed(struct lg_journal *j, struct lg_buf *framed,
                                                  uint64_t *out_offset, struct lg_error *err);
/* Everything appended so far is durable when this returns LG_OK. */
LG_MUST_CHECK enum lg_rc lg_journal_sync(struct lg_journal *j, struct lg_error *err);
/* The frame at `offset` into `out` (cleared first), checked again; `*out_next` is the offset of the
 * frame after it. LG_ERR_NOT_FOUND at the end, LG_ERR_CORRUPT. May run beside an append. */
LG_MUST_CHECK enum lg_rc lg_journal_read(struct lg_journal *j, uint64_t offset, struct lg_buf *out,
                                         uint64_t *out_next, struct lg_error *err);
/* May frames be appended? False after an error whose damage is unknown. */
bool lg_journal_usable(const struct lg_journal *j);
/* Offset of the first frame, and bytes in the file. */
uint64_t lg_journal_begin(const struct lg_journal *j);
uint64_t lg_journal_size(const struct lg_journal *j);
/* Bytes of damaged tail that the open cut off. */
uint64_t lg_journal_cut_bytes(const struct lg_journal *j);

#endif
