/* The clock of the leaders: counted on the lane, written now and then. */
#include "controller/clock.h"

#include "base/json.h"
#include "controller/core.h"

#define PARTS 10 /* of the shortest time that is measured: so exactly it is handed on */
#define WRITE_LEAST_MS 1000

int64_t lg_ctl_clock_ms(const struct lg_controller *c)
{
    const struct lg_ctl_clock *k = &c->clock;

    return k->runs ? k->base_ms + (int64_t)((lg_lane_now_us(c->o.lane) - k->base_us) / LG_MS) : 0;
}

enum lg_rc lg_ctl_clock_read(struct lg_slice value, int64_t *out_ms, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc = lg_json_parse(value, &json, err);
    int64_t ms = -1;

    if (rc == LG_OK)
        rc = lg_json_get_number(json, "ms", -1, &ms, err);
    if (rc == LG_OK && ms >= 0) {
        *out_ms = ms;
        return LG_OK;
    }
    return rc != LG_OK ? rc : lg_error_set(err, LG_ERR_BAD_DATA, "it has no member \"ms\"");
}

void lg_ctl_clock_set(struct lg_controller *c, int64_t stored_ms)
{
    int64_t counted_ms = lg_ctl_clock_ms(c);

    c->clock.base_ms = LG_MAX(counted_ms, stored_ms);
    c->clock.base_us = lg_lane_now_us(c->o.lane);
    c->clock.written_ms = stored_ms;
    c->clock.runs = true;
}

/* --- Writing. ----------------------------------------------------------------------------------
 */

/* Is anything measured that a next leader must go on with? */
static bool is_needed(const struct lg_controller *c)
{
    struct lg_slice key;
    void *value;

    for (size_t at = 0; lg_map_next(c->state->topics, &at, &key, &value);)
        if (!lg_push_status_is_terminal(((struct lg_ctl_topic *)value)->status))
            return true;
    for (size_t at = 0; lg_map_next(c->state->nodes, &at, &key, &value);)
        if (((struct lg_ctl_node *)value)->record.gone_since_ms != 0)
            return true;
    return false;
}

static int64_t interval_ms(const struct lg_controller *c)
{
    uint64_t shortest_ms = LG_MIN(c->o.push_timeout_ms, c->o.offline_job_start_timeout_ms);

    shortest_ms = LG_MIN(shortest_ms, c->o.delay_to_rebalance_ms) / PARTS;
    return (int64_t)LG_MAX(LG_MIN(shortest_ms, (uint64_t)LG_CTL_CLOCK_WRITE_MS),
                           (uint64_t)WRITE_LEAST_MS);
}

static void written(struct lg_change *ch)
{
    ch->c->clock.written_ms = ch->clock_ms;
}

static void begin_write(struct lg_change *ch)
{
    ch->c->clock.open = false;
    ch->clock_ms = lg_ctl_clock_ms(ch->c);
    lg_change_write_clock(ch, ch->clock_ms);
    ch->applied = written;
    lg_change_commit(ch);
}

void lg_ctl_clock_look(struct lg_controller *c)
{
    if (c->stopping || c->clock.open || !lg_ctl_ready(c) ||
        lg_lane_now_us(c->o.lane) < c->own_not_before_us ||
        lg_ctl_clock_ms(c) - c->clock.written_ms < interval_ms(c) || !is_needed(c))
        return;
    c->clock.open = lg_change_submit(lg_change_new(c, /* rq= */ NULL, begin_write));
}
