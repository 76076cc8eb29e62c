/* Snapshots, frames and generations of metafile. Called at start-up and from offloaded work. */
#include "drivers/metafile/meta_files.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "lane/fault.h"

#define MAGIC "LGMSNAP1"
#define HEAD_BYTES 32u /* magic, generation, commit, count */
#define CRC_BYTES 4u
#define NODE_FIXED_BYTES 12u /* version, value size */
#define GENERATION_DIGITS 10
#define NOTE_MAGIC "LGMDUR01"
#define NOTE_BYTES 20u /* magic, commit, checksum */

/* --- Reading fields ------------------------------------------------------------------------- */

static bool take(struct lg_slice *rest, size_t n, struct lg_slice *out)
{
    if (rest->size < n)
        return false;
    *out = lg_slice(rest->data, n);
    *rest = lg_slice_skip(*rest, n);
    return true;
}

/* A path as a string; false when it does not fit or is none. */
static bool take_path(struct lg_slice *rest, char *out)
{
    struct lg_slice s;
    size_t n;

    if (!take(rest, 2, &s))
        return false;
    n = (size_t)s.data[0] | (size_t)s.data[1] << 8;
    if (n == 0 || n > LG_META_PATH_MAX || !take(rest, n, &s) || memchr(s.data, 0, n) != NULL)
        return false;
    memcpy(out, s.data, n);
    out[n] = '\0';
    return lg_meta_path_check(out, NULL) == LG_OK;
}

/* Version and value, put into the tree under the path. */
static bool take_node(struct lg_slice *rest, const char *path, struct lg_meta_tree *tree)
{
    struct lg_slice fixed, value;

    if (!take(rest, NODE_FIXED_BYTES, &fixed))
        return false;
    if (!take(rest, lg_load_u32le(fixed.data + 8), &value) || value.size > LG_META_VALUE_MAX)
        return false;
    lg_meta_tree_put(tree, path, value, (int64_t)lg_load_u64le(fixed.data), 0);
    return true;
}

static void append_path(struct lg_buf *out, const char *path)
{
    size_t n = strlen(path);

    lg_buf_append_byte(out, (uint8_t)n);
    lg_buf_append_byte(out, (uint8_t)(n >> 8));
    lg_buf_append(out, path, n);
}

static void append_node(struct lg_buf *out, const struct lg_meta_node *node)
{
    struct lg_slice value = node->value == NULL ? LG_SLICE_NULL : node->value->bytes;

    lg_buf_append_u64le(out, (uint64_t)node->version);
    lg_buf_append_u32le(out, (uint32_t)value.size);
    lg_buf_append_slice(out, value);
}

static void store_u64le(uint8_t *p, uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* --- Snapshots ------------------------------------------------------------------------------ */

struct snapshot_writer {
    struct lg_buf *out;
    uint64_t count;
};

static void write_node(void *ctx, const char *path, const struct lg_meta_node *node)
{
    struct snapshot_writer *w = ctx;

    append_path(w->out, path);
    append_node(w->out, node);
    w->count++;
}

void lg_meta_snapshot_write(struct lg_buf *out, const struct lg_meta_snapshot_head *head,
                            const struct lg_meta_tree *tree)
{
    struct snapshot_writer w = {.out = out};

    lg_buf_append_str(out, MAGIC);
    lg_buf_append_u64le(out, head->generation);
    lg_buf_append_u64le(out, head->commit);
    lg_buf_append_u64le(out, 0); /* The count, known below. */
    lg_meta_tree_walk(tree, write_node, &w);
    if (!lg_buf_ok(out))
        return;
    store_u64le(out->data + 24, w.count);
    lg_buf_append_u32le(out, lg_crc32c(0, out->data, out->size));
}

enum lg_rc lg_meta_snapshot_read(struct lg_slice bytes, struct lg_meta_snapshot_head *out,
                                 struct lg_meta_tree *tree, struct lg_error *err)
{
    struct lg_slice rest;
    char path[LG_META_PATH_MAX + 1];
    uint64_t count;

    if (bytes.size < HEAD_BYTES + CRC_BYTES || memcmp(bytes.data, MAGIC, 7) != 0)
        return lg_error_set(err, LG_ERR_CORRUPT, "this is no snapshot of metadata");
    if (bytes.data[7] != MAGIC[7])
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "snapshot of format version '%c', this program knows '%c'",
                            bytes.data[7], MAGIC[7]);
    if (lg_crc32c(0, bytes.data, bytes.size - CRC_BYTES) !=
        lg_load_u32le(bytes.data + bytes.size - CRC_BYTES))
        return lg_error_set(err, LG_ERR_CORRUPT, "snapshot fails its checksum");
    count = lg_load_u64le(bytes.data + 24);
    rest = lg_slice(bytes.data + HEAD_BYTES, bytes.size - HEAD_BYTES - CRC_BYTES);
    for (uint64_t i = 0; i < count; i++)
        if (!take_path(&rest, path) || !take_node(&rest, path, tree))
            return lg_error_set(err, LG_ERR_CORRUPT, "snapshot ends inside node %llu of %llu",
                                (unsigned long long)i, (unsigned long long)count);
    if (rest.size != 0)
        return lg_error_set(err, LG_ERR_CORRUPT, "snapshot has %zu bytes too many", rest.size);
    out->generation = lg_load_u64le(bytes.data + 8);
    out->commit = lg_load_u64le(bytes.data + 16);
    return LG_OK;
}

/* --- Frames --------------------------------------------------------------------------------- */

void lg_meta_frame_begin(struct lg_buf *frame)
{
    lg_buf_clear(frame);
    lg_buf_append_u64le(frame, 0);
    lg_buf_append_u32le(frame, 0);
}

void lg_meta_frame_add(struct lg_buf *frame, enum lg_meta_effect_kind kind, const char *path,
                       const struct lg_meta_node *node)
{
    lg_buf_append_byte(frame, (uint8_t)kind);
    append_path(frame, path);
    if (kind == LG_META_NODE_IS)
        append_node(frame, node);
}

void lg_meta_frame_end(struct lg_buf *frame, uint64_t commit, uint32_t effects)
{
    store_u64le(frame->data, commit);
    for (size_t i = 0; i < 4; i++)
        frame->data[8 + i] = (uint8_t)(effects >> (8 * i));
}

enum lg_rc lg_meta_frame_replay(struct lg_slice frame, uint64_t commit, struct lg_meta_tree *tree,
                                struct lg_error *err)
{
    char path[LG_META_PATH_MAX + 1];
    struct lg_slice head, kind;
    uint32_t count;

    if (!take(&frame, LG_META_FRAME_HEAD_BYTES, &head))
        return lg_error_set(err, LG_ERR_CORRUPT, "commit %llu is cut", (unsigned long long)commit);
    if (lg_load_u64le(head.data) != commit)
        return lg_error_set(err, LG_ERR_CORRUPT, "commit %llu stands where %llu should",
                            (unsigned long long)lg_load_u64le(head.data),
                            (unsigned long long)commit);
    count = lg_load_u32le(head.data + 8);
    for (uint32_t i = 0; i < count; i++) {
        bool good = take(&frame, 1, &kind) && take_path(&frame, path);

        if (good && kind.data[0] == LG_META_NODE_IS)
            good = take_node(&frame, path, tree);
        else if (good && kind.data[0] == LG_META_NODE_GONE)
            lg_meta_tree_cut(tree, path);
        else
            good = false;
        if (!good)
            return lg_error_set(err, LG_ERR_CORRUPT, "commit %llu: effect %u cannot be read",
                                (unsigned long long)commit, i);
    }
    if (frame.size != 0)
        return lg_error_set(err, LG_ERR_CORRUPT, "commit %llu has %zu bytes too many",
                            (unsigned long long)commit, frame.size);
    return LG_OK;
}

/* --- Generations ---------------------------------------------------------------------------- */

static char *file_path(const char *dir, const char *kind, uint64_t generation)
{
    return lg_strf("%s/%s-%0*llu", dir, kind, GENERATION_DIGITS, (unsigned long long)generation);
}

/* The generation in "snapshot-0000000007"; false for any other name. */
static bool parse_name(const char *name, const char *kind, uint64_t *out)
{
    struct lg_slice s = lg_slice_str(name), prefix = lg_slice_str(kind);

    if (!lg_slice_starts(s, prefix) || s.size != prefix.size + 1 + GENERATION_DIGITS ||
        s.data[prefix.size] != '-')
        return false;
    return lg_parse_u64(lg_slice_skip(s, prefix.size + 1), UINT64_MAX, out);
}

struct replay {
    struct lg_meta_tree *tree;
    uint64_t commit;
};

static enum lg_rc replay_frame(void *ctx, uint64_t offset, struct lg_slice payload,
                               struct lg_error *err)
{
    struct replay *r = ctx;
    enum lg_rc rc = lg_meta_frame_replay(payload, r->commit + 1, r->tree, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "frame at %llu", (unsigned long long)offset);
    r->commit++;
    return LG_OK;
}

static enum lg_rc open_journal(struct lg_disk *disk, const char *path, bool create,
                               struct replay *replay, struct lg_journal **out, struct lg_error *err)
{
    struct lg_journal_options options = {
        .disk = disk,
        .path = path,
        .kind = LG_META_JOURNAL_KIND,
        .version = LG_META_JOURNAL_VERSION,
        .create = create,
        .replay = replay == NULL ? NULL : replay_frame,
        .ctx = replay,
    };

    return lg_journal_open(&options, out, err);
}

/* Makes journal and snapshot of a generation; the snapshot's name is the moment of the change. */
static enum lg_rc make_generation(struct lg_disk *disk, const char *dir,
                                  const struct lg_meta_tree *tree,
                                  const struct lg_meta_snapshot_head *head,
                                  struct lg_meta_files *out, struct lg_error *err)
{
    LG_AUTO_STR char *journal_path = file_path(dir, "journal", head->generation);
    LG_AUTO_STR char *snapshot_path = file_path(dir, "snapshot", head->generation);
    LG_SCOPED(lg_buf) bytes = lg_buf_with_ceiling(LG_META_SNAPSHOT_BYTES_MAX);
    LG_AUTO(lg_journal) *journal = NULL;
    enum lg_rc rc;

    lg_meta_snapshot_write(&bytes, head, tree);
    if (!lg_buf_ok(&bytes))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s: over %zu bytes", snapshot_path,
                            LG_META_SNAPSHOT_BYTES_MAX);
    rc = lg_disk_remove(disk, journal_path, err); /* Left over from an attempt that failed. */
    if (rc == LG_OK)
        rc = open_journal(disk, journal_path, /* create= */ true, NULL, &journal, err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_META_JOURNAL_MADE, err);
    if (rc == LG_OK)
        rc = lg_disk_write_file(disk, snapshot_path, lg_buf_slice(&bytes), err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_META_RENEWED, err);
    if (rc != LG_OK)
        return rc;
    *out = (struct lg_meta_files){.journal = LG_TAKE(journal),
                                  .generation = head->generation,
                                  .commit = head->commit,
                                  .snapshot_bytes = bytes.size};
    return LG_OK;
}

/* Removes the files of all generations but one. */
static enum lg_rc remove_others(struct lg_disk *disk, const char *dir, uint64_t generation,
                                struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    enum lg_rc rc = lg_disk_list(disk, dir, &names, err);

    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++) {
        const char *name = names.names.data[i];
        LG_AUTO_STR char *path = lg_strf("%s/%s", dir, name);
        struct lg_slice s = lg_slice_str(name);
        uint64_t g = 0;

        if ((parse_name(name, "snapshot", &g) || parse_name(name, "journal", &g)) &&
            g == generation)
            continue;
        if (lg_slice_starts(s, LG_LIT("snapshot-")) || lg_slice_starts(s, LG_LIT("journal-")))
            rc = lg_disk_remove(disk, path, err);
    }
    return rc;
}

/* A journal beyond the newest snapshot may only be what a crash left before that snapshot. */
static enum lg_rc check_no_frames(struct lg_disk *disk, const char *dir, uint64_t generation,
                                  struct lg_error *err)
{
    LG_AUTO_STR char *path = file_path(dir, "journal", generation);
    LG_AUTO(lg_journal) *journal = NULL;
    enum lg_rc rc = open_journal(disk, path, /* create= */ true, NULL, &journal, err);

    if (rc != LG_OK)
        return rc;
    if (lg_journal_size(journal) > lg_journal_begin(journal))
        return lg_error_set(err, LG_ERR_CORRUPT,
                            "%s holds changes but its snapshot is missing: restore the folder from "
                            "a backup",
                            path);
    return LG_OK;
}

/* The highest generation with a snapshot (0: none); journals above it are checked. */
static enum lg_rc find_generation(struct lg_disk *disk, const char *dir, uint64_t *out,
                                  struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    uint64_t best = 0, g;
    enum lg_rc rc = lg_disk_list(disk, dir, &names, err);

    if (rc != LG_OK)
        return rc;
    for (size_t i = 0; i < names.names.size; i++)
        if (parse_name(names.names.data[i], "snapshot", &g))
            best = LG_MAX(best, g);
    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++)
        if (parse_name(names.names.data[i], "journal", &g) && g > best)
            rc = check_no_frames(disk, dir, g, err);
    if (rc == LG_OK)
        *out = best;
    return rc;
}

static enum lg_rc load(struct lg_disk *disk, const char *dir, uint64_t generation,
                       struct lg_meta_tree *tree, struct lg_meta_files *out, struct lg_error *err)
{
    LG_AUTO_STR char *journal_path = file_path(dir, "journal", generation);
    LG_AUTO_STR char *snapshot_path = file_path(dir, "snapshot", generation);
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_meta_snapshot_head head = {0};
    struct replay replay = {.tree = tree};
    enum lg_rc rc;

    rc = lg_disk_read_file(disk, snapshot_path, LG_META_SNAPSHOT_BYTES_MAX, &bytes, err);
    if (rc != LG_OK)
        return rc;
    rc = lg_meta_snapshot_read(lg_buf_slice(&bytes), &head, tree, err);
    if (rc != LG_OK) {
        const struct lg_error why = *err;

        return lg_error_set(err, rc, "%s: %s; restore the folder from a backup", snapshot_path,
                            why.text);
    }
    if (head.generation != generation)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s holds generation %llu: restore its name",
                            snapshot_path, (unsigned long long)head.generation);
    replay.commit = head.commit;
    rc = open_journal(disk, journal_path, /* create= */ false, &replay, &out->journal, err);
    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s is missing: restore the folder from a backup",
                            journal_path);
    if (rc != LG_OK)
        return rc;
    out->generation = generation;
    out->commit = replay.commit;
    out->snapshot_bytes = bytes.size;
    return LG_OK;
}

/* --- The note of what is durable ------------------------------------------------------------ */

/* The commit that was durable once; 0 when the note is absent or not whole: then it says nothing.
 */
static enum lg_rc read_note(struct lg_file *file, uint64_t *out, struct lg_error *err)
{
    uint8_t bytes[NOTE_BYTES];
    size_t got = 0;
    enum lg_rc rc = lg_file_read(file, 0, bytes, sizeof(bytes), &got, err);

    *out = 0;
    if (rc == LG_OK && got == sizeof(bytes) && memcmp(bytes, NOTE_MAGIC, 8) == 0 &&
        lg_load_u32le(bytes + 16) == lg_crc32c(0, bytes, 16))
        *out = lg_load_u64le(bytes + 8);
    return rc;
}

void lg_meta_files_note(const char *dir, const struct lg_meta_files *files, uint64_t commit)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err;

    if (files->durable == NULL || commit == 0)
        return;
    lg_buf_append_str(&bytes, NOTE_MAGIC);
    lg_buf_append_u64le(&bytes, commit);
    lg_buf_append_u32le(&bytes, lg_crc32c(0, bytes.data, bytes.size));
    assert(bytes.size == NOTE_BYTES);
    if (lg_file_write(files->durable, 0, bytes.data, bytes.size, &err) != LG_OK)
        lg_log(LG_LOG_WARN, "metadata_not_noted", "dir=%s error=%s", dir, err.text);
}

/* Opens the note, and holds what was found against it. */
static enum lg_rc check_note(struct lg_disk *disk, const char *dir, struct lg_meta_files *files,
                             struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/durable", dir);
    LG_AUTO_STR char *journal = file_path(dir, "journal", files->generation);
    struct lg_error why;
    uint64_t commit = 0;
    enum lg_rc rc;

    if (lg_file_open(disk, path, LG_DISK_WRITE | LG_DISK_CREATE, &files->durable, &why) != LG_OK) {
        lg_log(LG_LOG_WARN, "metadata_not_noted", "dir=%s error=%s", dir, why.text);
        return LG_OK;
    }
    rc = read_note(files->durable, &commit, err);
    if (rc == LG_OK && commit > files->commit)
        rc = lg_error_set(err, LG_ERR_CORRUPT,
                          "%s ends with change %llu, but change %llu had been made durable: the "
                          "end of the file was lost; restore the folder from a backup",
                          journal, (unsigned long long)files->commit, (unsigned long long)commit);
    return rc;
}

void lg_meta_files_done(struct lg_meta_files *files)
{
    lg_journal_close(files->journal);
    lg_file_close(files->durable);
    *files = (struct lg_meta_files){0};
}

enum lg_rc lg_meta_files_open(struct lg_disk *disk, const char *dir, struct lg_meta_tree *tree,
                              struct lg_meta_files *out, struct lg_error *err)
{
    struct lg_meta_files files = {0};
    uint64_t generation = 0;
    enum lg_rc rc = find_generation(disk, dir, &generation, err);

    if (rc == LG_OK && generation == 0) {
        struct lg_meta_snapshot_head head = {.generation = 1, .commit = 0};

        rc = make_generation(disk, dir, tree, &head, &files, err);
    } else if (rc == LG_OK) {
        rc = load(disk, dir, generation, tree, &files, err);
    }
    if (rc == LG_OK)
        rc = check_note(disk, dir, &files, err);
    if (rc == LG_OK)
        rc = remove_others(disk, dir, files.generation, err);
    if (rc != LG_OK) {
        lg_meta_files_done(&files);
        return rc;
    }
    lg_meta_files_note(dir, &files, files.commit);
    *out = files;
    return LG_OK;
}

enum lg_rc lg_meta_files_renew(struct lg_disk *disk, const char *dir,
                               const struct lg_meta_tree *tree, struct lg_meta_files *files,
                               bool *out_broken, struct lg_error *err)
{
    struct lg_meta_snapshot_head head = {files->generation + 1, files->commit};
    LG_AUTO_STR char *snapshot_path = file_path(dir, "snapshot", head.generation);
    struct lg_meta_files next = {0};
    struct lg_error ignored = {0};
    enum lg_rc rc = make_generation(disk, dir, tree, &head, &next, err);

    *out_broken = false;
    if (rc != LG_OK) {
        /* If the new snapshot came into being after all, the old journal must not grow any more:
         * nobody would read it. So it must be known to be gone. */
        if (lg_disk_remove(disk, snapshot_path, &ignored) != LG_OK ||
            lg_disk_sync_dir(disk, dir, &ignored) != LG_OK)
            *out_broken = true;
        return rc;
    }
    lg_journal_close(files->journal);
    next.durable = files->durable;
    *files = next;
    if (remove_others(disk, dir, files->generation, &ignored) != LG_OK)
        lg_log(LG_LOG_WARN, "metadata_leftover", "dir=%s error=%s", dir, ignored.text);
    return LG_OK;
}
