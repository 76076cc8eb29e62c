/* What all disks share: the fault points in front of each driver, and what is built from the plain
 * operations. Callers and threads: see disk.h. */
#include "lane/disk.h"

#include <stdlib.h>

#include "base/str.h"
#include "lane/fault.h"

#define TREE_DEPTH_MAX 32 /* Folders below one another that lg_disk_remove_tree follows. */
#define PATH_MAX_BYTES 4096
#define SUFFIX_TEMPORARY ".new"

enum lg_rc lg_file_open(struct lg_disk *d, const char *path, unsigned flags, struct lg_file **out,
                        struct lg_error *err)
{
    if (lg_fault_hit(LG_FAULT_DISK_OPEN))
        return lg_error_set(err, LG_ERR_IO, "cannot open %s: injected fault DISK_OPEN", path);
    return d->ops->open(d, path, flags, out, err);
}

void lg_file_close(struct lg_file *f)
{
    if (f != NULL)
        f->disk->ops->close(f);
}

enum lg_rc lg_file_read(struct lg_file *f, uint64_t offset, void *out, size_t size,
                        size_t *out_read, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_DISK_READ, err);

    return rc != LG_OK ? rc : f->disk->ops->read(f, offset, out, size, out_read, err);
}

enum lg_rc lg_file_write(struct lg_file *f, uint64_t offset, const void *data, size_t size,
                         struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_DISK_WRITE, err);

    return rc != LG_OK ? rc : f->disk->ops->write(f, offset, data, size, err);
}

enum lg_rc lg_file_sync(struct lg_file *f, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_DISK_SYNC, err);

    return rc != LG_OK ? rc : f->disk->ops->sync(f, err);
}

enum lg_rc lg_file_truncate(struct lg_file *f, uint64_t size, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_DISK_WRITE, err);

    return rc != LG_OK ? rc : f->disk->ops->truncate(f, size, err);
}

enum lg_rc lg_file_size(struct lg_file *f, uint64_t *out, struct lg_error *err)
{
    return f->disk->ops->size(f, out, err);
}

enum lg_rc lg_disk_rename(struct lg_disk *d, const char *from, const char *to, struct lg_error *err)
{
    if (lg_fault_hit(LG_FAULT_DISK_RENAME))
        return lg_error_set(err, LG_ERR_IO, "cannot rename %s to %s: injected fault DISK_RENAME",
                            from, to);
    return d->ops->rename(d, from, to, err);
}

enum lg_rc lg_disk_remove(struct lg_disk *d, const char *path, struct lg_error *err)
{
    return d->ops->remove(d, path, err);
}

enum lg_rc lg_disk_sync_dir(struct lg_disk *d, const char *path, struct lg_error *err)
{
    enum lg_rc rc = lg_fault_check(LG_FAULT_DISK_SYNC, err);

    return rc != LG_OK ? rc : d->ops->sync_dir(d, path, err);
}

enum lg_rc lg_disk_lock(struct lg_disk *d, const char *path, struct lg_file **out,
                        struct lg_error *err)
{
    return d->ops->lock(d, path, out, err);
}

enum lg_rc lg_disk_free_bytes(struct lg_disk *d, uint64_t *out, struct lg_error *err)
{
    return d->ops->free_bytes(d, out, err);
}

/* --- Lists of names ------------------------------------------------------------------------- */

void lg_disk_names_done(struct lg_disk_names *names)
{
    for (size_t i = 0; i < names->names.size; i++)
        lg_free(names->names.data[i]);
    LG_VEC_DONE(&names->names);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum lg_rc lg_disk_list(struct lg_disk *d, const char *path, struct lg_disk_names *out,
                        struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    enum lg_rc rc = d->ops->list(d, path, &names, err);

    if (rc != LG_OK)
        return rc;
    if (names.names.size > 1)
        qsort(names.names.data, names.names.size, sizeof(char *), by_bytes);
    *out = names;
    names = (struct lg_disk_names){0};
    return LG_OK;
}

/* --- Trees ---------------------------------------------------------------------------------- */

static enum lg_rc remove_below(struct lg_disk *d, const char *path, unsigned depth,
                               struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    enum lg_rc rc = lg_disk_list(d, path, &names, err);

    if (rc == LG_ERR_NOT_FOUND)
        return LG_OK; /* Absent, or a file. */
    if (rc == LG_OK && depth == TREE_DEPTH_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s lies more than %d folders deep", path,
                            TREE_DEPTH_MAX);
    for (size_t i = 0; i < names.names.size && rc == LG_OK; i++) {
        LG_AUTO_STR char *child = lg_strf("%s/%s", path, names.names.data[i]);

        rc = remove_below(d, child, depth + 1, err);
        if (rc == LG_OK)
            rc = lg_disk_remove(d, child, err);
    }
    return rc;
}

enum lg_rc lg_disk_remove_tree(struct lg_disk *d, const char *path, struct lg_error *err)
{
    enum lg_rc rc = remove_below(d, path, 0, err);

    return rc != LG_OK ? rc : lg_disk_remove(d, path, err);
}

/* The folder that holds `path`: "" for a name in the root. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return lg_strndup(path, slash == NULL ? 0 : (size_t)(slash - path));
}

enum lg_rc lg_disk_make_dirs(struct lg_disk *d, const char *path, struct lg_error *err)
{
    size_t size = strlen(path);

    if (size > PATH_MAX_BYTES)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a path of %zu bytes; at most %d are allowed",
                            size, PATH_MAX_BYTES);
    for (size_t end = 1; end <= size; end++) {
        if (end < size && path[end] != '/')
            continue;
        LG_AUTO_STR char *folder = lg_strndup(path, end);
        LG_AUTO_STR char *parent = parent_of(folder);
        enum lg_rc rc = d->ops->make_dir(d, folder, err);

        /* Synced even if it was there: a crash may have left it made but not durable. */
        if (rc == LG_OK)
            rc = lg_disk_sync_dir(d, parent, err);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

/* --- Whole files ---------------------------------------------------------------------------- */

enum lg_rc lg_disk_read_file(struct lg_disk *d, const char *path, size_t limit, struct lg_buf *out,
                             struct lg_error *err)
{
    LG_AUTO(lg_file) *f = NULL;
    LG_SCOPED(lg_buf) content = lg_buf_with_ceiling(limit);
    uint64_t size;
    size_t got = 0;
    enum lg_rc rc = lg_file_open(d, path, LG_DISK_READ, &f, err);

    if (rc == LG_OK)
        rc = lg_file_size(f, &size, err);
    if (rc != LG_OK)
        return rc;
    if (size > limit)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "%s holds %llu bytes; at most %zu are allowed here", path,
                            (unsigned long long)size, limit);
    if (size > 0) {
        uint8_t *room = lg_buf_reserve(&content, (size_t)size);

        assert(room != NULL && "the size was checked against the ceiling");
        rc = lg_file_read(f, 0, room, (size_t)size, &got, err);
        if (rc != LG_OK)
            return rc;
        lg_buf_commit(&content, got);
    }
    lg_buf_clear(out);
    lg_buf_append_slice(out, lg_buf_slice(&content));
    if (!lg_buf_ok(out))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s holds %zu bytes, more than its reader takes",
                            path, content.size);
    return LG_OK;
}

static enum lg_rc write_new(struct lg_disk *d, const char *path, struct lg_slice content,
                            struct lg_error *err)
{
    LG_AUTO(lg_file) *f = NULL;
    enum lg_rc rc =
        lg_file_open(d, path, LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_TRUNCATE, &f, err);

    if (rc == LG_OK && content.size > 0)
        rc = lg_file_write(f, 0, content.data, content.size, err);
    return rc != LG_OK ? rc : lg_file_sync(f, err);
}

enum lg_rc lg_disk_write_file(struct lg_disk *d, const char *path, struct lg_slice content,
                              struct lg_error *err)
{
    LG_AUTO_STR char *temporary = lg_strf("%s" SUFFIX_TEMPORARY, path);
    LG_AUTO_STR char *parent = parent_of(path);
    struct lg_error ignored;
    enum lg_rc rc = write_new(d, temporary, content, err);

    if (rc == LG_OK)
        rc = lg_disk_rename(d, temporary, path, err);
    if (rc != LG_OK) {
        /* The first error is the story; a left-over is overwritten by the next attempt. */
        enum lg_rc removed = lg_disk_remove(d, temporary, &ignored);

        (void)removed;
        return rc;
    }
    return lg_disk_sync_dir(d, parent, err);
}
