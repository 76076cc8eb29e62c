#include "drivers/nghttp2/h2_nvs.h"

static nghttp2_nv to_nv(struct lg_slice name, struct lg_slice value, uint8_t flags)
{
    return (nghttp2_nv){(uint8_t *)name.data, (uint8_t *)value.data, name.size, value.size, flags};
}

nghttp2_nv *lg_nghttp2_nvs(const struct lg_h2_head *head, nghttp2_nv few[LG_NGHTTP2_NVS_FEW],
                           size_t *count)
{
    size_t prepared = 0, n = 0;
    const struct lg_http_header *fields =
        head->prepared == NULL ? NULL : lg_h2_prepared_fields(head->prepared, &prepared);
    nghttp2_nv *nva = few;

    if (prepared + head->count > LG_NGHTTP2_NVS_FEW)
        nva = lg_new_array(nghttp2_nv, prepared + head->count);
    for (size_t i = 0; i < prepared; i++)
        nva[n++] = to_nv(fields[i].name, fields[i].value,
                         NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
    for (size_t i = 0; i < head->count; i++)
        nva[n++] = to_nv(head->fields[i].name, head->fields[i].value, NGHTTP2_NV_FLAG_NONE);
    *count = n;
    return nva;
}

static struct lg_slice copy(uint8_t **to, struct lg_slice s)
{
    struct lg_slice out = lg_slice(*to, s.size);

    if (s.size > 0)
        memcpy(*to, s.data, s.size);
    *to += s.size;
    return out;
}

struct lg_http_header *lg_nghttp2_fields_copy(const struct lg_http_header *fields, size_t count)
{
    size_t bytes = count * sizeof *fields;
    struct lg_http_header *out;
    uint8_t *at;

    for (size_t i = 0; i < count; i++)
        bytes += fields[i].name.size + fields[i].value.size;
    out = lg_alloc(bytes);
    at = (uint8_t *)(out + count);
    for (size_t i = 0; i < count; i++) {
        out[i].name = copy(&at, fields[i].name);
        out[i].value = copy(&at, fields[i].value);
    }
    return out;
}
