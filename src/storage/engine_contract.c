/* The contract of the engine port; see the header. Each clause opens engines of its own. */
#include "storage/engine_contract.h"

#include <stdio.h>

#define PATH "contract/replica/7"
#define LARGE_BYTES ((size_t)1 << 20)
#define ROWS 500

/* The call must answer `want`; else the clause fails and says where. */
#define EXPECT(want, call)                                                                         \
    do {                                                                                           \
        struct lg_error why_ = {0};                                                                \
        enum lg_rc got_ = (call);                                                                  \
        if (got_ != (want))                                                                        \
            return broken((want), got_, #call, &why_, err);                                        \
    } while (0)
#define WHY (&why_)

static enum lg_rc broken(enum lg_rc want, enum lg_rc got, const char *call,
                         const struct lg_error *why, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_FAILED, "%s answered %s instead of %s (%s)", call,
                        lg_rc_name(got), lg_rc_name(want), why->text);
}

static enum lg_rc open_engine(struct lg_engine_driver *d, bool wal, struct lg_engine **out,
                              struct lg_error *err)
{
    struct lg_engine_options o = {.path = PATH, .wal = wal};

    return lg_engine_open(d, &o, out, err);
}

/* LG_ERR_BAD_DATA when it is there with another value. */
static enum lg_rc has_value(struct lg_engine *e, struct lg_slice key, struct lg_slice want,
                            struct lg_error *err)
{
    LG_SCOPED(lg_buf) got = {0};
    enum lg_rc rc;

    lg_buf_append_str(&got, "before:"); /* A get appends. */
    rc = lg_engine_get(e, key, /* from_memory_only= */ false, &got, err);
    if (rc != LG_OK)
        return rc;
    return lg_slice_eq(lg_slice_skip(lg_buf_slice(&got), 7), want)
               ? LG_OK
               : lg_error_set(err, LG_ERR_BAD_DATA, "the value is another");
}

static enum lg_rc has(struct lg_engine *e, const char *key, const char *want, struct lg_error *err)
{
    return has_value(e, lg_slice_str(key), lg_slice_str(want), err);
}

static enum lg_rc put(struct lg_engine *e, const char *key, const char *value, struct lg_error *err)
{
    return lg_engine_put(e, lg_slice_str(key), lg_slice_str(value), err);
}

/* A finished file with rows first..last-1, key "k%06d", value "<tag>%d". */
static enum lg_rc make_file(struct lg_engine *e, const char *name, unsigned first, unsigned last,
                            const char *tag, struct lg_error *err)
{
    struct lg_sst_writer *w = NULL;
    enum lg_rc rc = lg_sst_open(e, name, &w, err);

    for (unsigned i = first; rc == LG_OK && i < last; i++) {
        char key[16], value[32];

        snprintf(key, sizeof(key), "k%06u", i);
        snprintf(value, sizeof(value), "%s%u", tag, i);
        rc = lg_sst_add(w, lg_slice_str(key), lg_slice_str(value), err);
    }
    if (rc == LG_OK)
        return lg_sst_finish(w, err);
    lg_sst_abandon(w);
    return rc;
}

struct order {
    struct lg_buf last;
    size_t n;
};

static enum lg_rc check_order(void *ctx, struct lg_slice key, struct lg_slice value,
                              struct lg_error *err)
{
    struct order *o = ctx;

    (void)value;
    if (o->n > 0 && lg_slice_cmp(lg_buf_slice(&o->last), key) >= 0)
        return lg_error_set(err, LG_ERR_FAILED, "each is not in key order");
    lg_buf_clear(&o->last);
    lg_buf_append_slice(&o->last, key);
    o->n++;
    return LG_OK;
}

static enum lg_rc count_rows(struct lg_engine *e, size_t want, struct lg_error *err)
{
    struct order o = {0};
    enum lg_rc rc = lg_engine_each(e, check_order, &o, err);

    lg_buf_done(&o.last);
    if (rc == LG_OK && o.n != want)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%zu rows instead of %zu", o.n, want);
    return rc;
}

static enum lg_rc puts_and_gets(struct lg_engine_driver *d, struct lg_error *err)
{
    LG_AUTO(lg_engine) *e = NULL;
    LG_SCOPED(lg_buf) large = {0};
    struct lg_engine *second = NULL;

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_ERR_IN_USE, open_engine(d, false, &second, WHY));
    EXPECT(LG_ERR_IN_USE, lg_engine_destroy(d, PATH, WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "absent", "", WHY));
    EXPECT(LG_OK, put(e, "key", "one", WHY));
    EXPECT(LG_OK, has(e, "key", "one", WHY));
    EXPECT(LG_OK, put(e, "key", "two", WHY));
    EXPECT(LG_OK, has(e, "key", "two", WHY));
    EXPECT(LG_OK, put(e, "", "of the empty key", WHY));
    EXPECT(LG_OK, has(e, "", "of the empty key", WHY));
    EXPECT(LG_OK, put(e, "empty value", "", WHY));
    EXPECT(LG_OK, has(e, "empty value", "", WHY));
    EXPECT(LG_OK, lg_engine_put(e, lg_slice("a\0b", 3), LG_LIT("zero byte"), WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "a", "", WHY));
    memset(lg_buf_reserve(&large, LARGE_BYTES), 'x', LARGE_BYTES);
    lg_buf_commit(&large, LARGE_BYTES);
    EXPECT(LG_OK, lg_engine_put(e, LG_LIT("large"), lg_buf_slice(&large), WHY));
    EXPECT(LG_OK, has_value(e, LG_LIT("large"), lg_buf_slice(&large), WHY));
    EXPECT(LG_OK, lg_engine_remove(e, LG_LIT("key"), WHY));
    EXPECT(LG_OK, lg_engine_remove(e, LG_LIT("never there"), WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "key", "", WHY));
    EXPECT(LG_OK, count_rows(e, 4, WHY));
    EXPECT(LG_OK, lg_engine_flush(e, WHY));
    lg_engine_close(LG_TAKE(e));

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, has_value(e, LG_LIT("large"), lg_buf_slice(&large), WHY));
    EXPECT(LG_OK, has(e, "", "of the empty key", WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "key", "", WHY));
    EXPECT(LG_OK, count_rows(e, 4, WHY));
    return LG_OK;
}

static enum lg_rc limits(struct lg_engine_driver *d, struct lg_error *err)
{
    LG_AUTO(lg_engine) *e = NULL;
    LG_SCOPED(lg_buf) small = lg_buf_with_ceiling(4);

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, put(e, "key", "12345", WHY));
    EXPECT(LG_ERR_TOO_LARGE, lg_engine_get(e, LG_LIT("key"), false, &small, WHY));
    return LG_OK;
}

static enum lg_rc a_log_makes_puts_durable(struct lg_engine_driver *d, struct lg_error *err)
{
    LG_AUTO(lg_engine) *e = NULL;

    EXPECT(LG_OK, open_engine(d, true, &e, WHY));
    EXPECT(LG_OK, put(e, "kept", "1", WHY));
    EXPECT(LG_OK, put(e, "removed", "1", WHY));
    EXPECT(LG_OK, lg_engine_remove(e, LG_LIT("removed"), WHY));
    lg_engine_close(LG_TAKE(e)); /* Without a flush. */

    EXPECT(LG_OK, open_engine(d, true, &e, WHY));
    EXPECT(LG_OK, has(e, "kept", "1", WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "removed", "", WHY));
    EXPECT(LG_OK, lg_engine_flush(e, WHY));
    EXPECT(LG_OK, put(e, "later", "2", WHY));
    lg_engine_close(LG_TAKE(e));

    EXPECT(LG_OK, open_engine(d, true, &e, WHY));
    EXPECT(LG_OK, has(e, "kept", "1", WHY));
    EXPECT(LG_OK, has(e, "later", "2", WHY));
    EXPECT(LG_OK, count_rows(e, 2, WHY));
    return LG_OK;
}

static enum lg_rc files_ascend(struct lg_engine_driver *d, struct lg_error *err)
{
    LG_AUTO(lg_engine) *e = NULL;
    struct lg_sst_writer *w = NULL;
    LG_SCOPED(lg_disk_names) names = {0};

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_ERR_INVALID, lg_sst_open(e, "../escape", &w, WHY));
    EXPECT(LG_OK, lg_sst_open(e, "a", &w, WHY));
    EXPECT(LG_OK, lg_sst_add(w, LG_LIT(""), LG_LIT("first"), WHY));
    EXPECT(LG_OK, lg_sst_add(w, LG_LIT("b"), LG_LIT("1"), WHY));
    EXPECT(LG_ERR_BAD_DATA, lg_sst_add(w, LG_LIT("b"), LG_LIT("2"), WHY));
    lg_sst_abandon(w);
    EXPECT(LG_OK, lg_sst_open(e, "a", &w, WHY));
    EXPECT(LG_OK, lg_sst_add(w, LG_LIT("b"), LG_LIT("1"), WHY));
    EXPECT(LG_ERR_BAD_DATA, lg_sst_add(w, LG_LIT("a"), LG_LIT("2"), WHY));
    lg_sst_abandon(w);
    EXPECT(LG_OK, lg_sst_open(e, "a", &w, WHY));
    EXPECT(LG_ERR_INVALID, lg_sst_finish(w, WHY)); /* Without a row. */
    EXPECT(LG_OK, lg_sst_list(e, &names, WHY));
    EXPECT(LG_OK, names.names.size == 0 ? LG_OK : LG_ERR_FAILED);
    return LG_OK;
}

static enum lg_rc ingest_replaces_all(struct lg_engine_driver *d, struct lg_error *err)
{
    static const char *const names[] = {"000000.sst", "000001.sst"};
    static const char *const missing[] = {"000000.sst", "000009.sst"};
    LG_AUTO(lg_engine) *e = NULL;
    LG_SCOPED(lg_disk_names) left = {0};

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, put(e, "old", "1", WHY));
    EXPECT(LG_OK, lg_engine_flush(e, WHY));
    EXPECT(LG_OK, make_file(e, names[0], 0, ROWS, "first", WHY));
    EXPECT(LG_OK, make_file(e, names[1], ROWS, 2 * ROWS, "second", WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "k000001", "", WHY)); /* Not yet. */
    EXPECT(LG_ERR_NOT_FOUND, lg_engine_ingest(e, missing, 2, WHY));
    EXPECT(LG_OK, has(e, "old", "1", WHY));
    EXPECT(LG_OK, lg_engine_ingest(e, names, 2, WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "old", "", WHY));
    EXPECT(LG_OK, has(e, "k000001", "first1", WHY));
    EXPECT(LG_OK, count_rows(e, 2 * (size_t)ROWS, WHY));
    EXPECT(LG_OK, lg_sst_list(e, &left, WHY));
    EXPECT(LG_OK, left.names.size == 0 ? LG_OK : LG_ERR_FAILED);
    EXPECT(LG_OK, lg_engine_ingest(e, names, 2, WHY)); /* It had succeeded: nothing to do. */
    lg_engine_close(LG_TAKE(e));

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, has(e, "k000999", "second999", WHY));
    EXPECT(LG_OK, count_rows(e, 2 * (size_t)ROWS, WHY));
    EXPECT(LG_OK, lg_engine_ingest(e, names, 2, WHY));
    EXPECT(LG_OK, count_rows(e, 2 * (size_t)ROWS, WHY));
    /* New files of the same names are new. */
    EXPECT(LG_OK, make_file(e, names[0], 0, 3, "third", WHY));
    EXPECT(LG_ERR_NOT_FOUND, lg_engine_ingest(e, names, 2, WHY));
    EXPECT(LG_OK, make_file(e, names[1], 2, 4, "overlap", WHY));
    EXPECT(LG_OK, lg_engine_ingest(e, names, 2, WHY));
    EXPECT(LG_OK, has(e, "k000001", "third1", WHY));
    EXPECT(LG_OK, has(e, "k000002", "overlap2", WHY));
    EXPECT(LG_OK, count_rows(e, 4, WHY));
    EXPECT(LG_OK, lg_engine_ingest(e, NULL, 0, WHY));
    EXPECT(LG_OK, count_rows(e, 0, WHY));
    lg_engine_close(LG_TAKE(e));

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, count_rows(e, 0, WHY));
    EXPECT(LG_OK, put(e, "after", "1", WHY)); /* An ingest is no end. */
    EXPECT(LG_OK, has(e, "after", "1", WHY));
    return LG_OK;
}

static enum lg_rc finished_files_survive(struct lg_engine_driver *d, struct lg_error *err)
{
    static const char *const names[] = {"000000.sst"};
    LG_AUTO(lg_engine) *e = NULL;
    LG_SCOPED(lg_disk_names) left = {0};

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, make_file(e, names[0], 0, 5, "kept", WHY));
    EXPECT(LG_OK, make_file(e, "000001.sst", 5, 6, "extra", WHY));
    lg_engine_close(LG_TAKE(e));

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, lg_sst_list(e, &left, WHY));
    EXPECT(LG_OK, left.names.size == 2 ? LG_OK : LG_ERR_FAILED);
    EXPECT(LG_OK, lg_sst_remove(e, "000001.sst", WHY));
    EXPECT(LG_OK, lg_sst_remove(e, "000001.sst", WHY));
    EXPECT(LG_OK, lg_engine_ingest(e, names, 1, WHY));
    EXPECT(LG_OK, count_rows(e, 5, WHY));
    return LG_OK;
}

/* What was read once is in memory; before that, memory may not know, but it never says NOT_FOUND
 * of what is there. */
static enum lg_rc memory_never_lies(struct lg_engine_driver *d, struct lg_error *err)
{
    static const char *const names[] = {"000000.sst"};
    LG_AUTO(lg_engine) *e = NULL;
    LG_SCOPED(lg_buf) out = {0};
    enum lg_rc rc;

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, make_file(e, names[0], 0, ROWS, "v", WHY));
    EXPECT(LG_OK, lg_engine_ingest(e, names, 1, WHY));
    lg_engine_close(LG_TAKE(e));
    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    rc = lg_engine_get(e, LG_LIT("k000003"), /* from_memory_only= */ true, &out, err);
    if (rc != LG_OK && rc != LG_ERR_WOULD_BLOCK)
        return lg_error_set(err, LG_ERR_FAILED, "a cold get from memory answered %s",
                            lg_rc_name(rc));
    EXPECT(LG_OK, has(e, "k000003", "v3", WHY));
    lg_buf_clear(&out);
    EXPECT(LG_OK, lg_engine_get(e, LG_LIT("k000003"), /* from_memory_only= */ true, &out, WHY));
    EXPECT(LG_OK, lg_slice_eq_str(lg_buf_slice(&out), "v3") ? LG_OK : LG_ERR_BAD_DATA);
    return LG_OK;
}

static enum lg_rc destroy_removes_all(struct lg_engine_driver *d, struct lg_error *err)
{
    struct lg_engine_options complete = {.path = PATH, .complete = true};
    LG_AUTO(lg_engine) *e = NULL;

    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_OK, put(e, "key", "1", WHY));
    EXPECT(LG_OK, lg_engine_flush(e, WHY));
    lg_engine_close(LG_TAKE(e));
    EXPECT(LG_OK, lg_engine_open(d, &complete, &e, WHY));
    lg_engine_close(LG_TAKE(e));
    EXPECT(LG_OK, lg_engine_destroy(d, PATH, WHY));
    EXPECT(LG_OK, lg_engine_destroy(d, PATH, WHY));
    EXPECT(LG_ERR_CORRUPT, lg_engine_open(d, &complete, &e, WHY));
    EXPECT(LG_OK, open_engine(d, false, &e, WHY));
    EXPECT(LG_ERR_NOT_FOUND, has(e, "key", "", WHY));
    EXPECT(LG_OK, count_rows(e, 0, WHY));
    return LG_OK;
}

enum lg_rc lg_engine_contract(struct lg_engine_driver *driver, struct lg_error *err)
{
    static const struct {
        const char *name;
        enum lg_rc (*run)(struct lg_engine_driver *d, struct lg_error *err);
    } clauses[] = {
        {"puts and gets", puts_and_gets},
        {"limits", limits},
        {"a log makes puts durable", a_log_makes_puts_durable},
        {"files ascend", files_ascend},
        {"ingest replaces all", ingest_replaces_all},
        {"finished files survive", finished_files_survive},
        {"memory never lies", memory_never_lies},
        {"destroy removes all", destroy_removes_all},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(clauses); i++) {
        enum lg_rc rc = lg_engine_destroy(driver, PATH, err);

        if (rc == LG_OK)
            rc = clauses[i].run(driver, err);
        if (rc != LG_OK)
            return lg_error_wrap(err, "%s, clause '%s'", driver->ops->name, clauses[i].name);
    }
    return lg_engine_destroy(driver, PATH, err);
}
