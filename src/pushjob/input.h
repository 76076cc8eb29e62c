/* Files as one stream of keys and values: Avro containers, NDJSON or CSV, told apart by what stands
 * in them or by what the user says.
 *
 * Pure but for the sources it reads from; memory is bounded by one block, line or record. Owned by
 * one user. docs/formats/input.md says what is accepted.
 */
#ifndef LG_PUSHJOB_INPUT_H
#define LG_PUSHJOB_INPUT_H

#include "avro/container.h"
#include "pushjob/csv.h"

#define LG_INPUT_LINE_BYTES_MAX ((size_t)64 << 20)
#define LG_INPUT_PLACE_BYTES_MAX 320

enum lg_input_format { LG_INPUT_BY_CONTENT, LG_INPUT_AVRO, LG_INPUT_NDJSON, LG_INPUT_CSV };
/* "avro", "ndjson", "csv". */
const char *lg_input_format_name(enum lg_input_format format);
/* LG_ERR_INVALID names the formats there are. */
LG_MUST_CHECK enum lg_rc lg_input_format_parse(const char *name, enum lg_input_format *out,
                                               struct lg_error *err);

struct lg_input_file {
    const char *name;        /* For messages. */
    struct lg_source source; /* Asked for the first time when the file before is at its end. */
};

struct lg_input_options {              /* Strings and files are borrowed by the input. */
    const struct lg_input_file *files; /* of one format, at least one */
    size_t file_count;
    enum lg_input_format format;
    const char *key_field;        /* NULL: there is no key, only lg_input_next_json may be used */
    const char *value_field;      /* NULL: the value is the whole record */
    int csv_delimiter, csv_quote; /* as lg_csv_options */
    bool csv_no_header;           /* columns are the value schema's fields in order */
    /* Bad records that are passed over and told, before reading fails; 0 or 1: it fails at the
     * first. Whatever is told here, the input never ends well any more. Called by whoever calls
     * lg_input_next. */
    uint64_t errors_max;
    void (*bad_record)(void *ctx, const struct lg_error *err); /* with errors_max over 1 */
    void *ctx;
};

struct lg_input; /* Opaque. */

/* Reads the beginning of the first file. Errors name the file: LG_ERR_BAD_DATA for an empty,
 * foreign or truncated one, LG_ERR_INVALID for a field that the file does not have (names the
 * nearest). */
LG_MUST_CHECK enum lg_rc lg_input_open(const struct lg_input_options *options,
                                       struct lg_input **out, struct lg_error *err);
void lg_input_close(struct lg_input *input); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_input, lg_input_close)

/* Of the file at hand; never LG_INPUT_BY_CONTENT. */
enum lg_input_format lg_input_format(const struct lg_input *input);
/* The schema that the file at hand was written with; NULL for NDJSON and CSV. Borrowed. */
const struct lg_schema *lg_input_file_schema(const struct lg_input *input);
/* The texts of the key's and the value's schema, as the file defines them: for --create. The caller
 * owns them. LG_ERR_UNSUPPORTED for NDJSON and CSV, which have none. */
LG_MUST_CHECK enum lg_rc lg_input_schemas(const struct lg_input *input, char **out_key,
                                          char **out_value, struct lg_error *err);

/* Binds the input to the store's schemas (references are kept). `values` are the store's value
 * schemas, the preferred one first; `*out_chosen` is the one that the values will be written with:
 * of an only Avro file the first that equals its own (up to documentation), else the first of all,
 * into which every record is resolved. LG_ERR_SCHEMA shows both when that cannot be done.
 * LG_ERR_INVALID names a column of CSV that the schema lacks. Before the first lg_input_next. */
LG_MUST_CHECK enum lg_rc lg_input_bind(struct lg_input *input, const struct lg_schema *key,
                                       const struct lg_schema *const *values, size_t count,
                                       size_t *out_chosen, struct lg_error *err);

/* Was a file's schema another than the store's, so that its records are converted? */
bool lg_input_resolves(const struct lg_input *input);

/* The next record as Avro bytes of the bound schemas; borrowed until the next call. `*out_end` is
 * true after the last. Errors name file, line or record, and field. */
LG_MUST_CHECK enum lg_rc lg_input_next(struct lg_input *input, struct lg_slice *out_key,
                                       struct lg_slice *out_value, bool *out_end,
                                       struct lg_error *err);
/* The next record as a JSON object, as it stands in the file, appended to `out`; of CSV, numbers
 * and true and false without quotes are such, an empty field without quotes is null, all else is
 * text. Instead of lg_input_next, without bind. `out` NULL only checks. After LG_ERR_BAD_DATA with
 * `*out_more` the next call goes on behind the bad record. */
LG_MUST_CHECK enum lg_rc lg_input_next_json(struct lg_input *input, struct lg_buf *out,
                                            bool *out_end, bool *out_more, struct lg_error *err);

/* Bytes of all files consumed so far. */
uint64_t lg_input_offset(const struct lg_input *input);
/* Records given so far. */
uint64_t lg_input_records(const struct lg_input *input);
/* Where the record `number` (from 0, in the order given) stands: "cities.csv: line 17", or its
 * number within the file where lines are not known. */
void lg_input_place(const struct lg_input *input, uint64_t number,
                    char out[LG_INPUT_PLACE_BYTES_MAX]);

#endif
