/* The life of one replica: see the header. Pure. */
#include "server/replica_state.h"

#include "lane/mutant.h"

static const struct lg_sm_state states[] = {
    [LG_LIFE_IS_QUEUED] = {"queued", LG_TO(LG_LIFE_IS_OPENING) | LG_TO(LG_LIFE_IS_DROPPED)},
    [LG_LIFE_IS_OPENING] = {"opening", LG_TO(LG_LIFE_IS_STANDBY) | LG_TO(LG_LIFE_IS_ERROR) |
                                           LG_TO(LG_LIFE_IS_CLOSING)},
    [LG_LIFE_IS_STANDBY] = {"standby", LG_TO(LG_LIFE_IS_LEADER) | LG_TO(LG_LIFE_IS_ERROR) |
                                           LG_TO(LG_LIFE_IS_LEAVING)},
    [LG_LIFE_IS_LEADER] = {"leader", LG_TO(LG_LIFE_IS_STANDBY) | LG_TO(LG_LIFE_IS_ERROR)},
    [LG_LIFE_IS_ERROR] = {"error", LG_TO(LG_LIFE_IS_CLOSING)},
    [LG_LIFE_IS_LEAVING] = {"leaving", LG_TO(LG_LIFE_IS_STANDBY) | LG_TO(LG_LIFE_IS_ERROR) |
                                           LG_TO(LG_LIFE_IS_CLOSING)},
    [LG_LIFE_IS_CLOSING] = {"closing", LG_TO(LG_LIFE_IS_QUEUED) | LG_TO(LG_LIFE_IS_DROPPED)},
    [LG_LIFE_IS_DROPPED] = {"dropped", 0},
};

void lg_replica_life_init(struct lg_replica_life *l, int64_t reset_done)
{
    *l = (struct lg_replica_life){.reset_done = reset_done, .reset_opened = reset_done};
    lg_sm_start(&l->sm, states);
}

/* Words that are older than what was heard count nothing: metadata may be read from a member that
 * lags behind. */
void lg_replica_life_wish(struct lg_replica_life *l, const struct lg_replica_wish *wish)
{
    bool keeps = lg_mutant(LG_MUTANT_keeps_old_term) && l->leads;

    l->wanted = wish->ours;
    if (wish->term >= l->term && !keeps) {
        l->term = wish->term;
        l->leads = wish->leads;
    }
    if (wish->reset > l->reset_wanted) {
        l->reset_wanted = wish->reset;
        l->wipe = wish->wipe;
    }
}

static bool must_close(const struct lg_replica_life *l)
{
    return !l->wanted || l->ending || l->reset_wanted > l->reset_opened;
}

enum lg_life_act lg_replica_life_next(const struct lg_replica_life *l)
{
    switch ((enum lg_life_step)l->sm.now) {
    case LG_LIFE_IS_QUEUED:
        return !l->wanted || l->ending ? LG_LIFE_DROP : LG_LIFE_OPEN;
    case LG_LIFE_IS_OPENING:
        return must_close(l) ? LG_LIFE_CLOSE : LG_LIFE_STAY;
    case LG_LIFE_IS_STANDBY:
        if (must_close(l))
            return LG_LIFE_LEAVE;
        return l->leads ? LG_LIFE_PROMOTE : LG_LIFE_STAY;
    case LG_LIFE_IS_LEADER:
        return must_close(l) || !l->leads ? LG_LIFE_DEMOTE : LG_LIFE_STAY;
    case LG_LIFE_IS_ERROR:
        return must_close(l) || l->again ? LG_LIFE_CLOSE : LG_LIFE_STAY;
    case LG_LIFE_IS_LEAVING:
        if (!must_close(l))
            return LG_LIFE_COME_BACK;
        return l->quiet || l->ending ? LG_LIFE_CLOSE : LG_LIFE_STAY;
    case LG_LIFE_IS_CLOSING:
    case LG_LIFE_IS_DROPPED:
        break;
    }
    return LG_LIFE_STAY;
}

void lg_replica_life_do(struct lg_replica_life *l, enum lg_life_act act)
{
    static const unsigned target[] = {
        [LG_LIFE_OPEN] = LG_LIFE_IS_OPENING,      [LG_LIFE_PROMOTE] = LG_LIFE_IS_LEADER,
        [LG_LIFE_DEMOTE] = LG_LIFE_IS_STANDBY,    [LG_LIFE_LEAVE] = LG_LIFE_IS_LEAVING,
        [LG_LIFE_COME_BACK] = LG_LIFE_IS_STANDBY, [LG_LIFE_CLOSE] = LG_LIFE_IS_CLOSING,
        [LG_LIFE_DROP] = LG_LIFE_IS_DROPPED};

    if (act == LG_LIFE_STAY)
        return;
    if (act == LG_LIFE_OPEN && l->reset_wanted > l->reset_opened) {
        l->reset_opened = l->reset_wanted;
        l->tries = 0; /* Somebody has seen to it. */
    }
    l->quiet = false;
    l->again = false;
    lg_sm_move(&l->sm, target[act]);
}

void lg_replica_life_opened(struct lg_replica_life *l)
{
    if (l->sm.now != LG_LIFE_IS_OPENING)
        return;
    l->reset_done = l->reset_opened;
    lg_sm_move(&l->sm, LG_LIFE_IS_STANDBY);
}

void lg_replica_life_completed(struct lg_replica_life *l)
{
    l->tries = 0;
}

bool lg_replica_life_failed(struct lg_replica_life *l)
{
    if (l->sm.now == LG_LIFE_IS_CLOSING)
        return false;
    l->tries++;
    lg_sm_move(&l->sm, LG_LIFE_IS_ERROR);
    return true;
}

void lg_replica_life_closed(struct lg_replica_life *l)
{
    lg_sm_move(&l->sm, l->wanted && !l->ending ? LG_LIFE_IS_QUEUED : LG_LIFE_IS_DROPPED);
}

bool lg_replica_life_wipes(const struct lg_replica_life *l)
{
    return l->wipe && l->reset_opened > l->reset_done;
}

bool lg_replica_life_destroys(const struct lg_replica_life *l)
{
    return !l->wanted && !l->ending;
}

enum lg_replica_state lg_replica_life_told(const struct lg_replica_life *l)
{
    static const enum lg_replica_state told[] = {
        [LG_LIFE_IS_QUEUED] = LG_REPLICA_OFFLINE,  [LG_LIFE_IS_OPENING] = LG_REPLICA_OFFLINE,
        [LG_LIFE_IS_STANDBY] = LG_REPLICA_STANDBY, [LG_LIFE_IS_LEADER] = LG_REPLICA_LEADER,
        [LG_LIFE_IS_ERROR] = LG_REPLICA_ERROR,     [LG_LIFE_IS_LEAVING] = LG_REPLICA_OFFLINE,
        [LG_LIFE_IS_CLOSING] = LG_REPLICA_OFFLINE, [LG_LIFE_IS_DROPPED] = LG_REPLICA_DROPPED};

    if (told[l->sm.now] == LG_REPLICA_OFFLINE && l->tries > 0)
        return LG_REPLICA_ERROR;
    return told[l->sm.now];
}

bool lg_replica_worth_retry(enum lg_rc rc)
{
    return rc == LG_ERR_IO || rc == LG_ERR_IN_USE || rc == LG_ERR_NO_SPACE || rc == LG_ERR_BUSY ||
           rc == LG_ERR_UNAVAILABLE || rc == LG_ERR_TIMEOUT;
}

uint64_t lg_replica_retry_ms(uint32_t tries)
{
    uint64_t ms = LG_REPLICA_RETRY_MS_MIN;

    if (tries == 0 || tries > LG_REPLICA_RETRIES_MAX)
        return 0;
    for (uint32_t i = 1; i < tries && ms < LG_REPLICA_RETRY_MS_MAX; i++)
        ms *= 2;
    return LG_MIN(ms, (uint64_t)LG_REPLICA_RETRY_MS_MAX);
}
