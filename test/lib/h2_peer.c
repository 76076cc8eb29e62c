#include "test/lib/h2_peer.h"

#include <ctype.h>

#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "net/h2_conn.h"
#include "net/h2_frame.h"

const char *const h2_engine_names[H2_ENGINES] = {"own", "nghttp2"};

/* --- The handler ----------------------------------------------------------------------------- */

static void on_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    struct h2_peer *p = (struct h2_peer *)ctx;

    lg_buf_appendf(&p->log, "request %u %.*s %.*s", st->id, LG_FMT(rq->method), LG_FMT(rq->path));
    for (size_t i = 0; i < rq->headers.size; i++)
        lg_buf_appendf(&p->log, " %.*s=%.*s", LG_FMT(rq->headers.data[i].name),
                       LG_FMT(rq->headers.data[i].value));
    if (rq->grpc_timeout.data != NULL)
        lg_buf_appendf(&p->log, " timeout %.*s", LG_FMT(rq->grpc_timeout));
    lg_buf_append_str(&p->log, "\n");
    if (rq->memo != NULL) {
        p->requests_with_memo++;
        p->memo_hits += *rq->memo;
        *rq->memo = 1;
    }
    st->user = lg_slice_starts(rq->path, LG_LIT("/hold")) ? p : NULL;
    if (st->id / 2 < H2_PEER_OPEN_MAX)
        p->held[st->id / 2] = st;
}

static void on_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    struct h2_peer *p = (struct h2_peer *)ctx;

    lg_buf_appendf(&p->log, "body %u %zu\n", st->id, bytes.size);
    lg_buf_append_slice(&p->bodies, bytes);
}

static void on_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    struct h2_peer *p = (struct h2_peer *)ctx;
    static const char text[] =
        "hello, this is an answer of some length, as long as it is asked for";
    struct lg_h2_head head = {p->head, NULL, 0}, tail = {p->trailers, NULL, 0};
    LG_SCOPED(lg_buf) body = {0};
    struct lg_slice piece;

    lg_buf_appendf(&p->log, "end %u", st->id);
    for (size_t i = 0; i < trailers->size; i++)
        lg_buf_appendf(&p->log, " %.*s=%.*s", LG_FMT(trailers->data[i].name),
                       LG_FMT(trailers->data[i].value));
    lg_buf_append_str(&p->log, "\n");
    if (st->user != NULL)
        return;
    while (body.size < p->answer_bytes)
        lg_buf_append(&body, text, LG_MIN(sizeof(text) - 1, p->answer_bytes - body.size));
    piece = lg_buf_slice(&body);
    if (st->id / 2 < H2_PEER_OPEN_MAX)
        p->held[st->id / 2] = NULL;
    lg_h2_respond(st, &head, &piece, 1, p->trailers == NULL ? NULL : &tail);
}

static void on_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    struct h2_peer *p = (struct h2_peer *)ctx;

    lg_buf_appendf(&p->log, "gone %u %u\n", st->id, code);
    if (st->id / 2 < H2_PEER_OPEN_MAX)
        p->held[st->id / 2] = NULL;
}

static void on_room(void *ctx, struct lg_h2_stream *st)
{
    lg_buf_appendf(&((struct h2_peer *)ctx)->log, "room %u\n", st->id);
}

static const struct lg_h2_handler handler = {on_request, on_body, on_end, on_gone, on_room};

struct lg_h2_prepared *h2_peer_prepare(const char *name, const char *value)
{
    struct lg_http_header f = {lg_slice_str(name), lg_slice_str(value)};

    return lg_h2_prepared_new(&f, 1);
}

void h2_peer_open(struct h2_peer *p, enum h2_engine engine, const struct lg_h2_limits *limits,
                  uint32_t stream_window, uint32_t connection_window)
{
    struct lg_h2_options o = {.handler = &handler,
                              .ctx = p,
                              .stream_window_bytes = stream_window,
                              .connection_window_bytes = connection_window};
    struct lg_http_header fields[] = {{LG_LIT(":status"), LG_LIT("200")},
                                      {LG_LIT("content-type"), LG_LIT("application/grpc")}};

    if (limits != NULL)
        o.limits = *limits;
    *p = (struct h2_peer){.engine = engine, .answer_bytes = 5};
    p->own_head = lg_h2_prepared_new(fields, 2);
    p->head = p->own_head;
    p->h2 = engine == H2_OWN ? lg_h2_own_new(&o, &lg_hpack_nghttp2) : lg_h2_nghttp2_new(&o);
}

void h2_peer_close(struct h2_peer *p)
{
    lg_h2_free(p->h2);
    lg_h2_prepared_free(p->own_head);
    lg_buf_done(&p->log);
    lg_buf_done(&p->frames);
    lg_buf_done(&p->bodies);
    lg_buf_done(&p->out);
}

/* --- What comes out -------------------------------------------------------------------------- */

static void note_frame(struct h2_peer *p, const struct lg_h2_frame *f, const uint8_t *payload)
{
    static const char *const names[] = {"DATA", "HEADERS", "PRIORITY", "RST",    "SETTINGS",
                                        "PUSH", "PING",    "GOAWAY",   "WINDOW", "CONTINUATION"};
    bool end = f->type <= LG_H2_HEADERS && (f->flags & LG_H2_FLAG_END_STREAM) != 0;

    p->frames_seen++;
    lg_buf_append_str(&p->frames, f->type < LG_ARRAY_SIZE(names) ? names[f->type] : "UNKNOWN");
    if (f->type == LG_H2_DATA)
        lg_buf_appendf(&p->frames, " %u %u", f->stream, f->size);
    else if (f->type == LG_H2_HEADERS)
        lg_buf_appendf(&p->frames, " %u", f->stream);
    else if (f->type == LG_H2_RST_STREAM || f->type == LG_H2_WINDOW_UPDATE)
        lg_buf_appendf(&p->frames, " %u %u", f->stream, lg_load_u32be(payload));
    else if (f->type == LG_H2_GOAWAY)
        lg_buf_appendf(&p->frames, " %u %u", lg_load_u32be(payload), lg_load_u32be(payload + 4));
    else if (f->type == LG_H2_PING || f->type == LG_H2_SETTINGS)
        lg_buf_append_str(&p->frames, (f->flags & LG_H2_FLAG_ACK) != 0 ? " ACK" : "");
    lg_buf_append_str(&p->frames, end ? " END\n" : "\n");
}

void h2_peer_take(struct h2_peer *p)
{
    struct lg_slice bytes;
    size_t at = 0;

    for (;;) {
        bytes = lg_h2_output(p->h2);
        if (bytes.size == 0)
            break;
        lg_buf_append_slice(&p->out, bytes);
        lg_h2_sent(p->h2, bytes.size);
    }
    while (p->out.size - at >= LG_H2_FRAME_HEAD_BYTES) {
        struct lg_h2_frame f = lg_h2_frame_read(p->out.data + at);

        if (p->out.size - at < LG_H2_FRAME_HEAD_BYTES + f.size)
            break;
        note_frame(p, &f, p->out.data + at + LG_H2_FRAME_HEAD_BYTES);
        at += LG_H2_FRAME_HEAD_BYTES + f.size;
    }
    lg_buf_consume(&p->out, at);
}

/* --- What goes in ---------------------------------------------------------------------------- */

void h2_peer_send_bytes(struct h2_peer *p, struct lg_slice bytes)
{
    while (bytes.size > 0) {
        size_t n = p->cut == 0 ? bytes.size : LG_MIN(p->cut, bytes.size);
        /* Of its own size, so that a sanitizer sees who reads beyond. */
        uint8_t *copy = (uint8_t *)lg_alloc(n);

        memcpy(copy, bytes.data, n);
        if (!lg_h2_input(p->h2, lg_slice(copy, n)))
            p->over = true;
        lg_free(copy);
        bytes = lg_slice_skip(bytes, n);
        if (!p->deaf)
            h2_peer_take(p);
    }
}

static void put_field(struct lg_buf *out, const char *name, size_t name_size, const char *value,
                      size_t value_size)
{
    assert(name_size < 127 && value_size < 127 + 128);
    lg_buf_append_byte(out, 0);
    lg_buf_append_byte(out, (uint8_t)name_size);
    lg_buf_append(out, name, name_size);
    if (value_size < 127) {
        lg_buf_append_byte(out, (uint8_t)value_size);
    } else {
        lg_buf_append_byte(out, 127);
        lg_buf_append_byte(out, (uint8_t)(value_size - 127));
    }
    lg_buf_append(out, value, value_size);
}

static const char *put_fields(struct lg_buf *out, const char *s)
{
    while (*s != '}') {
        const char *equals = strchr(s + 1, '='), *end = equals + 1;

        while (*end != ' ' && *end != '}')
            end++;
        put_field(out, s, (size_t)(equals - s), equals + 1, (size_t)(end - equals - 1));
        s = *end == ' ' ? end + 1 : end;
    }
    return s + 1;
}

static const char *put_payload(struct lg_buf *out, const char *s, size_t *told)
{
    static const char get[] = ":method=GET :scheme=http :authority=a :path=/}",
                      post[] = ":method=POST :scheme=http :authority=a :path=/}",
                      hold[] = ":method=POST :scheme=http :authority=a :path=/hold}";
    char *end;

    if (*s == '{')
        return put_fields(out, s + 1);
    if (*s == '@') {
        (void)put_fields(out, s[1] == 'g' ? get : s[1] == 'p' ? post : hold);
        return s + (s[1] == 'g' ? 4 : 5);
    }
    if (*s == 'z') {
        for (unsigned long n = strtoul(s + 1, &end, 10); n > 0; n--)
            lg_buf_append_byte(out, 0);
        return end;
    }
    if (*s == '#') {
        *told = strtoul(s + 1, &end, 10);
        return end;
    }
    assert(isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]));
    for (; isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]); s += 2) {
        char two[3] = {s[0], s[1], 0};

        lg_buf_append_byte(out, (uint8_t)strtoul(two, NULL, 16));
    }
    return s;
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \n");
}

static const char *put_frame(struct lg_buf *out, const char *s, unsigned stream)
{
    static const char letters[] = "DHYRSUPGWC";
    const char *letter = strchr(letters, *s);
    size_t start = out->size, told = SIZE_MAX;
    unsigned long type, flags, id;
    uint8_t *p;
    char *end;

    type = letter != NULL ? (unsigned long)(letter - letters) : strtoul(s, NULL, 16);
    s = skip_blanks(strchr(s, ' '));
    flags = strtoul(s, &end, 16);
    s = skip_blanks(end);
    if (*s == '?') {
        id = stream;
        s++;
    } else {
        id = strtoul(s, &end, 0);
        s = end;
    }
    p = lg_buf_reserve(out, LG_H2_FRAME_HEAD_BYTES);
    lg_buf_commit(out, LG_H2_FRAME_HEAD_BYTES);
    for (s = skip_blanks(s); *s != ';' && *s != 0 && *s != ')'; s = skip_blanks(s))
        s = put_payload(out, s, &told);
    told = told == SIZE_MAX ? out->size - start - LG_H2_FRAME_HEAD_BYTES : told;
    p = out->data + start;
    (void)lg_h2_frame_write(p, told, (enum lg_h2_type)type, (unsigned)flags, (uint32_t)id);
    return *s == ';' ? s + 1 : s;
}

void h2_peer_script(struct h2_peer *p, const char *s, struct lg_buf *out)
{
    bool raw = s[0] == '!', preface = !raw || s[1] == '!';
    unsigned stream = 1;

    s += raw ? (s[1] == '!' ? 2 : 1) : 0;
    if (preface && !p->opened)
        lg_buf_append_str(out, LG_H2_PREFACE);
    if (!raw && !p->opened)
        (void)put_frame(out, "S 0 0", 0);
    p->opened = true;
    for (s = skip_blanks(s); *s != 0; s = skip_blanks(s)) {
        if (*s == 'x') {
            char *at;
            unsigned long times = strtoul(s + 1, &at, 10);
            const char *body = strchr(at, '(') + 1, *end = body;

            for (; times > 0; times--, stream += 2)
                for (end = skip_blanks(body); *end != ')'; end = skip_blanks(end))
                    end = put_frame(out, end, stream);
            s = skip_blanks(end + 1);
            s += *s == ';' ? 1 : 0;
            continue;
        }
        s = put_frame(out, s, stream);
    }
}

void h2_peer_send(struct h2_peer *p, const char *script)
{
    LG_SCOPED(lg_buf) bytes = {0};

    h2_peer_script(p, script, &bytes);
    h2_peer_send_bytes(p, lg_buf_slice(&bytes));
    if (!p->deaf)
        h2_peer_take(p);
}

static bool has_line(const struct lg_buf *text, const char *line)
{
    size_t n = strlen(line);

    for (size_t i = 0; i + n < text->size; i++)
        if ((i == 0 || text->data[i - 1] == '\n') && memcmp(text->data + i, line, n) == 0 &&
            text->data[i + n] == '\n')
            return true;
    return false;
}

bool h2_peer_heard(const struct h2_peer *p, const char *line)
{
    return has_line(&p->log, line);
}

bool h2_peer_got(const struct h2_peer *p, const char *line)
{
    return has_line(&p->frames, line);
}
