/* Any JSON as tables for people, for answers that no verb knows more about. Pure.
 *
 *   {"cluster": "prod", "nodes": [{"id": "a", "goneForMs": 0}, ...]}
 *
 *   NAME     VALUE
 *   cluster  prod
 *
 *   nodes
 *   ID  GONE FOR MS
 *   a             0
 */
#ifndef LG_ADMIN_JSON_TABLE_H
#define LG_ADMIN_JSON_TABLE_H

#include "base/json.h"

#define LG_JSON_TABLE_ROWS_MAX ((size_t)10000) /* of one list; the rest is counted */

/* Members that are null are left out. What lies deeper than a cell of a list stands there as JSON,
 * cut to the width of a cell. */
void lg_json_table_write(struct lg_buf *out, const struct lg_json *json);

#endif
