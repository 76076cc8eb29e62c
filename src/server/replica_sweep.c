/* What is on the disk and not ours: the replicas of a former life that the assignment does not give
 * us any more, and what could not be removed at once. One is removed at a time; what fails is tried
 * again, after all others and a pause. */
#include "base/log.h"
#include "base/str.h"
#include "server/replica_set.h"
#include "storage/partition.h"

#define PAUSE_US (5 * LG_SEC)
#define TRIES_MAX 20u

static void sweep_next(struct lg_replica_manager *m);

static struct lg_replica_manager *manager_of(struct lg_offload *offload)
{
    return LG_CONTAINER_OF(offload, struct lg_replica_manager, sweep.offload);
}

static enum lg_rc note_leftover(void *ctx, const char *topic, uint32_t partition,
                                const struct lg_checkpoint *c, struct lg_error *err)
{
    struct lg_replica_manager *m = ctx;

    (void)c;
    (void)err;
    LG_VEC_PUSH(&m->sweep.waiting, (struct lg_leftover){lg_strdup(topic), partition, 0});
    return LG_OK;
}

static void list_work(struct lg_offload *offload)
{
    struct lg_replica_manager *m = manager_of(offload);

    m->sweep.rc = lg_checkpoint_each(m->o.checkpoints, note_leftover, m, &m->sweep.err);
}

static void listed(struct lg_offload *offload)
{
    struct lg_replica_manager *m = manager_of(offload);

    m->sweep.busy = false;
    m->sweep.listed = true;
    if (m->sweep.rc != LG_OK)
        lg_log(LG_LOG_ERROR, "checkpoints_unreadable", "reason=\"%s\"", m->sweep.err.text);
    if (m->stopping)
        lg_replica_manager_end_if_idle(m);
    else
        lg_replica_manager_begin(m);
}

void lg_replica_sweep_list(struct lg_replica_manager *m)
{
    m->sweep.busy = true;
    m->sweep.offload.work = list_work;
    m->sweep.offload.done = listed;
    lg_offload(m->o.lane, &m->sweep.offload);
}

static void sweep_work(struct lg_offload *offload)
{
    struct lg_replica_manager *m = manager_of(offload);
    const struct lg_leftover *l = &m->sweep.now;

    m->sweep.rc =
        lg_partition_destroy(m->o.driver, m->o.checkpoints, l->topic, l->partition, &m->sweep.err);
}

static void pause_over(struct lg_timer *timer)
{
    sweep_next(LG_CONTAINER_OF(timer, struct lg_replica_manager, sweep.pause));
}

/* Behind all others, and after a pause. */
static void put_back(struct lg_replica_manager *m, struct lg_leftover *take)
{
    lg_log(LG_LOG_WARN, "leftover_not_removed", "topic=%s partition=%u tries=%u reason=\"%s\"",
           take->topic, take->partition, take->tries + 1, m->sweep.err.text);
    take->tries++;
    if (take->tries >= TRIES_MAX) { /* The next start of the server looks again. */
        lg_free(take->topic);
        return;
    }
    LG_VEC_PUSH(&m->sweep.waiting, *take);
    for (size_t i = m->sweep.waiting.size - 1; i > 0; i--)
        m->sweep.waiting.data[i] = m->sweep.waiting.data[i - 1];
    m->sweep.waiting.data[0] = *take;
}

static void swept(struct lg_offload *offload)
{
    struct lg_replica_manager *m = manager_of(offload);
    struct lg_replica_sweep *s = &m->sweep;
    struct lg_leftover l = s->now;
    bool awaited = s->awaited;

    s->now = (struct lg_leftover){0};
    s->busy = false;
    s->awaited = false;
    if (awaited)
        lg_replica_manager_read(m, l.topic);
    if (s->rc != LG_OK && !m->stopping) {
        put_back(m, &l);
        lg_timer_start(m->o.lane, &s->pause, PAUSE_US, pause_over);
    } else {
        if (s->rc == LG_OK)
            lg_log(LG_LOG_INFO, "leftover_removed", "topic=%s partition=%u", l.topic, l.partition);
        lg_free(l.topic);
    }
    if (!lg_timer_armed(&s->pause))
        sweep_next(m);
}

static void sweep_next(struct lg_replica_manager *m)
{
    struct lg_replica_sweep *s = &m->sweep;

    if (m->stopping) {
        lg_replica_manager_end_if_idle(m);
        return;
    }
    while (!s->busy && s->waiting.size > 0) {
        struct lg_leftover l = s->waiting.data[--s->waiting.size];

        if (lg_held_has(m, l.topic, l.partition)) { /* What became ours meanwhile stays. */
            lg_free(l.topic);
            continue;
        }
        s->now = l;
        s->err = (struct lg_error){0};
        s->busy = true;
        s->offload.work = sweep_work;
        s->offload.done = swept;
        lg_offload(m->o.lane, &s->offload);
    }
}

void lg_replica_sweep_judge(struct lg_replica_manager *m, const struct lg_map *news)
{
    struct lg_replica_sweep *s = &m->sweep;
    size_t kept = 0;

    if (!s->judged)
        for (size_t i = 0; i < s->waiting.size; i++) {
            if (lg_replica_manager_may_be_ours(m, news, &s->waiting.data[i]))
                lg_free(s->waiting.data[i].topic);
            else
                s->waiting.data[kept++] = s->waiting.data[i];
        }
    if (!s->judged)
        s->waiting.size = kept;
    s->judged = true;
    if (!lg_timer_armed(&s->pause))
        sweep_next(m);
}

void lg_replica_sweep_add(struct lg_replica_manager *m, const char *topic, uint32_t partition)
{
    if (m->stopping)
        return; /* The next start finds it. */
    LG_VEC_PUSH(&m->sweep.waiting, (struct lg_leftover){lg_strdup(topic), partition, 0});
    if (!lg_timer_armed(&m->sweep.pause))
        lg_timer_start(m->o.lane, &m->sweep.pause, 0, pause_over);
}

bool lg_replica_sweep_is_at(const struct lg_replica_manager *m, const char *topic,
                            uint32_t partition)
{
    const struct lg_leftover *l = &m->sweep.now;

    return l->topic != NULL && l->partition == partition && strcmp(l->topic, topic) == 0;
}

void lg_replica_sweep_stop(struct lg_replica_manager *m)
{
    lg_timer_stop(m->o.lane, &m->sweep.pause);
}

void lg_replica_sweep_done(struct lg_replica_manager *m)
{
    for (size_t i = 0; i < m->sweep.waiting.size; i++)
        lg_free(m->sweep.waiting.data[i].topic);
    LG_VEC_DONE(&m->sweep.waiting);
}
