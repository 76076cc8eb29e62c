/* Who holds which replica, as values and as JSON. */
#include "model/placement.h"

#include "base/str.h"
#include "model/push_status.h"

static void ids_free(char **ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        lg_free(ids[i]);
    lg_free(ids);
}

static char **ids_copy(const char *const *ids, size_t n)
{
    char **copy = n == 0 ? NULL : lg_new_array(char *, n);

    for (size_t i = 0; i < n; i++)
        copy[i] = lg_strdup(ids[i]);
    return copy;
}

static bool ids_equal(char *const *a, uint32_t a_count, char *const *b, uint32_t b_count)
{
    if (a_count != b_count)
        return false;
    for (uint32_t i = 0; i < a_count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void lg_placement_done(struct lg_placement *p)
{
    for (uint32_t i = 0; i < p->partitions; i++) {
        ids_free(p->parts[i].ids, p->parts[i].count);
        ids_free(p->parts[i].wanted, p->parts[i].wanted_count);
        lg_free(p->parts[i].leader);
    }
    for (size_t i = 0; i < p->resets.size; i++)
        lg_free(p->resets.data[i].id);
    LG_VEC_DONE(&p->resets);
    lg_free(p->parts);
    p->parts = NULL;
    p->partitions = p->factor = 0;
}

void lg_placement_init(struct lg_placement *out, uint32_t partitions, uint32_t factor)
{
    assert(out->parts == NULL && factor >= 1 && factor <= LG_PLACEMENT_FACTOR_MAX);
    assert(partitions <= LG_PLACEMENT_PARTITIONS_MAX);
    out->partitions = partitions;
    out->factor = factor;
    out->parts = lg_new_array(struct lg_placement_partition, partitions);
}

void lg_placement_copy(struct lg_placement *out, const struct lg_placement *from)
{
    *out = (struct lg_placement){.partitions = from->partitions, .factor = from->factor};
    out->parts = lg_new_array(struct lg_placement_partition, from->partitions);
    for (uint32_t i = 0; i < from->partitions; i++) {
        const struct lg_placement_partition *f = &from->parts[i];

        out->parts[i] = (struct lg_placement_partition){
            .ids = ids_copy((const char *const *)f->ids, f->count),
            .count = f->count,
            .leader = f->leader == NULL ? NULL : lg_strdup(f->leader),
            .term = f->term,
            .wanted = ids_copy((const char *const *)f->wanted, f->wanted_count),
            .wanted_count = f->wanted_count,
        };
    }
    for (size_t i = 0; i < from->resets.size; i++) {
        struct lg_placement_reset reset = from->resets.data[i];

        reset.id = lg_strdup(reset.id);
        LG_VEC_PUSH(&out->resets, reset);
    }
}

static bool resets_equal(const struct lg_placement *a, const struct lg_placement *b)
{
    if (a->resets.size != b->resets.size)
        return false;
    for (size_t i = 0; i < a->resets.size; i++) {
        const struct lg_placement_reset *x = &a->resets.data[i], *y = &b->resets.data[i];

        if (x->partition != y->partition || x->number != y->number || x->wipe != y->wipe ||
            strcmp(x->id, y->id) != 0)
            return false;
    }
    return true;
}

bool lg_placement_equal(const struct lg_placement *a, const struct lg_placement *b)
{
    if (a->partitions != b->partitions || a->factor != b->factor || !resets_equal(a, b))
        return false;
    for (uint32_t i = 0; i < a->partitions; i++) {
        const struct lg_placement_partition *x = &a->parts[i], *y = &b->parts[i];

        if (x->term != y->term || !same_text(x->leader, y->leader) ||
            !ids_equal(x->ids, x->count, y->ids, y->count) ||
            !ids_equal(x->wanted, x->wanted_count, y->wanted, y->wanted_count))
            return false;
    }
    return true;
}

bool lg_placement_lists(const struct lg_placement_partition *part, const char *id)
{
    for (uint32_t i = 0; i < part->count; i++)
        if (strcmp(part->ids[i], id) == 0)
            return true;
    return false;
}

bool lg_placement_leads(const struct lg_placement_partition *part, const char *id)
{
    return part->leader != NULL && strcmp(part->leader, id) == 0;
}

void lg_placement_set_ids(struct lg_placement_partition *part, const char *const *ids, size_t n)
{
    char **before = part->ids;
    uint32_t before_count = part->count;

    assert(n <= LG_PLACEMENT_LIST_MAX);
    part->ids = ids_copy(ids, n); /* The list may be of the one that goes. */
    part->count = (uint32_t)n;
    ids_free(before, before_count);
    if (part->leader != NULL && !lg_placement_lists(part, part->leader)) {
        lg_free(part->leader);
        part->leader = NULL;
    }
}

void lg_placement_set_wanted(struct lg_placement_partition *part, const char *const *ids, size_t n)
{
    char **before = part->wanted;
    uint32_t before_count = part->wanted_count;

    assert(n <= LG_PLACEMENT_LIST_MAX);
    part->wanted = ids_copy(ids, n);
    part->wanted_count = (uint32_t)n;
    ids_free(before, before_count);
}

void lg_placement_set_leader(struct lg_placement_partition *part, const char *id, int64_t term)
{
    char *copy = id == NULL ? NULL : lg_strdup(id);

    assert(term >= part->term && (id == NULL || lg_placement_lists(part, id)));
    lg_free(part->leader);
    part->leader = copy;
    part->term = term;
}

static struct lg_placement_reset *find_reset(const struct lg_placement *p, uint32_t partition,
                                             const char *id)
{
    for (size_t i = 0; i < p->resets.size; i++)
        if (p->resets.data[i].partition == partition && strcmp(p->resets.data[i].id, id) == 0)
            return &p->resets.data[i];
    return NULL;
}

struct lg_placement_reset lg_placement_reset_of(const struct lg_placement *p, uint32_t partition,
                                                const char *id)
{
    const struct lg_placement_reset *found = find_reset(p, partition, id);

    return found == NULL ? (struct lg_placement_reset){.partition = partition} : *found;
}

/* Keeps the order: by partition, then id. `take_reset.id` is owned. */
static void insert_reset(struct lg_placement *p, struct lg_placement_reset take_reset)
{
    size_t at;

    LG_VEC_PUSH(&p->resets, take_reset);
    for (at = p->resets.size - 1; at > 0; at--) {
        const struct lg_placement_reset *before = &p->resets.data[at - 1];

        if (before->partition < take_reset.partition ||
            (before->partition == take_reset.partition && strcmp(before->id, take_reset.id) < 0))
            break;
        p->resets.data[at] = *before;
    }
    p->resets.data[at] = take_reset;
}

enum lg_rc lg_placement_reset(struct lg_placement *p, uint32_t partition, const char *id, bool wipe,
                              struct lg_error *err)
{
    struct lg_placement_reset *found = find_reset(p, partition, id);

    assert(partition < p->partitions);
    if (found != NULL) {
        found->number++;
        found->wipe = wipe;
        return LG_OK;
    }
    if (p->resets.size >= LG_PLACEMENT_RESETS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "%u replicas of the version were reset already; push it again",
                            LG_PLACEMENT_RESETS_MAX);
    insert_reset(p, (struct lg_placement_reset){partition, lg_strdup(id), 1, wipe});
    return LG_OK;
}

/* --- JSON. ------------------------------------------------------------------------------------ */

static struct lg_json *text_json(const char *text)
{
    struct lg_json *json = text == NULL ? NULL : lg_json_new_string(lg_slice_str(text));

    return json == NULL ? lg_json_new_null() : json;
}

static struct lg_json *list_json(char *const *ids, uint32_t n)
{
    struct lg_json *list = lg_json_new_array();

    for (uint32_t i = 0; i < n; i++)
        lg_json_push(list, text_json(ids[i]));
    return list;
}

static struct lg_json *resets_json(const struct lg_placement *p)
{
    struct lg_json *json = lg_json_new_object();

    for (size_t i = 0; i < p->resets.size; i++) {
        const struct lg_placement_reset *r = &p->resets.data[i];
        struct lg_json *of_partition, *value;
        char number[16];

        (void)snprintf(number, sizeof number, "%u", r->partition);
        of_partition = lg_json_get(json, number);
        if (of_partition == NULL) {
            of_partition = lg_json_new_object();
            lg_json_set(json, number, of_partition);
        }
        value = lg_json_new_int(r->number);
        if (r->wipe) {
            struct lg_json *object = lg_json_new_object();

            lg_json_set(object, "number", value);
            lg_json_set_bool(object, "wipe", true);
            value = object;
        }
        lg_json_set(of_partition, r->id, value);
    }
    return json;
}

struct lg_json *lg_placement_to_json(const struct lg_placement *p)
{
    struct lg_json *json = lg_json_new_object(), *lists = lg_json_new_array();
    struct lg_json *leaders = lg_json_new_array(), *terms = lg_json_new_array();
    struct lg_json *wanted = lg_json_new_array();
    bool moves = false;

    for (uint32_t i = 0; i < p->partitions; i++) {
        const struct lg_placement_partition *part = &p->parts[i];

        lg_json_push(lists, list_json(part->ids, part->count));
        lg_json_push(leaders, text_json(part->leader));
        lg_json_push(terms, lg_json_new_int(part->term));
        lg_json_push(wanted, part->wanted_count == 0 ? lg_json_new_null()
                                                     : list_json(part->wanted, part->wanted_count));
        moves = moves || part->wanted_count > 0;
    }
    lg_json_set(json, "partitions", lists);
    lg_json_set_int(json, "factor", p->factor);
    lg_json_set(json, "leaders", leaders);
    lg_json_set(json, "terms", terms);
    if (moves)
        lg_json_set(json, "wanted", wanted);
    else
        lg_json_unref(wanted);
    if (p->resets.size > 0)
        lg_json_set(json, "resets", resets_json(p));
    return json;
}

/* An id is a word that can stand in a path: not empty, no NUL, no slash. */
static bool good_id(struct lg_slice id)
{
    return id.size > 0 && id.size <= 512 && memchr(id.data, 0, id.size) == NULL &&
           memchr(id.data, '/', id.size) == NULL;
}

static enum lg_rc read_list(const struct lg_json *list, const char *what, size_t p, char ***out,
                            uint32_t *out_count, struct lg_error *err)
{
    size_t n = lg_json_size(list);
    char **ids;

    if (lg_json_type(list) != LG_JSON_ARRAY || n > LG_PLACEMENT_LIST_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "\"%s\" of partition %zu is no list of at most %u", what, p,
                            LG_PLACEMENT_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        struct lg_slice id = lg_json_string(lg_json_at(list, i));

        if (!good_id(id))
            return lg_error_set(err, LG_ERR_BAD_DATA, "\"%s\" of partition %zu names no server",
                                what, p);
        for (size_t k = 0; k < i; k++)
            if (lg_slice_eq(id, lg_json_string(lg_json_at(list, k))))
                return lg_error_set(err, LG_ERR_BAD_DATA,
                                    "\"%s\" of partition %zu names server '%.*s' twice", what, p,
                                    LG_FMT(id));
    }
    ids = n == 0 ? NULL : lg_new_array(char *, n);
    for (size_t i = 0; i < n; i++) {
        struct lg_slice id = lg_json_string(lg_json_at(list, i));

        ids[i] = lg_strndup((const char *)id.data, id.size);
    }
    *out = ids;
    *out_count = (uint32_t)n;
    return LG_OK;
}

static enum lg_rc read_partition(const struct lg_json *json, size_t p,
                                 struct lg_placement_partition *part, struct lg_error *err)
{
    const struct lg_json *leaders = lg_json_get(json, "leaders");
    const struct lg_json *wanted = lg_json_at(lg_json_get(json, "wanted"), p);
    const char *first;
    enum lg_rc rc = read_list(lg_json_at(lg_json_get(json, "partitions"), p), "partitions", p,
                              &part->ids, &part->count, err);

    if (rc == LG_OK && lg_json_type(wanted) != LG_JSON_NULL)
        rc = read_list(wanted, "wanted", p, &part->wanted, &part->wanted_count, err);
    if (rc != LG_OK)
        return rc;
    part->term = lg_json_int(lg_json_at(lg_json_get(json, "terms"), p));
    if (part->term < 0 || part->term >= LG_JSON_NUMBER_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "\"terms\" of partition %zu is %lld, which is not between 0 and 2^53; "
                            "correct it",
                            p, (long long)part->term);
    first = part->count == 0 ? NULL : part->ids[0];
    if (lg_json_type(leaders) != LG_JSON_ARRAY) { /* Release 0.1: the first replica leads. */
        part->leader = first == NULL ? NULL : lg_strdup(first);
        return LG_OK;
    }
    for (uint32_t i = 0; i < part->count; i++)
        if (lg_slice_eq_str(lg_json_string(lg_json_at(leaders, p)), part->ids[i]))
            part->leader = lg_strdup(part->ids[i]);
    return LG_OK;
}

static enum lg_rc read_reset(struct lg_placement *p, uint32_t partition, const char *id,
                             const struct lg_json *value, struct lg_error *err)
{
    bool is_object = lg_json_type(value) == LG_JSON_OBJECT;
    int64_t number = is_object ? lg_json_get_int(value, "number", 0) : lg_json_int(value);

    if (number < 1 || number >= LG_JSON_NUMBER_MAX || !good_id(lg_slice_str(id)))
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"resets\" of partition %u has no good number",
                            partition);
    if (p->resets.size >= LG_PLACEMENT_RESETS_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"resets\" has more than %u entries",
                            LG_PLACEMENT_RESETS_MAX);
    insert_reset(p,
                 (struct lg_placement_reset){partition, lg_strdup(id), number,
                                             is_object && lg_json_get_bool(value, "wipe", false)});
    return LG_OK;
}

static enum lg_rc read_resets(const struct lg_json *json, struct lg_placement *p,
                              struct lg_error *err)
{
    struct lg_json *of_partition, *value;
    const char *key, *id;
    enum lg_rc rc = LG_OK;

    for (size_t at = 0; rc == LG_OK && lg_json_next(json, &at, &key, &of_partition);) {
        uint64_t partition;

        if (p->partitions == 0 || !lg_parse_u64(lg_slice_str(key), p->partitions - 1, &partition) ||
            (key[0] == '0' && key[1] != 0))
            return lg_error_set(err, LG_ERR_BAD_DATA, "\"resets\" names partition '%.40s'", key);
        for (size_t k = 0; rc == LG_OK && lg_json_next(of_partition, &k, &id, &value);)
            rc = read_reset(p, (uint32_t)partition, id, value, err);
    }
    return rc;
}

enum lg_rc lg_placement_from_json(const struct lg_json *json, struct lg_placement *out,
                                  struct lg_error *err)
{
    LG_SCOPED(lg_placement) p = {0};
    const struct lg_json *lists = lg_json_get(json, "partitions");
    size_t n = lg_json_size(lists);
    int64_t factor = lg_json_get_int(json, "factor", 0);
    uint32_t longest = 1;
    enum lg_rc rc = LG_OK;

    if (lg_json_type(lists) != LG_JSON_ARRAY || n > LG_PLACEMENT_PARTITIONS_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"partitions\" is no list of at most %u",
                            LG_PLACEMENT_PARTITIONS_MAX);
    if (factor < 0 || factor > LG_PLACEMENT_FACTOR_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"factor\" is not between 1 and %u",
                            LG_PLACEMENT_FACTOR_MAX);
    lg_placement_init(&p, (uint32_t)n, 1);
    for (uint32_t i = 0; rc == LG_OK && i < n; i++) {
        rc = read_partition(json, i, &p.parts[i], err);
        longest = LG_MAX(longest, p.parts[i].count);
    }
    if (rc == LG_OK)
        rc = read_resets(lg_json_get(json, "resets"), &p, err);
    if (rc != LG_OK)
        return rc;
    p.factor = factor > 0 ? (uint32_t)factor : LG_MIN(longest, LG_PLACEMENT_FACTOR_MAX);
    *out = p;
    p = (struct lg_placement){0};
    return LG_OK;
}

/* --- Reports. --------------------------------------------------------------------------------- */

struct lg_json *lg_replica_report_to_json(const struct lg_replica_report *r)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "status", lg_push_status_name(r->status));
    lg_json_set_int(json, "records", (int64_t)r->records);
    lg_json_set_int(json, "bytes", (int64_t)r->bytes);
    lg_json_set_str(json, "error", r->error);
    lg_json_set_str(json, "state", lg_replica_state_name(r->state));
    lg_json_set_int(json, "term", r->term);
    lg_json_set_int(json, "reset", r->reset);
    return json;
}

enum lg_rc lg_replica_report_from_json(const struct lg_json *json, struct lg_replica_report *out,
                                       struct lg_error *err)
{
    const char *status = lg_json_get_str(json, "status", "");
    const char *state = lg_json_get_str(json, "state", NULL);
    struct lg_replica_report r = {.error = lg_json_get_str(json, "error", NULL)};
    int64_t records = 0, bytes = 0;
    enum lg_rc rc = lg_json_get_number(json, "records", 0, &records, err);

    if (rc == LG_OK)
        rc = lg_json_get_number(json, "bytes", 0, &bytes, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(json, "term", 0, &r.term, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(json, "reset", 0, &r.reset, err);
    if (rc != LG_OK)
        return rc;
    r.records = (uint64_t)records;
    r.bytes = (uint64_t)bytes;
    if (!lg_push_status_from_name(lg_slice_str(status), &r.status))
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"status\" '%.40s' is unknown", status);
    r.state = lg_push_status_is_error(r.status) ? LG_REPLICA_ERROR : LG_REPLICA_STANDBY;
    if (state != NULL && !lg_replica_state_from_name(lg_slice_str(state), &r.state))
        return lg_error_set(err, LG_ERR_BAD_DATA, "\"state\" '%.40s' is unknown", state);
    *out = r;
    return LG_OK;
}

/* --- Nodes. ----------------------------------------------------------------------------------- */

static const char *const node_states[] = {
    [LG_NODE_ACTIVE] = "ACTIVE", [LG_NODE_DRAINING] = "DRAINING", [LG_NODE_REMOVED] = "REMOVED"};

void lg_node_record_done(struct lg_node_record *n)
{
    lg_free(n->zone);
    n->zone = NULL;
}

const char *lg_node_state_name(enum lg_node_state state)
{
    return node_states[state];
}

struct lg_json *lg_node_record_to_json(const struct lg_node_record *n)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "zone", n->zone);
    lg_json_set_int(json, "firstSeenMs", n->first_seen_ms);
    lg_json_set(json, "goneSinceMs",
                n->gone_since_ms == 0 ? lg_json_new_null() : lg_json_new_int(n->gone_since_ms));
    if (n->gone_since_ms != 0 && n->gone_clock_ms >= 0)
        lg_json_set_int(json, "goneClockMs", n->gone_clock_ms);
    lg_json_set_str(json, "state", node_states[n->state]);
    return json;
}

enum lg_rc lg_node_record_from_json(const struct lg_json *json, struct lg_node_record *out,
                                    struct lg_error *err)
{
    const char *state = lg_json_get_str(json, "state", "ACTIVE");
    struct lg_node_record n = {0};
    enum lg_rc rc;

    if (lg_json_type(json) != LG_JSON_OBJECT)
        return lg_error_set(err, LG_ERR_BAD_DATA, "it is no JSON object");
    rc = lg_json_get_number(json, "firstSeenMs", 0, &n.first_seen_ms, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(json, "goneSinceMs", 0, &n.gone_since_ms, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(json, "goneClockMs", -1, &n.gone_clock_ms, err);
    if (rc != LG_OK)
        return rc;
    while (strcmp(node_states[n.state], state) != 0) {
        if (n.state == LG_NODE_REMOVED)
            return lg_error_set(err, LG_ERR_BAD_DATA, "\"state\" '%.40s' is unknown", state);
        n.state++;
    }
    n.zone = lg_strdup(lg_json_get_str(json, "zone", ""));
    *out = n;
    return LG_OK;
}
