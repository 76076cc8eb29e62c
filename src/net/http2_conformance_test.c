/* Both HTTP/2 engines against RFC 9113 and RFC 7541: every case of h2spec's list, and some of ours.
 * One row per case; frames are written as test/lib/h2_peer.h tells. */
#include "test/test.h"

#include "net/http2.h"
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
    const char *nghttp2; /* Why it may do otherwise; NULL: it may not. */
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

static void send_step(struct h2_peer *p, const char *script)
{
    char step[512];

    (void)snprintf(step, sizeof(step), "%.*s", (int)strcspn(script, "|"), script);
    h2_peer_send(p, step);
}

static void run_row(const struct row *row, enum h2_engine engine, size_t cut, unsigned *failed)
{
    struct h2_peer p;
    bool held;

    h2_peer_open(&p, engine, NULL, 0, 0);
    p.cut = cut;
    for (const char *at = row->script; at != NULL; at = strchr(at, '|'))
        send_step(&p, at += *at == '|');
    held = holds(&p, row) || (engine == H2_NGHTTP2 && row->nghttp2 != NULL);
    if (!held) {
        print_error("%s %s (%s, cut %zu)\nframes:\n%.*sevents:\n%.*s\n", row->section, row->name,
                    h2_engine_names[engine], cut, LG_FMT(lg_buf_slice(&p.frames)),
                    LG_FMT(lg_buf_slice(&p.log)));
        (*failed)++;
    }
    h2_peer_close(&p);
}

static void every_case_holds_however_the_bytes_are_cut(void **state)
{
    static const size_t cuts[] = {0, 1, 7};
    unsigned failed = 0;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++)
        for (unsigned engine = 0; engine < H2_ENGINES; engine++)
            for (size_t k = 0; k < LG_ARRAY_SIZE(cuts); k++)
                run_row(&rows[i], (enum h2_engine)engine, cuts[k], &failed);
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
