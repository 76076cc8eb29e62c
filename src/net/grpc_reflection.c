#include "net/grpc_reflection.h"

static void refuse(struct lg_grpc_reflection_answer *out, enum lg_grpc_status status,
                   struct lg_slice text)
{
    out->error.error_code = (int32_t)status;
    out->error.error_message = text;
    out->response.message_response_case = LG_REFLECTION_RESPONSE_ERROR_RESPONSE;
    out->response.message_response.error_response = &out->error;
}

/* Files that describe nothing that is offered are not told. */
static bool is_offered(const struct lg_grpc_reflection *r, const struct lg_rpc_file *file)
{
    for (size_t i = 0; i < r->count; i++) {
        if (lg_rpc_file_of_symbol(r->services[i]) == file)
            return true;
    }
    return false;
}

static void tell_file(const struct lg_grpc_reflection *r, const struct lg_rpc_file *file,
                      struct lg_slice otherwise, struct lg_grpc_reflection_answer *out)
{
    if (file == NULL || !is_offered(r, file)) {
        refuse(out, LG_GRPC_NOT_FOUND, otherwise);
        return;
    }
    out->descriptor = file->descriptor;
    out->file.file_descriptor_proto.data = &out->descriptor;
    out->file.file_descriptor_proto.size = 1;
    out->response.message_response_case = LG_REFLECTION_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    out->response.message_response.file_descriptor_response = &out->file;
}

static void tell_services(const struct lg_grpc_reflection *r, struct lg_grpc_reflection_answer *out)
{
    for (size_t i = 0; i < r->count; i++)
        out->services[i].name = r->services[i];
    out->list.service.data = out->services;
    out->list.service.size = (uint32_t)r->count;
    out->response.message_response_case = LG_REFLECTION_RESPONSE_LIST_SERVICES_RESPONSE;
    out->response.message_response.list_services_response = &out->list;
}

void lg_grpc_reflection_answer(const struct lg_grpc_reflection *r,
                               const struct lg_reflection_request *rq,
                               struct lg_grpc_reflection_answer *out)
{
    assert(r->count <= LG_GRPC_REFLECTION_SERVICES_MAX);
    memset(out, 0, sizeof *out);
    out->request = *rq;
    out->response.valid_host = rq->host;
    out->response.original_request = &out->request;
    switch (rq->message_request_case) {
    case LG_REFLECTION_REQUEST_FILE_BY_FILENAME:
        tell_file(r, lg_rpc_file_by_name(rq->message_request.file_by_filename),
                  LG_LIT("no file of that name"), out);
        break;
    case LG_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL:
        tell_file(r, lg_rpc_file_of_symbol(rq->message_request.file_containing_symbol),
                  LG_LIT("no symbol of that name"), out);
        break;
    case LG_REFLECTION_REQUEST_FILE_CONTAINING_EXTENSION:
    case LG_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        refuse(out, LG_GRPC_NOT_FOUND, LG_LIT("there are no extensions"));
        break;
    case LG_REFLECTION_REQUEST_LIST_SERVICES:
        tell_services(r, out);
        break;
    default: /* One that only a newer client knows. */
        refuse(out, LG_GRPC_UNIMPLEMENTED, LG_LIT("a question that is not known here"));
    }
}
