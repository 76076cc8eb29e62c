/* Fault points: one atomic word per point, and one that counts the armed points so that a passage
 * costs a single load in production. Any thread. */
#include "lane/fault.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

#define EXIT_LIKE_KILL_9 137 /* 128 + SIGKILL */
#define FAULT_TEXT_MAX 1024  /* bytes of LAGOON_FAULTS */
#define AFTER_MAX 1000000000ULL

struct point {
    uint64_t state; /* Atomic: passages to skip << 32 | passages that fail. 0: not armed. */
    bool exits;     /* Atomic: armed from the environment with effect "exit". */
};

static struct point points[LG_FAULT_COUNT];
static unsigned armed_points; /* Atomic. */

static const struct {
    const char *name, *effect;
} table[LG_FAULT_COUNT] = {
#define X(name, where, effect) {#name, effect},
#include "lane/faults.def"
#undef X
};

static void arm(enum lg_fault fault, unsigned skip, unsigned times, bool exits)
{
    uint64_t state = times == 0 ? 0 : (uint64_t)skip << 32 | times;
    uint64_t before;

    assert((unsigned)fault < LG_FAULT_COUNT);
    __atomic_store_n(&points[fault].exits, exits, __ATOMIC_RELAXED);
    before = __atomic_exchange_n(&points[fault].state, state, __ATOMIC_ACQ_REL);
    if (before == 0 && state != 0)
        __atomic_add_fetch(&armed_points, 1, __ATOMIC_ACQ_REL);
    else if (before != 0 && state == 0)
        __atomic_sub_fetch(&armed_points, 1, __ATOMIC_ACQ_REL);
}

void lg_fault_arm(enum lg_fault fault, unsigned skip, unsigned times)
{
    arm(fault, skip, times, /* exits= */ false);
}

void lg_fault_disarm_all(void)
{
    for (unsigned i = 0; i < LG_FAULT_COUNT; i++)
        arm((enum lg_fault)i, 0, 0, /* exits= */ false);
}

static LG_NORETURN void end_process(enum lg_fault fault)
{
    char line[80];
    int n = snprintf(line, sizeof(line), "fault %s\n", table[fault].name);
    ssize_t written;

    /* Nothing may run any more, so the one line bypasses the log and stdio; whether it arrives does
     * not change what happens next. */
    written = write(STDERR_FILENO, line, (size_t)n);
    (void)written;
    (void)kill(getpid(), SIGKILL);
    _exit(EXIT_LIKE_KILL_9);
}

bool lg_fault_hit(enum lg_fault fault)
{
    struct point *p = &points[fault];
    uint64_t state, next;

    if (LG_LIKELY(__atomic_load_n(&armed_points, __ATOMIC_RELAXED) == 0))
        return false;
    state = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
    do {
        if (state == 0)
            return false;
        next = state >> 32 != 0 ? state - ((uint64_t)1 << 32) : state - 1;
    } while (!__atomic_compare_exchange_n(&p->state, &state, next, /* weak= */ true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    if (next == 0)
        __atomic_sub_fetch(&armed_points, 1, __ATOMIC_ACQ_REL);
    if (state >> 32 != 0)
        return false; /* This passage was one to skip. */
    if (__atomic_load_n(&p->exits, __ATOMIC_RELAXED))
        end_process(fault);
    return true;
}

/* What a "=kill" or "=fail" at the end of the word asks for; without one, the default effect.
 * `word` is left without it. */
static enum lg_rc take_effect(struct lg_slice *word, bool *out_given, bool *out_exits,
                              struct lg_error *err)
{
    const uint8_t *equals = word->size == 0 ? NULL : memchr(word->data, '=', word->size);
    struct lg_slice effect;

    *out_given = equals != NULL;
    if (equals == NULL)
        return LG_OK;
    effect = lg_slice_skip(*word, (size_t)(equals - word->data) + 1);
    *out_exits = lg_slice_eq_str(effect, "kill");
    if (!*out_exits && !lg_slice_eq_str(effect, "fail"))
        return lg_error_set(err, LG_ERR_INVALID,
                            "fault \"%.*s\": after the equals sign stands kill or fail",
                            LG_FMT(*word));
    *word = lg_slice(word->data, (size_t)(equals - word->data));
    return LG_OK;
}

static enum lg_rc arm_from_word(struct lg_slice word, struct lg_error *err)
{
    bool given = false, exits = false;
    enum lg_rc rc = take_effect(&word, &given, &exits, err);
    const uint8_t *colon = word.size == 0 ? NULL : memchr(word.data, ':', word.size);
    struct lg_slice name = colon == NULL ? word : lg_slice(word.data, (size_t)(colon - word.data));
    const char *names[LG_FAULT_COUNT];
    const char *nearest;
    uint64_t after = 0;

    if (rc != LG_OK)
        return rc;
    if (colon != NULL && !lg_parse_u64(lg_slice_skip(word, name.size + 1), AFTER_MAX, &after))
        return lg_error_set(err, LG_ERR_INVALID,
                            "fault \"%.*s\": after the colon stands how many passages go well, "
                            "a number up to %llu",
                            LG_FMT(word), AFTER_MAX);
    for (unsigned i = 0; i < LG_FAULT_COUNT; i++) {
        names[i] = table[i].name;
        if (lg_slice_eq_str(name, table[i].name)) {
            arm((enum lg_fault)i, (unsigned)after, 1,
                given ? exits : strcmp(table[i].effect, "exit") == 0);
            return LG_OK;
        }
    }
    LG_AUTO_STR char *text = lg_strndup((const char *)name.data, name.size);
    nearest = lg_nearest(text, names, LG_FAULT_COUNT);
    return lg_error_set(err, LG_ERR_INVALID, "no fault point is called \"%s\"%s%s", text,
                        nearest == NULL ? "; src/lane/faults.def lists them" : ", did you mean ",
                        nearest == NULL ? "" : nearest);
}

enum lg_rc lg_fault_arm_from_env(const char *text, struct lg_error *err)
{
    struct lg_slice rest = lg_slice_str(text);
    enum lg_rc rc = LG_OK;

    if (rest.size > FAULT_TEXT_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "the list of faults is over %d bytes long",
                            FAULT_TEXT_MAX);
    while (rest.size > 0 && rc == LG_OK) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);

        rc = arm_from_word(lg_slice(rest.data, size), err);
        rest = lg_slice_skip(rest, size + 1);
    }
    return rc;
}

const char *lg_fault_name(enum lg_fault fault)
{
    assert((unsigned)fault < LG_FAULT_COUNT);
    return table[fault].name;
}

enum lg_rc lg_fault_check(enum lg_fault fault, struct lg_error *err)
{
    if (LG_LIKELY(!lg_fault_hit(fault)))
        return LG_OK;
    return lg_error_set(err, LG_ERR_IO, "injected fault %s", table[fault].name);
}
