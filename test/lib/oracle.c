#include "test/lib/oracle.h"

#include "avro/decode.h"
#include "avro/encode.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "model/partitioner.h"
#include "read/wire.h"
#include "test/test.h"

#define BATCH 350
#define ALL_PARTITIONS (-1)
#define AGREE_MS 30000u

/* --- The data. -------------------------------------------------------------------------------- */

bool lg_oracle_has_key(int32_t generation, int key)
{
    return key % 7 != generation % 7;
}

static void row_text(char *out, size_t size, int32_t generation, int key)
{
    (void)snprintf(out, size, "row %d of generation %d", key, generation);
}

char *lg_oracle_next_file(struct lg_oracle *o)
{
    LG_SCOPED(lg_buf) lines = {0};
    LG_AUTO_STR char *name = NULL;
    char text[64];

    o->pending = ++o->generation;
    for (int key = 0; key < LG_ORACLE_KEYS; key++) {
        if (!lg_oracle_has_key(o->generation, key))
            continue;
        row_text(text, sizeof text, o->generation, key);
        lg_buf_appendf(&lines, "{\"key\":%d,\"generation\":%d,\"text\":\"%s\"}\n", key,
                       o->generation, text);
    }
    name = lg_strf("generation-%d.ndjson", o->generation);
    return lg_rig_file(o->rig, name, lg_buf_slice(&lines));
}

void lg_oracle_init(struct lg_oracle *o, struct lg_rig *rig)
{
    LG_AUTO_STR char *key = lg_rig_file(rig, "key.avsc", LG_LIT("\"long\""));
    LG_AUTO_STR char *value = lg_rig_file(
        rig, "value.avsc",
        LG_LIT(
            "{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"generation\",\"type\":"
            "\"long\"},{\"name\":\"text\",\"type\":\"string\"}]}"));

    *o = (struct lg_oracle){.rig = rig};
    assert_run(rig, 0, "store", "create", LG_ORACLE_STORE, "--key-schema", key, "--value-schema",
               value, "--partitions", LG_ORACLE_PARTITIONS);
}

/* --- Pushes. ---------------------------------------------------------------------------------- */

void lg_oracle_push(const struct lg_oracle *o, const char *file, const char *push_id,
                    struct lg_process *out)
{
    lg_rig_spawn(o->rig, out,
                 (const char *const[]){"push", LG_ORACLE_STORE, file, "--key-field", "key",
                                       "--push-id", push_id, "--output", "json", "--timeout", "60s",
                                       NULL});
}

bool lg_oracle_push_ended(struct lg_oracle *o, struct lg_process *push)
{
    int status = lg_process_wait(push, LG_RIG_VERB_MS);
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO(lg_json) *json = NULL;
    int64_t version;

    if (status != 0)
        return false;
    lg_process_stdout(push, &out);
    json = lg_rig_json(lg_buf_slice(&out));
    version = lg_json_get_int(json, "version", 0);
    assert_true(version > 0 && version < LG_ORACLE_VERSIONS_MAX);
    assert_true(o->generations[version] == 0 || o->generations[version] == o->pending);
    o->generations[version] = o->pending;
    o->pending = 0;
    o->current = (int32_t)version;
    return true;
}

/* --- Versions. -------------------------------------------------------------------------------- */

struct seen { /* A version as the controller shows it. */
    int32_t number;
    bool online, rolled_back, started;
};
typedef LG_VEC(struct seen) seen_vec;

/* False when the controller does not answer. */
static bool try_look(const struct lg_oracle *o, seen_vec *out, int32_t *out_current)
{
    LG_AUTO(lg_json) *store = NULL;
    const struct lg_json *versions;

    if (!lg_rig_try_store(o->rig, LG_ORACLE_STORE, &store))
        return false;
    versions = lg_json_get(store, "versions");
    assert_non_null(store);
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);
        const char *status = lg_json_get_str(v, "status", "");

        LG_VEC_PUSH(out, (struct seen){.number = (int32_t)lg_json_get_int(v, "number", 0),
                                       .online = strcmp(status, "ONLINE") == 0,
                                       .rolled_back = strcmp(status, "ROLLED_BACK") == 0,
                                       .started = strcmp(status, "STARTED") == 0});
    }
    *out_current = (int32_t)lg_json_get_int(store, "currentVersion", 0);
    return true;
}

/* The current version. */
static int32_t look(const struct lg_oracle *o, seen_vec *out)
{
    int32_t current = 0;

    assert_true(try_look(o, out, &current));
    return current;
}

int32_t lg_oracle_target(const struct lg_oracle *o, bool forward)
{
    int32_t target = 0;

    assert_true(lg_oracle_try_target(o, forward, &target));
    return target;
}

bool lg_oracle_try_target(const struct lg_oracle *o, bool forward, int32_t *out)
{
    seen_vec seen = {0};
    int32_t current = 0, target = 0, undone = INT32_MAX;

    if (!try_look(o, &seen, &current))
        return false;
    for (size_t i = 0; i < seen.size; i++) {
        const struct seen *v = &seen.data[i];

        if (!forward && v->number < current && v->online)
            target = LG_MAX(target, v->number);
        if (forward && v->number > current && v->online)
            target = LG_MAX(target, v->number);
        if (forward && v->number > current && v->rolled_back)
            undone = LG_MIN(undone, v->number);
    }
    LG_VEC_DONE(&seen);
    *out = undone != INT32_MAX ? undone : target; /* What the last rollback left comes first. */
    return true;
}

/* Which generation must the version hold? A version that nobody acknowledged is the pending one's.
 */
static int32_t generation_of(struct lg_oracle *o, int32_t version)
{
    assert_true(version > 0 && version < LG_ORACLE_VERSIONS_MAX);
    if (o->generations[version] == 0) {
        if (o->pending == 0)
            fail_msg("version %d was never pushed", version);
        o->generations[version] = o->pending;
    }
    return o->generations[version];
}

/* --- Reading everything. ---------------------------------------------------------------------- */

static void check_row(struct lg_slice value, int32_t version, int32_t generation, int key)
{
    struct lg_decoder d = lg_decoder_of(value);
    struct lg_error err = {0};
    struct lg_slice text;
    int64_t got;
    char want[64];

    row_text(want, sizeof want, generation, key);
    assert_ok(lg_decode_long(&d, &got, &err));
    assert_ok(lg_decode_string(&d, &text, &err));
    if (got != generation || !lg_slice_eq_str(text, want) || lg_decoder_left(&d) != 0)
        fail_msg("version %d, key %d: generation %lld, '%.*s' instead of '%s'", version, key,
                 (long long)got, LG_FMT(text), want);
}

/* Which keys of a version are asked for, and of whom. */
struct ask {
    uint16_t server;
    int32_t version, generation;
    int partition; /* or ALL_PARTITIONS */
    int first;     /* key: BATCH from it */
};

/* Those of its partition; returns which. */
static void take_keys(const struct ask *a, struct lg_buf *body, bool asked[BATCH])
{
    uint32_t partitions = (uint32_t)(LG_ORACLE_PARTITIONS[0] - '0');

    for (int i = 0; i < BATCH; i++) {
        LG_SCOPED(lg_buf) key = {0};
        int32_t partition;

        lg_encode_long(&key, a->first + i);
        partition = (int32_t)lg_partitioner_partition(lg_buf_slice(&key), partitions);
        asked[i] = a->partition == ALL_PARTITIONS || a->partition == partition;
        if (asked[i])
            lg_wire_key_add(body, &(struct lg_wire_key){i, lg_buf_slice(&key), partition});
    }
}

/* False: the storage node does not serve it. */
static bool check_batch(const struct ask *a)
{
    LG_AUTO_STR char *target = lg_strf("/storage/" LG_ORACLE_STORE "_v%d", a->version);
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_reply) reply = {0};
    struct lg_wire_value value;
    struct lg_error err = {0};
    struct lg_decoder d;
    bool asked[BATCH] = {0}, found[BATCH] = {0}, end = false;

    take_keys(a, &body, asked);
    if (lg_ask(&(struct lg_question){.port = a->server,
                                     .target = target,
                                     .headers = "X-VENICE-API-VERSION: 1\r\n",
                                     .body = lg_buf_slice(&body)},
               &reply) != 200)
        return false;
    d = lg_decoder_of(lg_buf_slice(&reply.body));
    for (;;) {
        assert_ok(lg_wire_value_next(&d, &value, &end, &err));
        if (end)
            break;
        assert_true(value.index >= 0 && value.index < BATCH && !found[value.index]);
        found[value.index] = true;
        check_row(value.value, a->version, a->generation, a->first + value.index);
    }
    for (int i = 0; i < BATCH; i++)
        if (found[i] != (asked[i] && lg_oracle_has_key(a->generation, a->first + i)))
            fail_msg("version %d on port %u: key %d is %s", a->version, a->server, a->first + i,
                     found[i] ? "there and should not be" : "lost");
    return true;
}

bool lg_oracle_check_replica(const struct lg_oracle *o, uint16_t server, int32_t version,
                             int partition)
{
    struct ask a = {.server = server, .version = version, .partition = partition};

    assert_true(version > 0 && version < LG_ORACLE_VERSIONS_MAX);
    a.generation = o->generations[version];
    assert_true(a.generation > 0);
    for (; a.first < LG_ORACLE_KEYS; a.first += BATCH)
        if (!check_batch(&a))
            return false;
    return true;
}

static bool is_listed(const struct lg_oracle *o, int32_t version)
{
    seen_vec seen = {0};
    bool found = false;

    (void)look(o, &seen);
    for (size_t i = 0; i < seen.size; i++)
        found = found || (seen.data[i].number == version &&
                          (seen.data[i].online || seen.data[i].rolled_back));
    LG_VEC_DONE(&seen);
    return found;
}

/* A backup may still be opening, or be retired meanwhile. */
static void check_version(struct lg_oracle *o, int32_t version)
{
    uint64_t until_us = lg_clock_mono_us() + (uint64_t)AGREE_MS * 1000;
    struct ask a = {.server = o->rig->server,
                    .version = version,
                    .generation = generation_of(o, version),
                    .partition = ALL_PARTITIONS};

    for (; a.first < LG_ORACLE_KEYS; a.first += BATCH)
        while (!check_batch(&a)) {
            if (!is_listed(o, version))
                return;
            if (lg_clock_mono_us() > until_us)
                fail_msg("version %d is listed and not served", version);
            lg_process_pause(5);
        }
}

/* The same through the router, which chooses the version: every answer is one version's. */
static int32_t check_router(struct lg_oracle *o, int first)
{
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_json *results;
    int32_t version, generation;

    for (int i = 0; i < BATCH; i++)
        lg_buf_appendf(&body, "%s%d", i == 0 ? "{\"keys\":[" : ",", first + i);
    lg_buf_append_str(&body, "]}");
    lg_buf_append_byte(&body, 0);
    if (lg_ask_post(o->rig->router, "/v1/stores/" LG_ORACLE_STORE, (const char *)body.data,
                    &reply) != 200)
        fail_msg("the router: %d %s", reply.status, lg_reply_text(&reply));
    json = lg_rig_json(lg_buf_slice(&reply.body));
    version = (int32_t)lg_json_get_int(json, "version", 0);
    generation = generation_of(o, version);
    results = lg_json_get(json, "results");
    assert_int_equal(lg_json_size(results), BATCH);
    for (int i = 0; i < BATCH; i++) {
        const struct lg_json *row = lg_json_at(results, (size_t)i);
        bool found = lg_json_get_bool(row, "found", false);

        if (found != lg_oracle_has_key(generation, first + i) ||
            (found && lg_json_get_int(lg_json_get(row, "value"), "generation", 0) != generation))
            fail_msg("the router's version %d, key %d: %s, not of generation %d", version,
                     first + i, found ? "found" : "missing", generation);
    }
    return version;
}

static int32_t router_current(const struct lg_oracle *o)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;

    if (lg_ask_get(o->rig->router, "/current_version/" LG_ORACLE_STORE, &reply) != 200)
        fail_msg("the router: %d %s", reply.status, lg_reply_text(&reply));
    json = lg_rig_json(lg_buf_slice(&reply.body));
    return (int32_t)lg_json_get_int(json, "currentVersion", 0);
}

static bool is_allowed(const struct lg_oracle *o, int32_t current, int32_t before, int32_t after)
{
    return current == before || current == after ||
           (o->pending != 0 && current < LG_ORACLE_VERSIONS_MAX && current > 0 &&
            (o->generations[current] == 0 || o->generations[current] == o->pending));
}

void lg_oracle_check(struct lg_oracle *o, int32_t before, int32_t after)
{
    uint64_t until_us = lg_clock_mono_us() + (uint64_t)AGREE_MS * 1000;
    seen_vec seen = {0};
    int32_t current = look(o, &seen);

    if (!is_allowed(o, current, before, after))
        fail_msg("version %d is current; allowed are %d and %d (pending: generation %d)", current,
                 before, after, o->pending);
    /* Two backups are kept: what was just served can be switched to. */
    if (before != 0 && !is_listed(o, before))
        fail_msg("version %d is lost", before);
    for (size_t i = 0; i < seen.size; i++)
        if (seen.data[i].online || (seen.data[i].rolled_back && seen.data[i].number > current))
            check_version(o, seen.data[i].number);
    LG_VEC_DONE(&seen);
    for (int first = 0; first < LG_ORACLE_KEYS && current != 0; first += BATCH) {
        int32_t version = check_router(o, first);

        if (!is_allowed(o, version, before, after))
            fail_msg("the router reads version %d; allowed are %d and %d", version, before, after);
    }
    while (o->pending == 0 && router_current(o) != current) {
        assert_true(lg_clock_mono_us() < until_us);
        lg_process_pause(2);
    }
    o->current = current;
}

/* --- Nothing left behind. --------------------------------------------------------------------- */

static bool is_clean(const struct lg_oracle *o)
{
    LG_AUTO(lg_json) *topics = lg_rig_topics(o->rig);
    seen_vec seen = {0};
    size_t known = 0;
    bool started = false;

    (void)look(o, &seen);
    for (size_t i = 0; i < seen.size; i++) {
        LG_AUTO_STR char *topic = lg_strf(LG_ORACLE_STORE "_v%d", seen.data[i].number);

        started = started || seen.data[i].started;
        for (size_t t = 0; t < lg_json_size(topics); t++)
            known += lg_slice_eq_str(lg_json_string(lg_json_at(topics, t)), topic);
    }
    LG_VEC_DONE(&seen);
    return !started && known == lg_json_size(topics);
}

void lg_oracle_check_clean(const struct lg_oracle *o)
{
    uint64_t until_us = lg_clock_mono_us() + (uint64_t)AGREE_MS * 1000;

    while (!is_clean(o)) {
        if (lg_clock_mono_us() > until_us) {
            LG_AUTO(lg_json) *topics = lg_rig_topics(o->rig);
            LG_SCOPED(lg_buf) text = {0};

            lg_json_write(&text, topics, /* pretty= */ false);
            fail_msg("a version is still under way, or a topic is nobody's: %.*s",
                     LG_FMT(lg_buf_slice(&text)));
        }
        lg_process_pause(20);
    }
}
