/* Replicas whose read indexes one warmer fills; see the header. */
#include "test/lib/warmer_world.h"

#include "test/test.h"

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "read/hot_get.h"

static int up_with(void **state, uint64_t budget_bytes)
{
    struct lg_ww *w = lg_new(struct lg_ww);
    struct lg_warmer_options o = {.budget_bytes = budget_bytes, .seed = 7};
    struct lg_error err = {0};

    w->sim = lg_sim_new(1);
    w->lane = o.lane = lg_sim_lane_new(w->sim, NULL, "data");
    w->disk = lg_disk_sim_new(NULL, 1);
    w->driver = lg_memkv_new(w->disk, "");
    assert_ok(lg_warmer_new(&o, &w->w, &err));
    assert_ok(lg_warmer_join(w->w, &w->reader, &err));
    *state = w;
    return 0;
}

int lg_ww_up(void **state)
{
    return up_with(state, 64 * LG_WW_MIB);
}

int lg_ww_up_small(void **state)
{
    return up_with(state, 100 << 10); /* Room for one index of 100 rows, not for two. */
}

int lg_ww_up_without(void **state)
{
    return up_with(state, 0);
}

int lg_ww_down(void **state)
{
    struct lg_ww *w = *state;

    lg_epoch_quit(w->reader);
    lg_warmer_free(w->w);
    lg_memkv_free(w->driver);
    lg_disk_sim_free(w->disk);
    lg_sim_free(w->sim);
    lg_free(w);
    return 0;
}

void lg_ww_put(struct lg_ww_part *p, struct lg_slice key, int32_t schema_id, const char *payload)
{
    LG_SCOPED(lg_buf) value = {0};
    struct lg_error err = {0};

    lg_buf_append_u32be(&value, (uint32_t)schema_id);
    lg_buf_append_slice(&value, lg_slice_str(payload));
    assert_ok(lg_engine_put(p->engine, key, lg_buf_slice(&value), &err));
}

struct lg_ww_part *lg_ww_part_new(struct lg_ww *w, const char *name, unsigned rows)
{
    struct lg_ww_part *p = lg_new(struct lg_ww_part);
    struct lg_engine_options o = {.path = name};
    struct lg_error err = {0};

    p->w = w;
    assert_ok(lg_engine_open(w->driver, &o, &p->engine, &err));
    for (unsigned i = 0; i < rows; i++) {
        LG_AUTO_STR char *key = lg_strf("key%u", i), *value = lg_strf("%s %u", name, i);

        lg_ww_put(p, lg_slice_str(key), 3, value);
    }
    lg_replica_init(&p->replica, w->lane, p->engine, name, 0);
    lg_warmer_add(w->w, &p->replica, rows, (uint64_t)rows * 20);
    return p;
}

static void drained(struct lg_replica *r)
{
    struct lg_ww_part *p = LG_CONTAINER_OF(r, struct lg_ww_part, replica);

    p->w->drained++;
    lg_engine_close(p->engine);
    lg_free(p);
}

void lg_ww_removed(struct lg_replica *r)
{
    LG_CONTAINER_OF(r, struct lg_ww_part, replica)->w->removed++;
    lg_replica_retire(r, drained);
}

void lg_ww_part_free(struct lg_ww_part *p)
{
    struct lg_ww *w = p->w;
    unsigned before = w->drained;

    lg_warmer_remove(w->w, &p->replica, lg_ww_removed);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(before + 1, w->drained);
}

void lg_ww_expect_state(struct lg_ww_part *p, const char *state)
{
    assert_string_equal(state, lg_warmer_state(&p->replica));
}

bool lg_ww_is_filling(const struct lg_ww_part *p)
{
    return strcmp(lg_warmer_state(&p->replica), "filling") == 0;
}

bool lg_ww_waits(const struct lg_ww_part *p)
{
    return strcmp(lg_warmer_state(&p->replica), "waiting") == 0;
}

void lg_ww_want(struct lg_ww_part *p, enum lg_warm_rank rank)
{
    lg_warmer_want(p->w->w, &p->replica, rank);
}

static void is_settled(struct lg_replica *r)
{
    LG_CONTAINER_OF(r, struct lg_ww_part, replica)->w->settled++;
}

void lg_ww_settle(struct lg_ww_part *p)
{
    p->w->settled = 0;
    lg_warmer_settle(p->w->w, &p->replica, is_settled);
    assert_int_equal(p->w->settled, 0); /* Never from inside. */
}

void lg_ww_run(struct lg_ww *w)
{
    lg_sim_run_us(w->sim, LG_SEC);
}

void lg_ww_expect(struct lg_ww_part *p, const char *key, enum lg_rc rc, const char *payload)
{
    struct lg_hot_get g = {.replica = &p->replica, .key = lg_slice_str(key)};

    lg_epoch_enter(p->w->reader);
    lg_hot_get(&g, 1);
    assert_rc(rc, g.rc);
    if (payload != NULL) {
        assert_int_equal(3, g.schema_id);
        assert_true(lg_slice_eq_str(g.payload, payload));
    }
    lg_epoch_leave(p->w->reader);
}

void lg_ww_damage(struct lg_ww_part *p, const char *key)
{
    struct lg_hot_get g = {.replica = &p->replica, .key = lg_slice_str(key)};

    lg_epoch_enter(p->w->reader);
    lg_hot_get(&g, 1);
    assert_rc(LG_OK, g.rc);
    ((uint8_t *)(uintptr_t)g.payload.data)[0] ^= 1;
    lg_epoch_leave(p->w->reader);
}
