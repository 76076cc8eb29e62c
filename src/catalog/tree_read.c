/* A tree, root by root: the paths that were found wait in a list, and as many as may be are read
 * together. The answers come in any order; each root's part is sorted at its end. */
#include "catalog/tree_read.h"

#include <stdlib.h>

#include "base/str.h"

struct visit { /* One path: its value, then its children. */
    struct lg_tree_read *read;
    char *path;
    struct lg_meta_op op;
};

static void proceed(struct lg_tree_read *r);

static void submit(struct visit *v, enum lg_meta_kind kind, void (*done)(struct lg_meta_op *))
{
    v->op = (struct lg_meta_op){.kind = kind, .lane = v->read->lane, .path = v->path, .done = done};
    lg_metastore_submit(v->read->metastore, &v->op);
}

static void visit_end(struct visit *v)
{
    struct lg_tree_read *r = v->read;

    r->open--;
    lg_free(v->path);
    lg_free(v);
    proceed(r);
}

static unsigned depth_below_root(const char *path)
{
    unsigned depth = 0;

    for (const char *at = path; *at != 0; at++)
        depth += *at == '/';
    return depth - 1; /* A root is "/name". */
}

static void push_children(struct lg_tree_read *r, const char *path, struct lg_slice names)
{
    for (size_t begin = 0, end = 0; end < names.size; end++) {
        if (names.data[end] != '\n')
            continue;
        if (end > begin)
            LG_VEC_PUSH(&r->pending, lg_strf("%s/%.*s", path, (int)(end - begin),
                                             (const char *)names.data + begin));
        begin = end + 1;
    }
}

/* The first failure is the answer; what is under way still ends. */
static void fail(struct lg_tree_read *r, enum lg_rc rc, const struct lg_error *err)
{
    if (!r->failed) {
        r->rc = rc;
        r->err = *err;
    }
    r->failed = true;
}

static void got_children(struct lg_meta_op *op)
{
    struct visit *v = LG_CONTAINER_OF(op, struct visit, op);

    if (op->rc == LG_OK && op->value != NULL && !v->read->failed)
        push_children(v->read, v->path, op->value->bytes);
    else if (op->rc == LG_ERR_NOT_FOUND)
        v->read->roots_absent += depth_below_root(v->path) == 0;
    else if (op->rc != LG_OK)
        fail(v->read, op->rc, &op->err);
    lg_blob_unref(op->value);
    visit_end(v);
}

static void got_value(struct lg_meta_op *op)
{
    struct visit *v = LG_CONTAINER_OF(op, struct visit, op);
    struct lg_tree_read *r = v->read;

    if (op->rc != LG_OK) {
        if (op->rc != LG_ERR_NOT_FOUND) /* Else it is gone since its parent was read. */
            fail(r, op->rc, &op->err);
        visit_end(v);
        return;
    }
    if (r->nodes.size == LG_TREE_NODES_MAX) {
        struct lg_error err;
        enum lg_rc rc = lg_error_set(&err, LG_ERR_TOO_LARGE, "more than %u nodes below %s",
                                     LG_TREE_NODES_MAX, r->roots[r->root - 1]);

        fail(r, rc, &err);
        lg_blob_unref(op->value);
        visit_end(v);
        return;
    }
    LG_VEC_PUSH(&r->nodes, (struct lg_tree_node){lg_strdup(v->path), op->value});
    if (depth_below_root(v->path) < LG_TREE_DEPTH_MAX && !r->failed)
        submit(v, LG_META_CHILDREN, got_children);
    else
        visit_end(v);
}

/* Takes the path. */
static void visit(struct lg_tree_read *r, char *take_path, enum lg_meta_kind kind)
{
    struct visit *v = lg_new(struct visit);

    v->read = r;
    v->path = take_path;
    r->open++;
    submit(v, kind, kind == LG_META_GET ? got_value : got_children);
}

/* A parent stands before its children: '/' sorts before every other character. */
static int compare_nodes(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct lg_tree_node *)a)->path;
    const unsigned char *y = (const unsigned char *)((const struct lg_tree_node *)b)->path;

    while (*x == *y && *x != 0) {
        x++;
        y++;
    }
    return (*x == '/' ? 1 : *x) - (*y == '/' ? 1 : *y);
}

static void finish(struct lg_tree_read *r)
{
    for (size_t i = 0; i < r->pending.size; i++)
        lg_free(r->pending.data[i]);
    LG_VEC_DONE(&r->pending);
    r->done(r);
}

/* Begins what may begin; ends the root, or everything, when nothing is left of it. */
static void proceed(struct lg_tree_read *r)
{
    while (!r->failed && r->pending.size > 0 && r->open < LG_TREE_READS_MAX)
        visit(r, r->pending.data[--r->pending.size], LG_META_GET);
    if (r->open > 0)
        return;
    if (r->nodes.size > r->root_nodes)
        qsort(r->nodes.data + r->root_nodes, r->nodes.size - r->root_nodes,
              sizeof(struct lg_tree_node), compare_nodes);
    r->root_nodes = r->nodes.size;
    if (r->failed) {
        finish(r);
    } else if (r->root < r->root_count) {
        visit(r, lg_strdup(r->roots[r->root++]), LG_META_CHILDREN);
    } else {
        r->rc = LG_OK;
        finish(r);
    }
}

void lg_tree_read_submit(struct lg_tree_read *r)
{
    assert(r->root_count > 0 && r->nodes.size == 0);
    r->root = 0;
    r->root_nodes = 0;
    r->roots_absent = 0;
    r->open = 0;
    r->failed = false;
    proceed(r);
}

void lg_tree_read_done(struct lg_tree_read *r)
{
    for (size_t i = 0; i < r->nodes.size; i++) {
        lg_free(r->nodes.data[i].path);
        lg_blob_unref(r->nodes.data[i].value);
    }
    LG_VEC_DONE(&r->nodes);
}

const char *lg_tree_node_name(const struct lg_tree_node *node)
{
    return strrchr(node->path, '/') + 1;
}
