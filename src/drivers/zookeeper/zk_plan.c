#include "drivers/zookeeper/zk_plan.h"

#include <stdlib.h>

#include "base/str.h"

#define STEP_BYTES 160u    /* of a step besides path and value: headers, lengths, access list */
#define REQUEST_BYTES 128u /* of a request besides its steps */

struct node { /* What is known of a path. */
    bool present, is_ephemeral;
};

static void forget(struct lg_zk_plan *plan)
{
    struct lg_slice key;
    void *value;
    size_t at = 0;

    for (size_t i = 0; i < plan->steps.size; i++)
        lg_free(plan->steps.data[i].path);
    plan->steps.size = 0;
    while (plan->known != NULL && lg_map_next(plan->known, &at, &key, &value))
        lg_free(value);
    lg_map_free(plan->known);
    plan->known = NULL;
}

void lg_zk_plan_done(struct lg_zk_plan *plan)
{
    forget(plan);
    LG_VEC_DONE(&plan->steps);
}

/* --- What must be read ---------------------------------------------------------------------- */

struct needs {
    struct lg_map *asked; /* the value is `once` or `tree` */
    void (*need)(void *ctx, const char *path, bool tree);
    void *ctx;
};

static void ask(struct needs *n, const char *path, bool tree)
{
    static char once, all;
    void *want = tree ? &all : &once;
    void *had = lg_map_get(n->asked, lg_slice_str(path));

    if (had == &all || had == want)
        return;
    (void)lg_map_put(n->asked, lg_slice_str(path), want);
    n->need(n->ctx, path, tree);
}

/* The length of the parent's path; 0 for the children of "/" and for itself. */
static size_t parent_size(const char *path, size_t size)
{
    while (size > 0 && path[size - 1] != '/')
        size--;
    return size == 0 ? 0 : size - 1;
}

static void ask_ancestors(struct needs *n, const char *path)
{
    char parent[LG_META_PATH_MAX + 1];

    for (size_t size = parent_size(path, strlen(path)); size > 0; size = parent_size(path, size)) {
        memcpy(parent, path, size);
        parent[size] = '\0';
        ask(n, parent, false);
    }
}

void lg_zk_plan_need(struct lg_zk_plan *plan, const struct lg_meta_change *changes, size_t count,
                     void (*need)(void *ctx, const char *path, bool tree), void *ctx)
{
    struct needs n = {.asked = lg_map_new(), .need = need, .ctx = ctx};

    forget(plan);
    plan->known = lg_map_new();
    for (size_t i = 0; i < count; i++) {
        const struct lg_meta_change *c = &changes[i];

        if (strcmp(c->path, "/") == 0)
            continue; /* The root of the cluster is there. */
        switch (c->kind) {
        case LG_META_CREATE:
        case LG_META_CREATE_EPHEMERAL:
        case LG_META_PUT:
            ask_ancestors(&n, c->path);
            ask(&n, c->path, /* tree= */ false);
            break;
        case LG_META_REMOVE_TREE:
            ask_ancestors(&n, c->path);
            ask(&n, c->path, /* tree= */ true);
            break;
        case LG_META_SET:
        case LG_META_REMOVE:
        case LG_META_CHECK:
            break; /* ZooKeeper decides as the port does. */
        }
    }
    lg_map_free(n.asked);
}

void lg_zk_plan_learn(struct lg_zk_plan *plan, const char *path, bool present, bool is_ephemeral)
{
    struct lg_slice key = lg_slice_str(path);
    struct node *node = lg_map_get(plan->known, key);

    if (node == NULL) {
        node = lg_new(struct node);
        (void)lg_map_put(plan->known, key, node);
    }
    node->present = present;
    node->is_ephemeral = is_ephemeral;
}

static const struct node *look(const struct lg_zk_plan *plan, const char *path)
{
    static const struct node root = {.present = true}, absent = {.present = false};
    const struct node *node;

    if (strcmp(path, "/") == 0 || path[0] == '\0')
        return &root;
    node = lg_map_get(plan->known, lg_slice_str(path));
    return node == NULL ? &absent : node;
}

/* --- Steps ---------------------------------------------------------------------------------- */

static struct lg_zk_step *step(struct lg_zk_plan *plan, enum lg_zk_step_kind kind, const char *path,
                               size_t change, bool assumed)
{
    struct lg_zk_step s = {
        .kind = kind, .path = lg_strdup(path), .version = -1, .change = change, .assumed = assumed};

    LG_VEC_PUSH(&plan->steps, s);
    if (kind == LG_ZK_STEP_CREATE || kind == LG_ZK_STEP_CREATE_EPHEMERAL)
        lg_zk_plan_learn(plan, path, true, kind == LG_ZK_STEP_CREATE_EPHEMERAL);
    if (kind == LG_ZK_STEP_DELETE && strcmp(path, "/") != 0)
        lg_zk_plan_learn(plan, path, false, false);
    return &plan->steps.data[plan->steps.size - 1];
}

static void make_parents(struct lg_zk_plan *plan, const char *path, size_t change)
{
    char parent[LG_META_PATH_MAX + 1];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - path);

        memcpy(parent, path, n);
        parent[n] = '\0';
        if (!look(plan, parent)->present)
            (void)step(plan, LG_ZK_STEP_CREATE, parent, change, /* assumed= */ true);
    }
}

static int by_path_down(const void *a, const void *b)
{
    return -strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Shows with a node that is made and removed at once that a path is absent. */
static void probe(struct lg_zk_plan *plan, const char *path, size_t change)
{
    char missing[LG_META_PATH_MAX + 1], parent[LG_META_PATH_MAX + 1];
    size_t first = plan->steps.size, size = strlen(path);

    memcpy(missing, path, size + 1);
    for (;;) { /* Up to the highest node that is missing. */
        size = parent_size(missing, size);
        memcpy(parent, missing, size);
        parent[size] = '\0';
        if (look(plan, parent)->present)
            break;
        memcpy(missing, parent, size + 1);
    }
    if (look(plan, parent)->is_ephemeral) { /* It cannot have children while it stays. */
        (void)step(plan, LG_ZK_STEP_CHECK, parent, change, /* assumed= */ true);
    } else {
        (void)step(plan, LG_ZK_STEP_CREATE, missing, change, /* assumed= */ true);
        (void)step(plan, LG_ZK_STEP_DELETE, missing, change, /* assumed= */ true);
    }
    for (size_t i = first; i < plan->steps.size; i++)
        plan->steps.data[i].is_probe = true;
}

/* Children before their parents: a longer path stands behind its beginning. */
static void remove_tree(struct lg_zk_plan *plan, const char *path, size_t change)
{
    LG_VEC(char *) present = {0};
    struct lg_slice key;
    void *value;
    size_t at = 0;

    while (lg_map_next(plan->known, &at, &key, &value)) {
        LG_AUTO_STR char *known = lg_strndup((const char *)key.data, key.size);

        if (((struct node *)value)->present && lg_meta_path_is_below(known, path))
            LG_VEC_PUSH(&present, LG_TAKE(known));
    }
    if (present.size > 0)
        qsort(present.data, present.size, sizeof(char *), by_path_down);
    for (size_t i = 0; i < present.size; i++) {
        (void)step(plan, LG_ZK_STEP_DELETE, present.data[i], change, /* assumed= */ true);
        lg_free(present.data[i]);
    }
    if (present.size == 0)
        probe(plan, path, change);
    LG_VEC_DONE(&present);
}

static void put(struct lg_zk_plan *plan, const struct lg_meta_change *c, size_t change)
{
    bool present = look(plan, c->path)->present;

    if (!present)
        make_parents(plan, c->path, change);
    step(plan, present ? LG_ZK_STEP_SET : LG_ZK_STEP_CREATE, c->path, change, /* assumed= */ true)
        ->value = c->value;
}

static void plan_change(struct lg_zk_plan *plan, const struct lg_meta_change *c, size_t change)
{
    struct lg_zk_step *s;

    switch (c->kind) {
    case LG_META_CREATE:
    case LG_META_CREATE_EPHEMERAL:
        make_parents(plan, c->path, change);
        s = step(plan, c->kind == LG_META_CREATE ? LG_ZK_STEP_CREATE : LG_ZK_STEP_CREATE_EPHEMERAL,
                 c->path, change, /* assumed= */ false);
        s->value = c->value;
        return;
    case LG_META_SET:
        s = step(plan, LG_ZK_STEP_SET, c->path, change, /* assumed= */ false);
        s->value = c->value;
        s->version = (int32_t)c->version;
        return;
    case LG_META_PUT:
        put(plan, c, change);
        return;
    case LG_META_REMOVE:
        step(plan, LG_ZK_STEP_DELETE, c->path, change, /* assumed= */ false)->version =
            (int32_t)c->version;
        return;
    case LG_META_REMOVE_TREE:
        remove_tree(plan, c->path, change);
        return;
    case LG_META_CHECK:
        step(plan, LG_ZK_STEP_CHECK, c->path, change, /* assumed= */ false)->version =
            (int32_t)c->version;
        return;
    }
}

static enum lg_rc check(const struct lg_meta_change *c, struct lg_error *err)
{
    bool removes = c->kind == LG_META_REMOVE || c->kind == LG_META_REMOVE_TREE;
    bool compares = c->kind == LG_META_SET || c->kind == LG_META_REMOVE || c->kind == LG_META_CHECK;

    if (removes && strcmp(c->path, "/") == 0)
        return lg_error_set(err, LG_ERR_INVALID, "the root cannot be removed");
    if (compares && (c->version > INT32_MAX || c->version < LG_META_ANY_VERSION))
        return lg_error_set(err, LG_ERR_CONFLICT, "%s cannot have version %lld: read it again",
                            c->path, (long long)c->version);
    return LG_OK;
}

enum lg_rc lg_zk_plan_build(struct lg_zk_plan *plan, const struct lg_meta_change *changes, size_t n,
                            size_t *out_failed_at, struct lg_error *err)
{
    bool only_probes = true;

    for (size_t i = 0; i < n; i++) {
        enum lg_rc rc = check(&changes[i], err);

        if (rc != LG_OK) {
            *out_failed_at = i;
            return rc;
        }
    }
    for (size_t i = 0; i < n; i++)
        plan_change(plan, &changes[i], i);
    for (size_t i = 0; i < plan->steps.size; i++)
        only_probes = only_probes && plan->steps.data[i].is_probe;
    if (only_probes) /* Nothing changes, so the moment of the reads is as good as any other. */
        while (plan->steps.size > 0)
            lg_free(plan->steps.data[--plan->steps.size].path);
    return LG_OK;
}

size_t lg_zk_plan_bytes(const struct lg_zk_plan *plan, size_t root_size)
{
    size_t bytes = REQUEST_BYTES;

    for (size_t i = 0; i < plan->steps.size; i++)
        bytes += STEP_BYTES + root_size + strlen(plan->steps.data[i].path) +
                 plan->steps.data[i].value.size;
    return bytes;
}

/* --- Failures ------------------------------------------------------------------------------- */

static bool tree_has_moved(const struct lg_zk_step *s, enum lg_zk_outcome outcome)
{
    if (outcome == LG_ZK_OTHER || outcome == LG_ZK_EPHEMERAL)
        return false;
    if (s->assumed)
        return true;
    /* A parent that was there is gone. */
    return outcome == LG_ZK_ABSENT &&
           (s->kind == LG_ZK_STEP_CREATE || s->kind == LG_ZK_STEP_CREATE_EPHEMERAL);
}

bool lg_zk_plan_judge(const struct lg_zk_plan *plan, size_t step_index, enum lg_zk_outcome outcome,
                      const struct lg_meta_change *changes, enum lg_rc *out_rc,
                      struct lg_error *err)
{
    const struct lg_zk_step *s = &plan->steps.data[step_index];
    const struct lg_meta_change *c = &changes[s->change];

    if (tree_has_moved(s, outcome))
        return true;
    switch (outcome) {
    case LG_ZK_ABSENT:
        *out_rc = lg_error_set(err, LG_ERR_NOT_FOUND, "%s does not exist", c->path);
        break;
    case LG_ZK_PRESENT:
        *out_rc = lg_error_set(err, LG_ERR_CONFLICT, "%s exists already", c->path);
        break;
    case LG_ZK_BAD_VERSION:
        *out_rc = lg_error_set(err, LG_ERR_CONFLICT, "%s does not have version %lld: read it again",
                               c->path, (long long)c->version);
        break;
    case LG_ZK_HAS_CHILDREN:
        *out_rc = lg_error_set(err, LG_ERR_CONFLICT, "%s has children", c->path);
        break;
    case LG_ZK_EPHEMERAL:
        *out_rc = lg_error_set(err, LG_ERR_CONFLICT,
                               "%s cannot be made: a node above it is ephemeral and holds no "
                               "children",
                               c->path);
        break;
    case LG_ZK_OTHER:
        break;
    }
    return false;
}
