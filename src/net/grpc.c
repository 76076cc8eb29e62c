#include "net/grpc.h"

#include <strings.h>

#include "base/compressor.h"
#include "base/str.h"

/* --- The head of a request -------------------------------------------------------------------- */
static bool is_word(struct lg_slice s, const char *word)
{
    size_t size = strlen(word);

    return s.size == size && (size == 0 || strncasecmp((const char *)s.data, word, size) == 0);
}

/* Without blanks around it. */
static struct lg_slice trim(struct lg_slice s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = lg_slice_skip(s, 1);
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

/* What stands before the byte; `*rest` is what follows it. All of it when the byte is not there. */
static struct lg_slice cut(struct lg_slice s, char at, struct lg_slice *rest)
{
    const uint8_t *found = s.size == 0 ? NULL : (const uint8_t *)memchr(s.data, at, s.size);
    size_t size = found == NULL ? s.size : (size_t)(found - s.data);

    *rest = found == NULL ? LG_SLICE_NULL : lg_slice(found + 1, s.size - size - 1);
    return lg_slice(s.data, size);
}

bool lg_grpc_is_grpc(struct lg_slice content_type)
{
    struct lg_slice parameters, type = trim(cut(content_type, ';', &parameters));

    return is_word(type, "application/grpc") || is_word(type, "application/grpc+proto");
}

bool lg_grpc_split_path(struct lg_slice path, struct lg_slice *out_service,
                        struct lg_slice *out_method)
{
    struct lg_slice service, method;

    if (path.size == 0 || path.data[0] != '/')
        return false;
    service = cut(lg_slice_skip(path, 1), '/', &method);
    if (service.size == 0 || method.size == 0 || memchr(method.data, '/', method.size) != NULL)
        return false;
    *out_service = service;
    *out_method = method;
    return true;
}

#define TIMEOUT_DIGITS_MAX 8

/* Nanoseconds of each unit. */
static const struct unit {
    char letter;
    uint64_t ns;
} units[] = {{'n', 1},
             {'u', 1000},
             {'m', 1000000},
             {'S', UINT64_C(1000000000)},
             {'M', UINT64_C(60000000000)},
             {'H', UINT64_C(3600000000000)}};

bool lg_grpc_parse_timeout(struct lg_slice text, uint64_t *out_us)
{
    uint64_t n;

    if (text.size < 2 || text.size > TIMEOUT_DIGITS_MAX + 1 ||
        !lg_parse_u64(lg_slice(text.data, text.size - 1), UINT64_MAX, &n))
        return false;
    for (size_t i = 0; i < LG_ARRAY_SIZE(units); i++) {
        if ((char)text.data[text.size - 1] != units[i].letter)
            continue;
        *out_us = units[i].ns < 1000 ? (n + 999) / 1000 : n * (units[i].ns / 1000);
        return true;
    }
    return false;
}

void lg_grpc_write_timeout(struct lg_buf *out, uint64_t timeout_us)
{
    const uint64_t most = 99999999;

    for (size_t i = 1; i < LG_ARRAY_SIZE(units); i++) {
        uint64_t us = units[i].ns / 1000, n = timeout_us / us + (timeout_us % us != 0);

        if (n <= most || i + 1 == LG_ARRAY_SIZE(units)) {
            lg_buf_appendf(out, "%llu%c", (unsigned long long)LG_MIN(n, most), units[i].letter);
            return;
        }
    }
}

static const char *const encodings[LG_GRPC_ENCODINGS] = {
    [LG_GRPC_IDENTITY] = "identity",
    [LG_GRPC_GZIP] = "gzip",
};

bool lg_grpc_parse_encoding(struct lg_slice name, enum lg_grpc_encoding *out)
{
    if (name.size == 0) {
        *out = LG_GRPC_IDENTITY;
        return true;
    }
    for (int i = 0; i < LG_GRPC_ENCODINGS; i++) {
        if (lg_slice_eq_str(name, encodings[i])) {
            *out = (enum lg_grpc_encoding)i;
            return true;
        }
    }
    return false;
}

static bool refuse(struct lg_grpc_refusal *why, int http, enum lg_grpc_status status,
                   enum lg_grpc_reason reason, const char *text)
{
    *why = (struct lg_grpc_refusal){http, status, reason, text};
    return false;
}

struct fields { /* Of the head; the first of each name. */
    struct lg_slice content_type, encoding, timeout;
};

static struct fields fields_of(const struct lg_http_headers *headers)
{
    return (struct fields){lg_http_header(headers, "content-type"),
                           lg_http_header(headers, "grpc-encoding"),
                           lg_http_header(headers, "grpc-timeout")};
}

bool lg_grpc_read_head(struct lg_slice http_method, struct lg_slice path,
                       const struct lg_http_headers *headers, struct lg_slice timeout,
                       struct lg_grpc_call *out, struct lg_grpc_refusal *why)
{
    struct lg_grpc_call call = {.timeout_us = LG_GRPC_NO_TIMEOUT};
    struct fields f = fields_of(headers);

    if (timeout.data == NULL)
        timeout = f.timeout;
    if (!lg_slice_eq_str(http_method, "POST"))
        return refuse(why, 405, LG_GRPC_INTERNAL, LG_GRPC_BAD_METHOD, "gRPC is POST");
    if (!lg_grpc_is_grpc(f.content_type))
        return refuse(why, 415, LG_GRPC_INTERNAL, LG_GRPC_BAD_CONTENT_TYPE,
                      "the content-type is not application/grpc");
    if (!lg_grpc_split_path(path, &call.service, &call.method))
        return refuse(why, 200, LG_GRPC_UNIMPLEMENTED, LG_GRPC_BAD_PATH,
                      "the path is not /package.Service/Method");
    call.rpc = lg_rpc_find(path);
    if (call.rpc == LG_RPC_COUNT)
        return refuse(why, 200, LG_GRPC_UNIMPLEMENTED, LG_GRPC_BAD_PATH, "no such method");
    if (!lg_grpc_parse_encoding(f.encoding, &call.encoding))
        return refuse(why, 200, LG_GRPC_UNIMPLEMENTED, LG_GRPC_BAD_ENCODING,
                      "the grpc-encoding is none of " LG_GRPC_ENCODING_NAMES);
    if (timeout.data != NULL && !lg_grpc_parse_timeout(timeout, &call.timeout_us))
        return refuse(why, 200, LG_GRPC_INTERNAL, LG_GRPC_BAD_TIMEOUT,
                      "grpc-timeout is not one to eight digits and one of HMSmun");
    *out = call;
    return true;
}

/* --- Messages --------------------------------------------------------------------------------- */
void lg_grpc_reader_done(struct lg_grpc_reader *r)
{
    lg_buf_done(&r->held);
    lg_buf_done(&r->inflated);
}

static size_t message_max(const struct lg_grpc_reader *r)
{
    return r->message_bytes_max == 0 ? LG_GRPC_MESSAGE_BYTES_DEFAULT : r->message_bytes_max;
}

/* Empties a buffer of the message before; a large one is given back. */
static void forget(struct lg_buf *b)
{
    if (b->capacity > LG_GRPC_KEPT_BYTES_MAX)
        lg_buf_done(b);
    lg_buf_clear(b);
}

static enum lg_rc check_prefix(const struct lg_grpc_reader *r, size_t size, struct lg_error *err)
{
    if (r->prefix[0] > 1)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "a message begins with 0 or 1, not with %u: this is not gRPC",
                            r->prefix[0]);
    if (r->prefix[0] == 1 && r->encoding == LG_GRPC_IDENTITY)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "a message is compressed, but grpc-encoding does not say how");
    if (size > message_max(r))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a message of %zu bytes, over the limit of %zu",
                            size, message_max(r));
    return LG_OK;
}

/* True when the prefix is whole. */
static bool take_prefix(struct lg_grpc_reader *r, struct lg_slice *in)
{
    size_t n = LG_MIN(sizeof r->prefix - r->prefix_size, in->size);

    if (n > 0)
        memcpy(r->prefix + r->prefix_size, in->data, n);
    r->prefix_size += n;
    *in = lg_slice_skip(*in, n);
    return r->prefix_size == sizeof r->prefix;
}

/* True when all `size` bytes are there: in the input, or joined. */
static bool take_body(struct lg_grpc_reader *r, size_t size, struct lg_slice *in,
                      struct lg_slice *out)
{
    size_t n = LG_MIN(size - r->held.size, in->size);

    if (n == size) {
        *out = lg_slice(in->data, size);
    } else {
        lg_buf_append(&r->held, in->data, n);
        *out = lg_buf_slice(&r->held);
    }
    *in = lg_slice_skip(*in, n);
    return out->size == size;
}

static enum lg_rc inflate(struct lg_grpc_reader *r, struct lg_slice *message, struct lg_error *err)
{
    enum lg_rc rc;

    if (r->prefix[0] == 0)
        return LG_OK;
    r->inflated.ceiling = message_max(r);
    rc = lg_gunzip(&r->inflated, *message, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "a compressed message of gRPC");
    *message = lg_buf_slice(&r->inflated);
    return LG_OK;
}

enum lg_rc lg_grpc_next(struct lg_grpc_reader *r, struct lg_slice *in, struct lg_slice *out,
                        bool *out_has, struct lg_error *err)
{
    struct lg_error own;
    struct lg_slice message;
    size_t size;
    enum lg_rc rc;

    if (r->prefix_size == 0) {
        forget(&r->held);
        forget(&r->inflated);
    }
    *out_has = false;
    if (!take_prefix(r, in))
        return LG_OK;
    size = lg_load_u32be(r->prefix + 1);
    rc = check_prefix(r, size, err);
    if (rc != LG_OK || !take_body(r, size, in, &message))
        return rc;
    r->prefix_size = 0;
    rc = inflate(r, &message, err == NULL ? &own : err);
    if (rc == LG_OK) {
        *out = message;
        *out_has = true;
    }
    return rc;
}

bool lg_grpc_is_between(const struct lg_grpc_reader *r)
{
    return r->prefix_size == 0;
}

enum lg_grpc_status lg_grpc_status_of_input(enum lg_rc rc)
{
    return rc == LG_ERR_BAD_DATA ? LG_GRPC_INTERNAL : lg_rc_grpc(rc);
}

enum lg_rc lg_grpc_append(struct lg_buf *out, const struct lg_pb_message *m, const void *msg,
                          struct lg_error *err)
{
    size_t size = lg_pb_size(m, msg);
    bool overflowed = out->overflowed;
    uint8_t *to = size > UINT32_MAX ? NULL : lg_buf_reserve(out, LG_GRPC_PREFIX_BYTES + size);
    enum lg_rc rc;

    if (to == NULL) {
        out->overflowed = overflowed;
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s takes %zu bytes, over the limit", m->name,
                            size);
    }
    rc = lg_pb_write(m, msg, to + LG_GRPC_PREFIX_BYTES, size, err);
    if (rc != LG_OK)
        return rc;
    lg_grpc_prefix(to, /* is_compressed= */ false, size);
    lg_buf_commit(out, LG_GRPC_PREFIX_BYTES + size);
    return LG_OK;
}

/* --- Heads and trailers of answers ------------------------------------------------------------ */
#define FIELD(name, value)                                                                         \
    {                                                                                              \
        LG_LIT(name), LG_LIT(value)                                                                \
    }

const struct lg_http_header *lg_grpc_head_fields(size_t *out_count)
{
    static const struct lg_http_header fields[] = {
        FIELD(":status", "200"), FIELD("content-type", "application/grpc"),
        FIELD("grpc-accept-encoding", LG_GRPC_ENCODING_NAMES)};

    *out_count = LG_ARRAY_SIZE(fields);
    return fields;
}

static const struct {
    const char *number, *name;
} statuses[LG_GRPC_STATUS_COUNT] = {
#define X(name_, number_, text_) [LG_GRPC_##name_] = {#number_, #name_},
#include "base/grpc_status.def"
#undef X
};

const char *lg_grpc_status_name(enum lg_grpc_status status)
{
    assert((unsigned)status < LG_GRPC_STATUS_COUNT);
    return statuses[status].name;
}

/* The text percent-encoded into the room; cut between two characters when it does not fit. */
static size_t encode_text(char *to, size_t room, struct lg_slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    while (text.size > 0) {
        size_t length = LG_MAX(lg_utf8_length(text), (size_t)1);
        bool is_plain = text.data[0] >= ' ' && text.data[0] <= '~' && text.data[0] != '%';

        if (n + (is_plain ? 1 : 3 * length) > room)
            break;
        for (size_t i = 0; i < length; i++) {
            if (is_plain) {
                to[n++] = (char)text.data[0];
                continue;
            }
            to[n++] = '%';
            to[n++] = digits[text.data[i] >> 4];
            to[n++] = digits[text.data[i] & 15];
        }
        text = lg_slice_skip(text, length);
    }
    return n;
}

void lg_grpc_trailers(struct lg_grpc_trailers *out, enum lg_grpc_status status,
                      struct lg_slice text)
{
    assert((unsigned)status < LG_GRPC_STATUS_COUNT);
    out->fields[0] =
        (struct lg_http_header){LG_LIT("grpc-status"), lg_slice_str(statuses[status].number)};
    out->count = 1;
    if (text.size == 0)
        return;
    out->fields[1] = (struct lg_http_header){
        LG_LIT("grpc-message"),
        lg_slice(out->text, encode_text(out->text, sizeof out->text, text))};
    out->count = 2;
}

void lg_grpc_trailers_of(struct lg_grpc_trailers *out, const struct lg_error *err)
{
    lg_grpc_trailers(out, lg_rc_grpc(err->rc), lg_slice_str(err->text));
}

enum lg_grpc_status lg_grpc_parse_status(struct lg_slice text)
{
    uint64_t n;

    return lg_parse_u64(text, LG_GRPC_STATUS_COUNT - 1, &n) ? (enum lg_grpc_status)n
                                                            : LG_GRPC_UNKNOWN;
}

enum lg_grpc_status lg_grpc_status_of_http(int http)
{
    switch (http) {
    case 400:
        return LG_GRPC_INTERNAL;
    case 401:
        return LG_GRPC_UNAUTHENTICATED;
    case 403:
        return LG_GRPC_PERMISSION_DENIED;
    case 404:
        return LG_GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return LG_GRPC_UNAVAILABLE;
    default:
        return LG_GRPC_UNKNOWN;
    }
}

void lg_grpc_decode_text(struct lg_buf *out, struct lg_slice text)
{
    while (text.size > 0) {
        struct lg_slice rest, plain = cut(text, '%', &rest);
        size_t before;

        lg_buf_append_slice(out, plain);
        if (plain.size == text.size)
            return;
        before = out->size;
        text = lg_slice_skip(text, plain.size);
        if (text.size >= 3 && lg_percent_decode(out, lg_slice(text.data, 3), false)) {
            text = lg_slice_skip(text, 3);
        } else {
            out->size = LG_MIN(out->size, before);
            lg_buf_append_byte(out, '%');
            text = lg_slice_skip(text, 1);
        }
    }
}

/* --- Metadata --------------------------------------------------------------------------------- */
bool lg_grpc_is_binary(struct lg_slice name)
{
    const size_t size = sizeof "-bin" - 1;

    return name.size >= size && memcmp(name.data + name.size - size, "-bin", size) == 0;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool lg_grpc_metadata_valid(struct lg_slice name, struct lg_slice value)
{
    if (name.size == 0 || lg_slice_starts(name, LG_LIT("grpc-")) || trim(value).size != value.size)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (!is_name_byte(name.data[i]))
            return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < ' ' || value.data[i] > '~')
            return false;
    }
    return true;
}

void lg_grpc_encode_binary(struct lg_buf *out, struct lg_slice bytes)
{
    lg_base64_encode(out, bytes, /* url_safe= */ false);
    if (!lg_buf_ok(out))
        return;
    if (bytes.size % 3 != 0)
        out->size -= 3 - bytes.size % 3; /* The padding. */
}

enum lg_rc lg_grpc_next_binary(struct lg_slice *values, struct lg_buf *out, bool *out_has,
                               struct lg_error *err)
{
    size_t before = out->size;
    struct lg_slice rest, value;

    *out_has = values->data != NULL;
    if (!*out_has)
        return LG_OK;
    value = trim(cut(*values, ',', &rest));
    if (!lg_base64_decode(out, value)) {
        out->size = before;
        return lg_error_set(err, LG_ERR_BAD_DATA, "the value of a -bin field is not base64");
    }
    *values = rest;
    return LG_OK;
}
