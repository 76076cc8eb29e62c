/* What Venice's Java clients ask and accept, byte by byte: the files below test/golden/http hold
 * requests as they stand on the wire and what must be answered, against a real standalone.
 *
 *   == a sentence                the case
 *   to router|server             who is asked
 *   > line                       a line of the request; "\r\n" follows
 *   >hex 0402                    bytes of its body
 *   < 200                        the status
 *   < Name: value                a header of the answer
 *   <no Name                     a header that must not be there
 *   <body text                   the whole body; several lines are joined, "<body" alone is empty
 *   <hex 0402                    the same in hex
 *   <has text                    a part of the body
 *   <gunzip 0402                 the body, unpacked
 *   <avro WORD ID json           the body as a record of that system store
 *
 * {router}, {server} and {controller} stand for ports. Lines with '#' are comments.
 */
#include <stdio.h>

#include "avro/json_text.h"
#include "base/str.h"
#include "base/vec.h"
#include "record/system_schema.h"
#include "record/value_codec.h"
#include "test/lib/rig.h"
#include "test/test.h"

static struct lg_rig rig;
static LG_VEC(char *) asked_for;  /* "router GET /storage 200": each answer so far */
static LG_VEC(char *) documented; /* the same of the page, with the statuses in parentheses */

/* --- The world that the files speak of. --------------------------------------------------------
 */

static void make_store(const char *name, const char *compression)
{
    LG_AUTO_STR char *schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *data =
        lg_rig_file(&rig, "data.ndjson", LG_LIT("{\"key\":\"key1\",\"value\":\"value1\"}\n"));

    assert_run(&rig, 0, "store", "create", name, "--key-schema", schema, "--value-schema", schema,
               "--partitions", "2", "--compression", compression);
    assert_run(&rig, 0, "push", name, data, "--key-field", "key", "--value-field", "value");
}

/* Its current version is written with value schema 2. */
static void make_evolving(void)
{
    LG_AUTO_STR char *key = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *one = lg_rig_file(
        &rig, "one.avsc",
        LG_LIT(
            "{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}"));
    LG_AUTO_STR char *two = lg_rig_file(
        &rig, "two.avsc",
        LG_LIT("{\"type\":\"record\",\"name\":\"V\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
               "{\"name\":\"b\",\"type\":\"int\",\"default\":7}]}"));
    LG_AUTO_STR char *data =
        lg_rig_file(&rig, "two.ndjson", LG_LIT("{\"key\":\"key1\",\"value\":{\"a\":1,\"b\":2}}\n"));

    assert_run(&rig, 0, "store", "create", "evolving", "--key-schema", key, "--value-schema", one);
    assert_run(&rig, 0, "schema", "add", "evolving", two);
    assert_run(&rig, 0, "push", "evolving", data, "--key-field", "key", "--value-field", "value");
}

static void change(const char *form)
{
    LG_SCOPED(lg_reply) reply = {0};

    assert_int_equal(lg_ask_post(rig.controller, "/update_store", form, &reply), 200);
}

/* Waits until the router says this of a path: what was changed has reached it. */
static void until(uint16_t port, const char *target, int status)
{
    int got = 0;

    for (unsigned i = 0; i < 10000 && got != status; i++) {
        LG_SCOPED(lg_reply) reply = {0};

        got = lg_ask_get(port, target, &reply);
        if (got != status)
            lg_process_pause(1);
    }
    assert_int_equal(got, status);
}

static int set_up(void **state)
{
    LG_AUTO_STR char *schema = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    make_store("test_store", "NO_OP");
    make_store("gz_store", "GZIP");
    make_store("dict_store", "ZSTD_WITH_DICT");
    make_store("closed", "NO_OP");
    make_evolving();
    assert_run(&rig, 0, "store", "create", "unpushed", "--key-schema", schema, "--value-schema",
               schema);
    change("store_name=closed&enable_reads=false&storage_node_read_quota_enabled=false");
    change("store_name=gz_store&storage_node_read_quota_enabled=false&batch_get_limit=2");
    until(rig.router, "/v1/stores/closed/key1", 403);
    until(rig.router, "/v1/stores/test_store/key1", 200);
    until(rig.router, "/v1/stores/dict_store/key1", 200);
    until(rig.router, "/v1/stores/evolving/key1", 200);
    until(rig.router, "/v1/stores/gz_store/key1", 200);
    until(rig.router, "/v1/stores/unpushed/key1", 503);
    until(rig.server, "/metadata/test_store", 200);
    until(rig.server, "/metadata/gz_store", 403);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < asked_for.size; i++)
        lg_free(asked_for.data[i]);
    for (size_t i = 0; i < documented.size; i++)
        lg_free(documented.data[i]);
    LG_VEC_DONE(&asked_for);
    LG_VEC_DONE(&documented);
    lg_rig_done(&rig);
    return 0;
}

/* --- One case. ---------------------------------------------------------------------------------
 */

struct golden {
    const char *file;
    char name[200];
    uint16_t port;
    struct lg_buf request; /* as sent */
    bool in_body, asked;
    struct lg_reply reply;
    struct lg_buf body; /* that was wanted so far */
    bool wants_body;
};

#define FAIL(g, ...)                                                                               \
    do {                                                                                           \
        LG_AUTO_STR char *why = lg_strf(__VA_ARGS__);                                              \
        fail_msg("%s: %s: %s\n%s\n%s", (g)->file, (g)->name, why,                                  \
                 (const char *)(g)->reply.head.data, lg_reply_text(&(g)->reply));                  \
    } while (0)

static void put_ports(struct lg_slice line, struct lg_buf *out)
{
    const struct {
        const char *word;
        uint16_t port;
    } ports[] = {
        {"{router}", rig.router}, {"{server}", rig.server}, {"{controller}", rig.controller}};

    lg_buf_clear(out);
    while (line.size > 0) {
        size_t i = 0;

        while (i < LG_ARRAY_SIZE(ports) && !lg_slice_starts(line, lg_slice_str(ports[i].word)))
            i++;
        if (i < LG_ARRAY_SIZE(ports)) {
            lg_buf_appendf(out, "%u", ports[i].port);
            line = lg_slice_skip(line, strlen(ports[i].word));
        } else {
            lg_buf_append_byte(out, line.data[0]);
            line = lg_slice_skip(line, 1);
        }
    }
    lg_buf_append_byte(out, 0);
    out->size--;
}

static void ask(struct golden *g)
{
    if (g->asked)
        return;
    g->asked = true;
    if (!lg_ask_raw(g->port, lg_buf_slice(&g->request), &g->reply))
        FAIL(g, "no complete answer");
}

static struct lg_slice body_of(const struct golden *g)
{
    return lg_buf_slice(&g->reply.body);
}

/* "GET /storage" of "GET /storage/cities?f=b64": the method and the first word of the path. */
static char *shorten(const char *method_and_path)
{
    size_t n = strcspn(method_and_path, "/");

    return lg_strndup(method_and_path, n + 1 + strcspn(method_and_path + n + 1, "/?[<` \r"));
}

static void remember(const struct golden *g)
{
    LG_AUTO_STR char *line =
        lg_strndup((const char *)g->request.data, LG_MIN(g->request.size, (size_t)200));
    LG_AUTO_STR char *what = shorten(line);

    LG_VEC_PUSH(&asked_for, lg_strf("%s %s %d", g->port == rig.server ? "server" : "router", what,
                                    g->reply.status));
}

static void finish(struct golden *g)
{
    struct lg_slice body = body_of(g);

    if (g->name[0] != '\0' && !g->asked)
        FAIL(g, "nothing is expected of it");
    if (body.size > 0 && body.data[body.size - 1] == '\n')
        body.size--;
    if (g->wants_body && !lg_slice_eq(body, lg_buf_slice(&g->body)))
        FAIL(g, "wanted the body %.*s", LG_FMT(lg_buf_slice(&g->body)));
    if (g->asked)
        remember(g);
    lg_buf_done(&g->request);
    lg_buf_done(&g->body);
    lg_reply_done(&g->reply);
    *g = (struct golden){.file = g->file};
}

static void expect_hex(struct golden *g, const char *hex, struct lg_slice got)
{
    LG_SCOPED(lg_buf) want = {0};

    assert_true(lg_hex_decode(&want, lg_slice_str(hex)));
    if (!lg_slice_eq(got, lg_buf_slice(&want))) {
        LG_SCOPED(lg_buf) text = {0};

        for (size_t i = 0; i < got.size; i++)
            lg_buf_appendf(&text, "%02x", got.data[i]);
        FAIL(g, "wanted %s, got %.*s", hex, LG_FMT(lg_buf_slice(&text)));
    }
}

static void expect_gunzip(struct golden *g, const char *hex)
{
    struct lg_value_codec *codec = NULL;
    LG_SCOPED(lg_buf) plain = {0};
    struct lg_error err = {0};

    assert_ok(lg_value_codec_new(LG_COMPRESSION_GZIP, LG_SLICE_NULL, &codec, &err));
    if (lg_value_codec_unpack(codec, body_of(g), &plain, &err) != LG_OK)
        FAIL(g, "%s", err.text);
    lg_value_codec_free(codec);
    expect_hex(g, hex, lg_buf_slice(&plain));
}

static void expect_avro(struct golden *g, const char *line)
{
    const char *number = strchr(line, ' ') + 1, *json = strchr(number, ' ') + 1;
    LG_AUTO_STR char *store =
        lg_strf(LG_SYSTEM_STORE_PREFIX "%.*s", (int)(number - line - 1), line);
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_decoder d = lg_decoder_of(body_of(g));
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};
    int64_t id = 0;

    assert_true(lg_parse_i64(lg_slice(number, (size_t)(json - number - 1)), 1, 1000, &id));
    assert_ok(lg_schema_parse(
        lg_system_schema_text(lg_system_schema_find(lg_slice_str(store), (int32_t)id)), &schema,
        &err));
    if (lg_avro_to_json(schema, &d, &text, &err) != LG_OK || lg_decoder_left(&d) > 0)
        FAIL(g, "no %s: %s", store, err.text);
    if (!lg_slice_eq_str(lg_buf_slice(&text), json))
        FAIL(g, "wanted %s, got %.*s", json, LG_FMT(lg_buf_slice(&text)));
}

static void expect_header(struct golden *g, const char *line)
{
    const char *colon = strchr(line, ':');
    LG_AUTO_STR char *name = NULL;
    LG_AUTO_STR char *got = NULL;

    if (colon == NULL) { /* The status. */
        int64_t status = 0;

        if (!lg_parse_i64(lg_slice_str(line), 100, 599, &status) || g->reply.status != status)
            FAIL(g, "wanted status %s", line);
        return;
    }
    name = lg_strndup(line, (size_t)(colon - line));
    got = lg_reply_header(&g->reply, name);
    if (got == NULL || strcmp(got, colon + 2) != 0)
        FAIL(g, "wanted the header %s", line);
}

static bool starts(const char *line, const char *word, const char **out_rest)
{
    size_t n = strlen(word);

    if (strncmp(line, word, n) != 0)
        return false;
    *out_rest = line + n + (line[n] == ' ');
    return true;
}

static void expect(struct golden *g, const char *line)
{
    const char *rest;

    ask(g);
    if (starts(line, "<no", &rest)) {
        LG_AUTO_STR char *got = lg_reply_header(&g->reply, rest);

        if (got != NULL)
            FAIL(g, "the header %s is there", rest);
    } else if (starts(line, "<body", &rest)) {
        g->wants_body = true;
        lg_buf_append_str(&g->body, rest);
    } else if (starts(line, "<hex", &rest)) {
        expect_hex(g, rest, body_of(g));
    } else if (starts(line, "<has", &rest)) {
        if (g->reply.body.size == 0 ||
            memmem(g->reply.body.data, g->reply.body.size, rest, strlen(rest)) == NULL)
            FAIL(g, "wanted '%s' in the body", rest);
    } else if (starts(line, "<gunzip", &rest)) {
        expect_gunzip(g, rest);
    } else if (starts(line, "<avro", &rest)) {
        expect_avro(g, rest);
    } else {
        expect_header(g, line + 2);
    }
}

static void take_line(struct golden *g, const char *line)
{
    const char *rest;

    if (line[0] == '#' || line[0] == '\0')
        return;
    if (starts(line, "==", &rest)) {
        finish(g);
        (void)snprintf(g->name, sizeof g->name, "%s", rest);
    } else if (starts(line, "to", &rest)) {
        g->port = strcmp(rest, "server") == 0 ? rig.server : rig.router;
    } else if (starts(line, ">hex", &rest)) {
        assert_true(lg_hex_decode(&g->request, lg_slice_str(rest)));
    } else if (starts(line, ">", &rest)) {
        lg_buf_append_str(&g->request, rest);
        lg_buf_append_str(&g->request, "\r\n");
    } else if (line[0] == '<') {
        expect(g, line);
    } else {
        FAIL(g, "what is '%s'?", line);
    }
}

static void play(const char *path)
{
    struct golden g = {.file = path};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_slice rest;

    lg_rig_read_file(path, &text);
    rest = lg_buf_slice(&text);
    while (rest.size > 0) {
        LG_SCOPED(lg_buf) line = {0};
        size_t n = 0;

        while (n < rest.size && rest.data[n] != '\n')
            n++;
        put_ports(lg_slice(rest.data, n), &line);
        take_line(&g, (const char *)line.data);
        rest = lg_slice_skip(rest, LG_MIN(n + 1, rest.size));
    }
    finish(&g);
}

static void the_thin_client_starts_and_reads(void **state)
{
    (void)state;
    play("test/golden/http/thin-client.txt");
}

static void the_fast_client_starts_and_reads(void **state)
{
    (void)state;
    play("test/golden/http/fast-client.txt");
}

static void refusals_have_venices_statuses(void **state)
{
    (void)state;
    play("test/golden/http/refusals.txt");
}

static void every_path_of_the_router_answers(void **state)
{
    (void)state;
    play("test/golden/http/router.txt");
}

static void every_path_of_a_storage_node_answers(void **state)
{
    (void)state;
    play("test/golden/http/server.txt");
}

/* --- The page. ---------------------------------------------------------------------------------
 */

static bool is_asked(const char *what)
{
    for (size_t i = 0; i < asked_for.size; i++)
        if (strcmp(asked_for.data[i], what) == 0)
            return true;
    return false;
}

/* | GET | `/storage/<store>` | 200 400 (503) | ... */
static void take_row(const char *to, const char *line)
{
    LG_AUTO_STR char *row = lg_strdup(line + 2);
    char *path = strstr(row, " | `"), *statuses;
    LG_AUTO_STR char *start = NULL;
    LG_AUTO_STR char *what = NULL;
    bool is_elsewhere = false;

    if (path == NULL)
        return;
    *path = '\0';
    path += 4;
    statuses = strstr(path, "` | ") + 4;
    start = lg_strf("%s %s", row, path);
    what = shorten(start);
    for (const char *c = statuses; *c != '|' && *c != '\0'; c++) {
        LG_AUTO_STR char *want = NULL;

        is_elsewhere = is_elsewhere || *c == '(';
        if (*c < '1' || *c > '9')
            continue;
        want = lg_strf("%s %s %.3s", to, what, c);
        if (!is_elsewhere && !is_asked(want))
            fail_msg("no golden request for '%s' of docs/reference/read-api.md", want);
        LG_VEC_PUSH(&documented, LG_TAKE(want));
        c += 2;
    }
}

/* Last: it looks at what the others have asked. */
static void every_row_of_the_page_was_asked_and_every_answer_is_in_it(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    const char *to = "";
    char *line, *end;

    (void)state;
    lg_rig_read_file("docs/reference/read-api.md", &text);
    lg_buf_append_byte(&text, 0);
    for (line = (char *)text.data; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strcmp(line, "## Router") == 0)
            to = "router";
        else if (strcmp(line, "## Storage node") == 0)
            to = "server";
        else if (line[0] == '|')
            take_row(to, line);
    }
    assert_true(documented.size > 40);
    for (size_t i = 0; i < asked_for.size; i++) {
        bool found = false;

        for (size_t k = 0; k < documented.size && !found; k++)
            found = strcmp(asked_for.data[i], documented.data[k]) == 0;
        if (!found)
            fail_msg("'%s' is not in docs/reference/read-api.md", asked_for.data[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thin_client_starts_and_reads),
        cmocka_unit_test(the_fast_client_starts_and_reads),
        cmocka_unit_test(refusals_have_venices_statuses),
        cmocka_unit_test(every_path_of_the_router_answers),
        cmocka_unit_test(every_path_of_a_storage_node_answers),
        cmocka_unit_test(every_row_of_the_page_was_asked_and_every_answer_is_in_it),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
