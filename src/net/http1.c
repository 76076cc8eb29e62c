/* HTTP/1.1 on the wire over llhttp (strict mode). Pure; owned by the connection it parses for.
 *
 * llhttp decides about the grammar; this file adds bounds, takes the head line by line before
 * llhttp sees it (so that it is contiguous and free of bare CR, bare LF and folds), and refuses
 * more than llhttp does where two readers of one message could disagree about its end.
 */
#include "net/http1.h"

#include <llhttp.h>
#include <stdio.h>
#include <strings.h>

#define BODY_RESERVE_MAX ((size_t)1 << 20) /* reserved on the word of a Content-Length alone */
#define BLANK_LINES_MAX 4                  /* before a request line (RFC 9112, 2.2) */
#define FAULT_TEXT_MAX 160

enum state { HEAD, BODY, COMPLETE, BAD };

struct lg_http1 {
    llhttp_t ll;
    enum lg_http1_kind kind;
    enum state state;
    struct lg_http1_message m;
    size_t body_max;
    size_t body_bytes; /* so far, with those that were dropped */
    int over_status;   /* What answers a longer body. */
    const char *over_text;
    size_t line_start; /* Of the head line that is being collected. */
    size_t lines;      /* Complete ones. */
    size_t overhead;   /* Bytes of the body's framing. */
    unsigned blanks, interims;
    bool name_open; /* The next part of a header's name continues the last one. */
    bool no_body;   /* The response answers a HEAD. */
    bool expects;
    int fault_status;
    char fault_text[FAULT_TEXT_MAX];
};

/* --- Messages ------------------------------------------------------------------------------- */

void lg_http1_message_done(struct lg_http1_message *m)
{
    lg_buf_done(&m->head);
    lg_buf_done(&m->body);
    lg_free(m->headers.data);
    *m = (struct lg_http1_message){0};
}

void lg_http1_message_clear(struct lg_http1_message *m, size_t keep_bytes)
{
    struct lg_http1_message kept = {.headers.data = m->headers.data,
                                    .headers_capacity = m->headers_capacity,
                                    .head = m->head,
                                    .body = m->body};

    if (kept.head.capacity > keep_bytes)
        lg_buf_done(&kept.head);
    if (kept.body.capacity > keep_bytes)
        lg_buf_done(&kept.body);
    lg_buf_clear(&kept.head);
    lg_buf_clear(&kept.body);
    *m = kept;
}

static void add_header(struct lg_http1_message *m, struct lg_slice name)
{
    if (m->headers.size == m->headers_capacity) {
        m->headers_capacity = m->headers_capacity == 0 ? 16 : m->headers_capacity * 2;
        m->headers.data = (struct lg_http_header *)lg_realloc(
            m->headers.data, m->headers_capacity * sizeof(*m->headers.data));
    }
    m->headers.data[m->headers.size++] = (struct lg_http_header){name, LG_SLICE_NULL};
}

/* --- Faults --------------------------------------------------------------------------------- */

static int fail(struct lg_http1 *p, int status, const char *text)
{
    if (p->state != BAD) {
        p->state = BAD;
        p->fault_status = status;
        (void)snprintf(p->fault_text, sizeof(p->fault_text), "%s", text);
    }
    return -1;
}

static void fail_by_llhttp(struct lg_http1 *p, llhttp_errno_t rc)
{
    int status = rc == HPE_INVALID_METHOD      ? 501
                 : rc == HPE_INVALID_VERSION   ? 505
                 : rc == HPE_PAUSED_H2_UPGRADE ? 505
                                               : 400;
    const char *reason = llhttp_get_error_reason(&p->ll);

    (void)fail(p, status, reason != NULL && reason[0] != '\0' ? reason : llhttp_errno_name(rc));
}

int lg_http1_fault(const struct lg_http1 *p, const char **out_text)
{
    assert(p->state == BAD);
    *out_text = p->fault_text;
    return p->fault_status;
}

/* --- What llhttp reports -------------------------------------------------------------------- */

static int header_field(llhttp_t *ll, const char *at, size_t size)
{
    struct lg_http1 *p = (struct lg_http1 *)ll->data;

    if (p->state != HEAD)
        return 0;     /* A trailer: bounded, checked by llhttp, not used. */
    if (p->name_open) /* Parts are adjacent: the head is in one piece. */
        p->m.headers.data[p->m.headers.size - 1].name.size += size;
    else
        add_header(&p->m, lg_slice(at, size));
    p->name_open = true;
    return 0;
}

static int header_field_complete(llhttp_t *ll)
{
    ((struct lg_http1 *)ll->data)->name_open = false;
    return 0;
}

static int header_value(llhttp_t *ll, const char *at, size_t size)
{
    struct lg_http1 *p = (struct lg_http1 *)ll->data;
    struct lg_slice *value;

    if (p->state != HEAD)
        return 0;
    value = &p->m.headers.data[p->m.headers.size - 1].value;
    if (value->data == NULL)
        *value = lg_slice(at, size);
    else
        value->size = (size_t)((const uint8_t *)at + size - value->data);
    return 0;
}

static bool eq_nocase(struct lg_slice s, const char *word)
{
    size_t size = strlen(word);

    return s.size == size && strncasecmp((const char *)s.data, word, size) == 0;
}

static void trim(struct lg_slice *s)
{
    while (s->size > 0 && (s->data[s->size - 1] == ' ' || s->data[s->size - 1] == '\t'))
        s->size--;
    while (s->size > 0 && (s->data[0] == ' ' || s->data[0] == '\t'))
        *s = lg_slice_skip(*s, 1);
}

/* What decides where the message ends must be there once, plain, and alone. */
static int check_framing(struct lg_http1 *p)
{
    unsigned lengths = 0, codings = 0, hosts = 0;

    for (size_t i = 0; i < p->m.headers.size; i++) {
        struct lg_http_header *h = &p->m.headers.data[i];

        trim(&h->value);
        if (eq_nocase(h->name, "content-length")) {
            lengths++;
        } else if (eq_nocase(h->name, "transfer-encoding")) {
            codings++;
            if (!eq_nocase(h->value, "chunked"))
                return fail(p, 501, "a transfer coding other than chunked is not understood");
        } else if (eq_nocase(h->name, "host")) {
            hosts++;
        } else if (eq_nocase(h->name, "expect") && p->kind == LG_HTTP1_REQUEST) {
            if (!eq_nocase(h->value, "100-continue"))
                return fail(p, 417, "the only expectation that can be met is 100-continue");
            p->expects = !p->m.is_http10;
        }
    }
    if (codings > 0 && lengths > 0)
        return fail(p, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (codings > 1 || lengths > 1)
        return fail(p, 400, "the length of the body is given more than once");
    if (codings > 0 && p->m.is_http10)
        return fail(p, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (p->kind == LG_HTTP1_REQUEST && (hosts > 1 || (hosts == 0 && !p->m.is_http10)))
        return fail(p, 400, "exactly one Host header is needed");
    return 0;
}

static enum lg_http_method method_of(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
        return LG_HTTP_GET;
    case HTTP_HEAD:
        return LG_HTTP_HEAD;
    case HTTP_POST:
        return LG_HTTP_POST;
    case HTTP_PUT:
        return LG_HTTP_PUT;
    case HTTP_DELETE:
        return LG_HTTP_DELETE;
    case HTTP_OPTIONS:
        return LG_HTTP_OPTIONS;
    default:
        return LG_HTTP_OTHER;
    }
}

static int request_head_complete(struct lg_http1 *p)
{
    struct lg_slice t = p->m.target;

    if (p->ll.method == HTTP_CONNECT)
        return fail(p, 501, "CONNECT is for proxies");
    p->m.method = method_of(p->ll.method);
    if (!lg_slice_starts(t, LG_LIT("/")) && !lg_slice_starts(t, LG_LIT("http://")) &&
        !(lg_slice_eq_str(t, "*") && p->m.method == LG_HTTP_OPTIONS))
        return fail(p, 400, "the request target must begin with /");
    p->ll.upgrade = 0; /* An offer to change the protocol may be passed over (RFC 9110, 7.8). */
    return 0;
}

static int headers_complete(llhttp_t *ll)
{
    struct lg_http1 *p = (struct lg_http1 *)ll->data;
    bool bodiless = false;

    p->m.is_http10 = ll->http_minor == 0;
    if (check_framing(p) != 0)
        return -1;
    if (p->kind == LG_HTTP1_REQUEST) {
        if (request_head_complete(p) != 0)
            return -1;
    } else {
        p->m.status = ll->status_code;
        if (p->m.status < 100 || p->m.status == 101)
            return fail(p, 400, "a status that nobody asked for");
        bodiless = p->no_body || p->m.status < 200 || p->m.status == 204 || p->m.status == 304;
    }
    if (!bodiless && (ll->flags & F_CONTENT_LENGTH) != 0) {
        if (ll->content_length > p->body_max)
            return fail(p, p->over_status, p->over_text);
        (void)lg_buf_reserve(&p->m.body, LG_MIN((size_t)ll->content_length, BODY_RESERVE_MAX));
    }
    p->state = BODY;
    return bodiless ? 1 : 0;
}

static int body(llhttp_t *ll, const char *at, size_t size)
{
    struct lg_http1 *p = (struct lg_http1 *)ll->data;

    if (size > p->body_max - p->body_bytes)
        return fail(p, p->over_status, p->over_text);
    p->body_bytes += size;
    lg_buf_append(&p->m.body, at, size);
    assert(lg_buf_ok(&p->m.body)); /* lg_http1_new bounds body_max by the buffer's ceiling. */
    return 0;
}

static int message_complete(llhttp_t *ll)
{
    struct lg_http1 *p = (struct lg_http1 *)ll->data;

    p->m.keep_alive = llhttp_should_keep_alive(ll) != 0;
    p->state = COMPLETE;
    return HPE_PAUSED; /* What follows is not for this message. */
}

static const llhttp_settings_t settings = {
    .on_header_field = header_field,
    .on_header_field_complete = header_field_complete,
    .on_header_value = header_value,
    .on_headers_complete = headers_complete,
    .on_body = body,
    .on_message_complete = message_complete,
};

/* --- Parser --------------------------------------------------------------------------------- */

/* Keeps the memory of the message; what it held must have been taken or dropped. */
static void begin(struct lg_http1 *p)
{
    llhttp_init(&p->ll, p->kind == LG_HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    p->ll.data = p;
    lg_http1_message_clear(&p->m, SIZE_MAX);
    p->state = HEAD;
    p->line_start = p->lines = p->overhead = p->body_bytes = 0;
    p->blanks = 0;
    p->name_open = p->expects = false;
}

struct lg_http1 *lg_http1_new(enum lg_http1_kind kind, size_t body_bytes_max)
{
    struct lg_http1 *p = lg_new(struct lg_http1);

    p->kind = kind;
    lg_http1_reset(p, body_bytes_max);
    return p;
}

void lg_http1_limit_body(struct lg_http1 *p, size_t bytes_max, int status, const char *text)
{
    assert(bytes_max <= LG_BUF_CEILING_DEFAULT);
    p->body_max = bytes_max;
    p->over_status = status;
    p->over_text = text;
}

void lg_http1_reset(struct lg_http1 *p, size_t body_bytes_max)
{
    lg_http1_limit_body(p, body_bytes_max, 413, "the body is over the limit body_bytes");
    p->no_body = false;
    p->interims = 0;
    begin(p);
}

void lg_http1_free(struct lg_http1 *p)
{
    if (p == NULL)
        return;
    lg_http1_message_done(&p->m);
    lg_free(p);
}

void lg_http1_expect_no_body(struct lg_http1 *p)
{
    p->no_body = true;
}

const struct lg_http1_message *lg_http1_so_far(const struct lg_http1 *p)
{
    return p->state == BODY || p->state == COMPLETE ? &p->m : NULL;
}

void lg_http1_drop_body(struct lg_http1 *p)
{
    lg_buf_clear(&p->m.body);
}

bool lg_http1_is_between(const struct lg_http1 *p)
{
    return p->state == HEAD && p->m.head.size == 0;
}

bool lg_http1_in_head(const struct lg_http1 *p)
{
    return p->state == HEAD && p->m.head.size > 0;
}

void lg_http1_take(struct lg_http1 *p, struct lg_http1_message *io)
{
    struct lg_http1_message m = p->m;

    assert(p->state == COMPLETE);
    p->m = *io;
    *io = m;
    p->no_body = false;
    p->interims = 0;
    begin(p);
}

static bool is_version(struct lg_slice s)
{
    return s.size == 8 && memcmp(s.data, "HTTP/", 5) == 0 && s.data[6] == '.';
}

/* METHOD SP target SP HTTP/1.x, with the target set aside. llhttp alone would also take requests of
 * RTSP and ICE, and HTTP/0.9. */
static int check_request_line(struct lg_http1 *p, struct lg_slice line)
{
    const uint8_t *first = (const uint8_t *)memchr(line.data, ' ', line.size);
    const uint8_t *last = (const uint8_t *)memrchr(line.data, ' ', line.size);
    struct lg_slice version;

    if (first == NULL || last <= first + 1)
        return fail(p, 400, "the request line must be METHOD, target and HTTP/1.1");
    version = lg_slice(last + 1, line.size - (size_t)(last + 1 - line.data));
    if (!is_version(version))
        return fail(p, 400, "the request line must end with HTTP/1.1");
    if (version.data[5] != '1' || (version.data[7] != '0' && version.data[7] != '1'))
        return fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    p->m.target = lg_slice(first + 1, (size_t)(last - first - 1));
    if (p->m.target.size > LG_HTTP1_TARGET_BYTES_MAX)
        return fail(p, 414, "the request target is over the limit head_bytes");
    for (size_t i = 0; i < p->m.target.size; i++) {
        uint8_t c = p->m.target.data[i];

        if (c <= ' ' || c >= 0x7f || c == '#')
            return fail(p, 400, "the request target holds a character that must be %-encoded");
    }
    return 0;
}

static int check_status_line(struct lg_http1 *p, struct lg_slice line)
{
    if (line.size < 12 || !is_version(lg_slice(line.data, 8)) || line.data[5] != '1' ||
        (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ')
        return fail(p, 400, "the answer is not HTTP/1.1");
    return 0;
}

/* One line of the head, without its CRLF. */
static int check_line(struct lg_http1 *p, struct lg_slice line)
{
    for (size_t i = 0; i < line.size; i++)
        if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f)
            return fail(p, 400, "a control character in the head");
    p->lines++;
    if (p->lines > 1) {
        if (line.data[0] == ' ' || line.data[0] == '\t')
            return fail(p, 400, "a header folded over two lines");
        if (line.data[0] == ':') /* llhttp lets it pass. */
            return fail(p, 400, "a header without a name");
        if (p->lines - 1 > LG_HTTP_HEADERS_MAX)
            return fail(p, 431, "too many headers");
        return 0;
    }
    return p->kind == LG_HTTP1_REQUEST ? 0 : check_status_line(p, line);
}

/* Slices may only be made once the head no longer moves. */
static void parse_head(struct lg_http1 *p)
{
    const char *head = (const char *)p->m.head.data;
    llhttp_errno_t rc;

    if (p->kind == LG_HTTP1_REQUEST) {
        const char *end = (const char *)memchr(head, '\r', p->m.head.size);

        if (check_request_line(p, lg_slice(head, (size_t)(end - head))) != 0)
            return;
    }
    rc = llhttp_execute(&p->ll, head, p->m.head.size);
    if (p->state == BAD)
        return;
    if (rc != HPE_OK && rc != HPE_PAUSED)
        fail_by_llhttp(p, rc);
    else if (p->state == HEAD)
        (void)fail(p, 400, "the head does not end where its empty line is");
}

/* The line that ends at the end of `head`. */
static void line_complete(struct lg_http1 *p)
{
    const uint8_t *head = p->m.head.data;
    size_t size = p->m.head.size, line_start = p->line_start;

    if (size < line_start + 2 || head[size - 2] != '\r') {
        (void)fail(p, 400, "a line that does not end with CR LF");
        return;
    }
    p->line_start = size;
    if (size - line_start > 2) {
        (void)check_line(p, lg_slice(head + line_start, size - line_start - 2));
    } else if (line_start > 0) {
        parse_head(p);
    } else if (p->kind == LG_HTTP1_RESPONSE || ++p->blanks > BLANK_LINES_MAX) {
        (void)fail(p, 400, "empty lines where a message should begin");
    } else {
        lg_buf_clear(&p->m.head);
        p->line_start = 0;
    }
}

/* Takes bytes of the head up to the end of a line. */
static size_t feed_head(struct lg_http1 *p, struct lg_slice bytes)
{
    const uint8_t *lf = (const uint8_t *)memchr(bytes.data, '\n', bytes.size);
    size_t size = lf == NULL ? bytes.size : (size_t)(lf - bytes.data) + 1;

    if (p->m.head.size == 0 && bytes.data[0] != '\r' &&
        (bytes.data[0] < 'A' || bytes.data[0] > 'Z')) {
        (void)fail(p, 400, "this is not HTTP/1.1");
        return 0;
    }
    if (size > LG_HTTP_HEAD_BYTES_MAX - p->m.head.size) {
        if (p->lines == 0 && p->kind == LG_HTTP1_REQUEST)
            (void)fail(p, 414, "the request line is over the limit head_bytes");
        else
            (void)fail(p, 431, "the headers are over the limit head_bytes");
        return 0;
    }
    lg_buf_append(&p->m.head, bytes.data, size);
    if (lf != NULL)
        line_complete(p);
    return size;
}

static size_t feed_body(struct lg_http1 *p, struct lg_slice bytes)
{
    size_t before = p->body_bytes, used = bytes.size;
    llhttp_errno_t rc = llhttp_execute(&p->ll, (const char *)bytes.data, bytes.size);

    if (p->state == BAD)
        return 0;
    if (rc == HPE_PAUSED) {
        used = (size_t)((const uint8_t *)llhttp_get_error_pos(&p->ll) - bytes.data);
    } else if (rc != HPE_OK) {
        fail_by_llhttp(p, rc);
        return 0;
    }
    p->overhead += used - (p->body_bytes - before);
    if (p->overhead > LG_HTTP1_CHUNK_OVERHEAD_MAX(p->body_bytes))
        (void)fail(p, 413, "the chunks of the body hold too little");
    return used;
}

/* A 1xx has been read: the real response is still to come. */
static void drop_interim(struct lg_http1 *p)
{
    if (++p->interims > LG_HTTP1_INTERIM_MAX)
        (void)fail(p, 400, "too many interim responses");
    else
        begin(p);
}

enum lg_http1_event lg_http1_feed(struct lg_http1 *p, struct lg_slice bytes, size_t *out_used)
{
    size_t used = 0;

    assert(p->state != COMPLETE);
    while (used < bytes.size && p->state != BAD && p->state != COMPLETE) {
        struct lg_slice rest = lg_slice_skip(bytes, used);

        used += p->state == HEAD ? feed_head(p, rest) : feed_body(p, rest);
        if (p->state == COMPLETE && p->kind == LG_HTTP1_RESPONSE && p->m.status < 200)
            drop_interim(p);
    }
    *out_used = used;
    if (p->state == BAD)
        return LG_HTTP1_BAD;
    if (p->state == COMPLETE)
        return LG_HTTP1_COMPLETE;
    if (p->state == BODY && p->expects) {
        p->expects = false;
        return p->overhead == 0 && p->m.body.size == 0 ? LG_HTTP1_EXPECTS : LG_HTTP1_MORE;
    }
    return LG_HTTP1_MORE;
}

enum lg_http1_event lg_http1_finish(struct lg_http1 *p)
{
    assert(p->state != COMPLETE);
    if (lg_http1_is_between(p))
        return LG_HTTP1_MORE;
    if (p->state == BODY)
        (void)llhttp_finish(&p->ll); /* message_complete says when that was a proper end. */
    if (p->state == COMPLETE)
        return LG_HTTP1_COMPLETE;
    (void)fail(p, 400, "the connection ended inside a message");
    return LG_HTTP1_BAD;
}

/* --- Writers -------------------------------------------------------------------------------- */

static void append_number(struct lg_buf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    lg_buf_append(out, digits + at, sizeof(digits) - at);
}

/* A value may come from a user; it must not be able to begin a new header or a new message. */
static void append_value(struct lg_buf *out, struct lg_slice value)
{
    uint8_t *room = lg_buf_reserve(out, value.size);

    if (room == NULL || value.size == 0)
        return;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];

        room[i] = (c < ' ' && c != '\t') || c == 0x7f ? '?' : c;
    }
    lg_buf_commit(out, value.size);
}

static void append_headers(struct lg_buf *out, const struct lg_http_header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lg_buf_append_slice(out, headers[i].name);
        lg_buf_append(out, ": ", 2);
        append_value(out, headers[i].value);
        lg_buf_append(out, "\r\n", 2);
    }
}

static void append_length(struct lg_buf *out, size_t length)
{
    lg_buf_append_str(out, "Content-Length: ");
    append_number(out, length);
    lg_buf_append(out, "\r\n", 2);
}

void lg_http1_write_response(struct lg_buf *out, const struct lg_http1_answer *a)
{
    bool bodiless = a->status == 204 || a->status == 304;

    assert(a->status >= 200 && a->status <= 599);
    assert(!a->chunked || (!bodiless && !a->to_head && !a->to_http10 && a->body.size == 0));
    lg_buf_append_str(out, "HTTP/1.1 ");
    append_number(out, (uint64_t)a->status);
    lg_buf_append_byte(out, ' ');
    lg_buf_append_str(out, lg_http_reason(a->status));
    lg_buf_append(out, "\r\n", 2);
    if (a->content_type != NULL) {
        lg_buf_append_str(out, "Content-Type: ");
        append_value(out, lg_slice_str(a->content_type));
        lg_buf_append(out, "\r\n", 2);
    }
    append_headers(out, a->headers, a->header_count);
    if (a->chunked)
        lg_buf_append_str(out, "Transfer-Encoding: chunked\r\n");
    else if (!bodiless)
        append_length(out, a->body.size);
    if (!a->keep_alive)
        lg_buf_append_str(out, "Connection: close\r\n");
    else if (a->to_http10)
        lg_buf_append_str(out, "Connection: keep-alive\r\n");
    lg_buf_append(out, "\r\n", 2);
    if (!bodiless && !a->to_head)
        lg_buf_append_slice(out, a->body);
}

void lg_http1_write_chunk(struct lg_buf *out, struct lg_slice bytes)
{
    lg_buf_appendf(out, "%zx\r\n", bytes.size);
    lg_buf_append_slice(out, bytes);
    lg_buf_append(out, "\r\n", 2); /* Without trailers, this ends the body, too. */
}

static bool is_token_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_header(const struct lg_http_header *h)
{
    for (size_t i = 0; i < h->name.size; i++)
        if (!is_token_char(h->name.data[i]))
            return false;
    for (size_t i = 0; i < h->value.size; i++)
        if ((h->value.data[i] < ' ' && h->value.data[i] != '\t') || h->value.data[i] == 0x7f)
            return false;
    return h->name.size > 0;
}

enum lg_rc lg_http1_check_request(const struct lg_http1_ask *ask, struct lg_error *err)
{
    if (ask->method == LG_HTTP_OTHER)
        return lg_error_set(err, LG_ERR_INVALID, "a request needs a method that has a name");
    if (!lg_slice_starts(ask->target, LG_LIT("/")) && !lg_slice_eq_str(ask->target, "*"))
        return lg_error_set(err, LG_ERR_INVALID, "a request target must begin with /");
    for (size_t i = 0; i < ask->target.size; i++) {
        uint8_t c = ask->target.data[i];

        if (c <= ' ' || c >= 0x7f || c == '#')
            return lg_error_set(err, LG_ERR_INVALID,
                                "byte %zu of the request target must be %%-encoded", i);
    }
    if (ask->target.size > LG_HTTP1_TARGET_BYTES_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "the request target has %zu bytes; at most %zu",
                            ask->target.size, LG_HTTP1_TARGET_BYTES_MAX);
    for (size_t i = 0; i < ask->header_count; i++)
        if (!is_header(&ask->headers[i]))
            return lg_error_set(err, LG_ERR_INVALID, "header %zu holds a forbidden character", i);
    return LG_OK;
}

void lg_http1_write_request(struct lg_buf *out, const struct lg_http1_ask *ask)
{
    bool bare_v6 = strchr(ask->host, ':') != NULL && ask->host[0] != '[';

    lg_buf_append_str(out, lg_http_method_name(ask->method));
    lg_buf_append_byte(out, ' ');
    lg_buf_append_slice(out, ask->target);
    lg_buf_append_str(out, bare_v6 ? " HTTP/1.1\r\nHost: [" : " HTTP/1.1\r\nHost: ");
    append_value(out, lg_slice_str(ask->host));
    lg_buf_append_str(out, bare_v6 ? "]:" : ":");
    append_number(out, ask->port);
    lg_buf_append(out, "\r\n", 2);
    append_headers(out, ask->headers, ask->header_count);
    if (ask->body.size > 0 || ask->method == LG_HTTP_POST || ask->method == LG_HTTP_PUT)
        append_length(out, ask->body.size);
    lg_buf_append(out, "\r\n", 2);
    lg_buf_append_slice(out, ask->body);
}
