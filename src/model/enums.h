/* Venice's enumerations as values: ids on the wire, names in JSON (wire-formats.md 9.4 and 10.3).
 *
 * Each table has one row per value: X(prefix_NAME, id, "NAME"). A name that says what an id means
 * comes from the same row as the id. Pure: no state.
 */
#ifndef LG_MODEL_ENUMS_H
#define LG_MODEL_ENUMS_H

#include "base/base.h"

#define LG_VERSION_STATUS_TABLE(X)                                                                 \
    X(LG_VERSION_NOT_CREATED, 0, "NOT_CREATED")                                                    \
    X(LG_VERSION_STARTED, 1, "STARTED")                   /* ingesting */                          \
    X(LG_VERSION_PUSHED, 2, "PUSHED")                     /* complete, not served */               \
    X(LG_VERSION_ONLINE, 3, "ONLINE")                     /* complete, current or a backup */      \
    X(LG_VERSION_ERROR, 4, "ERROR")                       /* the push failed */                    \
    X(LG_VERSION_CREATED, 5, "CREATED")                   /* unused by Venice */                   \
    X(LG_VERSION_PARTIALLY_ONLINE, 6, "PARTIALLY_ONLINE") /* some regions only */                  \
    X(LG_VERSION_KILLED, 7, "KILLED")                     /* never revived by completion */        \
    X(LG_VERSION_ROLLED_BACK, 8, "ROLLED_BACK")           /* was current */

#define LG_PUSH_TYPE_TABLE(X)                                                                      \
    X(LG_PUSH_TYPE_BATCH, 0, "BATCH")                                                              \
    X(LG_PUSH_TYPE_STREAM_REPROCESSING, 1, "STREAM_REPROCESSING")                                  \
    X(LG_PUSH_TYPE_STREAM, 2, "STREAM")                                                            \
    X(LG_PUSH_TYPE_INCREMENTAL, 3, "INCREMENTAL")

#define LG_COMPRESSION_TABLE(X)                                                                    \
    X(LG_COMPRESSION_NO_OP, 0, "NO_OP")                                                            \
    X(LG_COMPRESSION_GZIP, 1, "GZIP")                                                              \
    X(LG_COMPRESSION_ZSTD, 2, "ZSTD") /* deprecated: never used for data */                        \
    X(LG_COMPRESSION_ZSTD_WITH_DICT, 3, "ZSTD_WITH_DICT")

/* The misspelt name is the one on the wire. */
#define LG_PUSH_STRATEGY_TABLE(X)                                                                  \
    X(LG_PUSH_STRATEGY_WAIT_ALL, 0, "WAIT_ALL_REPLICAS")                                           \
    X(LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE, 1, "WAIT_N_MINUS_ONE_REPLCIA_PER_PARTITION")

#define LG_BACKUP_STRATEGY_TABLE(X)                                                                \
    X(LG_BACKUP_KEEP_MIN_VERSIONS, 0, "KEEP_MIN_VERSIONS")                                         \
    X(LG_BACKUP_DELETE_ON_NEW_PUSH_START, 1, "DELETE_ON_NEW_PUSH_START")

#define LG_REPLICA_STATE_TABLE(X)                                                                  \
    X(LG_REPLICA_UNKNOWN, 0, "UNKNOWN")                                                            \
    X(LG_REPLICA_DROPPED, 1, "DROPPED")                                                            \
    X(LG_REPLICA_ERROR, 2, "ERROR")                                                                \
    X(LG_REPLICA_OFFLINE, 3, "OFFLINE")                                                            \
    X(LG_REPLICA_STANDBY, 11, "STANDBY")                                                           \
    X(LG_REPLICA_LEADER, 12, "LEADER")

/* Ours: what clients that read from servers are told to speak; of a store, or of its cluster. */
#define LG_CLIENT_PROTOCOLS_TABLE(X)                                                               \
    X(LG_CLIENTS_CLUSTER, 0, "cluster") /* of a store: as its cluster says */                      \
    X(LG_CLIENTS_BOTH, 1, "both")                                                                  \
    X(LG_CLIENTS_GRPC, 2, "grpc")                                                                  \
    X(LG_CLIENTS_HTTP, 3, "http")

/* ExecutionStatus of a push, of a partition and of a replica. */
#define LG_PUSH_STATUS_TABLE(X)                                                                    \
    X(LG_PUSH_NOT_CREATED, 0, "NOT_CREATED")                                                       \
    X(LG_PUSH_NEW, 1, "NEW")                                                                       \
    X(LG_PUSH_STARTED, 2, "STARTED")                                                               \
    X(LG_PUSH_PROGRESS, 3, "PROGRESS")                                                             \
    X(LG_PUSH_END_OF_PUSH_RECEIVED, 4, "END_OF_PUSH_RECEIVED")                                     \
    X(LG_PUSH_START_OF_BUFFER_REPLAY_RECEIVED, 5, "START_OF_BUFFER_REPLAY_RECEIVED")               \
    X(LG_PUSH_TOPIC_SWITCH_RECEIVED, 6, "TOPIC_SWITCH_RECEIVED")                                   \
    X(LG_PUSH_START_OF_INCREMENTAL_PUSH_RECEIVED, 7, "START_OF_INCREMENTAL_PUSH_RECEIVED")         \
    X(LG_PUSH_END_OF_INCREMENTAL_PUSH_RECEIVED, 8, "END_OF_INCREMENTAL_PUSH_RECEIVED")             \
    X(LG_PUSH_DROPPED, 9, "DROPPED")                                                               \
    X(LG_PUSH_COMPLETED, 10, "COMPLETED")                                                          \
    X(LG_PUSH_WARNING, 11, "WARNING")                                                              \
    X(LG_PUSH_ERROR, 12, "ERROR")                                                                  \
    X(LG_PUSH_CATCH_UP_BASE_TOPIC_OFFSET_LAG, 13, "CATCH_UP_BASE_TOPIC_OFFSET_LAG")                \
    X(LG_PUSH_ARCHIVED, 14, "ARCHIVED")                                                            \
    X(LG_PUSH_UNKNOWN, 15, "UNKNOWN")                                                              \
    X(LG_PUSH_NOT_STARTED, 16, "NOT_STARTED")                                                      \
    X(LG_PUSH_DATA_RECOVERY_COMPLETED, 17, "DATA_RECOVERY_COMPLETED")                              \
    X(LG_PUSH_DVC_DISK_FULL, 18, "DVC_INGESTION_ERROR_DISK_FULL")                                  \
    X(LG_PUSH_DVC_MEMORY_LIMIT_REACHED, 19, "DVC_INGESTION_ERROR_MEMORY_LIMIT_REACHED")            \
    X(LG_PUSH_DVC_TOO_MANY_DEAD_INSTANCES, 20, "DVC_INGESTION_ERROR_TOO_MANY_DEAD_INSTANCES")      \
    X(LG_PUSH_DVC_OTHER, 21, "DVC_INGESTION_ERROR_OTHER")

/* Declares `enum <type>` and its three functions:
 *   const char *<type>_name(enum <type> v)              "UNKNOWN_ENUM" for an id without a row
 *   bool <type>_from_name(struct lg_slice name, enum <type> *out)   exact, case matters
 *   bool <type>_from_id(int64_t id, enum <type> *out) */
#define LG_ENUM_VALUE(constant, id, name) constant = id,
#define LG_ENUM_DECLARE(type, table)                                                               \
    enum type { table(LG_ENUM_VALUE) };                                                            \
    const char *type##_name(enum type v);                                                          \
    LG_MUST_CHECK bool type##_from_name(struct lg_slice name, enum type *out);                     \
    LG_MUST_CHECK bool type##_from_id(int64_t id, enum type *out);

LG_ENUM_DECLARE(lg_version_status, LG_VERSION_STATUS_TABLE)
LG_ENUM_DECLARE(lg_push_type, LG_PUSH_TYPE_TABLE)
LG_ENUM_DECLARE(lg_compression, LG_COMPRESSION_TABLE)
LG_ENUM_DECLARE(lg_push_strategy, LG_PUSH_STRATEGY_TABLE)
LG_ENUM_DECLARE(lg_backup_strategy, LG_BACKUP_STRATEGY_TABLE)
LG_ENUM_DECLARE(lg_replica_state, LG_REPLICA_STATE_TABLE)
LG_ENUM_DECLARE(lg_client_protocols, LG_CLIENT_PROTOCOLS_TABLE)
LG_ENUM_DECLARE(lg_push_status, LG_PUSH_STATUS_TABLE)

#endif
