/* Ours: all metadata of one moment, for backups. It is read in the queue of changes, so that no
 * change comes between its reads. Nodes of live processes are not part of it. */
#include "base/str.h"
#include "controller/core.h"

static const char *const roots[] = {"/stores", "/assignment", "/pushes", "/trash", "/graveyard"};

static void metadata_read(struct lg_tree_read *read)
{
    struct lg_change *ch = LG_CONTAINER_OF(read, struct lg_change, read);
    struct lg_json *nodes = lg_json_new_array();
    enum lg_rc rc = read->rc;
    struct lg_error err = read->err;

    for (size_t i = 0; rc == LG_OK && i < read->nodes.size; i++) {
        const struct lg_tree_node *node = &read->nodes.data[i];
        struct lg_json *item = lg_json_new_object();

        lg_json_set_str(item, "path", node->path);
        lg_json_set(item, "value",
                    lg_json_new_string(node->value == NULL ? LG_SLICE_NULL : node->value->bytes));
        lg_json_push(nodes, item);
    }
    lg_tree_read_done(read);
    ch->answer = lg_answer_base(ch->c, NULL);
    lg_json_set_str(ch->answer, "log", ch->c->log_url);
    lg_json_set_int(ch->answer, "takenTime", (int64_t)lg_lane_wall_ms(ch->c->o.lane));
    lg_json_set(ch->answer, "nodes", nodes);
    lg_change_end(ch, rc, &err);
}

static void begin_metadata(struct lg_change *ch)
{
    ch->read = (struct lg_tree_read){
        .metastore = ch->c->o.metastore,
        .lane = ch->c->o.lane,
        .roots = roots,
        .root_count = LG_ARRAY_SIZE(roots),
        .done = metadata_read,
    };
    lg_tree_read_submit(&ch->read);
}

void lg_handle_metadata(struct lg_controller *c, struct lg_http_request *rq)
{
    (void)lg_change_submit(lg_change_new(c, rq, begin_metadata));
}
