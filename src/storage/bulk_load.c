/* Sorted rows into SST files; see the header. Owner: the partition. */
#include "storage/bulk_load.h"

#include "base/map.h"
#include "base/str.h"
#include "lane/fault.h"

struct lg_bulk_load {
    struct lg_engine *engine;
    struct lg_sst_writer *writer; /* NULL between files: a file is never begun without a row. */
    uint64_t file_bytes;          /* A file is finished beyond this. */
    uint64_t written;             /* Into the file under way. */
    uint32_t files;
    bool any; /* `last_key` is one of ours. */
    struct lg_buf last_key;
};

static char *name_of(uint32_t number)
{
    return lg_strf("%06u.sst", number);
}

/* All files to keep must be there; then the others go. */
static enum lg_rc reconcile(struct lg_bulk_load *b, struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) found = {0};
    LG_AUTO(lg_map) *extra = lg_map_new();
    enum lg_rc rc = lg_sst_list(b->engine, &found, err);

    for (size_t i = 0; rc == LG_OK && i < found.names.size; i++)
        (void)lg_map_put(extra, lg_slice_str(found.names.data[i]), found.names.data[i]);
    for (uint32_t i = 0; rc == LG_OK && i < b->files; i++) {
        LG_AUTO_STR char *name = name_of(i);

        if (lg_map_remove(extra, lg_slice_str(name)) == NULL)
            rc = lg_error_set(err, LG_ERR_NOT_FOUND, "SST file %s is missing", name);
    }
    for (size_t i = 0; rc == LG_OK && i < found.names.size; i++)
        if (lg_map_get(extra, lg_slice_str(found.names.data[i])) != NULL)
            rc = lg_sst_remove(b->engine, found.names.data[i], err);
    return rc;
}

enum lg_rc lg_bulk_load_open(const struct lg_bulk_load_options *o, struct lg_bulk_load **out,
                             struct lg_error *err)
{
    LG_AUTO(lg_bulk_load) *b = lg_new(struct lg_bulk_load);
    enum lg_rc rc;

    b->engine = o->engine;
    b->file_bytes = o->file_bytes == 0 ? LG_BULK_LOAD_FILE_BYTES : o->file_bytes;
    b->files = o->files;
    rc = reconcile(b, err);
    if (rc == LG_OK)
        *out = LG_TAKE(b);
    return rc;
}

void lg_bulk_load_close(struct lg_bulk_load *b)
{
    if (b == NULL)
        return;
    lg_sst_abandon(b->writer);
    lg_buf_done(&b->last_key);
    lg_free(b);
}

static enum lg_rc begin_file(struct lg_bulk_load *b, struct lg_error *err)
{
    LG_AUTO_STR char *name = name_of(b->files);

    if (b->files >= LG_BULK_LOAD_FILES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "more than %u SST files in one push",
                            LG_BULK_LOAD_FILES_MAX);
    b->written = 0;
    return lg_sst_open(b->engine, name, &b->writer, err);
}

enum lg_rc lg_bulk_load_add(struct lg_bulk_load *b, struct lg_slice key, struct lg_slice value,
                            struct lg_error *err)
{
    enum lg_rc rc;

    if (b->any && lg_slice_cmp(lg_buf_slice(&b->last_key), key) >= 0)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the push says it is sorted, but its keys do not ascend strictly");
    rc = b->writer == NULL ? begin_file(b, err) : LG_OK;
    if (rc == LG_OK)
        rc = lg_sst_add(b->writer, key, value, err);
    if (rc != LG_OK)
        return rc;
    b->any = true;
    lg_buf_clear(&b->last_key);
    lg_buf_append_slice(&b->last_key, key);
    b->written += key.size + value.size;
    return b->written >= b->file_bytes ? lg_bulk_load_flush(b, err) : LG_OK;
}

enum lg_rc lg_bulk_load_flush(struct lg_bulk_load *b, struct lg_error *err)
{
    enum lg_rc rc;

    if (b->writer == NULL)
        return LG_OK;
    rc = lg_sst_finish(LG_TAKE(b->writer), err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_SST_FINISHED, err);
    if (rc == LG_OK)
        b->files++;
    return rc;
}

uint32_t lg_bulk_load_files(const struct lg_bulk_load *b)
{
    return b->files;
}

enum lg_rc lg_bulk_load_ingest(struct lg_bulk_load *b, struct lg_error *err)
{
    enum lg_rc rc = lg_bulk_load_flush(b, err);
    char **names;

    if (rc != LG_OK)
        return rc;
    names = lg_new_array(char *, b->files);
    for (uint32_t i = 0; i < b->files; i++)
        names[i] = name_of(i);
    rc = lg_engine_ingest(b->engine, (const char *const *)names, b->files, err);
    for (uint32_t i = 0; i < b->files; i++)
        lg_free(names[i]);
    lg_free(names);
    return rc;
}
