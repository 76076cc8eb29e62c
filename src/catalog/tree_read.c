#include "catalog/tree_read.h"

#include "base/str.h"

static void next(struct lg_tree_read *r);

static void finish(struct lg_tree_read *r)
{
    for (size_t i = 0; i < r->pending.size; i++)
        lg_free(r->pending.data[i]);
    LG_VEC_DONE(&r->pending);
    lg_free(r->path);
    r->path = NULL;
    r->done(r);
}

static void submit(struct lg_tree_read *r, enum lg_meta_kind kind,
                   void (*done)(struct lg_meta_op *))
{
    r->op = (struct lg_meta_op){.kind = kind, .lane = r->lane, .path = r->path, .done = done};
    lg_metastore_submit(r->metastore, &r->op);
}

static unsigned depth_below_root(const char *path)
{
    unsigned depth = 0;

    for (const char *at = path; *at != 0; at++)
        depth += *at == '/';
    return depth - 1; /* A root is "/name". */
}

/* The path's children wait for their turn, last first, so that they come out in order. */
static void push_children(struct lg_tree_read *r, struct lg_slice names)
{
    size_t first = r->pending.size, end = names.size;

    for (size_t i = names.size; i > 0; i--) {
        size_t begin = i - 1;

        if (begin > 0 && names.data[begin - 1] != '\n')
            continue;
        if (end > begin + 1)
            LG_VEC_PUSH(&r->pending, lg_strf("%s/%.*s", r->path, (int)(end - 1 - begin),
                                             (const char *)names.data + begin));
        end = begin;
    }
    assert(r->pending.size >= first);
}

static bool failed(struct lg_tree_read *r)
{
    if (r->op.rc == LG_OK || r->op.rc == LG_ERR_NOT_FOUND)
        return false;
    r->rc = r->op.rc;
    r->err = r->op.err;
    finish(r);
    return true;
}

static void got_children(struct lg_meta_op *op)
{
    struct lg_tree_read *r = LG_CONTAINER_OF(op, struct lg_tree_read, op);

    if (failed(r))
        return;
    if (op->rc == LG_OK && op->value != NULL)
        push_children(r, op->value->bytes);
    lg_blob_unref(op->value);
    next(r);
}

static void got_value(struct lg_meta_op *op)
{
    struct lg_tree_read *r = LG_CONTAINER_OF(op, struct lg_tree_read, op);

    if (failed(r))
        return;
    if (op->rc == LG_ERR_NOT_FOUND) { /* Gone since its parent was read. */
        next(r);
        return;
    }
    if (r->nodes.size == LG_TREE_NODES_MAX) {
        lg_blob_unref(op->value);
        r->rc = lg_error_set(&r->err, LG_ERR_TOO_LARGE, "more than %u nodes below %s",
                             LG_TREE_NODES_MAX, r->roots[r->root - 1]);
        finish(r);
        return;
    }
    LG_VEC_PUSH(&r->nodes, (struct lg_tree_node){lg_strdup(r->path), op->value});
    if (depth_below_root(r->path) < LG_TREE_DEPTH_MAX)
        submit(r, LG_META_CHILDREN, got_children);
    else
        next(r);
}

static void next(struct lg_tree_read *r)
{
    lg_free(r->path);
    r->path = NULL;
    if (r->pending.size > 0) {
        r->path = r->pending.data[--r->pending.size];
        submit(r, LG_META_GET, got_value);
    } else if (r->root < r->root_count) {
        r->path = lg_strdup(r->roots[r->root++]);
        submit(r, LG_META_CHILDREN, got_children);
    } else {
        r->rc = LG_OK;
        finish(r);
    }
}

void lg_tree_read_submit(struct lg_tree_read *r)
{
    assert(r->root_count > 0 && r->nodes.size == 0);
    r->root = 0;
    next(r);
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
