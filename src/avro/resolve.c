/* Resolution: the life of a resolver, and running its plan over a datum. Pure.
 *
 * Termination: as in decode.c, steps are in proportion to the bytes read or written, because a pair
 * of types without bytes on both sides is a copy of nothing. A record whose fields are read in
 * another order than they are written is stepped over first, to find where each field begins; the
 * bound on depth keeps the sum of that within LG_DATUM_DEPTH_MAX times the input.
 */
#include "avro/resolve.h"

#include "avro/encode.h"
#include "avro/resolve_impl.h"
#include "base/ref.h"
#include "base/str.h"

struct run {
    struct lg_buf *out;
    struct lg_error *err;
    LG_VEC(size_t) offsets; /* of the fields of reordered records, as a stack */
};

static enum lg_rc run(struct run *u, const struct lg_step *s, struct lg_decoder *d, size_t depth);

/* --- Sentences. ------------------------------------------------------------------------------- */

static void describe(const struct lg_schema *s, struct lg_buf *out)
{
    if (s->kind == LG_AVRO_UNION) {
        for (size_t i = 0; i < s->count && out->size < LG_ERROR_TEXT_MAX / 4; i++) {
            lg_buf_append_str(out, i == 0 ? "union of " : i + 1 < s->count ? ", " : " and ");
            describe(s->branches[i], out);
        }
    } else {
        lg_buf_append_str(out, lg_avro_kind_name(s->kind));
        if (lg_schema_is_named(s))
            lg_buf_appendf(out, " %.*s", LG_FMT(s->full_name));
        if (s->kind == LG_AVRO_FIXED)
            lg_buf_appendf(out, " of %zu bytes", s->fixed_bytes);
    }
}

static const char *misfit_text(enum lg_misfit misfit)
{
    switch (misfit) {
    case LG_MISFIT_NAMES:
        return "their names differ; give the reader's type an alias";
    case LG_MISFIT_SIZES:
        return "their sizes differ; use a type of another name";
    case LG_MISFIT_BRANCH:
        return "no branch of the union takes it; add one";
    default:
        return "the one cannot be promoted to the other";
    }
}

enum lg_rc lg_step_refuse(const struct lg_step *step, const char *where, struct lg_error *err)
{
    LG_SCOPED(lg_buf) writer = {0};
    LG_SCOPED(lg_buf) reader = {0};
    const char *at = where == NULL ? "" : "at ", *colon = where == NULL ? "" : ": ";

    where = where == NULL ? "" : where;
    describe(step->writer, &writer);
    describe(step->reader, &reader);
    if (step->misfit == LG_MISFIT_MISSING)
        return lg_error_set(err, LG_ERR_SCHEMA,
                            "%s%s%sthe reader's %.*s has field %.*s, which the writer's %.*s does "
                            "not have; give it a default",
                            at, where, colon, LG_FMT(lg_buf_slice(&reader)),
                            LG_FMT(step->reader->fields[step->branch].name),
                            LG_FMT(lg_buf_slice(&writer)));
    return lg_error_set(err, LG_ERR_SCHEMA, "%s%s%swritten as %.*s, read as %.*s: %s", at, where,
                        colon, LG_FMT(lg_buf_slice(&writer)), LG_FMT(lg_buf_slice(&reader)),
                        misfit_text(step->misfit));
}

/* --- Life. ------------------------------------------------------------------------------------ */

enum lg_rc lg_resolver_new(const struct lg_schema *writer, const struct lg_schema *reader,
                           struct lg_resolver **out, struct lg_error *err)
{
    LG_AUTO(lg_resolver) *resolver = lg_new(struct lg_resolver);
    enum lg_rc rc;

    resolver->refs = 1;
    resolver->arena = lg_arena_new(LG_RESOLVE_PLAN_BYTES_MAX);
    resolver->writer = lg_schema_ref(writer);
    resolver->reader = lg_schema_ref(reader);
    rc = lg_resolver_plan(resolver, err);
    if (rc != LG_OK)
        return rc;
    *out = LG_TAKE(resolver);
    return LG_OK;
}

struct lg_resolver *lg_resolver_ref(const struct lg_resolver *resolver)
{
    lg_ref_get((unsigned *)&resolver->refs);
    return (struct lg_resolver *)resolver;
}

void lg_resolver_unref(struct lg_resolver *resolver)
{
    if (resolver == NULL || !lg_ref_put(&resolver->refs))
        return;
    lg_arena_free(resolver->arena);
    lg_schema_unref(resolver->writer);
    lg_schema_unref(resolver->reader);
    lg_free(resolver);
}

const struct lg_schema *lg_resolver_writer(const struct lg_resolver *resolver)
{
    return resolver->writer;
}

const struct lg_schema *lg_resolver_reader(const struct lg_resolver *resolver)
{
    return resolver->reader;
}

bool lg_resolver_is_identity(const struct lg_resolver *resolver)
{
    return resolver->root->kind == LG_STEP_COPY;
}

/* --- Scalars. --------------------------------------------------------------------------------- */

static enum lg_rc run_copy(struct run *u, const struct lg_step *s, struct lg_decoder *d,
                           size_t depth)
{
    size_t start = d->at;
    enum lg_rc rc = lg_avro_skip_at(s->writer, d, depth, u->err);

    if (rc == LG_OK && d->at > start) /* A datum of no bytes may come without memory. */
        lg_buf_append(u->out, d->in.data + start, d->at - start);
    return rc;
}

static enum lg_rc decode_integer(const struct lg_step *s, struct lg_decoder *d, int64_t *out,
                                 struct lg_error *err)
{
    int32_t narrow;
    enum lg_rc rc;

    if (s->writer->kind == LG_AVRO_LONG)
        return lg_decode_long(d, out, err);
    rc = lg_decode_int(d, &narrow, err);
    if (rc == LG_OK)
        *out = narrow;
    return rc;
}

static enum lg_rc run_to_float(struct run *u, const struct lg_step *s, struct lg_decoder *d)
{
    int64_t v = 0;
    enum lg_rc rc = decode_integer(s, d, &v, u->err);

    if (rc == LG_OK)
        lg_encode_float(u->out, (float)v);
    return rc;
}

static enum lg_rc run_to_double(struct run *u, const struct lg_step *s, struct lg_decoder *d)
{
    int64_t v = 0;
    float f = 0;
    enum lg_rc rc = s->writer->kind == LG_AVRO_FLOAT ? lg_decode_float(d, &f, u->err)
                                                     : decode_integer(s, d, &v, u->err);

    if (rc == LG_OK)
        lg_encode_double(u->out, s->writer->kind == LG_AVRO_FLOAT ? (double)f : (double)v);
    return rc;
}

static enum lg_rc run_to_string(struct run *u, struct lg_decoder *d)
{
    struct lg_slice text = {0};
    enum lg_rc rc = lg_decode_string(d, &text, u->err);

    if (rc == LG_OK)
        lg_encode_string(u->out, text);
    return rc;
}

static enum lg_rc run_enum(struct run *u, const struct lg_step *s, struct lg_decoder *d)
{
    size_t i;
    enum lg_rc rc = lg_decode_index(d, s->writer->count, &i, u->err);

    if (rc != LG_OK)
        return rc;
    if (s->symbols[i] == LG_SCHEMA_NO_INDEX)
        return lg_error_set(u->err, LG_ERR_SCHEMA,
                            "the reader's enum %.*s has no symbol %.*s; add it, or give the enum a "
                            "default",
                            LG_FMT(s->reader->full_name), LG_FMT(s->writer->symbols[i]));
    lg_encode_long(u->out, (int64_t)s->symbols[i]);
    return LG_OK;
}

/* --- Nested types. ---------------------------------------------------------------------------- */

/* Arrays and maps; the blocks stay as they are, without their sizes in bytes. */
static enum lg_rc run_items(struct run *u, const struct lg_step *s, struct lg_decoder *d,
                            size_t depth)
{
    bool has_keys = s->writer->kind == LG_AVRO_MAP;
    size_t item_bytes_min = lg_schema_bytes_min(s->writer->items) + (has_keys ? 1 : 0);
    uint64_t count;

    do { /* Each round reads a byte at least. */
        enum lg_rc rc = lg_decode_block(d, item_bytes_min, &count, u->err);

        if (rc != LG_OK)
            return rc;
        lg_encode_long(u->out, (int64_t)count);
        for (uint64_t i = 0; i < count && lg_buf_ok(u->out); i++) {
            struct lg_slice key = {0};

            rc = has_keys ? lg_decode_string(d, &key, u->err) : LG_OK;
            if (rc == LG_OK && has_keys)
                lg_encode_string(u->out, key);
            if (rc == LG_OK)
                rc = run(u, s->inner, d, depth + 1);
            if (rc != LG_OK)
                return rc;
        }
    } while (count != 0 && lg_buf_ok(u->out));
    return LG_OK;
}

static enum lg_rc named(struct run *u, const struct lg_schema *record, size_t i, size_t depth,
                        enum lg_rc rc)
{
    if (rc != LG_OK && u->err != NULL && depth <= LG_DATUM_NAMED_DEPTH_MAX)
        return lg_error_wrap(u->err, "field %.*s", LG_FMT(record->fields[i].name));
    return rc;
}

/* From the writer's field `from` to the field `to`, which is not stepped over. */
static enum lg_rc skip_fields(struct run *u, const struct lg_schema *w, size_t from, size_t to,
                              struct lg_decoder *d, size_t depth)
{
    for (size_t i = from; i < to; i++) {
        enum lg_rc rc = lg_avro_skip_at(w->fields[i].schema, d, depth + 1, u->err);

        if (rc != LG_OK)
            return named(u, w, i, depth, rc);
    }
    return LG_OK;
}

static bool is_nested_kind(enum lg_avro_kind kind)
{
    return kind == LG_AVRO_RECORD || kind == LG_AVRO_ARRAY || kind == LG_AVRO_MAP ||
           kind == LG_AVRO_UNION;
}

/* A default of many levels may be too deep here, though it was not where it was checked. */
static enum lg_rc run_default(struct run *u, const struct lg_schema *r, size_t i, size_t depth)
{
    const struct lg_schema_field *f = &r->fields[i];
    bool is_nested = f->default_bytes.size > 0 && is_nested_kind(f->schema->kind);
    struct lg_decoder d = lg_decoder_of(f->default_bytes);
    enum lg_rc rc = is_nested ? lg_avro_skip_at(f->schema, &d, depth + 1, u->err) : LG_OK;

    if (rc == LG_OK)
        lg_buf_append_slice(u->out, f->default_bytes);
    return named(u, r, i, depth, rc);
}

static enum lg_rc run_record(struct run *u, const struct lg_step *s, struct lg_decoder *d,
                             size_t depth)
{
    size_t next = 0; /* field of the writer */

    for (size_t i = 0; i < s->reader->count; i++) {
        size_t source = s->sources[i];
        enum lg_rc rc;

        if (source == LG_SCHEMA_NO_INDEX) {
            rc = run_default(u, s->reader, i, depth);
            if (rc != LG_OK)
                return rc;
            continue;
        }
        rc = skip_fields(u, s->writer, next, source, d, depth);
        if (rc != LG_OK)
            return rc;
        rc = run(u, s->parts[source], d, depth + 1);
        if (rc != LG_OK)
            return named(u, s->writer, source, depth, rc);
        next = source + 1;
    }
    return skip_fields(u, s->writer, next, s->writer->count, d, depth);
}

static enum lg_rc find_fields(struct run *u, const struct lg_schema *w, struct lg_decoder *d,
                              size_t depth)
{
    for (size_t i = 0; i < w->count; i++) {
        enum lg_rc rc;

        LG_VEC_PUSH(&u->offsets, d->at);
        rc = skip_fields(u, w, i, i + 1, d, depth);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

static enum lg_rc run_found_fields(struct run *u, const struct lg_step *s,
                                   const struct lg_decoder *start, size_t base, size_t depth)
{
    for (size_t i = 0; i < s->reader->count; i++) {
        size_t source = s->sources[i];
        struct lg_decoder d = *start;
        enum lg_rc rc;

        if (source == LG_SCHEMA_NO_INDEX) {
            rc = run_default(u, s->reader, i, depth);
            if (rc != LG_OK)
                return rc;
            continue;
        }
        d.at = u->offsets.data[base + source];
        rc = run(u, s->parts[source], &d, depth + 1);
        if (rc != LG_OK)
            return named(u, s->writer, source, depth, rc);
    }
    return LG_OK;
}

static enum lg_rc run_reordered(struct run *u, const struct lg_step *s, struct lg_decoder *d,
                                size_t depth)
{
    struct lg_decoder start = *d;
    size_t base = u->offsets.size;
    enum lg_rc rc = find_fields(u, s->writer, d, depth);

    if (rc == LG_OK)
        rc = run_found_fields(u, s, &start, base, depth);
    u->offsets.size = base;
    return rc;
}

static enum lg_rc run_nested(struct run *u, const struct lg_step *s, struct lg_decoder *d,
                             size_t depth)
{
    if (depth > LG_DATUM_DEPTH_MAX)
        return lg_error_set(u->err, LG_ERR_BAD_DATA, "at byte %zu: the datum nests deeper than %d",
                            d->at, LG_DATUM_DEPTH_MAX);
    if (!lg_buf_ok(u->out)) /* No use to go on; lg_resolve_next names it. */
        return LG_ERR_TOO_LARGE;
    if (s->kind == LG_STEP_ITEMS)
        return run_items(u, s, d, depth);
    return s->is_reordered ? run_reordered(u, s, d, depth) : run_record(u, s, d, depth);
}

static enum lg_rc run_writer_union(struct run *u, const struct lg_step *s, struct lg_decoder *d,
                                   size_t depth)
{
    size_t i;
    enum lg_rc rc = lg_decode_index(d, s->writer->count, &i, u->err);

    return rc != LG_OK ? rc : run(u, s->parts[i], d, depth);
}

static enum lg_rc run(struct run *u, const struct lg_step *s, struct lg_decoder *d, size_t depth)
{
    switch (s->kind) {
    case LG_STEP_COPY:
        return run_copy(u, s, d, depth);
    case LG_STEP_MISFIT:
        return lg_step_refuse(s, /* where= */ NULL, u->err);
    case LG_STEP_TO_FLOAT:
        return run_to_float(u, s, d);
    case LG_STEP_TO_DOUBLE:
        return run_to_double(u, s, d);
    case LG_STEP_TO_STRING:
        return run_to_string(u, d);
    case LG_STEP_ENUM:
        return run_enum(u, s, d);
    case LG_STEP_READER_UNION:
        lg_encode_long(u->out, (int64_t)s->branch);
        return run(u, s->inner, d, depth);
    case LG_STEP_WRITER_UNION:
        return run_writer_union(u, s, d, depth);
    default:
        return run_nested(u, s, d, depth);
    }
}

/* --- The two ways in. ------------------------------------------------------------------------- */

enum lg_rc lg_resolve_next(const struct lg_resolver *resolver, struct lg_decoder *d,
                           struct lg_buf *out, struct lg_error *err)
{
    struct run u = {.out = out, .err = err};
    size_t before = out->size;
    enum lg_rc rc;

    assert(lg_buf_ok(out));
    rc = run(&u, resolver->root, d, /* depth= */ 1);
    LG_VEC_DONE(&u.offsets);
    if (!lg_buf_ok(out))
        rc = lg_error_set(err, LG_ERR_TOO_LARGE, "the datum is over %zu bytes in the reader's form",
                          out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling);
    if (rc != LG_OK) {
        out->size = before;
        out->overflowed = false;
    }
    return rc;
}

enum lg_rc lg_resolve(const struct lg_resolver *resolver, struct lg_slice in, struct lg_buf *out,
                      struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(in);
    size_t before = out->size;
    enum lg_rc rc = lg_resolve_next(resolver, &d, out, err);

    if (rc == LG_OK && lg_decoder_left(&d) != 0) {
        out->size = before;
        rc = lg_error_set(err, LG_ERR_BAD_DATA,
                          "the datum ends at byte %zu, but %zu bytes follow it", d.at,
                          lg_decoder_left(&d));
    }
    return rc;
}
