#include "drivers/uv/latch_uv.h"

enum lg_rc lg_latch_uv_init(struct lg_latch_uv *latch, struct lg_error *err)
{
    int failed = uv_sem_init(&latch->opened, 0);

    return failed == 0
               ? LG_OK
               : lg_error_set(err, LG_ERR_IO, "cannot make a semaphore: %s", uv_strerror(failed));
}

void lg_latch_uv_done(struct lg_latch_uv *latch)
{
    uv_sem_destroy(&latch->opened);
}

void lg_latch_uv_open(struct lg_latch_uv *latch)
{
    uv_sem_post(&latch->opened);
}

void lg_latch_uv_wait(struct lg_latch_uv *latch)
{
    uv_sem_wait(&latch->opened);
}
