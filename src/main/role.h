/* The roles that a process can have, and what the verbs around configuration know of each: one row
 * per role, so that `config check` and the role itself cannot disagree. Immutable. */
#ifndef LG_MAIN_ROLE_H
#define LG_MAIN_ROLE_H

#include "admin/command.h"
#include "main/options.h"

/* The values of `lagoon controller|router|server`; each role uses those of its table. */
struct lg_role_options {
#define X LG_OPTION_KEYED_FIELD
#include "main/options_cluster.def"
#include "main/options_controller.def"
#include "main/options_kafka.def"
#include "main/options_router.def"
#include "main/options_server.def"
#undef X
    struct lg_common_options common;
};

typedef void (*lg_option_warned)(void *ctx, const char *name, const char *sentence);

struct lg_role {
    const char *name; /* "controller" */
    enum lg_command_kind kind;
    const struct lg_option_table *table;
    size_t values_size; /* of its struct of values */
    struct lg_common_options *(*common)(void *values);
    /* What is wrong with the values together: LG_ERR_INVALID, LG_ERR_REFUSED. */
    enum lg_rc (*check)(const void *values, struct lg_error *err);
    /* What is allowed but hardly meant. */
    void (*warn)(const void *values, lg_option_warned warn, void *ctx);
    /* Options that a file need not give, as flags or the environment may: NULL at the end. Each is
     * a text that must be set to something for `check`. */
    const char *const *elsewhere;
};

/* The options of options_kafka.def alone, for a push. */
extern const struct lg_option_table lg_kafka_options_table;

extern const struct lg_role lg_role_standalone, lg_role_controller, lg_role_router, lg_role_server;

/* What is wrong with the options of options_kafka.def together: LG_ERR_INVALID; and what is allowed
 * but hardly meant. */
LG_MUST_CHECK enum lg_rc lg_role_check_kafka(const struct lg_role_options *o, struct lg_error *err);
void lg_role_warn_kafka(const struct lg_role_options *o, lg_option_warned warn, void *ctx);

/* NULL: no such role. */
const struct lg_role *lg_role_find(const char *name);
/* Of the verb that runs it; NULL for other verbs. */
const struct lg_role *lg_role_of(enum lg_command_kind kind);
/* The roles, then the verbs that have an option of that name (lg_option_owners). */
bool lg_role_option_owners(struct lg_buf *out, struct lg_slice name);
/* The file of `lagoon config sample --role NAME`. */
void lg_role_sample(struct lg_buf *out, const struct lg_role *role);

#endif
