/* The simulator's trace; see the header. */
#include "drivers/sim/ring.h"

#include "base/hash.h"

void lg_sim_ring_mix(struct lg_sim_ring *r, uint64_t value)
{
    uint64_t z = (r->hash ^ value) + 0x9E3779B97F4A7C15ULL;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    r->hash = z ^ (z >> 31);
}

static void copy_text(char *out, const void *text, size_t size)
{
    size_t kept = LG_MIN(size, (size_t)LG_SIM_TEXT_KEPT);

    if (kept > 0)
        memcpy(out, text, kept);
    out[kept] = '\0';
}

void lg_sim_ring_add(struct lg_sim_ring *r, uint64_t now_us, const char *lane, const char *what,
                     const uint64_t *values, size_t n)
{
    struct lg_sim_traced *t = &r->events[r->traced++ % LG_SIM_EVENTS_KEPT];

    assert(n <= LG_SIM_TRACE_VALUES_MAX);
    t->now_us = now_us;
    t->what = what;
    t->n = n;
    t->text[0] = '\0';
    copy_text(t->lane, lane, strlen(lane));
    lg_sim_ring_mix(r, lg_hash64(what, strlen(what), n));
    lg_sim_ring_mix(r, now_us);
    for (size_t i = 0; i < n; i++) {
        t->values[i] = values[i];
        lg_sim_ring_mix(r, values[i]);
    }
}

void lg_sim_ring_text(struct lg_sim_ring *r, struct lg_slice text)
{
    lg_sim_ring_mix(r, lg_hash64(text.data, text.size, text.size));
    if (r->traced > 0)
        copy_text(r->events[(r->traced - 1) % LG_SIM_EVENTS_KEPT].text, text.data, text.size);
}

void lg_sim_ring_dump(const struct lg_sim_ring *r, struct lg_buf *out)
{
    uint64_t first = r->traced > LG_SIM_EVENTS_KEPT ? r->traced - LG_SIM_EVENTS_KEPT : 0;

    for (uint64_t at = first; at < r->traced; at++) {
        const struct lg_sim_traced *t = &r->events[at % LG_SIM_EVENTS_KEPT];

        lg_buf_appendf(out, "%llu us  %s  %s", (unsigned long long)t->now_us, t->lane, t->what);
        for (size_t i = 0; i < t->n; i++)
            lg_buf_appendf(out, " %llu", (unsigned long long)t->values[i]);
        lg_buf_appendf(out, "%s%s\n", t->text[0] == '\0' ? "" : "  ", t->text);
    }
}
