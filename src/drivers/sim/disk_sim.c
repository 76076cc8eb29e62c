/* The simulated disk. A tree of nodes; every entry of a folder knows what it names now and what it
 * names durably, every file has its content now and its durable content, and the range in which the
 * two may differ. A power cut walks the tree and decides for each difference by chance.
 *
 * Its memory belongs to no domain although its operations run inside a simulated node's code: each
 * operation that allocates for the disk enters the null domain first. Owner: see disk_sim.h.
 */
#include "drivers/sim/disk_sim.h"

#include "base/str.h"
#include "drivers/sim/disk_sim_impl.h"

#define FREE_WITHOUT_LIMIT ((uint64_t)1 << 40)
#define SLOW_ONE_IN 100 /* operations of a slow disk take ... */
#define SLOW_TIMES 10   /* ... so many times as long */
#define HOLDER_MAX 64   /* bytes of a lock file that are read */

static struct disk_sim *disk_of(struct lg_disk *d)
{
    return (struct disk_sim *)d;
}

static struct file_sim *file_of(struct lg_file *f)
{
    return (struct file_sim *)f;
}

/* --- Content -------------------------------------------------------------------------------- */

/* New bytes are zero, also those that were cut off before. */
static void resize(struct bytes *b, size_t size)
{
    if (size > b->capacity) {
        b->capacity = LG_MAX(size, b->capacity * 2);
        b->data = lg_realloc(b->data, b->capacity);
    }
    if (size > b->size)
        memset(b->data + b->size, 0, size - b->size);
    b->size = size;
}

static void set_size(struct disk_sim *d, struct node *n, size_t size)
{
    size_t low = LG_MIN(size, n->now.size), high = LG_MAX(size, n->now.size);

    n->dirty_begin = LG_MIN(n->dirty_begin, low);
    n->dirty_end = LG_MAX(n->dirty_end, high);
    d->used = d->used - n->now.size + size;
    resize(&n->now, size);
}

static void make_durable(struct node *n)
{
    size_t end = LG_MIN(n->dirty_end, n->now.size);

    resize(&n->durable, n->now.size);
    if (n->dirty_begin < end)
        memcpy(n->durable.data + n->dirty_begin, n->now.data + n->dirty_begin,
               end - n->dirty_begin);
    n->dirty_begin = SIZE_MAX;
    n->dirty_end = 0;
}

/* --- Nodes and names ------------------------------------------------------------------------ */

static struct node *node_new(struct disk_sim *d, bool is_dir)
{
    struct node *n = lg_new(struct node);

    n->is_dir = is_dir;
    n->dirty_begin = SIZE_MAX;
    lg_list_push_back(&d->nodes, &n->all);
    return n;
}

static void node_destroy(struct node *n)
{
    lg_list_remove(&n->all);
    for (size_t i = 0; i < n->entries.size; i++)
        lg_free(n->entries.data[i].name);
    LG_VEC_DONE(&n->entries);
    lg_free(n->now.data);
    lg_free(n->durable.data);
    lg_free(n);
}

static void node_unref(struct disk_sim *d, struct node *n)
{
    if (n == NULL || --n->refs > 0)
        return;
    d->used -= n->now.size;
    for (size_t i = 0; i < n->entries.size; i++) {
        node_unref(d, n->entries.data[i].now);
        node_unref(d, n->entries.data[i].durable);
    }
    node_destroy(n);
}

static void point(struct disk_sim *d, struct node **at, struct node *to)
{
    struct node *before = *at;

    if (to != NULL)
        to->refs++;
    *at = to;
    node_unref(d, before);
}

static struct entry *find(struct node *dir, struct lg_slice name)
{
    for (size_t i = 0; i < dir->entries.size; i++) {
        if (lg_slice_eq_str(name, dir->entries.data[i].name))
            return &dir->entries.data[i];
    }
    return NULL;
}

static void drop_nameless(struct node *dir)
{
    size_t kept = 0;

    for (size_t i = 0; i < dir->entries.size; i++) {
        struct entry e = dir->entries.data[i];

        if (e.now == NULL && e.durable == NULL)
            lg_free(e.name);
        else
            dir->entries.data[kept++] = e;
    }
    dir->entries.size = kept;
}

/* What `name` is called now becomes `to` (NULL: nothing). */
static void set_name(struct disk_sim *d, struct node *dir, struct lg_slice name, struct node *to)
{
    struct entry *e = find(dir, name);

    if (e == NULL) {
        struct entry fresh = {lg_strndup((const char *)name.data, name.size), NULL, NULL};

        LG_VEC_PUSH(&dir->entries, fresh);
        e = &dir->entries.data[dir->entries.size - 1];
    }
    point(d, &e->now, to);
    drop_nameless(dir);
}

struct place { /* Where a path leads. */
    struct node *dir;
    struct lg_slice name; /* Empty: the root. */
    struct node *node;    /* NULL: absent. */
};

static enum lg_rc step_down(struct place *at, struct lg_slice part, const char *path,
                            struct lg_error *err)
{
    struct entry *e;

    if (part.size == 0 || lg_slice_eq_str(part, ".."))
        return lg_error_set(err, LG_ERR_INVALID,
                            "the path %s leaves its disk; use a relative path without \"..\"",
                            path);
    if (at->node == NULL || !at->node->is_dir)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "%s: no such folder", path);
    e = find(at->node, part);
    *at = (struct place){at->node, part, e == NULL ? NULL : e->now};
    return LG_OK;
}

static enum lg_rc walk(struct disk_sim *d, const char *path, struct place *out,
                       struct lg_error *err)
{
    struct lg_slice rest = lg_slice_str(path);
    enum lg_rc rc = LG_OK;

    *out = (struct place){NULL, LG_SLICE_NULL, d->root};
    for (unsigned depth = 0; rest.size > 0 && rc == LG_OK; depth++) {
        const uint8_t *slash = memchr(rest.data, '/', rest.size);
        size_t size = slash == NULL ? rest.size : (size_t)(slash - rest.data);

        if (depth == LG_DISK_SIM_DEPTH_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "%s lies more than %d folders deep", path,
                                LG_DISK_SIM_DEPTH_MAX);
        rc = step_down(out, lg_slice(rest.data, size), path, err);
        rest = lg_slice_skip(rest, size + 1);
    }
    return rc;
}

/* --- Every operation ------------------------------------------------------------------------ */

enum verdict { GO, FAIL, CUT };

static void take_time(struct disk_sim *d)
{
    uint64_t us = lg_rand_below(&d->rand, d->delay_us);

    if (lg_rand_chance(&d->rand, 1, SLOW_ONE_IN))
        us *= SLOW_TIMES;
    lg_sim_spend_us(d->sim, us);
}

/* Counts and traces an operation, and says whether the power is still on. */
static enum verdict begin(struct disk_sim *d, const char *what, const char *path, uint64_t a,
                          uint64_t b)
{
    d->ops++;
    if (d->sim != NULL) {
        lg_sim_trace(d->sim, what, d->ops, a, b);
        lg_sim_trace_text(d->sim, lg_slice_str(path));
        if (d->delay_us > 0)
            take_time(d);
    }
    if (d->failed || (d->cut_armed && d->cut_left == 0)) {
        bool first = !d->failed;

        d->failed = true;
        d->cut_armed = false;
        return first ? CUT : FAIL;
    }
    if (d->cut_armed)
        d->cut_left--;
    return GO;
}

/* After the part of the operation that took effect: tells whoever waits for the cut. */
static enum lg_rc end_cut(struct disk_sim *d, enum verdict verdict, const char *path,
                          struct lg_error *err)
{
    if (verdict == CUT && d->cut != NULL)
        d->cut(d->cut_ctx);
    return lg_error_set(err, LG_ERR_IO, "%s: the disk has lost its power", path);
}

/* Whether an operation without halves takes effect: for a cut, a coin decides. */
static bool happens(struct disk_sim *d, enum verdict verdict)
{
    return verdict == GO || (verdict == CUT && lg_rand_chance(&d->rand, 1, 2));
}

/* --- Files ---------------------------------------------------------------------------------- */

static struct lg_file *file_new(struct disk_sim *d, struct node *n, const char *path, bool writable)
{
    struct file_sim *f = lg_new(struct file_sim);

    f->file.disk = &d->disk;
    f->path = lg_strdup(path);
    f->writable = writable;
    point(d, &f->node, n);
    lg_list_push_back(&d->files, &f->open);
    return &f->file;
}

static enum lg_rc check_open(const struct place *at, const char *path, unsigned flags,
                             struct lg_error *err)
{
    if (at->node == NULL && (flags & LG_DISK_CREATE) == 0)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "cannot open %s: no such file", path);
    if (at->node == NULL)
        return LG_OK;
    if ((flags & LG_DISK_CREATE) != 0 && (flags & LG_DISK_EXCLUSIVE) != 0)
        return lg_error_set(err, LG_ERR_CONFLICT, "%s exists already", path);
    if (at->node->is_dir)
        return lg_error_set(err, LG_ERR_IO, "cannot open %s: it is not a regular file", path);
    return LG_OK;
}

static enum lg_rc sim_open(struct lg_disk *disk, const char *path, unsigned flags,
                           struct lg_file **out, struct lg_error *err)
{
    struct disk_sim *d = disk_of(disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    enum verdict verdict = begin(d, "disk_open", path, flags, 0);
    struct place at;
    enum lg_rc rc = verdict == FAIL ? LG_ERR_IO : walk(d, path, &at, err);

    if (rc == LG_OK)
        rc = check_open(&at, path, flags, err);
    if (rc == LG_OK && happens(d, verdict)) {
        if (at.node == NULL)
            set_name(d, at.dir, at.name, at.node = node_new(d, /* is_dir= */ false));
        if ((flags & LG_DISK_TRUNCATE) != 0)
            set_size(d, at.node, 0);
        if (verdict == GO)
            *out = file_new(d, at.node, path, (flags & LG_DISK_WRITE) != 0);
    }
    lg_alloc_domain_enter(outer);
    return verdict == GO ? rc : end_cut(d, verdict, path, err);
}

static void sim_close(struct lg_file *file)
{
    struct file_sim *f = file_of(file);
    struct disk_sim *d = disk_of(file->disk);

    if (f->holds_lock)
        f->node->locked = false;
    lg_list_remove(&f->open);
    node_unref(d, f->node);
    lg_free(f->path);
    lg_free(f);
}

static enum lg_rc sim_read(struct lg_file *file, uint64_t offset, void *out, size_t size,
                           size_t *out_read, struct lg_error *err)
{
    struct file_sim *f = file_of(file);
    struct disk_sim *d = disk_of(file->disk);
    const struct bytes *b = &f->node->now;
    enum verdict verdict = begin(d, "disk_read", f->path, offset, size);
    size_t n = offset >= b->size ? 0 : LG_MIN(size, b->size - (size_t)offset);

    if (verdict != GO)
        return end_cut(d, verdict, f->path, err);
    if (d->read_num > 0 && lg_rand_chance(&d->rand, d->read_num, d->read_den))
        return lg_error_set(err, LG_ERR_IO, "cannot read %s at %llu: the medium is damaged",
                            f->path, (unsigned long long)offset);
    if (n > 0)
        memcpy(out, b->data + offset, n);
    *out_read = n;
    return LG_OK;
}

static enum lg_rc check_usable(const struct file_sim *f, struct lg_error *err)
{
    if (!f->writable)
        return lg_error_set(err, LG_ERR_IO, "%s is open for reading only", f->path);
    if (f->sync_failed)
        return lg_error_set(err, LG_ERR_IO,
                            "%s failed to reach the disk before, so its content is unknown; "
                            "check the disk and restart",
                            f->path);
    return LG_OK;
}

static enum lg_rc check_space(const struct disk_sim *d, const struct file_sim *f, uint64_t size,
                              struct lg_error *err)
{
    uint64_t grown = size > f->node->now.size ? size - f->node->now.size : 0;

    if (size > LG_DISK_SIM_FILE_MAX || (d->capacity > 0 && d->used + grown > d->capacity))
        return lg_error_set(err, LG_ERR_NO_SPACE, "cannot write %s: no space left on the disk",
                            f->path);
    return LG_OK;
}

/* How much of a write there is no space for takes effect: what fits, as on a real disk. */
static size_t fitting(const struct disk_sim *d, const struct file_sim *f, uint64_t offset,
                      size_t size)
{
    uint64_t room = d->capacity > d->used ? d->capacity - d->used : 0;
    uint64_t end = f->node->now.size + room;

    return end > offset ? (size_t)LG_MIN((uint64_t)size, end - offset) : 0;
}

static enum lg_rc sim_write(struct lg_file *file, uint64_t offset, const void *data, size_t size,
                            struct lg_error *err)
{
    struct file_sim *f = file_of(file);
    struct disk_sim *d = disk_of(file->disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    enum verdict verdict = begin(d, "disk_write", f->path, offset, size);
    enum lg_rc rc = verdict == FAIL ? LG_ERR_IO : check_usable(f, err);

    if (rc == LG_OK)
        rc = check_space(d, f, offset + size, err);
    d->refused += rc == LG_ERR_NO_SPACE;
    if (rc == LG_ERR_NO_SPACE)
        size = d->capacity > 0 ? fitting(d, f, offset, size) : 0;
    if (rc == LG_OK && verdict == CUT)
        size = (size_t)lg_rand_below(&d->rand, size + 1);
    if ((rc == LG_OK || rc == LG_ERR_NO_SPACE) && size > 0) {
        struct node *n = f->node;
        size_t at = (size_t)offset;

        if (at + size > n->now.size)
            set_size(d, n, at + size);
        memcpy(n->now.data + at, data, size);
        n->dirty_begin = LG_MIN(n->dirty_begin, at);
        n->dirty_end = LG_MAX(n->dirty_end, at + size);
        if (d->sim != NULL)
            lg_sim_trace_text(d->sim, lg_slice(data, size));
    }
    lg_alloc_domain_enter(outer);
    return verdict == GO ? rc : end_cut(d, verdict, f->path, err);
}

static enum lg_rc sim_sync(struct lg_file *file, struct lg_error *err)
{
    struct file_sim *f = file_of(file);
    struct disk_sim *d = disk_of(file->disk);
    enum verdict verdict = begin(d, "disk_sync", f->path, f->node->dirty_end, 0);
    struct lg_alloc_domain *outer;

    if (verdict != GO)
        return end_cut(d, verdict, f->path, err);
    if (f->sync_failed)
        return check_usable(f, err);
    if (d->sync_num > 0 && lg_rand_chance(&d->rand, d->sync_num, d->sync_den)) {
        f->sync_failed = true;
        return lg_error_set(err, LG_ERR_IO, "cannot sync %s: the medium is damaged", f->path);
    }
    outer = lg_alloc_domain_enter(NULL);
    make_durable(f->node);
    lg_alloc_domain_enter(outer);
    return LG_OK;
}

static enum lg_rc sim_truncate(struct lg_file *file, uint64_t size, struct lg_error *err)
{
    struct file_sim *f = file_of(file);
    struct disk_sim *d = disk_of(file->disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    enum verdict verdict = begin(d, "disk_truncate", f->path, size, 0);
    enum lg_rc rc = verdict == FAIL ? LG_ERR_IO : check_usable(f, err);

    if (rc == LG_OK)
        rc = check_space(d, f, size, err);
    if (rc == LG_OK && happens(d, verdict))
        set_size(d, f->node, (size_t)size);
    lg_alloc_domain_enter(outer);
    return verdict == GO ? rc : end_cut(d, verdict, f->path, err);
}

static enum lg_rc sim_size(struct lg_file *file, uint64_t *out, struct lg_error *err)
{
    (void)err;
    *out = file_of(file)->node->now.size;
    return LG_OK;
}

/* --- Names ---------------------------------------------------------------------------------- */

static size_t count_names(const struct node *dir)
{
    size_t n = 0;

    for (size_t i = 0; i < dir->entries.size; i++)
        n += dir->entries.data[i].now != NULL;
    return n;
}

static bool lies_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);

    return strncmp(path, folder, size) == 0 && path[size] == '/';
}

static enum lg_rc check_rename(const struct place *a, const struct place *b, const char *from,
                               const char *to, struct lg_error *err)
{
    if (a->node == NULL)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "cannot rename %s to %s: no such file", from,
                            to);
    if (a->dir == NULL || b->dir == NULL || lies_below(to, from) ||
        (b->node != NULL && b->node != a->node &&
         (a->node->is_dir != b->node->is_dir || count_names(b->node) > 0)))
        return lg_error_set(err, LG_ERR_IO, "cannot rename %s to %s: one cannot replace the other",
                            from, to);
    return LG_OK;
}

static enum lg_rc sim_rename(struct lg_disk *disk, const char *from, const char *to,
                             struct lg_error *err)
{
    struct disk_sim *d = disk_of(disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    enum verdict verdict = begin(d, "disk_rename", to, 0, 0);
    struct place a, b;
    enum lg_rc rc = verdict == FAIL ? LG_ERR_IO : walk(d, from, &a, err);

    if (rc == LG_OK)
        rc = walk(d, to, &b, err);
    if (rc == LG_OK)
        rc = check_rename(&a, &b, from, to, err);
    if (rc == LG_OK && a.node != b.node && happens(d, verdict)) {
        a.node->refs++; /* It must survive between its two names. */
        set_name(d, a.dir, a.name, NULL);
        set_name(d, b.dir, b.name, a.node);
        node_unref(d, a.node);
    }
    lg_alloc_domain_enter(outer);
    return verdict == GO ? rc : end_cut(d, verdict, to, err);
}

static enum lg_rc sim_remove(struct lg_disk *disk, const char *path, struct lg_error *err)
{
    struct disk_sim *d = disk_of(disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    enum verdict verdict = begin(d, "disk_remove", path, 0, 0);
    struct place at = {0};
    enum lg_rc rc = verdict == FAIL ? LG_ERR_IO : walk(d, path, &at, err);

    if (rc == LG_OK && at.node != NULL && d->removed != NULL)
        d->removed(d->removed_ctx, path);
    if (rc == LG_ERR_NOT_FOUND)
        rc = LG_OK;
    else if (rc == LG_OK && at.node != NULL && (at.dir == NULL || count_names(at.node) > 0))
        rc = lg_error_set(err, LG_ERR_IO, "cannot remove %s: the folder is not empty", path);
    if (rc == LG_OK && at.node != NULL && happens(d, verdict))
        set_name(d, at.dir, at.name, NULL);
    lg_alloc_domain_enter(outer);
    return verdict == GO ? rc : end_cut(d, verdict, path, err);
}

static enum lg_rc sim_make_dir(struct lg_disk *disk, const char *path, struct lg_error *err)
{
    struct disk_sim *d = disk_of(disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    enum verdict verdict = begin(d, "disk_make_dir", path, 0, 0);
    struct place at = {0};
    enum lg_rc rc = verdict == FAIL ? LG_ERR_IO : walk(d, path, &at, err);

    if (rc == LG_OK && at.node != NULL && !at.node->is_dir)
        rc = lg_error_set(err, LG_ERR_CONFLICT, "cannot make the folder %s: a file has that name",
                          path);
    if (rc == LG_OK && at.node == NULL && happens(d, verdict))
        set_name(d, at.dir, at.name, node_new(d, /* is_dir= */ true));
    lg_alloc_domain_enter(outer);
    return verdict == GO ? rc : end_cut(d, verdict, path, err);
}

static enum lg_rc walk_to_dir(struct disk_sim *d, const char *path, struct node **out,
                              struct lg_error *err)
{
    struct place at;
    enum lg_rc rc = walk(d, path, &at, err);

    if (rc == LG_OK && (at.node == NULL || !at.node->is_dir))
        return lg_error_set(err, LG_ERR_NOT_FOUND, "there is no folder %s", path);
    if (rc == LG_OK)
        *out = at.node;
    return rc;
}

/* The names belong to the caller, so they are made in the caller's domain. */
static enum lg_rc sim_list(struct lg_disk *disk, const char *path, struct lg_disk_names *out,
                           struct lg_error *err)
{
    struct disk_sim *d = disk_of(disk);
    enum verdict verdict = begin(d, "disk_list", path, 0, 0);
    struct node *dir;
    enum lg_rc rc;

    if (verdict != GO)
        return end_cut(d, verdict, path, err);
    rc = walk_to_dir(d, path, &dir, err);
    for (size_t i = 0; rc == LG_OK && i < dir->entries.size; i++) {
        if (dir->entries.data[i].now != NULL)
            LG_VEC_PUSH(&out->names, lg_strdup(dir->entries.data[i].name));
    }
    return rc;
}

static enum lg_rc sim_sync_dir(struct lg_disk *disk, const char *path, struct lg_error *err)
{
    struct disk_sim *d = disk_of(disk);
    enum verdict verdict = begin(d, "disk_sync_dir", path, 0, 0);
    struct node *dir;
    enum lg_rc rc;

    if (verdict != GO)
        return end_cut(d, verdict, path, err);
    rc = walk_to_dir(d, path, &dir, err);
    if (rc != LG_OK)
        return rc;
    if (d->sync_num > 0 && lg_rand_chance(&d->rand, d->sync_num, d->sync_den))
        return lg_error_set(err, LG_ERR_IO, "cannot sync the folder %s: the medium is damaged",
                            path);
    for (size_t i = 0; i < dir->entries.size; i++)
        point(d, &dir->entries.data[i].durable, dir->entries.data[i].now);
    drop_nameless(dir);
    return LG_OK;
}

/* --- Locks and space ------------------------------------------------------------------------ */

static enum lg_rc sim_lock(struct lg_disk *disk, const char *path, struct lg_file **out,
                           struct lg_error *err)
{
    LG_AUTO(lg_file) *f = NULL;
    struct disk_sim *d = disk_of(disk);
    const struct lg_sim_node *holder = d->sim == NULL ? NULL : lg_sim_current_node(d->sim);
    const char *name = holder == NULL ? "(simulated)" : lg_sim_node_name(holder);
    struct node *n;
    enum lg_rc rc = sim_open(disk, path, LG_DISK_WRITE | LG_DISK_CREATE, &f, err);

    if (rc != LG_OK)
        return rc;
    n = file_of(f)->node;
    if (n->locked)
        return lg_error_set(err, LG_ERR_IN_USE, "%s is held by process %.*s; stop it first", path,
                            (int)LG_MIN(n->now.size, (size_t)HOLDER_MAX),
                            n->now.size == 0 ? "" : (const char *)n->now.data);
    rc = sim_truncate(f, 0, err);
    if (rc == LG_OK)
        rc = sim_write(f, 0, name, strlen(name), err);
    if (rc != LG_OK && rc != LG_ERR_NO_SPACE) /* Full: only who has it is not told. */
        return rc;
    n->locked = file_of(f)->holds_lock = true;
    *out = LG_TAKE(f);
    return LG_OK;
}

static enum lg_rc sim_free_bytes(struct lg_disk *disk, uint64_t *out, struct lg_error *err)
{
    const struct disk_sim *d = disk_of(disk);

    (void)err;
    *out = d->capacity == 0        ? FREE_WITHOUT_LIMIT
           : d->capacity > d->used ? d->capacity - d->used
                                   : 0;
    return LG_OK;
}

static const struct lg_disk_ops ops = {
    .name = "sim",
    .open = sim_open,
    .close = sim_close,
    .read = sim_read,
    .write = sim_write,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .size = sim_size,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_dir = sim_make_dir,
    .list = sim_list,
    .sync_dir = sim_sync_dir,
    .lock = sim_lock,
    .free_bytes = sim_free_bytes,
};

/* --- Life ----------------------------------------------------------------------------------- */

struct lg_disk *lg_disk_sim_new(struct lg_sim *sim, uint64_t seed)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct disk_sim *d = lg_new(struct disk_sim);

    d->disk.ops = &ops;
    d->sim = sim;
    lg_rand_seed(&d->rand, seed);
    lg_list_init(&d->nodes);
    lg_list_init(&d->files);
    point(d, &d->root, node_new(d, /* is_dir= */ true));
    lg_alloc_domain_enter(outer);
    return &d->disk;
}

/* All nodes, not those the root still reaches: an unsynced move may leave a ring of folders. */
void lg_disk_sim_free(struct lg_disk *disk)
{
    struct disk_sim *d;

    if (disk == NULL)
        return;
    d = disk_of(disk);
    lg_disk_sim_process_ended(disk);
    while (!lg_list_empty(&d->nodes))
        node_destroy(LG_CONTAINER_OF(d->nodes.next, struct node, all));
    lg_free(d);
}

void lg_disk_sim_process_ended(struct lg_disk *disk)
{
    struct disk_sim *d = disk_of(disk);

    while (!lg_list_empty(&d->files))
        sim_close(&LG_CONTAINER_OF(d->files.next, struct file_sim, open)->file);
}

static void process_ended(void *ctx)
{
    lg_disk_sim_process_ended(ctx);
}

void lg_disk_sim_follow(struct lg_disk *disk, struct lg_sim_node *node)
{
    lg_sim_node_on_kill(node, process_ended, disk);
}

/* --- Power cut ------------------------------------------------------------------------------ */

/* One unsynced sector: as it is, as it was, or half and half. */
static void decide_sector(struct disk_sim *d, struct node *n, size_t begin, size_t end)
{
    uint64_t fate = lg_rand_below(&d->rand, 8);
    size_t half = LG_MIN(end, begin + LG_DISK_SIM_SECTOR / 2);
    size_t keep_begin = fate == 7 ? half : begin; /* What is kept of the new content. */
    size_t keep_end = fate < 3 ? begin : fate == 6 ? half : end;

    if (keep_begin < keep_end)
        memcpy(n->durable.data + keep_begin, n->now.data + keep_begin, keep_end - keep_begin);
}

static size_t surviving_size(struct disk_sim *d, size_t was, size_t is)
{
    uint64_t fate = was == is ? 0 : lg_rand_below(&d->rand, 3);

    if (fate < 2)
        return fate == 0 ? is : was;
    return LG_MIN(was, is) + (size_t)lg_rand_below(&d->rand, LG_MAX(was, is) - LG_MIN(was, is));
}

static void decide_content(struct disk_sim *d, struct node *n)
{
    size_t size = surviving_size(d, n->durable.size, n->now.size);
    size_t both = LG_MAX(n->durable.size, n->now.size);
    size_t begin = n->dirty_begin, end = LG_MIN(n->dirty_end, both);

    resize(&n->durable, both);
    d->used = d->used - n->now.size + size;
    resize(&n->now, both);
    while (begin < end) {
        size_t next = LG_MIN(end, (begin / LG_DISK_SIM_SECTOR + 1) * LG_DISK_SIM_SECTOR);

        if (memcmp(n->now.data + begin, n->durable.data + begin, next - begin) != 0)
            decide_sector(d, n, begin, next);
        begin = next;
    }
    resize(&n->durable, size);
    resize(&n->now, size);
    if (size > 0)
        memcpy(n->now.data, n->durable.data, size);
    n->dirty_begin = SIZE_MAX;
    n->dirty_end = 0;
}

static void decide_names(struct disk_sim *d, struct node *dir, unsigned depth)
{
    for (size_t i = 0; i < dir->entries.size; i++) {
        struct entry *e = &dir->entries.data[i];
        bool differ = e->now != e->durable;
        struct node *kept = differ && lg_rand_chance(&d->rand, 1, 2) ? e->durable : e->now;

        /* A folder has one place; a file may have two, like a hard link. */
        if (kept != NULL && kept->is_dir && (kept->visited || depth == LG_DISK_SIM_DEPTH_MAX))
            kept = NULL;
        if (kept != NULL && !kept->visited) {
            kept->visited = true;
            kept->refs++; /* The two below may drop it for a moment. */
            if (kept->is_dir)
                decide_names(d, kept, depth + 1);
            else
                decide_content(d, kept);
            kept->refs--;
        }
        point(d, &e->now, kept);
        point(d, &e->durable, kept);
    }
    drop_nameless(dir);
}

void lg_disk_sim_crash(struct lg_disk *disk)
{
    struct disk_sim *d = disk_of(disk);
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    lg_disk_sim_process_ended(disk);
    LG_LIST_EACH(it, &d->nodes)
    LG_CONTAINER_OF(it, struct node, all)->visited = false;
    decide_names(d, d->root, 0);
    d->failed = d->cut_armed = false;
    if (d->sim != NULL)
        lg_sim_trace(d->sim, "disk_crash", d->ops, d->used, lg_disk_sim_digest(disk));
    lg_alloc_domain_enter(outer);
}

void lg_disk_sim_cut_after(struct lg_disk *disk, uint64_t n_ops, void (*cut)(void *ctx), void *ctx)
{
    struct disk_sim *d = disk_of(disk);

    d->cut_armed = true;
    d->cut_left = n_ops;
    d->cut = cut;
    d->cut_ctx = ctx;
}

/* --- Faults and looks ----------------------------------------------------------------------- */

uint64_t lg_disk_sim_ops(const struct lg_disk *disk)
{
    return ((const struct disk_sim *)disk)->ops;
}

void lg_disk_sim_set_capacity(struct lg_disk *disk, uint64_t bytes)
{
    disk_of(disk)->capacity = bytes;
}

void lg_disk_sim_on_remove(struct lg_disk *disk, void (*removed)(void *ctx, const char *path),
                           void *ctx)
{
    disk_of(disk)->removed = removed;
    disk_of(disk)->removed_ctx = ctx;
}

void lg_disk_sim_set_delay_us(struct lg_disk *disk, uint64_t us)
{
    disk_of(disk)->delay_us = us;
}

uint64_t lg_disk_sim_refused(const struct lg_disk *disk)
{
    return ((const struct disk_sim *)disk)->refused;
}

uint64_t lg_disk_sim_used(const struct lg_disk *disk)
{
    return ((const struct disk_sim *)disk)->used;
}

void lg_disk_sim_fail_reads(struct lg_disk *disk, uint64_t num, uint64_t den)
{
    disk_of(disk)->read_num = num;
    disk_of(disk)->read_den = den;
}

void lg_disk_sim_fail_syncs(struct lg_disk *disk, uint64_t num, uint64_t den)
{
    disk_of(disk)->sync_num = num;
    disk_of(disk)->sync_den = den;
}

static struct node *file_at(struct lg_disk *disk, const char *path)
{
    struct place at;
    struct lg_error err;

    if (walk(disk_of(disk), path, &at, &err) != LG_OK || at.node == NULL || at.node->is_dir)
        return NULL;
    return at.node;
}

bool lg_disk_sim_flip(struct lg_disk *disk, const char *path, uint64_t bit)
{
    struct node *n = file_at(disk, path);

    if (n == NULL || bit / 8 >= n->now.size)
        return false;
    n->now.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (bit / 8 < n->durable.size)
        n->durable.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return true;
}

bool lg_disk_sim_resize(struct lg_disk *disk, const char *path, uint64_t size)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct node *n = file_at(disk, path);

    if (n != NULL) {
        set_size(disk_of(disk), n, (size_t)size);
        resize(&n->durable, (size_t)size);
    }
    lg_alloc_domain_enter(outer);
    return n != NULL;
}
