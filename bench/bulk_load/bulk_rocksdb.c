/* RocksDB's own sorted bulk load of the bench's rows, by one thread: SstFileWriter for files of
 * 64 MiB, then IngestExternalFile, with the table options that Lagoon's engine uses.
 * `bulk_rocksdb COUNT VALUE_BYTES DIR`; DIR must not exist. Prints seconds as JSON. Making and
 * sorting the rows is not timed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <rocksdb/c.h>

#include "bulk_rows.h"

#define VALUE_BYTES_MAX 100000u
#define FILE_BYTES ((uint64_t)64 << 20)
#define FILES_MAX 100000u
#define ROWS_AT_ONCE 10000u
#define PATH_BYTES 4096

struct row {
    uint64_t key, number;
};

struct load {
    const struct row *rows;
    size_t count, value_bytes;
    const char *dir;
    rocksdb_options_t *options;
    rocksdb_envoptions_t *env;
    char **files;
    size_t file_count;
    uint8_t *values; /* of ROWS_AT_ONCE rows */
    double write_s, ingest_s, cpu_s;
};

static double seconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(const char *error)
{
    if (error == NULL)
        return;
    (void)fprintf(stderr, "bulk_rocksdb: %s\n", error);
    exit(1);
}

static void *must(void *memory)
{
    check(memory == NULL ? "out of memory" : NULL);
    return memory;
}

static int by_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

static rocksdb_sstfilewriter_t *begin_file(struct load *l)
{
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(l->env, l->options);
    char *path = must(malloc(PATH_BYTES)), *error = NULL;

    check(l->file_count == FILES_MAX ? "too many files" : NULL);
    (void)snprintf(path, PATH_BYTES, "%s.%06zu.sst", l->dir, l->file_count);
    l->files[l->file_count++] = path;
    rocksdb_sstfilewriter_open(writer, path, &error);
    check(error);
    return writer;
}

static void end_file(rocksdb_sstfilewriter_t *writer)
{
    char *error = NULL;

    rocksdb_sstfilewriter_finish(writer, &error);
    check(error);
    rocksdb_sstfilewriter_destroy(writer);
}

/* The values are made before the clock starts. */
static void write_files(struct load *l)
{
    rocksdb_sstfilewriter_t *writer = NULL;
    uint64_t written = 0;

    for (size_t from = 0; from < l->count; from += ROWS_AT_ONCE) {
        size_t n = l->count - from < ROWS_AT_ONCE ? l->count - from : ROWS_AT_ONCE;
        double wall, cpu;

        for (size_t i = 0; i < n; i++)
            bulk_value(l->rows[from + i].number, l->values + i * l->value_bytes, l->value_bytes);
        wall = seconds(CLOCK_MONOTONIC);
        cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (size_t i = 0; i < n; i++) {
            char *error = NULL;
            uint8_t key[BULK_KEY_BYTES];

            bulk_key(l->rows[from + i].number, key);
            if (writer == NULL)
                writer = begin_file(l);
            rocksdb_sstfilewriter_put(writer, (const char *)key, sizeof key,
                                      (const char *)l->values + i * l->value_bytes, l->value_bytes,
                                      &error);
            check(error);
            written += sizeof key + l->value_bytes;
            if (written < FILE_BYTES && from + i + 1 < l->count)
                continue;
            end_file(writer);
            writer = NULL;
            written = 0;
        }
        l->write_s += seconds(CLOCK_MONOTONIC) - wall;
        l->cpu_s += seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
}

static void ingest(struct load *l)
{
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    char *error = NULL;
    rocksdb_t *db = rocksdb_open(l->options, l->dir, &error);

    check(error);
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    rocksdb_ingest_external_file(db, (const char *const *)l->files, l->file_count, options, &error);
    check(error);
    l->ingest_s = seconds(CLOCK_MONOTONIC) - wall;
    l->cpu_s += seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    rocksdb_close(db);
    rocksdb_ingestexternalfileoptions_destroy(options);
}

/* As src/drivers/rocksdb sets them. */
static rocksdb_options_t *make_options(void)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_options_t *o = rocksdb_options_create();

    rocksdb_block_based_options_set_block_size(table, 4096);
    rocksdb_block_based_options_set_checksum(table, 4); /* XXH3 */
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_error_if_exists(o, 1);
    return o;
}

int main(int argc, char **argv)
{
    struct load l = {0};
    struct row *rows;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: bulk_rocksdb COUNT VALUE_BYTES DIR\n");
        return 2;
    }
    l.count = strtoull(argv[1], NULL, 10);
    l.value_bytes = strtoull(argv[2], NULL, 10);
    l.dir = argv[3];
    check(l.value_bytes > VALUE_BYTES_MAX ? "values are too large" : NULL);
    rows = must(calloc(l.count + 1, sizeof *rows));
    for (size_t i = 0; i < l.count; i++)
        rows[i] = (struct row){bulk_mix(i), i};
    qsort(rows, l.count, sizeof *rows, by_key);
    l.rows = rows;
    l.values = must(malloc(ROWS_AT_ONCE * (l.value_bytes + 1)));
    l.files = must(calloc(FILES_MAX, sizeof *l.files));
    l.options = make_options();
    l.env = rocksdb_envoptions_create();
    write_files(&l);
    ingest(&l);
    (void)printf("{\"write_s\":%.2f,\"ingest_s\":%.2f,\"cpu_s\":%.2f}\n", l.write_s, l.ingest_s,
                 l.cpu_s);
    for (size_t i = 0; i < l.file_count; i++)
        free(l.files[i]);
    free(l.files);
    free(l.values);
    free(rows);
    rocksdb_envoptions_destroy(l.env);
    rocksdb_options_destroy(l.options);
    return 0;
}
