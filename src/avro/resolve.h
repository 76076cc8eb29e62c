/* Schema resolution: data of a writer's schema as data of a reader's.
 *
 * A resolver is a plan, made once for a pair of schemas; it turns the bytes of one datum into bytes
 * of the other schema. The rules are those of the Avro 1.11 specification as Apache Avro for Java
 * reads them (docs/formats/avro.md lists where we differ): promotions, fields by name, aliases of
 * types and fields, defaults of fields and enums, unions on either side, recursive types.
 *
 * A resolver is immutable and reference counted: lanes may share and cache it. Pure.
 */
#ifndef LG_AVRO_RESOLVE_H
#define LG_AVRO_RESOLVE_H

#include "avro/decode.h"
#include "avro/schema.h"

#define LG_RESOLVE_PAIRS_MAX 65536             /* pairs of types that one plan looks at */
#define LG_RESOLVE_DEPTH_MAX 512               /* types inside each other, as far as they unfold */
#define LG_RESOLVE_STEPS_MAX ((size_t)1 << 22) /* comparisons of types while planning */
#define LG_RESOLVE_PLAN_BYTES_MAX ((size_t)64 << 20)

struct lg_resolver; /* Opaque. */

/* Plans. LG_ERR_SCHEMA when no datum can be read (an array or map counts as if it had items): the
 * sentence names the path in the reader's schema ("$.address.zip"), both types, and the remedy.
 * What depends on the datum, such as one branch of a union or one symbol of an enum, is refused by
 * lg_resolve. LG_ERR_TOO_LARGE past a limit above. References to both schemas are kept. */
LG_MUST_CHECK enum lg_rc lg_resolver_new(const struct lg_schema *writer,
                                         const struct lg_schema *reader, struct lg_resolver **out,
                                         struct lg_error *err);
struct lg_resolver *lg_resolver_ref(const struct lg_resolver *resolver);
void lg_resolver_unref(struct lg_resolver *resolver); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_resolver, lg_resolver_unref)

/* Borrowed. */
const struct lg_schema *lg_resolver_writer(const struct lg_resolver *resolver);
const struct lg_schema *lg_resolver_reader(const struct lg_resolver *resolver);
/* True when every datum stays as it is: a caller that trusts its bytes need not call lg_resolve. */
bool lg_resolver_is_identity(const struct lg_resolver *resolver);

/* Appends the datum `in`, which is one datum of the writer's schema and nothing more, as a datum of
 * the reader's. The input is checked throughout. LG_ERR_BAD_DATA when it is malformed, or when
 * bytes read as a string are not UTF-8; LG_ERR_SCHEMA when it holds a branch or symbol that the
 * reader's schema has no place for; LG_ERR_TOO_LARGE past the ceiling of `out`. The sentences name
 * the fields on the way. `out` keeps its former content on failure. */
LG_MUST_CHECK enum lg_rc lg_resolve(const struct lg_resolver *resolver, struct lg_slice in,
                                    struct lg_buf *out, struct lg_error *err);
/* The same for the datum at the decoder, which is left after it. */
LG_MUST_CHECK enum lg_rc lg_resolve_next(const struct lg_resolver *resolver, struct lg_decoder *d,
                                         struct lg_buf *out, struct lg_error *err);

#endif
