/* The folder of one engine; see the header. CURRENT is a few lines of text with a checksum, so that
 * a person can read which generation counts. Owner: the engine. */
#include "storage/engine_dir.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"

#define CURRENT_BYTES_MAX ((size_t)32 << 20)
#define HEAD "lagoon engine 1\n"

static char *in_dir(const struct lg_engine_dir *d, const char *name)
{
    return lg_strf("%s/%s", d->path, name);
}

static bool is_bare_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= 200 && name[0] != '.' && strpbrk(name, "/\n") == NULL &&
           (n < 4 || strcmp(name + n - 4, ".tmp") != 0);
}

/* One line without its newline, taken from the front of `*text`; false at the end. */
static bool take_line(struct lg_slice *text, struct lg_slice *out)
{
    const uint8_t *nl = text->size == 0 ? NULL : memchr(text->data, '\n', text->size);

    if (nl == NULL)
        return false;
    *out = lg_slice(text->data, (size_t)(nl - text->data));
    *text = lg_slice_skip(*text, out->size + 1);
    return true;
}

static enum lg_rc damaged(const struct lg_engine_dir *d, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_CORRUPT,
                        "%s/CURRENT is damaged; remove the replica so that it is read again",
                        d->path);
}

static enum lg_rc parse_current(struct lg_engine_dir *d, struct lg_slice text, struct lg_error *err)
{
    const size_t crc_line = sizeof("crc 00000000\n") - 1;
    struct lg_slice line;
    char want[32];

    if (!lg_slice_starts(text, LG_LIT(HEAD)))
        return lg_slice_starts(text, LG_LIT("lagoon engine "))
                   ? lg_error_set(err, LG_ERR_CONFLICT,
                                  "%s/CURRENT was written by another format version; use the "
                                  "program that wrote it",
                                  d->path)
                   : damaged(d, err);
    if (text.size < sizeof(HEAD) - 1 + crc_line)
        return damaged(d, err);
    (void)snprintf(want, sizeof(want), "crc %08x\n", lg_crc32c(0, text.data, text.size - crc_line));
    if (!lg_slice_eq_str(lg_slice_skip(text, text.size - crc_line), want))
        return damaged(d, err);
    text = lg_slice(text.data + sizeof(HEAD) - 1, text.size - crc_line - (sizeof(HEAD) - 1));
    if (!take_line(&text, &line) || !lg_slice_starts(line, LG_LIT("generation ")) ||
        !lg_parse_u64(lg_slice_skip(line, 11), UINT64_MAX / 2, &d->generation))
        return damaged(d, err);
    while (take_line(&text, &line)) { /* Bounded by CURRENT_BYTES_MAX. */
        if (!lg_slice_starts(line, LG_LIT("taken ")))
            return damaged(d, err);
        LG_VEC_PUSH(&d->taken.names, lg_strndup((const char *)line.data + 6, line.size - 6));
    }
    return LG_OK;
}

static enum lg_rc read_current(struct lg_engine_dir *d, struct lg_error *err)
{
    LG_AUTO_STR char *path = in_dir(d, "CURRENT");
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = lg_disk_read_file(d->disk, path, CURRENT_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND)
        return LG_OK;
    return rc != LG_OK ? rc : parse_current(d, lg_buf_slice(&text), err);
}

static enum lg_rc write_current(struct lg_engine_dir *d, uint64_t generation,
                                const char *const *names, size_t n, struct lg_error *err)
{
    LG_AUTO_STR char *path = in_dir(d, "CURRENT");
    LG_SCOPED(lg_buf) text = lg_buf_with_ceiling(CURRENT_BYTES_MAX);

    lg_buf_appendf(&text, HEAD "generation %llu\n", (unsigned long long)generation);
    for (size_t i = 0; i < n; i++)
        lg_buf_appendf(&text, "taken %s\n", names[i]);
    lg_buf_appendf(&text, "crc %08x\n", lg_crc32c(0, text.data, text.size));
    if (!lg_buf_ok(&text))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s: %zu SST files are too many at once",
                            d->path, n);
    return lg_disk_write_file(d->disk, path, lg_buf_slice(&text), err);
}

static bool was_taken(const struct lg_engine_dir *d, const char *name)
{
    for (size_t i = 0; i < d->taken.names.size; i++)
        if (strcmp(d->taken.names.data[i], name) == 0)
            return true;
    return false;
}

/* Unfinished files, and files whose rows are in the content already. */
static enum lg_rc sweep_sst(struct lg_engine_dir *d, struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) found = {0};
    size_t removed = 0;
    enum lg_rc rc = lg_disk_list(d->disk, d->sst_path, &found, err);

    for (size_t i = 0; rc == LG_OK && i < found.names.size; i++) {
        const char *name = found.names.data[i];
        LG_AUTO_STR char *path = lg_strf("%s/%s", d->sst_path, name);

        if (is_bare_name(name) && !was_taken(d, name))
            continue;
        rc = lg_disk_remove(d->disk, path, err);
        removed++;
    }
    return rc != LG_OK || removed == 0 ? rc : lg_disk_sync_dir(d->disk, d->sst_path, err);
}

static enum lg_rc sweep_generations(struct lg_engine_dir *d, struct lg_error *err)
{
    LG_AUTO_STR char *keep = lg_strf("gen-%llu", (unsigned long long)d->generation);
    LG_SCOPED(lg_disk_names) found = {0};
    enum lg_rc rc = lg_disk_list(d->disk, d->path, &found, err);

    for (size_t i = 0; rc == LG_OK && i < found.names.size; i++) {
        const char *name = found.names.data[i];
        LG_AUTO_STR char *path = in_dir(d, name);

        if (strncmp(name, "gen-", 4) == 0 && strcmp(name, keep) != 0)
            rc = lg_disk_remove_tree(d->disk, path, err);
    }
    return rc;
}

enum lg_rc lg_engine_dir_sweep(struct lg_engine_dir *d, struct lg_error *err)
{
    enum lg_rc rc = sweep_generations(d, err);

    for (size_t i = 0; rc == LG_OK && i < d->taken.names.size; i++)
        rc = lg_engine_dir_sst_remove(d, d->taken.names.data[i], err);
    return rc;
}

enum lg_rc lg_engine_dir_open(struct lg_disk *disk, const char *path, struct lg_engine_dir *out,
                              struct lg_error *err)
{
    struct lg_engine_dir d = {.disk = disk, .path = lg_strdup(path)};
    LG_AUTO_STR char *lock_path = lg_strf("%s/LOCK", path);
    enum lg_rc rc;

    *out = (struct lg_engine_dir){0};
    d.sst_path = lg_strf("%s/sst", path);
    rc = lg_disk_make_dirs(disk, d.sst_path, err);
    if (rc == LG_OK)
        rc = lg_disk_lock(disk, lock_path, &d.lock, err);
    if (rc == LG_OK)
        rc = read_current(&d, err);
    if (rc == LG_OK)
        rc = sweep_generations(&d, err);
    if (rc == LG_OK)
        rc = sweep_sst(&d, err);
    if (rc != LG_OK) {
        lg_engine_dir_close(&d);
        return rc;
    }
    *out = d;
    return LG_OK;
}

void lg_engine_dir_close(struct lg_engine_dir *d)
{
    lg_file_close(d->lock);
    lg_disk_names_done(&d->taken);
    lg_free(d->path);
    lg_free(d->sst_path);
    *d = (struct lg_engine_dir){0};
}

static enum lg_rc sync_parent(struct lg_disk *disk, const char *path, struct lg_error *err)
{
    const char *slash = strrchr(path, '/');
    LG_AUTO_STR char *parent = lg_strndup(path, slash == NULL ? 0 : (size_t)(slash - path));

    return lg_disk_sync_dir(disk, parent, err);
}

/* CURRENT goes first and durably: a removal that stops half-way must not look like a content. */
enum lg_rc lg_engine_dir_destroy(struct lg_disk *disk, const char *path, struct lg_error *err)
{
    LG_AUTO_STR char *current = lg_strf("%s/CURRENT", path);
    LG_AUTO_STR char *lock_path = lg_strf("%s/LOCK", path);
    LG_SCOPED(lg_disk_names) found = {0};
    LG_AUTO(lg_file) *lock = NULL;
    enum lg_rc rc = lg_disk_list(disk, path, &found, err);

    if (rc == LG_ERR_NOT_FOUND)
        return LG_OK;
    if (rc == LG_OK)
        rc = lg_disk_lock(disk, lock_path, &lock, err);
    if (rc == LG_OK)
        rc = lg_disk_remove(disk, current, err);
    if (rc == LG_OK)
        rc = lg_disk_sync_dir(disk, path, err);
    lg_file_close(LG_TAKE(lock));
    if (rc == LG_OK)
        rc = lg_disk_remove_tree(disk, path, err);
    return rc != LG_OK ? rc : sync_parent(disk, path, err);
}

char *lg_engine_dir_generation_path(const struct lg_engine_dir *d, uint64_t generation)
{
    return lg_strf("%s/gen-%llu", d->path, (unsigned long long)generation);
}

enum lg_rc lg_engine_dir_prepare(struct lg_engine_dir *d, char **out_path, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_engine_dir_generation_path(d, d->generation + 1);
    enum lg_rc rc;

    if (d->in_doubt) /* The next generation may be the content already. */
        return lg_error_set(err, LG_ERR_IO,
                            "%s: an earlier change may have failed half-way; "
                            "close the engine and open it again",
                            d->path);
    rc = lg_disk_remove_tree(d->disk, path, err); /* Of a try that failed. */
    if (rc == LG_OK)
        rc = lg_disk_make_dirs(d->disk, path, err);
    if (rc == LG_OK)
        *out_path = LG_TAKE(path);
    return rc;
}

static void set_taken(struct lg_engine_dir *d, const char *const *names, size_t n)
{
    lg_disk_names_done(&d->taken);
    for (size_t i = 0; i < n; i++)
        LG_VEC_PUSH(&d->taken.names, lg_strdup(names[i]));
}

enum lg_rc lg_engine_dir_commit(struct lg_engine_dir *d, const char *const *names, size_t n,
                                struct lg_error *err)
{
    enum lg_rc rc = write_current(d, d->generation + 1, names, n, err);

    if (rc != LG_OK) {
        d->in_doubt = true;
        return rc;
    }
    d->generation++;
    set_taken(d, names, n);
    return LG_OK;
}

enum lg_rc lg_engine_dir_sst_begin(struct lg_engine_dir *d, const char *name, char **out_tmp_path,
                                   struct lg_error *err)
{
    enum lg_rc rc;

    if (!is_bare_name(name))
        return lg_error_set(err, LG_ERR_INVALID, "%s: '%s' is not a name for an SST file", d->path,
                            name);
    /* A new file may have the name of one that was taken in; it must not be taken for that. */
    if (d->taken.names.size > 0) {
        rc = lg_disk_sync_dir(d->disk, d->sst_path, err);
        if (rc == LG_OK)
            rc = write_current(d, d->generation, NULL, 0, err);
        if (rc != LG_OK)
            return rc;
        set_taken(d, NULL, 0);
    }
    *out_tmp_path = lg_strf("%s/%s.tmp", d->sst_path, name);
    return LG_OK;
}

void lg_engine_dir_sst_abandon(struct lg_engine_dir *d, const char *tmp_path)
{
    if (lg_disk_remove(d->disk, tmp_path, /* err= */ NULL) != LG_OK)
        return; /* It is swept at the next open. */
}

enum lg_rc lg_engine_dir_sst_finish(struct lg_engine_dir *d, const char *name, struct lg_error *err)
{
    LG_AUTO_STR char *from = lg_strf("%s/%s.tmp", d->sst_path, name);
    LG_AUTO_STR char *to = lg_strf("%s/%s", d->sst_path, name);
    enum lg_rc rc = lg_disk_rename(d->disk, from, to, err);

    return rc != LG_OK ? rc : lg_disk_sync_dir(d->disk, d->sst_path, err);
}

enum lg_rc lg_engine_dir_sst_list(struct lg_engine_dir *d, struct lg_disk_names *out,
                                  struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) found = {0};
    enum lg_rc rc = lg_disk_list(d->disk, d->sst_path, &found, err);

    for (size_t i = 0; rc == LG_OK && i < found.names.size; i++)
        if (is_bare_name(found.names.data[i]))
            LG_VEC_PUSH(&out->names, lg_strdup(found.names.data[i]));
    return rc;
}

enum lg_rc lg_engine_dir_sst_remove(struct lg_engine_dir *d, const char *name, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/%s", d->sst_path, name);

    assert(is_bare_name(name));
    return lg_disk_remove(d->disk, path, err);
}

static bool are_the_taken(const struct lg_engine_dir *d, const char *const *names, size_t n)
{
    if (n == 0 || d->taken.names.size != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(d->taken.names.data[i], names[i]) != 0)
            return false;
    return true;
}

enum lg_rc lg_engine_dir_sst_check(struct lg_engine_dir *d, const char *const *names, size_t n,
                                   bool *out_done, struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) found = {0};
    LG_AUTO(lg_map) *there = lg_map_new();
    enum lg_rc rc;

    if (are_the_taken(d, names, n)) { /* New files forget the taken ones: these are not there. */
        *out_done = true;
        return LG_OK;
    }
    rc = lg_engine_dir_sst_list(d, &found, err);
    if (rc != LG_OK)
        return rc;
    for (size_t i = 0; i < found.names.size; i++)
        (void)lg_map_put(there, lg_slice_str(found.names.data[i]), there);
    for (size_t i = 0; i < n; i++)
        if (lg_map_get(there, lg_slice_str(names[i])) == NULL)
            return lg_error_set(err, LG_ERR_NOT_FOUND,
                                "%s: SST file %s is not there; nothing was taken in", d->path,
                                names[i]);
    *out_done = false;
    return LG_OK;
}
