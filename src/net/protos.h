/* Written by tools/gen_protos.py from proto/: messages as structs, for base/pb.h, and methods. */

/* clang-format off */
#ifndef LG_NET_PROTOS_H
#define LG_NET_PROTOS_H

#include "base/pb.h"

enum lg_grpc_health {
    LG_GRPC_HEALTH_UNKNOWN = 0,
    LG_GRPC_HEALTH_SERVING = 1,
    LG_GRPC_HEALTH_NOT_SERVING = 2,
    LG_GRPC_HEALTH_SERVICE_UNKNOWN = 3,
};

struct lg_venice_client_request;
struct lg_venice_server_response;
struct lg_venice_count_by_value_request;
struct lg_venice_value_count;
struct lg_venice_value_count_value_to_counts_entry;
struct lg_venice_count_by_value_response;
struct lg_venice_count_by_value_response_field_to_value_counts_entry;
struct lg_grpc_health_check_request;
struct lg_grpc_health_check_response;
struct lg_reflection_request;
struct lg_reflection_extension_request;
struct lg_reflection_response;
struct lg_reflection_file_descriptor_response;
struct lg_reflection_extension_number_response;
struct lg_reflection_list_service_response;
struct lg_reflection_service_response;
struct lg_reflection_error_response;
struct lg_reflection_alpha_request;
struct lg_reflection_alpha_extension_request;
struct lg_reflection_alpha_response;
struct lg_reflection_alpha_file_descriptor_response;
struct lg_reflection_alpha_extension_number_response;
struct lg_reflection_alpha_list_service_response;
struct lg_reflection_alpha_service_response;
struct lg_reflection_alpha_error_response;
struct lg_stream_batch_get_request;
struct lg_stream_batch;
struct lg_stream_key;
struct lg_stream_cancel;
struct lg_stream_batch_get_response;
struct lg_stream_value;
struct lg_stream_end;

/* com.linkedin.venice.protocols.VeniceClientRequest */
struct lg_venice_client_request {
    uint32_t partition;
    struct lg_slice key_string;
    struct lg_slice key_bytes;
    struct lg_slice resource_name;
    bool is_streaming_request;
    bool is_retry_request;
    bool is_batch_request;
    struct lg_slice method;
};
extern const struct lg_pb_message lg_venice_client_request_pb;

/* com.linkedin.venice.protocols.VeniceServerResponse */
struct lg_venice_server_response {
    int32_t schema_id;
    struct lg_slice data;
    uint32_t compression_strategy;
    uint32_t response_rcu;
    bool is_streaming_response;
    uint32_t error_code;
    struct lg_slice error_message;
};
extern const struct lg_pb_message lg_venice_server_response_pb;

/* com.linkedin.venice.protocols.CountByValueRequest */
struct lg_venice_count_by_value_request {
    LG_PB_ARRAY(struct lg_slice) keys;
    struct lg_slice resource_name;
    int32_t top_k;
    LG_PB_ARRAY(struct lg_slice) field_names;
};
extern const struct lg_pb_message lg_venice_count_by_value_request_pb;

/* com.linkedin.venice.protocols.ValueCount */
struct lg_venice_value_count {
    LG_PB_ARRAY(struct lg_venice_value_count_value_to_counts_entry) value_to_counts;
};
extern const struct lg_pb_message lg_venice_value_count_pb;

/* com.linkedin.venice.protocols.ValueCount.ValueToCountsEntry */
struct lg_venice_value_count_value_to_counts_entry {
    struct lg_slice key;
    int32_t value;
};
extern const struct lg_pb_message lg_venice_value_count_value_to_counts_entry_pb;

/* com.linkedin.venice.protocols.CountByValueResponse */
struct lg_venice_count_by_value_response {
    LG_PB_ARRAY(struct lg_venice_count_by_value_response_field_to_value_counts_entry) field_to_value_counts;
    uint32_t error_code;
    struct lg_slice error_message;
};
extern const struct lg_pb_message lg_venice_count_by_value_response_pb;

/* com.linkedin.venice.protocols.CountByValueResponse.FieldToValueCountsEntry */
struct lg_venice_count_by_value_response_field_to_value_counts_entry {
    struct lg_slice key;
    struct lg_venice_value_count *value;
};
extern const struct lg_pb_message lg_venice_count_by_value_response_field_to_value_counts_entry_pb;

/* grpc.health.v1.HealthCheckRequest */
struct lg_grpc_health_check_request {
    struct lg_slice service;
};
extern const struct lg_pb_message lg_grpc_health_check_request_pb;

/* grpc.health.v1.HealthCheckResponse */
struct lg_grpc_health_check_response {
    int32_t status;
};
extern const struct lg_pb_message lg_grpc_health_check_response_pb;

/* grpc.reflection.v1.ServerReflectionRequest */
struct lg_reflection_request {
    struct lg_slice host;
    uint32_t message_request_case; /* 0, or the number of one of these */
    union {
        struct lg_slice file_by_filename; /* 3 */
        struct lg_slice file_containing_symbol; /* 4 */
        struct lg_reflection_extension_request *file_containing_extension; /* 5 */
        struct lg_slice all_extension_numbers_of_type; /* 6 */
        struct lg_slice list_services; /* 7 */
    } message_request;
};
enum {
    LG_REFLECTION_REQUEST_FILE_BY_FILENAME = 3,
    LG_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL = 4,
    LG_REFLECTION_REQUEST_FILE_CONTAINING_EXTENSION = 5,
    LG_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE = 6,
    LG_REFLECTION_REQUEST_LIST_SERVICES = 7,
};
extern const struct lg_pb_message lg_reflection_request_pb;

/* grpc.reflection.v1.ExtensionRequest */
struct lg_reflection_extension_request {
    struct lg_slice containing_type;
    int32_t extension_number;
};
extern const struct lg_pb_message lg_reflection_extension_request_pb;

/* grpc.reflection.v1.ServerReflectionResponse */
struct lg_reflection_response {
    struct lg_slice valid_host;
    struct lg_reflection_request *original_request;
    uint32_t message_response_case; /* 0, or the number of one of these */
    union {
        struct lg_reflection_file_descriptor_response *file_descriptor_response; /* 4 */
        struct lg_reflection_extension_number_response *all_extension_numbers_response; /* 5 */
        struct lg_reflection_list_service_response *list_services_response; /* 6 */
        struct lg_reflection_error_response *error_response; /* 7 */
    } message_response;
};
enum {
    LG_REFLECTION_RESPONSE_FILE_DESCRIPTOR_RESPONSE = 4,
    LG_REFLECTION_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE = 5,
    LG_REFLECTION_RESPONSE_LIST_SERVICES_RESPONSE = 6,
    LG_REFLECTION_RESPONSE_ERROR_RESPONSE = 7,
};
extern const struct lg_pb_message lg_reflection_response_pb;

/* grpc.reflection.v1.FileDescriptorResponse */
struct lg_reflection_file_descriptor_response {
    LG_PB_ARRAY(struct lg_slice) file_descriptor_proto;
};
extern const struct lg_pb_message lg_reflection_file_descriptor_response_pb;

/* grpc.reflection.v1.ExtensionNumberResponse */
struct lg_reflection_extension_number_response {
    struct lg_slice base_type_name;
    LG_PB_ARRAY(int32_t) extension_number;
};
extern const struct lg_pb_message lg_reflection_extension_number_response_pb;

/* grpc.reflection.v1.ListServiceResponse */
struct lg_reflection_list_service_response {
    LG_PB_ARRAY(struct lg_reflection_service_response) service;
};
extern const struct lg_pb_message lg_reflection_list_service_response_pb;

/* grpc.reflection.v1.ServiceResponse */
struct lg_reflection_service_response {
    struct lg_slice name;
};
extern const struct lg_pb_message lg_reflection_service_response_pb;

/* grpc.reflection.v1.ErrorResponse */
struct lg_reflection_error_response {
    int32_t error_code;
    struct lg_slice error_message;
};
extern const struct lg_pb_message lg_reflection_error_response_pb;

/* grpc.reflection.v1alpha.ServerReflectionRequest */
struct lg_reflection_alpha_request {
    struct lg_slice host;
    uint32_t message_request_case; /* 0, or the number of one of these */
    union {
        struct lg_slice file_by_filename; /* 3 */
        struct lg_slice file_containing_symbol; /* 4 */
        struct lg_reflection_alpha_extension_request *file_containing_extension; /* 5 */
        struct lg_slice all_extension_numbers_of_type; /* 6 */
        struct lg_slice list_services; /* 7 */
    } message_request;
};
enum {
    LG_REFLECTION_ALPHA_REQUEST_FILE_BY_FILENAME = 3,
    LG_REFLECTION_ALPHA_REQUEST_FILE_CONTAINING_SYMBOL = 4,
    LG_REFLECTION_ALPHA_REQUEST_FILE_CONTAINING_EXTENSION = 5,
    LG_REFLECTION_ALPHA_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE = 6,
    LG_REFLECTION_ALPHA_REQUEST_LIST_SERVICES = 7,
};
extern const struct lg_pb_message lg_reflection_alpha_request_pb;

/* grpc.reflection.v1alpha.ExtensionRequest */
struct lg_reflection_alpha_extension_request {
    struct lg_slice containing_type;
    int32_t extension_number;
};
extern const struct lg_pb_message lg_reflection_alpha_extension_request_pb;

/* grpc.reflection.v1alpha.ServerReflectionResponse */
struct lg_reflection_alpha_response {
    struct lg_slice valid_host;
    struct lg_reflection_alpha_request *original_request;
    uint32_t message_response_case; /* 0, or the number of one of these */
    union {
        struct lg_reflection_alpha_file_descriptor_response *file_descriptor_response; /* 4 */
        struct lg_reflection_alpha_extension_number_response *all_extension_numbers_response; /* 5 */
        struct lg_reflection_alpha_list_service_response *list_services_response; /* 6 */
        struct lg_reflection_alpha_error_response *error_response; /* 7 */
    } message_response;
};
enum {
    LG_REFLECTION_ALPHA_RESPONSE_FILE_DESCRIPTOR_RESPONSE = 4,
    LG_REFLECTION_ALPHA_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE = 5,
    LG_REFLECTION_ALPHA_RESPONSE_LIST_SERVICES_RESPONSE = 6,
    LG_REFLECTION_ALPHA_RESPONSE_ERROR_RESPONSE = 7,
};
extern const struct lg_pb_message lg_reflection_alpha_response_pb;

/* grpc.reflection.v1alpha.FileDescriptorResponse */
struct lg_reflection_alpha_file_descriptor_response {
    LG_PB_ARRAY(struct lg_slice) file_descriptor_proto;
};
extern const struct lg_pb_message lg_reflection_alpha_file_descriptor_response_pb;

/* grpc.reflection.v1alpha.ExtensionNumberResponse */
struct lg_reflection_alpha_extension_number_response {
    struct lg_slice base_type_name;
    LG_PB_ARRAY(int32_t) extension_number;
};
extern const struct lg_pb_message lg_reflection_alpha_extension_number_response_pb;

/* grpc.reflection.v1alpha.ListServiceResponse */
struct lg_reflection_alpha_list_service_response {
    LG_PB_ARRAY(struct lg_reflection_alpha_service_response) service;
};
extern const struct lg_pb_message lg_reflection_alpha_list_service_response_pb;

/* grpc.reflection.v1alpha.ServiceResponse */
struct lg_reflection_alpha_service_response {
    struct lg_slice name;
};
extern const struct lg_pb_message lg_reflection_alpha_service_response_pb;

/* grpc.reflection.v1alpha.ErrorResponse */
struct lg_reflection_alpha_error_response {
    int32_t error_code;
    struct lg_slice error_message;
};
extern const struct lg_pb_message lg_reflection_alpha_error_response_pb;

/* lagoon.read.v1.BatchGetRequest */
struct lg_stream_batch_get_request {
    uint64_t batch_id;
    uint32_t action_case; /* 0, or the number of one of these */
    union {
        struct lg_stream_batch *get; /* 2 */
        struct lg_stream_cancel *cancel; /* 3 */
    } action;
};
enum {
    LG_STREAM_BATCH_GET_REQUEST_GET = 2,
    LG_STREAM_BATCH_GET_REQUEST_CANCEL = 3,
};
extern const struct lg_pb_message lg_stream_batch_get_request_pb;

/* lagoon.read.v1.Batch */
struct lg_stream_batch {
    struct lg_slice store;
    uint32_t version;
    LG_PB_ARRAY(struct lg_stream_key) keys;
    uint32_t timeout_ms;
    bool is_retry;
};
extern const struct lg_pb_message lg_stream_batch_pb;

/* lagoon.read.v1.Key */
struct lg_stream_key {
    uint32_t id;
    struct lg_slice key;
    uint32_t partition;
    bool has_partition;
};
extern const struct lg_pb_message lg_stream_key_pb;

/* lagoon.read.v1.Cancel */
struct lg_stream_cancel {
    char nothing;
};
extern const struct lg_pb_message lg_stream_cancel_pb;

/* lagoon.read.v1.BatchGetResponse */
struct lg_stream_batch_get_response {
    uint64_t batch_id;
    LG_PB_ARRAY(struct lg_stream_value) values;
    LG_PB_ARRAY(uint32_t) missing;
    struct lg_stream_end *end;
};
extern const struct lg_pb_message lg_stream_batch_get_response_pb;

/* lagoon.read.v1.Value */
struct lg_stream_value {
    uint32_t id;
    int32_t schema_id;
    struct lg_slice data;
    uint32_t compression;
    uint32_t version;
};
extern const struct lg_pb_message lg_stream_value_pb;

/* lagoon.read.v1.End */
struct lg_stream_end {
    uint32_t status;
    struct lg_slice message;
    uint32_t rcu;
    uint32_t version;
    uint32_t retry_after_ms;
};
extern const struct lg_pb_message lg_stream_end_pb;

/* Rows of lg_rpc_methods: see net/rpc.h. */
enum lg_rpc {
    LG_RPC_VENICE_READ_GET,
    LG_RPC_VENICE_READ_BATCH_GET,
    LG_RPC_VENICE_READ_COUNT_BY_VALUE,
    LG_RPC_HEALTH_CHECK,
    LG_RPC_HEALTH_WATCH,
    LG_RPC_SERVER_REFLECTION_SERVER_REFLECTION_INFO,
    LG_RPC_SERVER_REFLECTION_ALPHA_SERVER_REFLECTION_INFO,
    LG_RPC_READ_BATCH_GET,
    LG_RPC_COUNT
};

#endif
