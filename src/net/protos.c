/* Written by tools/gen_protos.py from proto/: the tables of protos.h. Constant. */

/* clang-format off */
#include "net/protos.h"

#include "net/rpc.h"

static const struct lg_pb_field lg_venice_client_request_fields[] = {
    {1, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, partition), 0, "partition", NULL},
    {2, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, key_string), 0, "keyString", NULL},
    {3, LG_PB_BYTES, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, key_bytes), 0, "keyBytes", NULL},
    {5, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, resource_name), 0, "resourceName", NULL},
    {7, LG_PB_BOOL, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, is_streaming_request), 0, "isStreamingRequest", NULL},
    {8, LG_PB_BOOL, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, is_retry_request), 0, "isRetryRequest", NULL},
    {9, LG_PB_BOOL, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, is_batch_request), 0, "isBatchRequest", NULL},
    {10, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_venice_client_request, method), 0, "method", NULL},
};
const struct lg_pb_message lg_venice_client_request_pb = {
    "com.linkedin.venice.protocols.VeniceClientRequest", lg_venice_client_request_fields, 8, sizeof(struct lg_venice_client_request), false};

static const struct lg_pb_field lg_venice_server_response_fields[] = {
    {1, LG_PB_SINT32, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, schema_id), 0, "schemaId", NULL},
    {2, LG_PB_BYTES, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, data), 0, "data", NULL},
    {3, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, compression_strategy), 0, "compressionStrategy", NULL},
    {4, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, response_rcu), 0, "responseRCU", NULL},
    {5, LG_PB_BOOL, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, is_streaming_response), 0, "isStreamingResponse", NULL},
    {6, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, error_code), 0, "errorCode", NULL},
    {7, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_venice_server_response, error_message), 0, "errorMessage", NULL},
};
const struct lg_pb_message lg_venice_server_response_pb = {
    "com.linkedin.venice.protocols.VeniceServerResponse", lg_venice_server_response_fields, 7, sizeof(struct lg_venice_server_response), false};

static const struct lg_pb_field lg_venice_count_by_value_request_fields[] = {
    {1, LG_PB_BYTES, LG_PB_REPEATED, offsetof(struct lg_venice_count_by_value_request, keys), 0, "keys", NULL},
    {2, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_venice_count_by_value_request, resource_name), 0, "resourceName", NULL},
    {3, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_venice_count_by_value_request, top_k), 0, "topK", NULL},
    {4, LG_PB_STRING, LG_PB_REPEATED, offsetof(struct lg_venice_count_by_value_request, field_names), 0, "fieldNames", NULL},
};
const struct lg_pb_message lg_venice_count_by_value_request_pb = {
    "com.linkedin.venice.protocols.CountByValueRequest", lg_venice_count_by_value_request_fields, 4, sizeof(struct lg_venice_count_by_value_request), false};

static const struct lg_pb_field lg_venice_value_count_fields[] = {
    {1, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_venice_value_count, value_to_counts), 0, "valueToCounts", &lg_venice_value_count_value_to_counts_entry_pb},
};
const struct lg_pb_message lg_venice_value_count_pb = {
    "com.linkedin.venice.protocols.ValueCount", lg_venice_value_count_fields, 1, sizeof(struct lg_venice_value_count), true};

static const struct lg_pb_field lg_venice_value_count_value_to_counts_entry_fields[] = {
    {1, LG_PB_STRING, LG_PB_ALWAYS, offsetof(struct lg_venice_value_count_value_to_counts_entry, key), 0, "key", NULL},
    {2, LG_PB_INT32, LG_PB_ALWAYS, offsetof(struct lg_venice_value_count_value_to_counts_entry, value), 0, "value", NULL},
};
const struct lg_pb_message lg_venice_value_count_value_to_counts_entry_pb = {
    "com.linkedin.venice.protocols.ValueCount.ValueToCountsEntry", lg_venice_value_count_value_to_counts_entry_fields, 2, sizeof(struct lg_venice_value_count_value_to_counts_entry), false};

static const struct lg_pb_field lg_venice_count_by_value_response_fields[] = {
    {1, LG_PB_MESSAGE, LG_PB_MAP, offsetof(struct lg_venice_count_by_value_response, field_to_value_counts), 0, "fieldToValueCounts", &lg_venice_count_by_value_response_field_to_value_counts_entry_pb},
    {2, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_venice_count_by_value_response, error_code), 0, "errorCode", NULL},
    {3, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_venice_count_by_value_response, error_message), 0, "errorMessage", NULL},
};
const struct lg_pb_message lg_venice_count_by_value_response_pb = {
    "com.linkedin.venice.protocols.CountByValueResponse", lg_venice_count_by_value_response_fields, 3, sizeof(struct lg_venice_count_by_value_response), true};

static const struct lg_pb_field lg_venice_count_by_value_response_field_to_value_counts_entry_fields[] = {
    {1, LG_PB_STRING, LG_PB_ALWAYS, offsetof(struct lg_venice_count_by_value_response_field_to_value_counts_entry, key), 0, "key", NULL},
    {2, LG_PB_MESSAGE, LG_PB_ALWAYS, offsetof(struct lg_venice_count_by_value_response_field_to_value_counts_entry, value), 0, "value", &lg_venice_value_count_pb},
};
const struct lg_pb_message lg_venice_count_by_value_response_field_to_value_counts_entry_pb = {
    "com.linkedin.venice.protocols.CountByValueResponse.FieldToValueCountsEntry", lg_venice_count_by_value_response_field_to_value_counts_entry_fields, 2, sizeof(struct lg_venice_count_by_value_response_field_to_value_counts_entry), true};

static const struct lg_pb_field lg_grpc_health_check_request_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_grpc_health_check_request, service), 0, "service", NULL},
};
const struct lg_pb_message lg_grpc_health_check_request_pb = {
    "grpc.health.v1.HealthCheckRequest", lg_grpc_health_check_request_fields, 1, sizeof(struct lg_grpc_health_check_request), false};

static const struct lg_pb_field lg_grpc_health_check_response_fields[] = {
    {1, LG_PB_ENUM, LG_PB_PLAIN, offsetof(struct lg_grpc_health_check_response, status), 0, "status", NULL},
};
const struct lg_pb_message lg_grpc_health_check_response_pb = {
    "grpc.health.v1.HealthCheckResponse", lg_grpc_health_check_response_fields, 1, sizeof(struct lg_grpc_health_check_response), false};

static const struct lg_pb_field lg_reflection_request_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_request, host), 0, "host", NULL},
    {3, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_request, message_request.file_by_filename), offsetof(struct lg_reflection_request, message_request_case), "file_by_filename", NULL},
    {4, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_request, message_request.file_containing_symbol), offsetof(struct lg_reflection_request, message_request_case), "file_containing_symbol", NULL},
    {5, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_request, message_request.file_containing_extension), offsetof(struct lg_reflection_request, message_request_case), "file_containing_extension", &lg_reflection_extension_request_pb},
    {6, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_request, message_request.all_extension_numbers_of_type), offsetof(struct lg_reflection_request, message_request_case), "all_extension_numbers_of_type", NULL},
    {7, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_request, message_request.list_services), offsetof(struct lg_reflection_request, message_request_case), "list_services", NULL},
};
const struct lg_pb_message lg_reflection_request_pb = {
    "grpc.reflection.v1.ServerReflectionRequest", lg_reflection_request_fields, 6, sizeof(struct lg_reflection_request), false};

static const struct lg_pb_field lg_reflection_extension_request_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_extension_request, containing_type), 0, "containing_type", NULL},
    {2, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_reflection_extension_request, extension_number), 0, "extension_number", NULL},
};
const struct lg_pb_message lg_reflection_extension_request_pb = {
    "grpc.reflection.v1.ExtensionRequest", lg_reflection_extension_request_fields, 2, sizeof(struct lg_reflection_extension_request), false};

static const struct lg_pb_field lg_reflection_response_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_response, valid_host), 0, "valid_host", NULL},
    {2, LG_PB_MESSAGE, LG_PB_PLAIN, offsetof(struct lg_reflection_response, original_request), 0, "original_request", &lg_reflection_request_pb},
    {4, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_response, message_response.file_descriptor_response), offsetof(struct lg_reflection_response, message_response_case), "file_descriptor_response", &lg_reflection_file_descriptor_response_pb},
    {5, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_response, message_response.all_extension_numbers_response), offsetof(struct lg_reflection_response, message_response_case), "all_extension_numbers_response", &lg_reflection_extension_number_response_pb},
    {6, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_response, message_response.list_services_response), offsetof(struct lg_reflection_response, message_response_case), "list_services_response", &lg_reflection_list_service_response_pb},
    {7, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_response, message_response.error_response), offsetof(struct lg_reflection_response, message_response_case), "error_response", &lg_reflection_error_response_pb},
};
const struct lg_pb_message lg_reflection_response_pb = {
    "grpc.reflection.v1.ServerReflectionResponse", lg_reflection_response_fields, 6, sizeof(struct lg_reflection_response), false};

static const struct lg_pb_field lg_reflection_file_descriptor_response_fields[] = {
    {1, LG_PB_BYTES, LG_PB_REPEATED, offsetof(struct lg_reflection_file_descriptor_response, file_descriptor_proto), 0, "file_descriptor_proto", NULL},
};
const struct lg_pb_message lg_reflection_file_descriptor_response_pb = {
    "grpc.reflection.v1.FileDescriptorResponse", lg_reflection_file_descriptor_response_fields, 1, sizeof(struct lg_reflection_file_descriptor_response), false};

static const struct lg_pb_field lg_reflection_extension_number_response_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_extension_number_response, base_type_name), 0, "base_type_name", NULL},
    {2, LG_PB_INT32, LG_PB_PACKED, offsetof(struct lg_reflection_extension_number_response, extension_number), 0, "extension_number", NULL},
};
const struct lg_pb_message lg_reflection_extension_number_response_pb = {
    "grpc.reflection.v1.ExtensionNumberResponse", lg_reflection_extension_number_response_fields, 2, sizeof(struct lg_reflection_extension_number_response), false};

static const struct lg_pb_field lg_reflection_list_service_response_fields[] = {
    {1, LG_PB_MESSAGE, LG_PB_REPEATED, offsetof(struct lg_reflection_list_service_response, service), 0, "service", &lg_reflection_service_response_pb},
};
const struct lg_pb_message lg_reflection_list_service_response_pb = {
    "grpc.reflection.v1.ListServiceResponse", lg_reflection_list_service_response_fields, 1, sizeof(struct lg_reflection_list_service_response), false};

static const struct lg_pb_field lg_reflection_service_response_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_service_response, name), 0, "name", NULL},
};
const struct lg_pb_message lg_reflection_service_response_pb = {
    "grpc.reflection.v1.ServiceResponse", lg_reflection_service_response_fields, 1, sizeof(struct lg_reflection_service_response), false};

static const struct lg_pb_field lg_reflection_error_response_fields[] = {
    {1, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_reflection_error_response, error_code), 0, "error_code", NULL},
    {2, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_error_response, error_message), 0, "error_message", NULL},
};
const struct lg_pb_message lg_reflection_error_response_pb = {
    "grpc.reflection.v1.ErrorResponse", lg_reflection_error_response_fields, 2, sizeof(struct lg_reflection_error_response), false};

static const struct lg_pb_field lg_reflection_alpha_request_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_request, host), 0, "host", NULL},
    {3, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_request, message_request.file_by_filename), offsetof(struct lg_reflection_alpha_request, message_request_case), "file_by_filename", NULL},
    {4, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_request, message_request.file_containing_symbol), offsetof(struct lg_reflection_alpha_request, message_request_case), "file_containing_symbol", NULL},
    {5, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_request, message_request.file_containing_extension), offsetof(struct lg_reflection_alpha_request, message_request_case), "file_containing_extension", &lg_reflection_alpha_extension_request_pb},
    {6, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_request, message_request.all_extension_numbers_of_type), offsetof(struct lg_reflection_alpha_request, message_request_case), "all_extension_numbers_of_type", NULL},
    {7, LG_PB_STRING, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_request, message_request.list_services), offsetof(struct lg_reflection_alpha_request, message_request_case), "list_services", NULL},
};
const struct lg_pb_message lg_reflection_alpha_request_pb = {
    "grpc.reflection.v1alpha.ServerReflectionRequest", lg_reflection_alpha_request_fields, 6, sizeof(struct lg_reflection_alpha_request), false};

static const struct lg_pb_field lg_reflection_alpha_extension_request_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_extension_request, containing_type), 0, "containing_type", NULL},
    {2, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_extension_request, extension_number), 0, "extension_number", NULL},
};
const struct lg_pb_message lg_reflection_alpha_extension_request_pb = {
    "grpc.reflection.v1alpha.ExtensionRequest", lg_reflection_alpha_extension_request_fields, 2, sizeof(struct lg_reflection_alpha_extension_request), false};

static const struct lg_pb_field lg_reflection_alpha_response_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_response, valid_host), 0, "valid_host", NULL},
    {2, LG_PB_MESSAGE, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_response, original_request), 0, "original_request", &lg_reflection_alpha_request_pb},
    {4, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_response, message_response.file_descriptor_response), offsetof(struct lg_reflection_alpha_response, message_response_case), "file_descriptor_response", &lg_reflection_alpha_file_descriptor_response_pb},
    {5, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_response, message_response.all_extension_numbers_response), offsetof(struct lg_reflection_alpha_response, message_response_case), "all_extension_numbers_response", &lg_reflection_alpha_extension_number_response_pb},
    {6, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_response, message_response.list_services_response), offsetof(struct lg_reflection_alpha_response, message_response_case), "list_services_response", &lg_reflection_alpha_list_service_response_pb},
    {7, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_reflection_alpha_response, message_response.error_response), offsetof(struct lg_reflection_alpha_response, message_response_case), "error_response", &lg_reflection_alpha_error_response_pb},
};
const struct lg_pb_message lg_reflection_alpha_response_pb = {
    "grpc.reflection.v1alpha.ServerReflectionResponse", lg_reflection_alpha_response_fields, 6, sizeof(struct lg_reflection_alpha_response), false};

static const struct lg_pb_field lg_reflection_alpha_file_descriptor_response_fields[] = {
    {1, LG_PB_BYTES, LG_PB_REPEATED, offsetof(struct lg_reflection_alpha_file_descriptor_response, file_descriptor_proto), 0, "file_descriptor_proto", NULL},
};
const struct lg_pb_message lg_reflection_alpha_file_descriptor_response_pb = {
    "grpc.reflection.v1alpha.FileDescriptorResponse", lg_reflection_alpha_file_descriptor_response_fields, 1, sizeof(struct lg_reflection_alpha_file_descriptor_response), false};

static const struct lg_pb_field lg_reflection_alpha_extension_number_response_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_extension_number_response, base_type_name), 0, "base_type_name", NULL},
    {2, LG_PB_INT32, LG_PB_PACKED, offsetof(struct lg_reflection_alpha_extension_number_response, extension_number), 0, "extension_number", NULL},
};
const struct lg_pb_message lg_reflection_alpha_extension_number_response_pb = {
    "grpc.reflection.v1alpha.ExtensionNumberResponse", lg_reflection_alpha_extension_number_response_fields, 2, sizeof(struct lg_reflection_alpha_extension_number_response), false};

static const struct lg_pb_field lg_reflection_alpha_list_service_response_fields[] = {
    {1, LG_PB_MESSAGE, LG_PB_REPEATED, offsetof(struct lg_reflection_alpha_list_service_response, service), 0, "service", &lg_reflection_alpha_service_response_pb},
};
const struct lg_pb_message lg_reflection_alpha_list_service_response_pb = {
    "grpc.reflection.v1alpha.ListServiceResponse", lg_reflection_alpha_list_service_response_fields, 1, sizeof(struct lg_reflection_alpha_list_service_response), false};

static const struct lg_pb_field lg_reflection_alpha_service_response_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_service_response, name), 0, "name", NULL},
};
const struct lg_pb_message lg_reflection_alpha_service_response_pb = {
    "grpc.reflection.v1alpha.ServiceResponse", lg_reflection_alpha_service_response_fields, 1, sizeof(struct lg_reflection_alpha_service_response), false};

static const struct lg_pb_field lg_reflection_alpha_error_response_fields[] = {
    {1, LG_PB_INT32, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_error_response, error_code), 0, "error_code", NULL},
    {2, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_reflection_alpha_error_response, error_message), 0, "error_message", NULL},
};
const struct lg_pb_message lg_reflection_alpha_error_response_pb = {
    "grpc.reflection.v1alpha.ErrorResponse", lg_reflection_alpha_error_response_fields, 2, sizeof(struct lg_reflection_alpha_error_response), false};

static const struct lg_pb_field lg_stream_batch_get_request_fields[] = {
    {1, LG_PB_UINT64, LG_PB_PLAIN, offsetof(struct lg_stream_batch_get_request, batch_id), 0, "batch_id", NULL},
    {2, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_stream_batch_get_request, action.get), offsetof(struct lg_stream_batch_get_request, action_case), "get", &lg_stream_batch_pb},
    {3, LG_PB_MESSAGE, LG_PB_ONEOF, offsetof(struct lg_stream_batch_get_request, action.cancel), offsetof(struct lg_stream_batch_get_request, action_case), "cancel", &lg_stream_cancel_pb},
};
const struct lg_pb_message lg_stream_batch_get_request_pb = {
    "lagoon.read.v1.BatchGetRequest", lg_stream_batch_get_request_fields, 3, sizeof(struct lg_stream_batch_get_request), false};

static const struct lg_pb_field lg_stream_batch_fields[] = {
    {1, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_stream_batch, store), 0, "store", NULL},
    {2, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_batch, version), 0, "version", NULL},
    {3, LG_PB_MESSAGE, LG_PB_REPEATED, offsetof(struct lg_stream_batch, keys), 0, "keys", &lg_stream_key_pb},
    {4, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_batch, timeout_ms), 0, "timeout_ms", NULL},
    {5, LG_PB_BOOL, LG_PB_PLAIN, offsetof(struct lg_stream_batch, is_retry), 0, "is_retry", NULL},
};
const struct lg_pb_message lg_stream_batch_pb = {
    "lagoon.read.v1.Batch", lg_stream_batch_fields, 5, sizeof(struct lg_stream_batch), false};

static const struct lg_pb_field lg_stream_key_fields[] = {
    {1, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_key, id), 0, "id", NULL},
    {2, LG_PB_BYTES, LG_PB_PLAIN, offsetof(struct lg_stream_key, key), 0, "key", NULL},
    {3, LG_PB_UINT32, LG_PB_OPTIONAL, offsetof(struct lg_stream_key, partition), offsetof(struct lg_stream_key, has_partition), "partition", NULL},
};
const struct lg_pb_message lg_stream_key_pb = {
    "lagoon.read.v1.Key", lg_stream_key_fields, 3, sizeof(struct lg_stream_key), false};

const struct lg_pb_message lg_stream_cancel_pb = {
    "lagoon.read.v1.Cancel", NULL, 0, sizeof(struct lg_stream_cancel), false};

static const struct lg_pb_field lg_stream_batch_get_response_fields[] = {
    {1, LG_PB_UINT64, LG_PB_PLAIN, offsetof(struct lg_stream_batch_get_response, batch_id), 0, "batch_id", NULL},
    {2, LG_PB_MESSAGE, LG_PB_REPEATED, offsetof(struct lg_stream_batch_get_response, values), 0, "values", &lg_stream_value_pb},
    {3, LG_PB_UINT32, LG_PB_PACKED, offsetof(struct lg_stream_batch_get_response, missing), 0, "missing", NULL},
    {4, LG_PB_MESSAGE, LG_PB_PLAIN, offsetof(struct lg_stream_batch_get_response, end), 0, "end", &lg_stream_end_pb},
};
const struct lg_pb_message lg_stream_batch_get_response_pb = {
    "lagoon.read.v1.BatchGetResponse", lg_stream_batch_get_response_fields, 4, sizeof(struct lg_stream_batch_get_response), false};

static const struct lg_pb_field lg_stream_value_fields[] = {
    {1, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_value, id), 0, "id", NULL},
    {2, LG_PB_SINT32, LG_PB_PLAIN, offsetof(struct lg_stream_value, schema_id), 0, "schema_id", NULL},
    {3, LG_PB_BYTES, LG_PB_PLAIN, offsetof(struct lg_stream_value, data), 0, "data", NULL},
    {4, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_value, compression), 0, "compression", NULL},
    {5, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_value, version), 0, "version", NULL},
};
const struct lg_pb_message lg_stream_value_pb = {
    "lagoon.read.v1.Value", lg_stream_value_fields, 5, sizeof(struct lg_stream_value), false};

static const struct lg_pb_field lg_stream_end_fields[] = {
    {1, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_end, status), 0, "status", NULL},
    {2, LG_PB_STRING, LG_PB_PLAIN, offsetof(struct lg_stream_end, message), 0, "message", NULL},
    {3, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_end, rcu), 0, "rcu", NULL},
    {4, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_end, version), 0, "version", NULL},
    {5, LG_PB_UINT32, LG_PB_PLAIN, offsetof(struct lg_stream_end, retry_after_ms), 0, "retry_after_ms", NULL},
};
const struct lg_pb_message lg_stream_end_pb = {
    "lagoon.read.v1.End", lg_stream_end_fields, 5, sizeof(struct lg_stream_end), false};

const struct lg_rpc_method lg_rpc_methods[LG_RPC_COUNT] = {
    [LG_RPC_VENICE_READ_GET] = {LG_LIT("/com.linkedin.venice.protocols.VeniceReadService/get"), LG_LIT("com.linkedin.venice.protocols.VeniceReadService"),
        &lg_venice_client_request_pb, &lg_venice_server_response_pb, false, false},
    [LG_RPC_VENICE_READ_BATCH_GET] = {LG_LIT("/com.linkedin.venice.protocols.VeniceReadService/batchGet"), LG_LIT("com.linkedin.venice.protocols.VeniceReadService"),
        &lg_venice_client_request_pb, &lg_venice_server_response_pb, false, false},
    [LG_RPC_VENICE_READ_COUNT_BY_VALUE] = {LG_LIT("/com.linkedin.venice.protocols.VeniceReadService/countByValue"), LG_LIT("com.linkedin.venice.protocols.VeniceReadService"),
        &lg_venice_count_by_value_request_pb, &lg_venice_count_by_value_response_pb, false, false},
    [LG_RPC_HEALTH_CHECK] = {LG_LIT("/grpc.health.v1.Health/Check"), LG_LIT("grpc.health.v1.Health"),
        &lg_grpc_health_check_request_pb, &lg_grpc_health_check_response_pb, false, false},
    [LG_RPC_HEALTH_WATCH] = {LG_LIT("/grpc.health.v1.Health/Watch"), LG_LIT("grpc.health.v1.Health"),
        &lg_grpc_health_check_request_pb, &lg_grpc_health_check_response_pb, false, true},
    [LG_RPC_SERVER_REFLECTION_SERVER_REFLECTION_INFO] = {LG_LIT("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"), LG_LIT("grpc.reflection.v1.ServerReflection"),
        &lg_reflection_request_pb, &lg_reflection_response_pb, true, true},
    [LG_RPC_SERVER_REFLECTION_ALPHA_SERVER_REFLECTION_INFO] = {LG_LIT("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"), LG_LIT("grpc.reflection.v1alpha.ServerReflection"),
        &lg_reflection_alpha_request_pb, &lg_reflection_alpha_response_pb, true, true},
    [LG_RPC_READ_BATCH_GET] = {LG_LIT("/lagoon.read.v1.ReadService/BatchGet"), LG_LIT("lagoon.read.v1.ReadService"),
        &lg_stream_batch_get_request_pb, &lg_stream_batch_get_response_pb, true, true},
};
