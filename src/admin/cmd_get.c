/* lagoon get: reads keys through the client library and prints what is found.
 *
 * Keys come from the command line, or from standard input, a line each. They are read in batches of
 * at most BATCH_MAX: fewer when a store answers fewer at once. From standard input no more than one
 * batch is ever held, and a batch is read as soon as no further line is waiting, so that a program
 * that writes a key and waits for the answer gets it.
 */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"

#define BATCH_MAX 500u
#define MISSING_SHOWN_MAX ((size_t)300)
#define LINE_BYTES_MAX ((size_t)1 << 20)

struct got { /* One verb. */
    struct lg_admin *admin;
    const char *store;
    bool streams;  /* Lines of keys, printed as they come. */
    bool is_array; /* Streams, and as one JSON value. */
    bool stopped;  /* Nobody reads the output any more. */
    size_t batch;  /* keys that the store answers at once, as far as we know */
    uint64_t keys, missing;
    int32_t version;         /* 0: no value said it */
    struct lg_buf lacking;   /* the first missing keys, for the error */
    struct lg_json *results; /* unless it streams */
};

static void got_done(struct got *g)
{
    lg_buf_done(&g->lacking);
    lg_json_unref(g->results);
}
LG_DEFINE_SCOPED(got, got_done)

/* --- Tables. -----------------------------------------------------------------------------------
 */

static void add_json_cell(struct lg_table *table, const struct lg_json *value)
{
    LG_SCOPED(lg_buf) text = {0};

    if (value != NULL && lg_json_type(value) == LG_JSON_STRING) {
        lg_table_cell(table, lg_json_string(value));
        return;
    }
    if (value != NULL)
        lg_json_write(&text, value, /* pretty= */ false);
    lg_table_cell(table, lg_buf_slice(&text));
}

/* Columns are the members of the first value that is a record; else one column. */
static void print_table(struct lg_admin *a, const struct lg_json *results)
{
    LG_AUTO(lg_table) *table = NULL;
    const struct lg_json *shape = NULL;
    size_t columns = 1, i;
    const char *name;
    struct lg_json *value;

    for (i = 0; i < lg_json_size(results) && shape == NULL; i++) {
        shape = lg_json_get(lg_json_at(results, i), "value");
        if (shape != NULL && lg_json_type(shape) != LG_JSON_OBJECT)
            shape = NULL;
    }
    if (shape != NULL)
        columns = LG_MIN(lg_json_size(shape), (size_t)LG_TABLE_COLUMNS_MAX - 1);
    table = lg_table_new(columns + 1);
    lg_table_cellf(table, "KEY");
    i = 0;
    for (size_t column = 0;
         shape != NULL && column < columns && lg_json_next(shape, &i, &name, &value); column++)
        lg_table_cellf(table, "%s", name);
    if (shape == NULL)
        lg_table_cellf(table, "VALUE");
    for (size_t row = 0; row < lg_json_size(results); row++) {
        const struct lg_json *result = lg_json_at(results, row);
        const struct lg_json *of = lg_json_get(result, "value");
        size_t column = 0;

        if (!lg_json_get_bool(result, "found", false))
            continue;
        add_json_cell(table, lg_json_get(result, "key"));
        i = 0;
        for (; shape != NULL && column < columns && lg_json_next(shape, &i, &name, &value);
             column++)
            add_json_cell(table, lg_json_get(of, name));
        if (shape == NULL)
            add_json_cell(table, of);
    }
    lg_table_write(a->out, table);
}

/* --- What was read. ----------------------------------------------------------------------------
 */

static void write_line(struct lg_buf *out, const struct lg_admin_read_key *key)
{
    lg_buf_append_str(out, "{\"key\":");
    lg_buf_append_slice(out, lg_buf_slice(&key->key));
    lg_buf_append_str(out, key->found ? ",\"found\":true,\"value\":"
                                      : ",\"found\":false,\"value\":"
                                        "null");
    if (key->found)
        lg_buf_append_slice(out, lg_buf_slice(&key->value));
    lg_buf_append_byte(out, '}');
}

static enum lg_rc keep_result(struct got *g, const struct lg_admin_read_key *key,
                              struct lg_error *err)
{
    struct lg_json *result = lg_json_new_object();
    struct lg_json *part = NULL;
    enum lg_rc rc = lg_json_parse(lg_buf_slice(&key->key), &part, err);

    if (rc == LG_OK) {
        lg_json_set(result, "key", part);
        lg_json_set_bool(result, "found", key->found);
        part = NULL;
        if (key->found)
            rc = lg_json_parse(lg_buf_slice(&key->value), &part, err);
        lg_json_set(result, "value", part == NULL ? lg_json_new_null() : part);
    }
    lg_json_push(g->results, result);
    return rc;
}

static enum lg_rc take(struct got *g, const struct lg_admin_read_key *key, struct lg_error *err)
{
    struct lg_buf *out = g->admin->out;

    if (key->found && key->version != 0)
        g->version = key->version;
    if (!key->found && g->lacking.size < MISSING_SHOWN_MAX) {
        lg_buf_append_str(&g->lacking, g->missing == 0 ? "" : ", ");
        lg_buf_append_slice(&g->lacking, lg_buf_slice(&key->key));
    }
    g->missing += !key->found;
    g->keys++;
    if (!g->streams)
        return keep_result(g, key, err);
    if (g->is_array)
        lg_buf_append_str(out, g->keys == 1 ? "\n" : ",\n");
    write_line(out, key);
    if (!g->is_array)
        lg_buf_append_byte(out, '\n');
    return LG_OK;
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

struct keys { /* Of one batch, borrowed. */
    const struct lg_slice *text;
    const uint64_t *line; /* of standard input each stood on; NULL: the command line */
    size_t n;
};

static struct keys part_of(struct keys k, size_t at, size_t n)
{
    return (struct keys){k.text + at, k.line == NULL ? NULL : k.line + at, n};
}

static enum lg_rc read_batch(struct got *g, struct keys k, struct lg_error *err)
{
    struct lg_admin *a = g->admin;
    struct lg_admin_read_key *read = lg_new_array(struct lg_admin_read_key, k.n);
    enum lg_rc rc = a->read_keys(a->ctx, k.text, k.n, read, err);

    for (size_t i = 0; rc == LG_OK && i < k.n; i++)
        rc = take(g, &read[i], err);
    for (size_t i = 0; i < k.n; i++) {
        lg_buf_done(&read[i].key);
        lg_buf_done(&read[i].value);
    }
    lg_free(read);
    return rc;
}

/* Reads the keys in as many requests as it takes. A batch that is too large, or that holds a key
 * that is none, is halved: so what is well is printed, and what is not is named. The halves of
 * BATCH_MAX keys end after nine times. */
static enum lg_rc read_keys(struct got *g, struct keys k, struct lg_error *err)
{
    enum lg_rc rc = LG_ERR_TOO_LARGE;

    if (k.n <= g->batch)
        rc = read_batch(g, k, err);
    if (rc == LG_OK || k.n == 1 || (rc != LG_ERR_TOO_LARGE && rc != LG_ERR_INVALID)) {
        if (rc == LG_ERR_INVALID && k.line != NULL)
            (void)lg_error_wrap(err, "line %llu", (unsigned long long)k.line[0]);
        return rc;
    }
    if (rc == LG_ERR_TOO_LARGE) /* So it will be with the next ones. */
        g->batch = LG_MIN(g->batch, (k.n + 1) / 2);
    rc = read_keys(g, part_of(k, 0, k.n / 2), err);
    return rc == LG_OK ? read_keys(g, part_of(k, k.n / 2, k.n - k.n / 2), err) : rc;
}

static enum lg_rc read_arguments(struct got *g, const struct lg_command *c, struct lg_error *err)
{
    struct lg_slice keys[BATCH_MAX];
    enum lg_rc rc = LG_OK;

    for (size_t at = 1; rc == LG_OK && at < c->argument_count; at += BATCH_MAX) {
        size_t n = LG_MIN(c->argument_count - at, (size_t)BATCH_MAX);

        for (size_t i = 0; i < n; i++)
            keys[i] = lg_slice_str(c->arguments[at + i]);
        rc = read_keys(g, (struct keys){keys, NULL, n}, err);
    }
    return rc;
}

/* --- Keys from standard input. -----------------------------------------------------------------
 */

struct lines { /* One batch; its keys stand one behind the other. */
    struct lg_buf bytes;
    struct lg_slice text[BATCH_MAX];
    size_t size[BATCH_MAX];
    uint64_t line[BATCH_MAX];
    size_t n;
    uint64_t count; /* lines so far, empty ones included */
    bool ended;
};

/* Waits for the first key, then takes what is there already. Empty lines are no keys. */
static enum lg_rc next_batch(struct got *g, struct lines *l, struct lg_error *err)
{
    struct lg_admin *a = g->admin;
    const uint8_t *at;

    l->n = 0;
    lg_buf_clear(&l->bytes);
    while (l->n < LG_MIN(g->batch, (size_t)BATCH_MAX)) {
        size_t before = l->bytes.size;
        enum lg_admin_line got;
        enum lg_rc rc =
            a->read_line(a->ctx, LINE_BYTES_MAX, /* wait= */ l->n == 0, &l->bytes, &got, err);

        if (rc != LG_OK)
            return lg_error_wrap(err, "line %llu of standard input",
                                 (unsigned long long)l->count + 1);
        l->ended = got == LG_ADMIN_LINE_NONE;
        if (got != LG_ADMIN_LINE_READ)
            break;
        l->count++;
        if (l->bytes.size == before)
            continue;
        l->line[l->n] = l->count;
        l->size[l->n++] = l->bytes.size - before;
    }
    at = l->bytes.data;
    for (size_t i = 0; i < l->n; at += l->size[i++])
        l->text[i] = lg_slice(at, l->size[i]);
    return LG_OK;
}

static void begin_stream(struct got *g)
{
    struct lg_buf *out = g->admin->out;

    if (!g->is_array)
        return;
    lg_buf_append_str(out, "{\"store\":");
    lg_json_write_string(out, lg_slice_str(g->store));
    lg_buf_append_str(out, ",\"results\":[");
}

static enum lg_rc read_lines(struct got *g, struct lg_error *err)
{
    struct lg_admin *a = g->admin;
    struct lines *l = lg_new(struct lines);
    enum lg_rc rc = LG_OK;

    begin_stream(g);
    while (rc == LG_OK && !l->ended && !g->stopped) {
        rc = next_batch(g, l, err);
        if (rc == LG_OK && l->n > 0)
            rc = read_keys(g, (struct keys){l->text, l->line, l->n}, err);
        /* Also what was read before a failure. */
        g->stopped = a->flush != NULL && a->out->size > 0 && !a->flush(a->ctx, a->out);
    }
    if (g->is_array && rc == LG_OK)
        lg_buf_append_str(a->out, g->keys == 0 ? "]}\n" : "\n]}\n");
    lg_buf_done(&l->bytes);
    lg_free(l);
    return rc;
}

/* --- The verb. ---------------------------------------------------------------------------------
 */

static void print_results(struct got *g)
{
    struct lg_admin *a = g->admin;
    size_t n = lg_json_size(g->results);
    LG_AUTO(lg_json) *answer = NULL;

    if (a->output == LG_OUTPUT_TABLE) {
        if (g->missing < g->keys || n > 1)
            print_table(a, g->results);
    } else if (a->output == LG_OUTPUT_NDJSON) {
        for (size_t i = 0; i < n; i++) {
            lg_json_write(a->out, lg_json_at(g->results, i), /* pretty= */ false);
            lg_buf_append_byte(a->out, '\n');
        }
    } else if (n > 1) {
        answer = lg_json_new_object();
        lg_json_set_str(answer, "store", g->store);
        if (g->version != 0)
            lg_json_set_int(answer, "version", g->version);
        lg_json_set(answer, "results", lg_json_ref(g->results));
        lg_admin_print_json(a, answer);
    } else if (g->missing == 0) { /* One key: its value, nothing around it. */
        lg_json_write(a->out, lg_json_get(lg_json_at(g->results, 0), "value"),
                      /* pretty= */ false);
        lg_buf_append_byte(a->out, '\n');
    }
}

static enum lg_rc missing_error(const struct got *g, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_NOT_FOUND, "not in store '%s': %.*s%s", g->store,
                        (int)LG_MIN(g->lacking.size, MISSING_SHOWN_MAX),
                        (const char *)g->lacking.data,
                        g->lacking.size > MISSING_SHOWN_MAX ? ", and more" : "");
}

/* Where the keys come from, and whether the output fits that. */
static enum lg_rc choose_source(struct got *g, const struct lg_command *c, struct lg_error *err)
{
    g->streams = c->argument_count == 2 && strcmp(c->arguments[1], "-") == 0;
    if (g->streams && g->admin->output == LG_OUTPUT_TABLE && c->flags[LG_FLAG_OUTPUT] != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "a table needs all of its rows before the first is printed; with keys "
                            "from standard input use --output ndjson or json");
    g->is_array = g->admin->output == LG_OUTPUT_JSON;
    return LG_OK;
}

enum lg_rc lg_admin_get(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    LG_SCOPED(got)
    g = {.admin = a, .store = c->arguments[0], .batch = BATCH_MAX, .results = lg_json_new_array()};
    LG_SCOPED(lg_buf) schema = {0};
    enum lg_rc rc = choose_source(&g, c, err);

    if (rc == LG_OK && c->flags[LG_FLAG_SCHEMA] != NULL)
        rc = lg_admin_reader_schema(a, g.store, c->flags[LG_FLAG_SCHEMA], &schema, err);
    if (rc == LG_OK)
        rc = a->open_store(a->ctx, g.store, schema.size == 0 ? NULL : (const char *)schema.data,
                           err);
    if (rc == LG_OK)
        rc = g.streams ? read_lines(&g, err) : read_arguments(&g, c, err);
    if (rc != LG_OK)
        return rc;
    if (!g.streams)
        print_results(&g);
    return g.missing == 0 || g.stopped ? LG_OK : missing_error(&g, err);
}
