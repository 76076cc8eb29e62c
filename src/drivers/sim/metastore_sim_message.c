/* The messages of the simulated metastore: one queue per direction and link; one event at a time
 * takes the first message of a queue out. Owner: see metastore_sim.h. */
#include "base/str.h"
#include "drivers/sim/metastore_sim_impl.h"

#define HELD_US (20 * LG_MS) /* How often a cut is looked at. */
/* Whoever is told may be told late, as by a server of ZooKeeper that is behind the others: nobody
 * may rely on all to know at once. */
#define LATE_ONE_IN 4
#define LATE_MAX_US (100 * LG_MS)
#define ITSELF '='
#define WITH_BELOW '/'

void lg_meta_message_free(struct lg_meta_message *m)
{
    if (m == NULL)
        return;
    lg_list_remove(&m->link);
    for (size_t i = 0; i < m->change_count; i++) {
        lg_free(m->changes[i].path);
        lg_buf_done(&m->changes[i].value);
    }
    lg_free(m->changes);
    lg_free(m->view);
    lg_free(m->path);
    lg_buf_done(&m->value);
    lg_free(m);
}

bool lg_meta_server_alive(const struct lg_meta_sim *net)
{
    return net->server != NULL && lg_sim_node_alive(net->server_node) &&
           lg_sim_node_incarnation(net->server_node) == net->server_incarnation;
}

bool lg_meta_proxy_alive(const struct lg_meta_link *l)
{
    return l->proxy != NULL && lg_sim_node_alive(l->node) &&
           lg_sim_node_incarnation(l->node) == l->proxy_incarnation;
}

static void pump(struct lg_meta_way *w);

struct delivery {
    struct lg_meta_link *link;
    struct lg_meta_message *message;
    bool up;
};

/* The code of the receiving node: what arrives becomes a task of its lane. */
static void deliver(void *ctx)
{
    struct delivery *d = ctx;

    if (d->up)
        lg_meta_server_takes(d->link->net->server, d->link, d->message);
    else
        lg_meta_proxy_takes(d->link->proxy, d->message);
}

static void arrive(void *ctx)
{
    struct lg_meta_way *w = ctx;
    struct lg_meta_sim *net = w->link->net;
    struct lg_meta_message *m;
    struct delivery d;
    bool wanted;

    w->pumping = false;
    if (w->cut) {
        w->pumping = true;
        lg_sim_at(net->sim, lg_sim_now_us(net->sim) + HELD_US, NULL, arrive, w);
        return;
    }
    m = LG_CONTAINER_OF(lg_list_pop_front(&w->messages), struct lg_meta_message, link);
    lg_list_push_back(&net->borrowed, &m->link);
    wanted = w->up ? lg_meta_server_alive(net)
                   : lg_meta_proxy_alive(w->link) && m->incarnation == w->link->proxy_incarnation;
    lg_sim_trace(net->sim, "meta_arrived", w->link->index, m->kind, m->epoch, m->number, wanted);
    if (wanted) {
        d = (struct delivery){w->link, m, w->up};
        lg_sim_node_run(w->up ? net->server_node : w->link->node, deliver, &d);
    } else {
        lg_meta_message_free(m);
    }
    pump(w);
}

static void pump(struct lg_meta_way *w)
{
    struct lg_meta_message *first;

    if (w->pumping || lg_list_empty(&w->messages))
        return;
    first = LG_CONTAINER_OF(w->messages.next, struct lg_meta_message, link);
    w->pumping = true;
    lg_sim_at(w->link->net->sim, LG_MAX(first->due_us, lg_sim_now_us(w->link->net->sim)), NULL,
              arrive, w);
}

/* In world memory. */
struct lg_meta_message *lg_meta_message_new(enum lg_meta_message_kind kind, uint64_t epoch,
                                            uint64_t number)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct lg_meta_message *m = lg_new(struct lg_meta_message);

    lg_list_init(&m->link);
    m->kind = kind;
    m->epoch = epoch;
    m->number = number;
    lg_alloc_domain_enter(outer);
    return m;
}

void lg_meta_send(struct lg_meta_way *w, struct lg_meta_message *take_m)
{
    struct lg_meta_sim *net = w->link->net;
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    uint64_t span = net->delay_max_us - net->delay_min_us;
    uint64_t due_us = lg_sim_now_us(net->sim) + net->delay_min_us;

    due_us += span == 0 ? 0 : lg_sim_rand_below(net->sim, span);
    if (take_m->kind == LG_MM_CHANGED && span > 0 && lg_sim_rand_below(net->sim, LATE_ONE_IN) == 0)
        due_us += lg_sim_rand_below(net->sim, LATE_MAX_US);
    take_m->due_us = w->last_due_us = LG_MAX(due_us, w->last_due_us);
    take_m->incarnation = w->up ? 0 : w->link->proxy_incarnation;
    lg_list_push_back(&w->messages, &take_m->link);
    pump(w);
    lg_alloc_domain_enter(outer);
}

char *lg_meta_world_copy(const char *text)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    char *copy = lg_strdup(text);

    lg_alloc_domain_enter(outer);
    return copy;
}

void lg_meta_message_set_value(struct lg_meta_message *m, struct lg_slice value)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    lg_buf_append_slice(&m->value, value);
    m->has_value = true;
    lg_alloc_domain_enter(outer);
}

void lg_meta_message_set_names(struct lg_meta_message *m, const struct lg_meta_names *names)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);
    struct lg_slice path;
    size_t at = 0;
    bool below;

    while (lg_meta_names_next(names, &at, &path, &below)) {
        lg_buf_append_byte(&m->value, below ? WITH_BELOW : ITSELF);
        lg_buf_append_slice(&m->value, path);
        lg_buf_append_byte(&m->value, '\n');
    }
    lg_alloc_domain_enter(outer);
}

void lg_meta_message_get_names(const struct lg_meta_message *m, struct lg_meta_names *out)
{
    const char *at = (const char *)m->value.data, *end = at + m->value.size, *line_end;

    for (; at < end; at = line_end + 1) {
        LG_AUTO_STR char *path = NULL;

        line_end = memchr(at, '\n', (size_t)(end - at));
        path = lg_strf("%.*s", (int)(line_end - at - 1), at + 1);
        (void)lg_meta_names_add(out, path, *at == WITH_BELOW);
    }
}

void lg_meta_message_set_op(struct lg_meta_message *m, const struct lg_meta_op *op)
{
    struct lg_alloc_domain *outer = lg_alloc_domain_enter(NULL);

    m->op = op->kind;
    if (op->kind != LG_META_WRITE) {
        m->path = lg_strdup(op->path);
    } else {
        m->change_count = op->change_count;
        m->changes = lg_new_array(struct lg_meta_copy, op->change_count);
        m->view = lg_new_array(struct lg_meta_change, op->change_count);
        for (size_t i = 0; i < op->change_count; i++) {
            struct lg_meta_copy *c = &m->changes[i];

            *c = (struct lg_meta_copy){op->changes[i].kind, lg_strdup(op->changes[i].path),
                                       (struct lg_buf){0}, op->changes[i].version};
            lg_buf_append_slice(&c->value, op->changes[i].value);
            m->view[i] =
                (struct lg_meta_change){c->kind, c->path, lg_buf_slice(&c->value), c->version};
        }
    }
    lg_alloc_domain_enter(outer);
}

struct lg_meta_link *lg_meta_link_of(struct lg_meta_sim *net, const char *node)
{
    for (size_t i = 0; i < net->links.size; i++)
        if (strcmp(lg_sim_node_name(net->links.data[i]->node), node) == 0)
            return net->links.data[i];
    return NULL;
}
