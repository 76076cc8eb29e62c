/* The pool by itself: its order, its threads, its end. */
#include "drivers/uv/pool_uv.h"

#include "test/test.h"

enum { JOBS = 500 };

struct job {
    struct lg_offload offload;
    struct shop *shop;
    unsigned number, worked, returned;
};

struct shop {
    unsigned next, out_of_order; /* Of a pool with one thread. */
    unsigned finished;           /* Atomic. */
    struct job jobs[JOBS];
};

static void work(struct lg_offload *offload)
{
    LG_CONTAINER_OF(offload, struct job, offload)->worked++;
}

static void work_in_order(struct lg_offload *offload)
{
    struct job *job = LG_CONTAINER_OF(offload, struct job, offload);

    job->shop->out_of_order += job->number != job->shop->next++;
    job->worked++;
}

static void returned(struct lg_offload *offload)
{
    struct job *job = LG_CONTAINER_OF(offload, struct job, offload);

    job->returned += job->worked == 1;
    __atomic_add_fetch(&job->shop->finished, 1, __ATOMIC_RELEASE);
}

static void run_jobs(unsigned threads, struct shop *shop, void (*fn)(struct lg_offload *offload))
{
    struct lg_pool_uv *pool = NULL;
    struct lg_error err = {0};

    assert_ok(lg_pool_uv_new(threads, &pool, &err));
    for (unsigned i = 0; i < JOBS; i++) {
        shop->jobs[i] = (struct job){.shop = shop, .number = i, .offload.work = fn};
        lg_pool_uv_port(pool)->submit(lg_pool_uv_port(pool), &shop->jobs[i].offload, returned);
    }
    lg_pool_uv_free(pool); /* At once: what is queued still runs. */
}

static void one_thread_works_first_in_first_out(void **state)
{
    (void)state;
    struct shop *shop = lg_new(struct shop);

    run_jobs(1, shop, work_in_order);
    assert_int_equal(shop->next, JOBS);
    assert_int_equal(shop->out_of_order, 0);
    lg_free(shop);
}

static void each_job_is_done_once_by_many_threads(void **state)
{
    (void)state;
    struct shop *shop = lg_new(struct shop);

    run_jobs(LG_POOL_UV_THREADS_MAX, shop, work);
    assert_int_equal(shop->finished, JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        assert_true(shop->jobs[i].worked == 1 && shop->jobs[i].returned == 1);
    lg_free(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_works_first_in_first_out),
        cmocka_unit_test(each_job_is_done_once_by_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
