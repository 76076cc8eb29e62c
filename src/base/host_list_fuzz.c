/* Fuzzes lists of servers as configurations and flags give them: what is taken is, part by part, a
 * host and a port that a client can read; what is refused is told with the example; and a list with
 * a path falls into two without losing a byte. */
#include "base/host_list.h"

#include "base/str.h"

#define EXAMPLE "kafka1:9092"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* By rules of its own: up to the last colon the host, behind it the port. */
static void check_server(struct lg_slice part)
{
    size_t colon = part.size;
    uint64_t port = 0;
    bool is_port;

    while (colon > 0 && part.data[colon - 1] != ':')
        colon--;
    assert(colon > 1 && "a host and a colon");
    is_port = lg_parse_u64(lg_slice_skip(part, colon), UINT16_MAX, &port);
    assert(is_port && port > 0);
    for (size_t i = 0; i + 1 < colon; i++) {
        uint8_t c = part.data[i];

        assert(c > ' ' && c < 0x7f && c != '/' && c != ',' && c != '@');
        assert((c != ':' && c != ']') || part.data[0] == '[');
    }
    assert((part.data[0] == '[') == (part.data[colon - 2] == ']'));
}

static void check_list(struct lg_slice text)
{
    struct lg_error err = {0};
    enum lg_rc rc = lg_host_list_check(text, EXAMPLE, &err);
    size_t begun = 0;

    if (rc != LG_OK) {
        assert(rc == LG_ERR_INVALID && err.rc == rc);
        assert(strstr(err.text, EXAMPLE) != NULL);
        return;
    }
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != ',')
            continue;
        check_server(lg_slice(text.data + begun, i - begun));
        begun = i + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_slice text = lg_slice(data, size), servers, path;

    check_list(text);
    lg_host_list_split(text, &servers, &path);
    assert(servers.size + path.size == size);
    assert(path.size == 0 || path.data[0] == '/');
    assert(servers.size == 0 || memchr(servers.data, '/', servers.size) == NULL);
    check_list(servers);
    return 0;
}
