#include "admin/words.h"

#include <stdio.h>

const char *lg_words_bytes(char out[LG_WORDS_MAX], int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < LG_ARRAY_SIZE(units)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, LG_WORDS_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *lg_words_time(char out[LG_WORDS_MAX], int64_t ms)
{
    long long s = (long long)(ms / 1000);

    if (s >= 86400)
        (void)snprintf(out, LG_WORDS_MAX, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        (void)snprintf(out, LG_WORDS_MAX, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        (void)snprintf(out, LG_WORDS_MAX, "%lld min %lld s", s / 60, s % 60);
    else
        (void)snprintf(out, LG_WORDS_MAX, "%lld s", s);
    return out;
}
