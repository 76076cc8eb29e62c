/* The tree of metafile. Owner: the home lane of the store (reads of a shared tree: any thread). */
#include "drivers/metafile/meta_tree.h"

#include <stdio.h>

static struct lg_meta_node *node_new(struct lg_slice name)
{
    struct lg_meta_node *n = lg_new(struct lg_meta_node);

    n->refs = 1;
    n->name = lg_strndup((const char *)name.data, name.size);
    return n;
}

static void node_unref(struct lg_meta_node *n)
{
    if (n == NULL || --n->refs > 0)
        return;
    for (size_t i = 0; i < n->children.size; i++)
        node_unref(n->children.data[i]);
    LG_VEC_DONE(&n->children);
    lg_blob_unref(n->value);
    lg_free(n->name);
    lg_free(n);
}

static struct lg_meta_node *node_copy(const struct lg_meta_node *from)
{
    struct lg_meta_node *n = node_new(lg_slice_str(from->name));

    n->value = from->value == NULL ? NULL : lg_blob_ref(from->value);
    n->version = from->version;
    n->session = from->session;
    for (size_t i = 0; i < from->children.size; i++) {
        from->children.data[i]->refs++;
        LG_VEC_PUSH(&n->children, from->children.data[i]);
    }
    return n;
}

static size_t node_bytes(const struct lg_meta_node *n)
{
    return LG_META_NODE_OVERHEAD_BYTES + strlen(n->name) +
           (n->value == NULL ? 0 : n->value->bytes.size);
}

void lg_meta_tree_init(struct lg_meta_tree *tree)
{
    tree->root = node_new(LG_SLICE_NULL);
    tree->bytes = node_bytes(tree->root);
    tree->count = 1;
}

void lg_meta_tree_done(struct lg_meta_tree *tree)
{
    node_unref(tree->root);
    *tree = (struct lg_meta_tree){0};
}

struct lg_meta_tree lg_meta_tree_share(const struct lg_meta_tree *tree)
{
    tree->root->refs++;
    return *tree;
}

/* --- Paths ---------------------------------------------------------------------------------- */

/* The next segment of "/a/b", and the rest after it. False at the end. */
static bool next_segment(const char **path, struct lg_slice *out)
{
    const char *p = *path;
    size_t n;

    while (*p == '/')
        p++;
    if (*p == '\0')
        return false;
    n = strcspn(p, "/");
    *out = lg_slice(p, n);
    *path = p + n;
    return true;
}

/* The place of `name` among the children; true when it is there. */
static bool child_place(const struct lg_meta_node *n, struct lg_slice name, size_t *out)
{
    size_t low = 0, high = n->children.size;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = lg_slice_cmp(lg_slice_str(n->children.data[mid]->name), name);

        if (c == 0) {
            *out = mid;
            return true;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *out = low;
    return false;
}

const struct lg_meta_node *lg_meta_tree_find(const struct lg_meta_tree *tree, const char *path)
{
    const struct lg_meta_node *n = tree->root;
    struct lg_slice s;
    size_t i;

    while (next_segment(&path, &s)) {
        if (!child_place(n, s, &i))
            return NULL;
        n = n->children.data[i];
    }
    return n;
}

/* --- New versions of the tree --------------------------------------------------------------- */

/* The node behind `*slot` becomes one that nobody else holds. */
static struct lg_meta_node *own(struct lg_meta_node **slot)
{
    if ((*slot)->refs > 1) {
        struct lg_meta_node *copy = node_copy(*slot);

        node_unref(*slot);
        *slot = copy;
    }
    return *slot;
}

static void insert_child(struct lg_meta_node *parent, size_t at, struct lg_meta_node *take_child)
{
    LG_VEC_GROW(&parent->children);
    memmove(parent->children.data + at + 1, parent->children.data + at,
            (parent->children.size - at) * sizeof(parent->children.data[0]));
    parent->children.data[at] = take_child;
    parent->children.size++;
}

void lg_meta_tree_put(struct lg_meta_tree *tree, const char *path, struct lg_slice value,
                      int64_t version, uint64_t session)
{
    struct lg_meta_node *n = own(&tree->root);
    const char *rest = path;
    struct lg_slice s;
    bool fresh = false;

    while (next_segment(&rest, &s)) {
        size_t i;

        fresh = !child_place(n, s, &i);
        if (fresh) {
            insert_child(n, i, node_new(s));
            tree->bytes += node_bytes(n->children.data[i]);
            tree->count++;
        }
        n = own(&n->children.data[i]);
    }
    tree->bytes -= node_bytes(n);
    lg_blob_unref(n->value);
    n->value = value.size == 0 ? NULL : lg_blob_new(value);
    n->version = version;
    if (fresh)
        n->session = session;
    tree->bytes += node_bytes(n);
}

static void subtract(struct lg_meta_tree *tree, const struct lg_meta_node *n)
{
    tree->bytes -= node_bytes(n);
    tree->count--;
    for (size_t i = 0; i < n->children.size; i++)
        subtract(tree, n->children.data[i]);
}

void lg_meta_tree_cut(struct lg_meta_tree *tree, const char *path)
{
    struct lg_meta_node *n = NULL;
    const char *rest = path;
    struct lg_slice s;
    size_t i = 0;

    if (lg_meta_tree_find(tree, path) == NULL)
        return;
    while (next_segment(&rest, &s)) {
        n = n == NULL ? own(&tree->root) : own(&n->children.data[i]);
        (void)child_place(n, s, &i); /* Present: it was found above. */
    }
    if (n == NULL)
        return; /* The root stays. */
    subtract(tree, n->children.data[i]);
    node_unref(n->children.data[i]);
    n->children.size--;
    memmove(n->children.data + i, n->children.data + i + 1,
            (n->children.size - i) * sizeof(n->children.data[0]));
}

/* --- Changes -------------------------------------------------------------------------------- */

struct told {
    lg_meta_effect_fn fn;
    void *ctx;
};

static void put_and_tell(struct lg_meta_tree *tree, const struct lg_meta_change *c, int64_t version,
                         uint64_t session, const struct told *told)
{
    lg_meta_tree_put(tree, c->path, c->value, version, session);
    told->fn(told->ctx, LG_META_NODE_IS, c->path, lg_meta_tree_find(tree, c->path));
}

/* Makes the parents that are missing; they are persistent and empty. */
static enum lg_rc make_parents(struct lg_meta_tree *tree, const char *path, const struct told *told,
                               struct lg_error *err)
{
    char parent[LG_META_PATH_MAX + 1];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - path);
        const struct lg_meta_node *node;

        memcpy(parent, path, n);
        parent[n] = '\0';
        node = lg_meta_tree_find(tree, parent);
        if (node != NULL && node->session != 0)
            return lg_error_set(err, LG_ERR_CONFLICT,
                                "%s cannot be made: %s is ephemeral and holds no children", path,
                                parent);
        if (node == NULL) {
            lg_meta_tree_put(tree, parent, LG_SLICE_NULL, 0, 0);
            told->fn(told->ctx, LG_META_NODE_IS, parent, lg_meta_tree_find(tree, parent));
        }
    }
    return LG_OK;
}

static enum lg_rc create(struct lg_meta_tree *tree, const struct lg_meta_change *c,
                         uint64_t session, const struct told *told, struct lg_error *err)
{
    enum lg_rc rc;

    if (lg_meta_tree_find(tree, c->path) != NULL)
        return lg_error_set(err, LG_ERR_CONFLICT, "%s exists already", c->path);
    rc = make_parents(tree, c->path, told, err);
    if (rc != LG_OK)
        return rc;
    put_and_tell(tree, c, 0, session, told);
    return LG_OK;
}

static enum lg_rc expect(const struct lg_meta_node *n, const struct lg_meta_change *c,
                         struct lg_error *err)
{
    if (n == NULL)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "%s does not exist", c->path);
    if (c->version != LG_META_ANY_VERSION && c->version != n->version)
        return lg_error_set(err, LG_ERR_CONFLICT, "%s has version %lld, not %lld: read it again",
                            c->path, (long long)n->version, (long long)c->version);
    return LG_OK;
}

static enum lg_rc remove_node(struct lg_meta_tree *tree, const struct lg_meta_change *c,
                              const struct told *told, struct lg_error *err)
{
    const struct lg_meta_node *n = lg_meta_tree_find(tree, c->path);

    if (strcmp(c->path, "/") == 0)
        return lg_error_set(err, LG_ERR_INVALID, "the root cannot be removed");
    if (c->kind == LG_META_REMOVE) {
        enum lg_rc rc = expect(n, c, err);

        if (rc != LG_OK)
            return rc;
        if (n->children.size > 0)
            return lg_error_set(err, LG_ERR_CONFLICT, "%s has children", c->path);
    }
    if (n != NULL) {
        told->fn(told->ctx, LG_META_NODE_GONE, c->path, n);
        lg_meta_tree_cut(tree, c->path);
    }
    return LG_OK;
}

static enum lg_rc apply(struct lg_meta_tree *tree, const struct lg_meta_change *c, uint64_t session,
                        const struct told *told, struct lg_error *err)
{
    const struct lg_meta_node *n = lg_meta_tree_find(tree, c->path);
    enum lg_rc rc = LG_OK;

    switch (c->kind) {
    case LG_META_CREATE:
        return create(tree, c, 0, told, err);
    case LG_META_CREATE_EPHEMERAL:
        return create(tree, c, session, told, err);
    case LG_META_PUT:
        if (n == NULL)
            return create(tree, c, 0, told, err);
        put_and_tell(tree, c, n->version + 1, 0, told);
        return LG_OK;
    case LG_META_SET:
        rc = expect(n, c, err);
        if (rc == LG_OK)
            put_and_tell(tree, c, n->version + 1, 0, told);
        return rc;
    case LG_META_REMOVE:
    case LG_META_REMOVE_TREE:
        return remove_node(tree, c, told, err);
    case LG_META_CHECK:
        rc = expect(n, c, err);
        return rc;
    }
    return lg_error_set(err, LG_ERR_INVALID, "%s: unknown kind of change", c->path);
}

enum lg_rc lg_meta_tree_change(struct lg_meta_tree *tree, const struct lg_meta_change *change,
                               uint64_t session, lg_meta_effect_fn told, void *ctx,
                               struct lg_error *err)
{
    struct told teller = {told, ctx};
    struct lg_meta_tree next;
    enum lg_rc rc = lg_meta_path_check(change->path, err);

    if (rc != LG_OK)
        return rc;
    if (change->value.size > LG_META_VALUE_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the value for %s has %zu bytes, at most %zu (limit "
                            "metadata_value_bytes): fewer partitions, replicas or schemas",
                            change->path, change->value.size, LG_META_VALUE_MAX);
    next = lg_meta_tree_share(tree);
    rc = apply(&next, change, session, &teller, err);
    if (rc != LG_OK) {
        lg_meta_tree_done(&next);
        return rc;
    }
    lg_meta_tree_done(tree);
    *tree = next;
    return LG_OK;
}

/* --- Walks ---------------------------------------------------------------------------------- */

struct walk {
    void (*visit)(void *ctx, const char *path, const struct lg_meta_node *node);
    void *ctx;
    bool (*wanted)(const struct lg_meta_node *node, uint64_t session);
    uint64_t session;
};

/* `path` has room for LG_META_PATH_MAX and is as long as `size`. Depth is bounded by the paths. */
static void walk_node(const struct walk *w, const struct lg_meta_node *n, char *path, size_t size)
{
    if (w->wanted(n, w->session))
        w->visit(w->ctx, size == 0 ? "/" : path, n);
    for (size_t i = 0; i < n->children.size; i++) {
        const char *name = n->children.data[i]->name;
        size_t room = LG_META_PATH_MAX + 1 - size;
        int more = snprintf(path + size, room, "/%s", name);

        assert(more > 0 && (size_t)more < room);
        walk_node(w, n->children.data[i], path, size + (size_t)more);
        path[size] = '\0';
    }
}

static bool is_of_session(const struct lg_meta_node *n, uint64_t session)
{
    return n->session == session;
}

void lg_meta_tree_walk(const struct lg_meta_tree *tree,
                       void (*visit)(void *ctx, const char *path, const struct lg_meta_node *node),
                       void *ctx)
{
    struct walk w = {.visit = visit, .ctx = ctx, .wanted = is_of_session, .session = 0};
    char path[LG_META_PATH_MAX + 1] = "";

    walk_node(&w, tree->root, path, 0);
}

struct paths {
    LG_VEC(char *) list;
};

static void collect_path(void *ctx, const char *path, const struct lg_meta_node *node)
{
    struct paths *paths = ctx;

    (void)node;
    LG_VEC_PUSH(&paths->list, lg_strdup(path));
}

void lg_meta_tree_end_session(struct lg_meta_tree *tree, uint64_t session, lg_meta_effect_fn told,
                              void *ctx)
{
    struct paths paths = {0};
    struct walk w = {
        .visit = collect_path, .ctx = &paths, .wanted = is_of_session, .session = session};
    char path[LG_META_PATH_MAX + 1] = "";

    assert(session != 0);
    walk_node(&w, tree->root, path, 0);
    for (size_t i = 0; i < paths.list.size; i++) {
        told(ctx, LG_META_NODE_GONE, paths.list.data[i],
             lg_meta_tree_find(tree, paths.list.data[i]));
        lg_meta_tree_cut(tree, paths.list.data[i]);
        lg_free(paths.list.data[i]);
    }
    LG_VEC_DONE(&paths.list);
}
