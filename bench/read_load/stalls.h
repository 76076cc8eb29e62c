/* Stalls of the machine during a run, by a hiccup meter on the client's core and one on the
 * server's. Of one program, read_load.c. */
#ifndef LG_BENCH_READ_LOAD_STALLS_H
#define LG_BENCH_READ_LOAD_STALLS_H

#include <sched.h>

#include "base/hiccup.h"
#include "bytes.h"
#include "drivers/posix/hiccup_posix.h"

enum { OWN, SERVERS, METERS };

static struct lg_hiccup_posix *meters[METERS];
static struct lg_hiccup stalls[METERS]; /* once they have ended */

/* Begins to measure. The meters come before every process that is measured, where that is allowed
 * (returns whether): what such a process does with its core is then not taken for a stall. A thread
 * begins with the priority and on the core that its parent has. */
static bool begin_stalls(size_t server_core)
{
    struct sched_param first = {.sched_priority = 1}, usual = {0};
    bool comes_first = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
    struct lg_error err = {0};
    cpu_set_t own, servers;

    CPU_ZERO(&servers);
    CPU_SET(server_core, &servers);
    if (lg_hiccup_posix_start(LG_HICCUP_PERIOD_NS, &meters[OWN], &err) != LG_OK)
        die(err.text);
    if (sched_getaffinity(0, sizeof(own), &own) != 0 ||
        sched_setaffinity(0, sizeof(servers), &servers) != 0)
        die("the core of the server");
    if (lg_hiccup_posix_start(LG_HICCUP_PERIOD_NS, &meters[SERVERS], &err) != LG_OK)
        die(err.text);
    if (sched_setaffinity(0, sizeof(own), &own) != 0 ||
        (comes_first && sched_setscheduler(0, SCHED_OTHER, &usual) != 0))
        die("back to what it was");
    return comes_first;
}

static void end_stalls(void)
{
    for (int i = OWN; i < METERS; i++)
        lg_hiccup_posix_stop(meters[i], &stalls[i]);
}

/* Of p99.99. A request needs both cores: which of them stalled does not matter. */
static enum lg_verdict judge_tail(const struct lg_histogram *latency_ns, uint64_t bar_ns,
                                  struct lg_error *out_why)
{
    enum lg_verdict v = LG_VERDICT_FAIL;

    for (int i = OWN; i < METERS && v == LG_VERDICT_FAIL; i++)
        v = lg_hiccup_judge(&stalls[i], latency_ns, 0.9999, bar_ns, out_why);
    return v;
}

#endif
