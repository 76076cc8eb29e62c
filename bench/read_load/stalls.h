/* Stalls of the machine during a run, by a hiccup meter on the client's core and one on the
 * server's. Of one program, read_load.c.
 *
 * A run as a whole is judged by the meters' p99.99 (base/hiccup.h). On a machine that stalls all
 * the time that is always VOID; so what is clear of stalls is judged on its own. The run is cut
 * into slices, and a slice is stalled when a meter was late by more than half of the bar in it;
 * the slice before is (its requests were under way), and two after it are (for the queue that a
 * stall leaves). Clear are the requests that were due in all others, whenever they were answered:
 * a server does not get rid of its own slow answers by the stall that they may end in. */
#ifndef LG_BENCH_READ_LOAD_STALLS_H
#define LG_BENCH_READ_LOAD_STALLS_H

#include <sched.h>

#include "base/hiccup.h"
#include "bytes.h"
#include "drivers/posix/hiccup_posix.h"

enum { OWN, SERVERS, METERS };

#define SLICE_NS UINT64_C(10000000)
#define SLICES 360000u /* an hour */
#define SLICES_BEFORE 1u
#define SLICES_AFTER 2u
#define CLEAR_MIN 100000u /* fewer answers say nothing of p99.99 */

static struct lg_hiccup_posix *meters[METERS];
static struct lg_hiccup stalls[METERS]; /* once they have ended */
static uint64_t slices_from_ns, stall_min_ns;
static bool stalled[METERS][SLICES]; /* each its meter's until that has ended */

static struct answer {
    uint32_t slice; /* it was due in */
    uint32_t latency_ns;
} * answers;
static size_t answers_size, answers_room;

static uint64_t slice_of(uint64_t at_ns)
{
    return at_ns < slices_from_ns ? 0 : LG_MIN((at_ns - slices_from_ns) / SLICE_NS, SLICES - 1);
}

static void note_stall(void *ctx, uint64_t due_ns, uint64_t woke_ns)
{
    bool *slices = ctx;
    uint64_t to = LG_MIN(slice_of(woke_ns) + SLICES_AFTER, SLICES - 1), i = slice_of(due_ns);

    if (woke_ns - due_ns <= stall_min_ns)
        return;
    for (i -= LG_MIN(i, SLICES_BEFORE); i <= to; i++)
        slices[i] = true;
}

static void note_answer(uint64_t due_ns, uint64_t answered_ns)
{
    uint64_t latency_ns = answered_ns > due_ns ? answered_ns - due_ns : 0;

    if (answers == NULL)
        return; /* No meter runs. */
    errno = 0;
    if (answers_size == answers_room)
        die("more answers than there is room for");
    answers[answers_size++] =
        (struct answer){(uint32_t)slice_of(due_ns), (uint32_t)LG_MIN(latency_ns, UINT32_MAX)};
}

/* Begins to measure a run of about so many `requests`. The meters come before every process that is
 * measured, where that is allowed (returns whether): what such a process does with its core is then
 * not taken for a stall. A thread begins with the priority and on the core that its parent has. */
static bool begin_stalls(size_t server_core, uint64_t now_ns, uint64_t bar_ns, uint64_t requests)
{
    struct sched_param first = {.sched_priority = 1}, usual = {0};
    bool comes_first = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
    struct lg_error err = {0};
    cpu_set_t own, servers;

    slices_from_ns = now_ns;
    stall_min_ns = bar_ns / 2;
    answers_room = (size_t)(requests / 10 * 11) + 100000; /* Poisson's times */
    answers = malloc(answers_room * sizeof(*answers));
    if (answers == NULL)
        die("no memory for the answers");
    memset(answers, 1, answers_room * sizeof(*answers)); /* The kernel gives it before the run. */
    CPU_ZERO(&servers);
    CPU_SET(server_core, &servers);
    if (lg_hiccup_posix_start(LG_HICCUP_PERIOD_NS, note_stall, stalled[OWN], &meters[OWN], &err) !=
        LG_OK)
        die(err.text);
    if (sched_getaffinity(0, sizeof(own), &own) != 0 ||
        sched_setaffinity(0, sizeof(servers), &servers) != 0)
        die("the core of the server");
    if (lg_hiccup_posix_start(LG_HICCUP_PERIOD_NS, note_stall, stalled[SERVERS], &meters[SERVERS],
                              &err) != LG_OK)
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

/* Of the requests that were due in slices without a stall: as a member of a JSON object. */
static void print_clear(uint64_t bar_ns)
{
    static struct lg_histogram clear_ns;
    uint64_t n, p99_99_ns;
    enum lg_verdict v;

    if (answers == NULL)
        return;
    for (size_t i = 0; i < answers_size; i++)
        if (!stalled[OWN][answers[i].slice] && !stalled[SERVERS][answers[i].slice])
            lg_histogram_add(&clear_ns, answers[i].latency_ns);
    n = lg_histogram_count(&clear_ns);
    p99_99_ns = lg_histogram_quantile(&clear_ns, 0.9999);
    v = n < CLEAR_MIN ? LG_VERDICT_VOID : p99_99_ns <= bar_ns ? LG_VERDICT_PASS : LG_VERDICT_FAIL;
    (void)printf("\"clear\":{\"samples\":%llu,\"share\":%.4f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
                 "\"p99_9_us\":%.1f,\"p99_99_us\":%.1f,\"verdict\":\"%s\"},",
                 (unsigned long long)n, (double)n / (double)LG_MAX(answers_size, 1u),
                 (double)lg_histogram_quantile(&clear_ns, 0.5) / 1e3,
                 (double)lg_histogram_quantile(&clear_ns, 0.99) / 1e3,
                 (double)lg_histogram_quantile(&clear_ns, 0.999) / 1e3, (double)p99_99_ns / 1e3,
                 lg_verdict_name(v));
}

#endif
