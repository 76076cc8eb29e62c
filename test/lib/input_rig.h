/* Inputs of a push in memory, for the tests of their formats: files go in as bytes, records come
 * out as text. */
#ifndef LG_TEST_LIB_INPUT_RIG_H
#define LG_TEST_LIB_INPUT_RIG_H

#include "pushjob/input.h"

#define LG_INPUT_RIG_FILES_MAX 4u

struct lg_input_case {
    struct lg_slice files[LG_INPUT_RIG_FILES_MAX]; /* named "one", "two" ...; at least the first */
    size_t file_count;                             /* 0: 1 */
    size_t piece;                                  /* bytes of each read; 0: any */
    const char *key_schema;                        /* of the store; NULL: "long" */
    const char *value_schemas[3];                  /* of the store, the preferred one first */
    struct lg_input_options options; /* key_field NULL: "id"; files are filled in here */
};

/* All records as "key=value;" in JSON, with what was there before an error; with errors_max, each
 * bad record as "!sentence;". `out_chosen` may be NULL. Valid Avro comes out, or the test fails. */
enum lg_rc lg_input_case_read(const struct lg_input_case *c, struct lg_buf *out, size_t *out_chosen,
                              struct lg_error *err);
/* All records by lg_input_next_json, each with ";" behind it; bad ones as "!sentence;". */
enum lg_rc lg_input_case_json(const struct lg_input_case *c, struct lg_buf *out,
                              struct lg_error *err);
/* Reads in pieces of each size; the text must be `want`. */
void lg_input_case_expect(const struct lg_input_case *c, const char *want);
/* Fails with a sentence that has both words in it. */
void lg_input_case_fails(const struct lg_input_case *c, enum lg_rc want, const char *word,
                         const char *word2);
/* A container of these records, given as a JSON array. */
void lg_input_container(struct lg_buf *out, const char *schema, const char *records);

#endif
