#include "main/data_dir.h"

#include "drivers/posix/disk_posix.h"
#include "lane/fault.h"

#define FORMAT_FILE "lagoon.format"
static const char *const format_texts[] = {
    [LG_DATA_DIR_STANDALONE] = "lagoon data directory, format 1\n",
    [LG_DATA_DIR_SERVER] = "lagoon server data directory, format 1\n",
};
#define FORMAT_BYTES_MAX 256
#define LOCK_FILE "LOCK"

/* An empty directory may become ours (`*out_is_new`); any other must say that it is. Changes
 * nothing, so that a foreign directory is left as it was. */
static enum lg_rc check_format(struct lg_disk *disk, const char *data, enum lg_data_dir_kind kind,
                               bool *out_is_new, struct lg_error *err)
{
    const char *wanted = format_texts[kind];
    LG_SCOPED(lg_disk_names) names = {0};
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = lg_disk_read_file(disk, FORMAT_FILE, FORMAT_BYTES_MAX, &text, err);

    *out_is_new = rc == LG_ERR_NOT_FOUND;
    if (rc == LG_OK && lg_slice_eq_str(lg_buf_slice(&text), wanted))
        return LG_OK;
    for (size_t i = 0; rc == LG_OK && i < text.size; i++)
        if (text.data[i] < ' ') /* Foreign bytes: only the first line is shown. */
            text.size = i;
    if (rc == LG_OK)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "%s is of another format than this program's ('%.*s' is not '%.*s'); "
                            "use the program that wrote it, or another directory",
                            data, (int)LG_MIN(text.size, (size_t)60), (const char *)text.data,
                            (int)strlen(wanted) - 1, wanted);
    if (rc != LG_ERR_NOT_FOUND)
        return rc;
    rc = lg_disk_list(disk, "", &names, err);
    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++)
        if (strcmp(names.names.data[i], LOCK_FILE) != 0)
            return lg_error_set(
                err, LG_ERR_CONFLICT,
                "%s is not empty and not a data directory of Lagoon (it holds '%s'); "
                "choose another one",
                data, names.names.data[i]);
    return rc;
}

static enum lg_rc lock(struct lg_data_dir *dir, const char *path, struct lg_error *err)
{
    enum lg_rc rc = lg_disk_lock(dir->disk, LOCK_FILE, &dir->lock, err);

    if (rc == LG_ERR_IN_USE)
        (void)lg_error_wrap(err,
                            "the data directory %s is in use; stop that process or choose "
                            "another directory",
                            path);
    return rc;
}

/* Looks, locks, and looks again, now that nobody else can change it. */
static enum lg_rc open_locked(const char *path, struct lg_data_dir *dir, bool *out_is_new,
                              struct lg_error *err)
{
    enum lg_rc rc = lg_disk_posix_new(path, &dir->disk, err);

    if (rc == LG_OK)
        rc = check_format(dir->disk, path, dir->kind, out_is_new, err);
    if (rc == LG_OK)
        rc = lock(dir, path, err);
    if (rc == LG_OK)
        rc = check_format(dir->disk, path, dir->kind, out_is_new, err);
    return rc;
}

enum lg_rc lg_data_dir_open(const char *path, enum lg_data_dir_kind kind, struct lg_data_dir *out,
                            struct lg_error *err)
{
    struct lg_data_dir dir = {.kind = kind};
    bool is_new = false;
    enum lg_rc rc = open_locked(path, &dir, &is_new, err);

    if (rc == LG_OK && is_new)
        rc = lg_data_dir_mark(&dir, err);
    if (rc != LG_OK)
        lg_data_dir_close(&dir);
    else
        *out = dir;
    return rc;
}

enum lg_rc lg_data_dir_open_new(const char *path, struct lg_data_dir *out, struct lg_error *err)
{
    struct lg_data_dir dir = {0};
    bool is_new = false;
    enum lg_rc rc = open_locked(path, &dir, &is_new, err);

    if (rc == LG_OK && !is_new)
        rc = lg_error_set(err, LG_ERR_CONFLICT,
                          "%s is a data directory already; choose an empty or absent one", path);
    if (rc != LG_OK)
        lg_data_dir_close(&dir);
    else
        *out = dir;
    return rc;
}

enum lg_rc lg_data_dir_mark(struct lg_data_dir *dir, struct lg_error *err)
{
    enum lg_rc rc =
        lg_disk_write_file(dir->disk, FORMAT_FILE, lg_slice_str(format_texts[dir->kind]), err);

    return rc == LG_OK ? lg_fault_check(LG_FAULT_DATA_DIR_MARKED, err) : rc;
}

void lg_data_dir_close(struct lg_data_dir *dir)
{
    lg_file_close(dir->lock);
    lg_disk_posix_free(dir->disk);
    *dir = (struct lg_data_dir){0};
}
