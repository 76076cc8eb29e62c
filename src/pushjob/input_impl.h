/* The inside of an input, for the files of its formats: input.c, input_avro.c, input_ndjson.c,
 * input_csv.c. Internal to this module. */
#ifndef LG_PUSHJOB_INPUT_IMPL_H
#define LG_PUSHJOB_INPUT_IMPL_H

#include "avro/decode.h"
#include "base/vec.h"
#include "pushjob/input.h"

/* One format's way through one file. A failure leaves in->go_on true when only the record at hand
 * is bad and the next call would give the one behind it. */
struct lg_input_ops {
    /* Makes in->reader, also before a failure if there is something to close. */
    enum lg_rc (*open)(struct lg_input *in, struct lg_error *err);
    void (*close)(struct lg_input *in);
    /* The store's schemas are in->key_schema and in->value_schema. */
    enum lg_rc (*bind)(struct lg_input *in, struct lg_error *err);
    enum lg_rc (*next)(struct lg_input *in, struct lg_slice *out_key, struct lg_slice *out_value,
                       bool *out_end, struct lg_error *err);
    /* `out` NULL only checks. */
    enum lg_rc (*next_json)(struct lg_input *in, struct lg_buf *out, bool *out_end,
                            struct lg_error *err);
};
extern const struct lg_input_ops lg_input_avro_ops, lg_input_ndjson_ops, lg_input_csv_ops;

/* What is kept of a file, to name a record of it later. */
struct lg_input_range {
    uint64_t first;      /* number of its first record */
    uint64_t line_shift; /* record i of the file stands on line i + line_shift ... */
    uint64_t line_until; /* ... for i below this */
};

struct lg_input {
    struct lg_input_options o;
    size_t file; /* at hand */
    struct lg_buf head;
    size_t head_used; /* The first bytes, read to tell the format; given to the reader first. */
    bool source_ended;
    uint64_t consumed;
    enum lg_input_format format; /* of the file at hand */
    const struct lg_input_ops *ops;
    void *reader; /* of the format; NULL between files */
    bool at_end;
    bool resolves; /* Some file's records are converted. */

    struct lg_schema *key_schema, *value_schema; /* The store's, once bound. */
    struct lg_buf key, value;                    /* The current record, where it was encoded. */

    uint64_t line; /* of the record at hand, where lines are known */
    uint64_t records;
    LG_VEC(struct lg_input_range) ranges; /* of the files so far */
    bool go_on;
    uint64_t errors;
};

/* A source of the file's bytes, the head first; ctx is the input. */
LG_MUST_CHECK enum lg_rc lg_input_read(void *ctx, void *out, size_t size, size_t *out_read,
                                       struct lg_error *err);
/* Finds a field of a record; LG_ERR_INVALID names the nearest. */
LG_MUST_CHECK enum lg_rc lg_input_find_field(const struct lg_schema *record, const char *field,
                                             size_t *out, struct lg_error *err);
/* Is the key beside the value's record rather than a field of it? */
bool lg_input_key_is_beside(const struct lg_input *in);
/* The parts of an Avro file's schema; only with that format. */
const struct lg_schema *lg_input_avro_key(const struct lg_input *in);
const struct lg_schema *lg_input_avro_value(const struct lg_input *in);
const struct lg_schema *lg_input_avro_schema(const struct lg_input *in);

#endif
