#include "drivers/posix/cpus_posix.h"

#include <errno.h>
#include <stdio.h>

#include "base/str.h"

/* "3" or "0-3". */
static bool add_part(struct lg_slice part, cpu_set_t *set)
{
    const uint8_t *dash = part.size == 0 ? NULL : memchr(part.data, '-', part.size);
    struct lg_slice from = part, to;
    uint64_t first, last;

    if (dash != NULL)
        from.size = (size_t)(dash - part.data);
    to = dash == NULL ? part : lg_slice_skip(part, from.size + 1);
    if (!lg_parse_u64(from, CPU_SETSIZE - 1, &first) || !lg_parse_u64(to, CPU_SETSIZE - 1, &last) ||
        first > last)
        return false;
    for (; first <= last; first++)
        CPU_SET(first, set);
    return true;
}

enum lg_rc lg_cpus_parse(struct lg_slice text, cpu_set_t *out, struct lg_error *err)
{
    struct lg_slice rest = text;
    bool good = true, more = true;

    CPU_ZERO(out);
    while (good && more) {
        const uint8_t *comma = rest.size == 0 ? NULL : memchr(rest.data, ',', rest.size);
        struct lg_slice part = rest;

        more = comma != NULL;
        if (more)
            part.size = (size_t)(comma - rest.data);
        good = add_part(part, out);
        rest = lg_slice_skip(rest, LG_MIN(part.size + 1, rest.size));
    }
    if (!good)
        return lg_error_set(
            err, LG_ERR_INVALID, "'%.*s' is no list of processors; it is like 0-3,8, up to %d",
            (int)LG_MIN(text.size, (size_t)40), (const char *)text.data, CPU_SETSIZE - 1);
    return LG_OK;
}

void lg_cpus_name(const cpu_set_t *set, char *out, size_t size)
{
    size_t at = 0;

    assert(size > 0);
    out[0] = '\0';
    for (unsigned i = 0; i < CPU_SETSIZE && at < size; i++) {
        unsigned last = i;

        if (!CPU_ISSET(i, set))
            continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
            last++;
        if (last == i)
            at += (size_t)snprintf(out + at, size - at, "%s%u", at == 0 ? "" : ",", i);
        else
            at += (size_t)snprintf(out + at, size - at, "%s%u-%u", at == 0 ? "" : ",", i, last);
        i = last;
    }
}

void lg_cpus_allowed(cpu_set_t *out)
{
    CPU_ZERO(out);
    if (sched_getaffinity(0, sizeof(*out), out) != 0)
        CPU_SET(0, out); /* A kernel for more processors than a set holds. */
}

void lg_cpus_pick(const cpu_set_t *set, unsigned i, cpu_set_t *out)
{
    unsigned left = i % (unsigned)CPU_COUNT(set), cpu = 0;

    for (;; cpu++) {
        if (CPU_ISSET(cpu, set) && left-- == 0)
            break;
    }
    CPU_ZERO(out);
    CPU_SET(cpu, out);
}

enum lg_rc lg_cpus_check(const cpu_set_t *set, struct lg_error *err)
{
    cpu_set_t allowed;
    char names[64];

    lg_cpus_allowed(&allowed);
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, set) || CPU_ISSET(i, &allowed))
            continue;
        lg_cpus_name(&allowed, names, sizeof(names));
        return lg_error_set(err, LG_ERR_INVALID,
                            "processor %u is not there or not allowed for this process, which may "
                            "run on %s",
                            i, names);
    }
    return LG_OK;
}

enum lg_rc lg_cpus_bind(const cpu_set_t *set, struct lg_error *err)
{
    char names[64];

    if (sched_setaffinity(0, sizeof(*set), set) == 0)
        return LG_OK;
    lg_cpus_name(set, names, sizeof(names));
    return lg_error_set(err, LG_ERR_INVALID, "the kernel binds no thread to processors %s: %s",
                        names, strerror(errno));
}
