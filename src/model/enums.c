/* Names and ids of Venice's enumerations, made from the tables of the header. Pure. */
#include "model/enums.h"

#define NAME_CASE(constant, id, text)                                                              \
    case constant:                                                                                 \
        return text;
#define NAME_MATCH(constant, id, text)                                                             \
    if (lg_slice_eq_str(name, text)) {                                                             \
        *out = constant;                                                                           \
        return true;                                                                               \
    }
#define ID_MATCH(constant, value, text)                                                            \
    if (id == (value)) {                                                                           \
        *out = constant;                                                                           \
        return true;                                                                               \
    }
#define DEFINE(type, table)                                                                        \
    const char *type##_name(enum type v)                                                           \
    {                                                                                              \
        switch (v) {                                                                               \
            table(NAME_CASE)                                                                       \
        }                                                                                          \
        return "UNKNOWN_ENUM";                                                                     \
    }                                                                                              \
    bool type##_from_name(struct lg_slice name, enum type *out)                                    \
    {                                                                                              \
        table(NAME_MATCH) return false;                                                            \
    }                                                                                              \
    bool type##_from_id(int64_t id, enum type *out)                                                \
    {                                                                                              \
        table(ID_MATCH) return false;                                                              \
    }

/* clang-format off */
DEFINE(lg_version_status, LG_VERSION_STATUS_TABLE)
DEFINE(lg_push_type, LG_PUSH_TYPE_TABLE)
DEFINE(lg_compression, LG_COMPRESSION_TABLE)
DEFINE(lg_push_strategy, LG_PUSH_STRATEGY_TABLE)
DEFINE(lg_backup_strategy, LG_BACKUP_STRATEGY_TABLE)
DEFINE(lg_replica_state, LG_REPLICA_STATE_TABLE)
DEFINE(lg_client_protocols, LG_CLIENT_PROTOCOLS_TABLE)
DEFINE(lg_push_status, LG_PUSH_STATUS_TABLE)
/* clang-format on */
