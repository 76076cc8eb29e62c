/* Both HTTP/2 engines against RFC 9113 and RFC 7541: every case of h2spec's list, and some of ours.
 * One row per case; frames are written as test/lib/h2_peer.h tells. Every fault is counted once. */
#include "test/test.h"

#include <inttypes.h>
#include <stdio.h>

#include "net/h2_guard.h"
#include "net/metrics.h"
#include "test/lib/h2_peer.h"

enum want {
    PING,     /* The PING at the script's end is answered, the connection lives. */
    ANSWER,   /* Stream 1 is answered 200, the connection lives. */
    SETTINGS, /* SETTINGS are acknowledged, the connection lives. */
    CONN,     /* GOAWAY with one of the codes. */
    STREAM,   /* RST_STREAM with one of the codes, or as CONN. */
    FRAMES    /* The frames named in `frames`, one after the other, came among others. */
};

struct row {
    const char *section, *name, *script;
    enum want want;
    unsigned codes; /* bits of enum lg_h2_error */
    const char *frames;
    const char *nghttp2; /* Why it does otherwise; NULL: it may not. */
};

#define P_ "; P 0 0 0102030405060708"
#define BIT(code) (1u << LG_H2_##code)
#define Z16384 "z16384"

static const struct row rows[] = {
#include "net/http2_conformance.def"
};

static bool has_code(const struct h2_peer *p, const char *kind, unsigned stream, unsigned codes)
{
    char line[64];

    for (unsigned code = 0; code < 14; code++) {
        if ((codes >> code & 1) == 0)
            continue;
        for (unsigned id = 0; id < 1024; id++) {
            if (stream != 0 && id != stream)
                continue;
            (void)snprintf(line, sizeof(line), "%s %u %u", kind, id, code);
            if (h2_peer_got(p, line))
                return true;
        }
    }
    return false;
}

static bool frames_came(const struct h2_peer *p, const char *frames)
{
    size_t at = 0;

    while (*frames != 0) {
        size_t n = strcspn(frames, ",");
        bool found = false;

        while (at < p->frames.size && !found) {
            size_t end = at;

            while (p->frames.data[end] != '\n')
                end++;
            found = end - at == n && memcmp(p->frames.data + at, frames, n) == 0;
            at = end + 1;
        }
        if (!found)
            return false;
        frames += n + (frames[n] == ',');
    }
    return true;
}

static bool holds(const struct h2_peer *p, const struct row *row)
{
    switch (row->want) {
    case PING:
        return !p->over && h2_peer_got(p, "PING ACK");
    case ANSWER:
        return !p->over && h2_peer_got(p, "HEADERS 1") && h2_peer_got(p, "DATA 1 5 END");
    case SETTINGS:
        return !p->over && h2_peer_got(p, "SETTINGS ACK");
    case CONN:
        return p->over && has_code(p, "GOAWAY", 0, row->codes);
    case STREAM:
        return (p->over && has_code(p, "GOAWAY", 0, row->codes)) ||
               (!p->over && has_code(p, "RST", 0, row->codes));
    case FRAMES:
        return !p->over && frames_came(p, row->frames);
    }
    return false;
}

/* --- What is counted ------------------------------------------------------------------------- */

static uint64_t counted(enum lg_h2_scope scope, uint32_t code)
{
    return lg_metric_value(&lg_metric_http2_faults_total, lg_h2_fault_label(scope, code));
}

static uint64_t counted_in_all(enum lg_h2_scope scope)
{
    uint32_t first = lg_h2_fault_label(LG_H2_OF_CONNECTION, LG_H2_PROTOCOL_ERROR);
    uint32_t n = lg_h2_fault_label(LG_H2_OF_STREAM, LG_H2_PROTOCOL_ERROR) - first;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += lg_metric_value(&lg_metric_http2_faults_total, first + (uint32_t)scope * n + i);
    return sum;
}

/* How often the engine said so to its peer, limits apart. */
static uint64_t said(const struct h2_peer *p, enum lg_h2_scope scope, uint32_t code)
{
    const char *kind = scope == LG_H2_OF_CONNECTION ? "GOAWAY %u %u" : "RST %u %u";
    const char *at = (const char *)p->frames.data, *end = at + p->frames.size;
    bool by_limit = scope == LG_H2_OF_CONNECTION
                        ? p->h2->fault.by_limit
                        : code == LG_H2_ENHANCE_YOUR_CALM || code == LG_H2_REFUSED_STREAM;
    uint64_t n = 0;

    while (!by_limit && at < end) {
        char line[64];
        size_t size = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);
        unsigned id, its;

        (void)snprintf(line, sizeof(line), "%.*s", (int)size, at);
        n += sscanf(line, kind, &id, &its) == 2 && its == code;
        at += size + 1;
    }
    return n;
}

/* What the engine did is what was counted. */
static bool counts_agree(const struct h2_peer *p)
{
    for (unsigned scope = LG_H2_OF_CONNECTION; scope <= LG_H2_OF_STREAM; scope++) {
        uint64_t sum = 0;

        for (uint32_t code = LG_H2_PROTOCOL_ERROR; code <= LG_H2_HTTP_1_1_REQUIRED; code++) {
            uint64_t n = said(p, (enum lg_h2_scope)scope, code);

            sum += n;
            if (n > 0 && counted((enum lg_h2_scope)scope, code) != n)
                return false;
        }
        if (counted_in_all((enum lg_h2_scope)scope) != sum)
            return false;
    }
    return true;
}

/* A row that wants an error counts one, with one of its codes; another row counts none. */
static bool counts_hold(const struct h2_peer *p, const struct row *row)
{
    uint64_t conn = counted_in_all(LG_H2_OF_CONNECTION), streams = counted_in_all(LG_H2_OF_STREAM);
    uint64_t wanted = 0;

    for (uint32_t code = LG_H2_PROTOCOL_ERROR; code <= LG_H2_HTTP_1_1_REQUIRED; code++)
        if ((row->codes >> code & 1) != 0 && code != LG_H2_REFUSED_STREAM)
            wanted += counted(LG_H2_OF_CONNECTION, code) + counted(LG_H2_OF_STREAM, code);
    if (row->want == CONN)
        return conn == 1 && streams == 0 && wanted == 1;
    if (row->want == STREAM) /* One request too many is counted as a limit. */
        return conn + streams + p->h2->over[LG_H2_OVER_streams] == 1 && wanted == conn + streams;
    return conn == 0 && streams == 0;
}

/* --- The table ------------------------------------------------------------------------------- */

static void send_step(struct h2_peer *p, const char *script)
{
    char step[512];

    (void)snprintf(step, sizeof(step), "%.*s", (int)strcspn(script, "|"), script);
    h2_peer_send(p, step);
}

/* Whether it did what the row wants. */
static bool run_row(const struct row *row, enum h2_engine engine, size_t cut, unsigned *failed)
{
    static const struct lg_metric_table *const tables[] = {&lg_net_metrics};
    struct h2_peer p;
    bool may_differ = engine == H2_NGHTTP2 && row->nghttp2 != NULL, held;

    lg_metrics_register(tables, 1, 10);
    h2_peer_open(&p, engine, NULL, 0, 0);
    p.cut = cut;
    for (const char *at = row->script; at != NULL; at = strchr(at, '|'))
        send_step(&p, at += *at == '|');
    held = holds(&p, row) && counts_hold(&p, row);
    if (!(held || may_differ) || !counts_agree(&p)) {
        print_error("%s %s (%s, cut %zu)\nframes:\n%.*sevents:\n%.*scounted: %" PRIu64 " faults of "
                    "the connection, %" PRIu64 " of streams\n",
                    row->section, row->name, h2_engine_names[engine], cut,
                    LG_FMT(lg_buf_slice(&p.frames)), LG_FMT(lg_buf_slice(&p.log)),
                    counted_in_all(LG_H2_OF_CONNECTION), counted_in_all(LG_H2_OF_STREAM));
        (*failed)++;
    }
    h2_peer_close(&p);
    lg_metrics_reset();
    return held;
}

static void every_case_holds_however_the_bytes_are_cut(void **state)
{
    static const size_t cuts[] = {0, 1, 7};
    unsigned failed = 0;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        size_t held[H2_ENGINES] = {0};

        for (unsigned engine = 0; engine < H2_ENGINES; engine++)
            for (size_t k = 0; k < LG_ARRAY_SIZE(cuts); k++)
                held[engine] += run_row(&rows[i], (enum h2_engine)engine, cuts[k], &failed);
        if (rows[i].nghttp2 != NULL && held[H2_NGHTTP2] == LG_ARRAY_SIZE(cuts)) {
            print_error("%s %s: nghttp2 does no otherwise\n", rows[i].section, rows[i].name);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

/* So many as h2spec has for servers (146), and more. */
static void the_table_is_complete(void **state)
{
    (void)state;
    assert_true(LG_ARRAY_SIZE(rows) >= 146);
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++)
        assert_true(strlen(rows[i].script) < 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_holds_however_the_bytes_are_cut),
        cmocka_unit_test(the_table_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
