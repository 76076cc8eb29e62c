/* The table of planted bugs as data. Owner: lagoon-sim. */
#include "lane/mutant.h"

enum lg_mutant lg_mutant_now = LG_MUTANT_NONE;

static const struct {
    const char *name, *text;
} mutants[] = {
    [LG_MUTANT_NONE] = {"none", "nothing goes wrong"},
#define X(name, text) [LG_MUTANT_##name] = {#name, text},
#include "lane/mutants.def"
#undef X
};

void lg_mutant_set(enum lg_mutant mutant)
{
    lg_mutant_now = mutant;
}

const char *lg_mutant_name(enum lg_mutant mutant)
{
    return mutants[mutant].name;
}

const char *lg_mutant_text(enum lg_mutant mutant)
{
    return mutants[mutant].text;
}

static bool same_name(const char *given, const char *name)
{
    while (*given != '\0' && (*given == *name || (*given == '-' && *name == '_'))) {
        given++;
        name++;
    }
    return *given == *name;
}

bool lg_mutant_from_name(const char *name, enum lg_mutant *out)
{
    for (int m = 0; m < LG_MUTANT_COUNT; m++) {
        if (!same_name(name, mutants[m].name))
            continue;
        *out = (enum lg_mutant)m;
        return true;
    }
    return false;
}
