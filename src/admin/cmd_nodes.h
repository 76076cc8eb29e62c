/* What the files about servers share (cmd_nodes.c, cmd_drain.c). On the verb's lane. */
#ifndef LG_ADMIN_CMD_NODES_H
#define LG_ADMIN_CMD_NODES_H

#include "admin/admin.h"

/* The server of this name in an answer of /v1/nodes, borrowed. LG_ERR_NOT_FOUND names the nearest.
 */
LG_MUST_CHECK enum lg_rc lg_admin_find_server(const struct lg_json *rows, const char *id,
                                              const struct lg_json **out, struct lg_error *err);
/* Waits until the server that was drained holds no replica, and puts what it is then into `answer`
 * as "node". People are told how far it is. LG_ERR_TIMEOUT says what it waits for,
 * LG_ERR_CONFLICT that it was activated meanwhile. */
LG_MUST_CHECK enum lg_rc lg_admin_drain_wait(struct lg_admin *a, const struct lg_command *c,
                                             struct lg_json *answer, struct lg_error *err);

#endif
