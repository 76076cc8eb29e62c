/* What controllers write into the metadata counts only while they lead: each term has one leader,
 * terms grow, and what changes the cluster is written by the leader of the newest term. */
#include "sim/checkers/checkers.h"

#include <stdio.h>

#include "coord/election.h"

#define ME "one_leader"

/* What a controller may write that does not lead. */
static bool is_its_own(const char *path)
{
    return strcmp(path, LG_ELECTION_TERM_PATH) == 0 || strcmp(path, LG_ELECTION_LEADER_PATH) == 0 ||
           strcmp(path, "/cluster") == 0 ||
           strncmp(path, "/controllers/", strlen("/controllers/")) == 0;
}

static void check_term(struct lg_history *h, const char *node, struct lg_slice value)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;
    int64_t term = 0;

    if (lg_json_parse(value, &json, &err) == LG_OK)
        term = lg_json_get_int(json, "term", 0);
    if (term <= h->term)
        lg_history_violate(h, ME, "%s leads in term %lld, and term %lld was before", node,
                           (long long)term, (long long)h->term);
    h->leaders += strcmp(h->leader, node) != 0;
    h->term = term;
    (void)snprintf(h->leader, sizeof h->leader, "%s", node);
}

void lg_check_written(struct lg_history *h, const char *node, const struct lg_meta_change *changes,
                      size_t count)
{
    const char *foreign = NULL;

    for (size_t i = 0; i < count; i++) {
        if (changes[i].kind == LG_META_CHECK)
            continue;
        if (strcmp(changes[i].path, LG_ELECTION_TERM_PATH) == 0)
            check_term(h, node, changes[i].value);
        else if (!is_its_own(changes[i].path))
            foreign = changes[i].path;
    }
    if (foreign != NULL && strcmp(h->leader, node) != 0)
        lg_history_violate(h, ME, "%s changed %s, though %s leads in term %lld", node, foreign,
                           h->leader[0] == '\0' ? "nobody" : h->leader, (long long)h->term);
}
