/* A schema into which the data of two others can be read: the union of their fields.
 *
 * As Venice's superset generator does it, types are merged by full name: a record gets the fields
 * of the first in their order, then those that only the second has; a union gets the branches of
 * the first, then the others; an enum its symbols likewise. Docs are the second's, defaults the
 * first's, where both have one. Pure.
 */
#ifndef LG_AVRO_SUPERSET_H
#define LG_AVRO_SUPERSET_H

#include "avro/schema.h"

/* LG_ERR_SCHEMA, naming the type, when the two contradict each other; LG_ERR_TOO_LARGE past a limit
 * of schemas. */
LG_MUST_CHECK enum lg_rc lg_schema_superset(const struct lg_schema *first,
                                            const struct lg_schema *second, struct lg_schema **out,
                                            struct lg_error *err);

#endif
