#include "drivers/sim/net_map.h"

#include <stdio.h>

#include "base/str.h"

void lg_net_map_done(struct lg_net_map *m)
{
    LG_VEC_DONE(&m->cuts);
    for (size_t i = 0; i < m->shown.size; i++)
        lg_free(m->shown.data[i].identity);
    LG_VEC_DONE(&m->shown);
}

/* The index of the cut; the number of cuts: there is none. */
static size_t find_cut(const struct lg_net_map *m, const char *from, const char *to)
{
    size_t i = 0;

    while (i < m->cuts.size &&
           (strcmp(m->cuts.data[i].from, from) != 0 || strcmp(m->cuts.data[i].to, to) != 0))
        i++;
    return i;
}

bool lg_net_map_is_cut(const struct lg_net_map *m, const char *from, const char *to)
{
    return find_cut(m, from, to) < m->cuts.size;
}

bool lg_net_map_cut(struct lg_net_map *m, const char *from, const char *to, bool is_cut)
{
    size_t at = find_cut(m, from, to);
    struct lg_net_cut cut;

    if (is_cut == (at < m->cuts.size))
        return false;
    if (!is_cut) {
        m->cuts.data[at] = m->cuts.data[--m->cuts.size];
        return true;
    }
    (void)snprintf(cut.from, sizeof cut.from, "%s", from);
    (void)snprintf(cut.to, sizeof cut.to, "%s", to);
    LG_VEC_PUSH(&m->cuts, cut);
    return true;
}

void lg_net_map_show(struct lg_net_map *m, const char *from, bool is_secure, const char *identity)
{
    struct lg_net_shown shown = {.is_secure = is_secure,
                                 .identity = identity == NULL ? NULL : lg_strdup(identity)};

    (void)snprintf(shown.from, sizeof shown.from, "%s", from);
    LG_VEC_PUSH(&m->shown, shown);
}

const struct lg_net_shown *lg_net_map_shown(const struct lg_net_map *m, const char *from)
{
    for (size_t i = m->shown.size; i > 0; i--)
        if (strcmp(m->shown.data[i - 1].from, from) == 0)
            return &m->shown.data[i - 1];
    return NULL;
}
