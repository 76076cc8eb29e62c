#include "base/health.h"

#include <pthread.h>
#include <stdio.h>

struct check {
    char name[LG_HEALTH_NAME_MAX];
    enum lg_health_kind kind;
    bool ok, advisory;
    uint64_t beat_us;
    char reason[LG_HEALTH_REASON_MAX];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* All below. */
static struct check checks[LG_HEALTH_CHECKS_MAX];
static size_t count;

/* Under the mutex. */
static struct check *find(const char *name, bool make)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(checks[i].name, name) == 0)
            return &checks[i];
    if (!make)
        return NULL;
    assert(count < LG_HEALTH_CHECKS_MAX && strlen(name) < LG_HEALTH_NAME_MAX);
    checks[count] = (struct check){0};
    memcpy(checks[count].name, name, strlen(name) + 1);
    return &checks[count++];
}

static void set(const char *name, bool ok, bool advisory, const char *fmt, va_list args)
{
    struct check *c;

    pthread_mutex_lock(&mutex);
    c = find(name, /* make= */ true);
    c->kind = LG_HEALTH_READY;
    c->ok = ok;
    c->advisory = advisory;
    (void)vsnprintf(c->reason, sizeof c->reason, fmt, args); /* A longer text is cut. */
    pthread_mutex_unlock(&mutex);
}

void lg_health_set(const char *name, bool ok, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set(name, ok, /* advisory= */ false, fmt, args);
    va_end(args);
}

void lg_health_warn(const char *name, bool ok, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set(name, ok, /* advisory= */ true, fmt, args);
    va_end(args);
}

void lg_health_beat(const char *name, uint64_t now_us)
{
    struct check *c;

    pthread_mutex_lock(&mutex);
    c = find(name, /* make= */ true);
    c->kind = LG_HEALTH_LIVE;
    c->beat_us = now_us;
    pthread_mutex_unlock(&mutex);
}

void lg_health_forget(const char *name)
{
    struct check *c;

    pthread_mutex_lock(&mutex);
    c = find(name, /* make= */ false);
    if (c != NULL) {
        size_t at = (size_t)(c - checks);

        memmove(c, c + 1, (count - at - 1) * sizeof *c);
        count--;
    }
    pthread_mutex_unlock(&mutex);
}

void lg_health_reset(void)
{
    pthread_mutex_lock(&mutex);
    count = 0;
    pthread_mutex_unlock(&mutex);
}

/* A copy, so that nobody is called under the mutex. */
static size_t copy(struct check out[LG_HEALTH_CHECKS_MAX], enum lg_health_kind kind,
                   uint64_t now_us)
{
    size_t n = 0;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count; i++) {
        struct check *c = &out[n];

        if (kind == LG_HEALTH_LIVE && checks[i].kind != LG_HEALTH_LIVE)
            continue;
        *c = checks[i];
        n++;
        if (c->kind == LG_HEALTH_LIVE) {
            uint64_t silent_us = now_us > c->beat_us ? now_us - c->beat_us : 0;

            c->ok = silent_us < LG_HEALTH_STALE_US;
            if (!c->ok)
                (void)snprintf(c->reason, sizeof c->reason, "silent for %llu s",
                               (unsigned long long)(silent_us / 1000000));
        }
    }
    pthread_mutex_unlock(&mutex);
    return n;
}

void lg_health_each(enum lg_health_kind kind, uint64_t now_us,
                    void (*check)(void *ctx, const char *name, bool ok, const char *reason),
                    void *ctx)
{
    struct check all[LG_HEALTH_CHECKS_MAX];
    size_t n = copy(all, kind, now_us);

    for (size_t i = 0; i < n; i++)
        check(ctx, all[i].name, all[i].ok, all[i].reason);
}

bool lg_health_ok(enum lg_health_kind kind, uint64_t now_us)
{
    struct check all[LG_HEALTH_CHECKS_MAX];
    size_t n = copy(all, kind, now_us);
    bool ok = true;

    for (size_t i = 0; i < n; i++)
        ok = ok && (all[i].ok || all[i].advisory);
    return ok;
}

struct writing {
    struct lg_buf *out;
    bool verbose, unnamed;
};

static void write_check(void *ctx, const char *name, bool ok, const char *reason)
{
    struct writing *w = ctx;

    if (ok && !w->verbose)
        return;
    if (w->unnamed)
        reason = "";
    lg_buf_appendf(w->out, "[%c]%s", ok ? '+' : '-', name);
    if (ok)
        lg_buf_append_str(w->out, " ok");
    else if (reason[0] == '\0')
        lg_buf_append_str(w->out, w->unnamed ? " failed: reason withheld" : " failed");
    if (reason[0] != '\0')
        lg_buf_appendf(w->out, ok ? ": %s" : " %s", reason);
    lg_buf_append_byte(w->out, '\n');
}

static bool write_all(struct writing *w, enum lg_health_kind kind, uint64_t now_us)
{
    const char *name = kind == LG_HEALTH_LIVE ? "livez" : "readyz";
    bool ok = lg_health_ok(kind, now_us);

    if (ok && !w->verbose) {
        lg_buf_append_str(w->out, "ok\n");
        return true;
    }
    lg_health_each(kind, now_us, write_check, w);
    lg_buf_appendf(w->out, "%s check %s\n", name, ok ? "passed" : "failed");
    return ok;
}

bool lg_health_write(struct lg_buf *out, enum lg_health_kind kind, uint64_t now_us, bool verbose)
{
    return write_all(&(struct writing){out, verbose, /* unnamed= */ false}, kind, now_us);
}

bool lg_health_write_unnamed(struct lg_buf *out, enum lg_health_kind kind, uint64_t now_us,
                             bool verbose)
{
    return write_all(&(struct writing){out, verbose, /* unnamed= */ true}, kind, now_us);
}
