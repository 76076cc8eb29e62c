/* Parsing canonical form and its fingerprints (Avro 1.11 specification, "Schema
 * Fingerprints"): two schemas are the same for a reader of data exactly when these are. Pure. */
#ifndef LG_AVRO_CANONICAL_H
#define LG_AVRO_CANONICAL_H

#include "avro/schema.h"

/* Appends the canonical JSON text. A part (a field's schema, say) may reach types that nest deeper
 * than any text could, some 256 levels: then `out` is marked as overflowed. */
void lg_schema_canonical(const struct lg_schema *schema, struct lg_buf *out);
/* CRC-64-AVRO of the canonical text. */
uint64_t lg_schema_fingerprint(const struct lg_schema *schema);
/* MD5 and SHA-256 of the canonical text. */
void lg_schema_fingerprint_md5(const struct lg_schema *schema, uint8_t out[16]);
void lg_schema_fingerprint_sha256(const struct lg_schema *schema, uint8_t out[32]);
/* Same canonical text: names, order and shape agree; docs, aliases, defaults may differ.
 * False as well when either could not be written down. */
bool lg_schema_equal_canonical(const struct lg_schema *a, const struct lg_schema *b);
/* CRC-64-AVRO (Rabin) of any bytes. */
uint64_t lg_crc64_avro(struct lg_slice bytes);

#endif
