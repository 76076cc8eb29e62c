/* lagoon-sim: runs the whole of Lagoon in one thread, under one seed, with everything going wrong
 * that may go wrong, and judges what came of it.
 *
 *   lagoon-sim --seed 7                     one run; exit code 1 when a checker found a violation
 *   lagoon-sim --seed 1 --count 400         many
 *   lagoon-sim --mutant=NAME --seed 1 --count 200 --until-caught
 *                                           with a planted bug: exit code 1 once it is caught
 *
 * The same seed gives the same run and the same trace hash, whatever the compiler.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "lane/mutant.h"
#include "sim/world.h"

#define COUNT_MAX 1000000u
#define TAIL_LINES 50

struct arguments {
    uint64_t seed, count;
    enum lg_mutant mutant;
    bool until_caught, list, trace, help;
};

static struct lg_sim *logging; /* The run whose log lines are shown; NULL: none. */

static void show_log(void *ctx, enum lg_log_level level, const char *line)
{
    const struct lg_sim_node *node = logging == NULL ? NULL : lg_sim_current_node(logging);

    (void)ctx;
    (void)level;
    fprintf(stderr, "%12llu %s %s\n",
            logging == NULL ? 0ULL : (unsigned long long)lg_sim_now_us(logging),
            node == NULL ? "world" : lg_sim_node_name(node), line);
}

static void print_tail(const struct lg_sim *sim)
{
    LG_SCOPED(lg_buf) text = {0};
    size_t begin, lines = 0;

    lg_sim_trace_dump(sim, &text);
    begin = text.size;
    while (begin > 0 && (lines <= TAIL_LINES))
        lines += text.data[--begin] == '\n';
    if (begin > 0)
        begin++;
    printf("the last %d events:\n%.*s", TAIL_LINES, (int)(text.size - begin),
           (const char *)text.data + begin);
}

/* False when a violation was found. */
static bool run_seed(uint64_t seed, const struct arguments *args)
{
    struct lg_world *w = lg_world_new(seed);
    const struct lg_history *h = &w->history;
    bool ok;

    logging = w->sim;
    ok = lg_world_run(w);
    logging = NULL;
    if (ok) {
        printf("seed=%llu ok steps=%llu virtual=%llus pushes=%u acked=%llu reads=%llu "
               "failed_reads=%llu switches=%llu swaps=%llu refused=%llu resumed=%llu deleted=%llu "
               "undeleted=%llu purged=%llu schemas=%llu quotas=%llu metered=%llu throttled=%llu "
               "drained=%llu resets=%llu leaders=%llu "
               "healed=%llums trace=%016llx\n",
               (unsigned long long)seed, (unsigned long long)lg_sim_steps(w->sim),
               (unsigned long long)(lg_sim_now_us(w->sim) / LG_SEC), h->push_count,
               (unsigned long long)h->acked, (unsigned long long)h->reads,
               (unsigned long long)h->reads_failed,
               (unsigned long long)(h->rollbacks + h->rollforwards), (unsigned long long)h->swaps,
               (unsigned long long)h->refused, (unsigned long long)h->resumed,
               (unsigned long long)h->deleted, (unsigned long long)h->undeleted,
               (unsigned long long)h->purged, (unsigned long long)h->schemas,
               (unsigned long long)h->quotas, (unsigned long long)h->reads_metered,
               (unsigned long long)h->reads_refused, (unsigned long long)h->drained,
               (unsigned long long)h->resets, (unsigned long long)h->leaders,
               (unsigned long long)((lg_sim_now_us(w->sim) - w->quiet_us) / LG_MS),
               (unsigned long long)lg_sim_trace_hash(w->sim));
    } else if (args->until_caught) {
        printf("caught seed=%llu checker=%s: %s\n", (unsigned long long)seed, h->checker,
               h->sentence);
    } else {
        print_tail(w->sim);
        printf(
            "seed=%llu FAILED checker=%s virtual=%lluus: %s\nrepeat: lagoon-sim --seed %llu%s%s\n",
            (unsigned long long)seed, h->checker, (unsigned long long)lg_sim_now_us(w->sim),
            h->sentence, (unsigned long long)seed,
            args->mutant == LG_MUTANT_NONE ? "" : " --mutant=",
            args->mutant == LG_MUTANT_NONE ? "" : lg_mutant_name(args->mutant));
    }
    (void)fflush(stdout);
    lg_world_free(w);
    return ok;
}

/* --- Arguments. --------------------------------------------------------------------------------
 */

static bool is_flag(const char *arg, const char *name, const char **out_value, const char *next,
                    bool *out_used_next)
{
    size_t n = strlen(name);

    *out_used_next = false;
    if (strncmp(arg, name, n) != 0 || (arg[n] != '\0' && arg[n] != '='))
        return false;
    *out_used_next = arg[n] == '\0';
    *out_value = arg[n] == '=' ? arg + n + 1 : next;
    return *out_value != NULL;
}

static bool parse_one(struct arguments *args, const char *arg, const char *next, bool *used_next)
{
    const char *value;

    if (is_flag(arg, "--seed", &value, next, used_next))
        return lg_parse_u64(lg_slice_str(value), UINT64_MAX, &args->seed);
    if (is_flag(arg, "--count", &value, next, used_next))
        return lg_parse_u64(lg_slice_str(value), COUNT_MAX, &args->count);
    if (is_flag(arg, "--mutant", &value, next, used_next))
        return lg_mutant_from_name(value, &args->mutant);
    *used_next = false;
    if (strcmp(arg, "--until-caught") == 0)
        return args->until_caught = true;
    if (strcmp(arg, "--list-mutants") == 0)
        return args->list = true;
    if (strcmp(arg, "--trace") == 0)
        return args->trace = true;
    if (strcmp(arg, "--help") == 0)
        return args->help = true;
    return false;
}

static void print_help(FILE *to)
{
    fputs("usage: lagoon-sim --seed N [--count K] [--mutant=NAME] [--until-caught] [--trace]\n"
          "       lagoon-sim --list-mutants\n"
          "  --seed N        the first seed (1)\n"
          "  --count K       so many seeds, N to N + K - 1 (1)\n"
          "  --mutant=NAME   with this planted bug\n"
          "  --until-caught  stop at the first seed that catches it: exit code 1\n"
          "  --trace         log lines of all nodes to stderr\n",
          to);
}

static void list_mutants(void)
{
    for (int m = LG_MUTANT_NONE + 1; m < LG_MUTANT_COUNT; m++)
        printf("%s  %s\n", lg_mutant_name((enum lg_mutant)m), lg_mutant_text((enum lg_mutant)m));
}

int main(int argc, char **argv)
{
    struct arguments args = {.seed = 1, .count = 1};
    bool all_ok = true;

    for (int i = 1; i < argc; i++) {
        bool used_next;

        if (!parse_one(&args, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used_next)) {
            fprintf(stderr, "lagoon-sim: '%s' is not understood\n", argv[i]);
            print_help(stderr);
            return 2;
        }
        i += used_next;
    }
    if (args.help || args.list) {
        if (args.help)
            print_help(stdout);
        else
            list_mutants();
        return 0;
    }
    lg_log_set_sink(show_log, NULL);
    lg_log_set_level(args.trace ? LG_LOG_INFO : LG_LOG_OFF);
    lg_mutant_set(args.mutant);
    for (uint64_t i = 0; i < args.count && (all_ok || !args.until_caught); i++)
        all_ok = run_seed(args.seed + i, &args) && all_ok;
    return all_ok ? 0 : 1;
}
