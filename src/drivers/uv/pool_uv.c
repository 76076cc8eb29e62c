/* The pool: one mutex, one condition, one queue. Blocking work takes microseconds at least, so the
 * lock is never what limits it. libuv's own pool is not used: it is one per process, its queue is
 * not in order between lanes, and it also resolves names, which may hang for seconds.
 *
 * Owner: the composition root. The queue's links are the tasks embedded in the offloads. */
#include "drivers/uv/pool_uv.h"

#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include "drivers/uv/metrics.h"

struct lg_pool_uv {
    struct lg_pool port; /* First: pointers to it are cast back. */
    uv_mutex_t mutex;
    uv_cond_t wake;
    struct lg_task *first, **last; /* Under mutex: offloads by their tasks. */
    bool ending;                   /* Under mutex. */
    unsigned threads;
    uv_thread_t thread[LG_POOL_UV_THREADS_MAX];
};

/* While it waits for its turn a task's `run` holds nothing useful; here it is what to call after
 * the work. The signature is the offload's, so the pair is kept in this union instead of a cast. */
union returned {
    void (*run)(struct lg_task *task);
    void (*returned)(struct lg_offload *offload);
};

static void submit(struct lg_pool *port, struct lg_offload *offload,
                   void (*returned)(struct lg_offload *offload))
{
    struct lg_pool_uv *pool = (struct lg_pool_uv *)port;

    offload->task.run = (union returned){.returned = returned}.run;
    offload->task.next = NULL;
    lg_metric_add(&lg_metric_pool_work_total, 0, 1);
    lg_metric_add(&lg_metric_pool_work_waiting, 0, 1);
    uv_mutex_lock(&pool->mutex);
    *pool->last = &offload->task;
    pool->last = &offload->task.next;
    uv_cond_signal(&pool->wake);
    uv_mutex_unlock(&pool->mutex);
}

/* NULL when the pool ends and nothing is queued. */
static struct lg_offload *next_offload(struct lg_pool_uv *pool)
{
    struct lg_task *task;

    uv_mutex_lock(&pool->mutex);
    while (pool->first == NULL && !pool->ending)
        uv_cond_wait(&pool->wake, &pool->mutex);
    task = pool->first;
    if (task != NULL) {
        pool->first = task->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
    }
    uv_mutex_unlock(&pool->mutex);
    return task == NULL ? NULL : LG_CONTAINER_OF(task, struct lg_offload, task);
}

static void serve(void *arg)
{
    struct lg_pool_uv *pool = arg;
    struct lg_offload *offload;

    while ((offload = next_offload(pool)) != NULL) {
        union returned after = {.run = offload->task.run};

        lg_metric_sub(&lg_metric_pool_work_waiting, 0, 1);
        offload->work(offload);
        after.returned(offload);
    }
}

int lg_pool_uv_thread(uv_thread_t *out, void (*run)(void *arg), void *arg)
{
    sigset_t all, before;
    int failed;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* The new thread begins with this. */
    failed = uv_thread_create(out, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum lg_rc lg_pool_uv_new(unsigned threads, struct lg_pool_uv **out, struct lg_error *err)
{
    LG_AUTO(lg_pool_uv) *pool = NULL;
    int failed;

    assert(threads >= 1 && threads <= LG_POOL_UV_THREADS_MAX);
    pool = lg_new(struct lg_pool_uv);
    pool->port.submit = submit;
    pool->last = &pool->first;
    failed = uv_mutex_init(&pool->mutex);
    assert(failed == 0 && "a default mutex needs no resources");
    failed = uv_cond_init(&pool->wake);
    assert(failed == 0 && "a condition needs no resources");
    for (; pool->threads < threads; pool->threads++) {
        failed = lg_pool_uv_thread(&pool->thread[pool->threads], serve, pool);
        if (failed != 0)
            return lg_error_set(err, LG_ERR_IO,
                                "cannot start thread %u of %u of the pool: %s; allow the process "
                                "more threads",
                                pool->threads + 1, threads, uv_strerror(failed));
    }
    lg_metric_set(&lg_metric_pool_threads, 0, threads);
    *out = LG_TAKE(pool);
    return LG_OK;
}

struct lg_pool *lg_pool_uv_port(struct lg_pool_uv *pool)
{
    return &pool->port;
}

void lg_pool_uv_free(struct lg_pool_uv *pool)
{
    if (pool == NULL)
        return;
    uv_mutex_lock(&pool->mutex);
    pool->ending = true;
    uv_cond_broadcast(&pool->wake);
    uv_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->threads; i++)
        uv_thread_join(&pool->thread[i]);
    assert(pool->first == NULL);
    uv_cond_destroy(&pool->wake);
    uv_mutex_destroy(&pool->mutex);
    lg_free(pool);
}
