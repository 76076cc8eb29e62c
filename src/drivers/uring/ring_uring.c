#include "drivers/uring/ring_uring.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/uring/lane_uring.h"
#include "lane/fault.h"

#define REQUESTS 1024u
#define COMPLETIONS 8192u
#define BUFFERS 256u
#define BUFFER_BYTES ((size_t)8 << 10)
#define PROBE_ROUNDS_MAX 64
#define PROBE_BYTES ((size_t)4 << 20) /* more than a pair of sockets holds */

/* --- Making one. ------------------------------------------------------------------------------ */
static int set_up(struct lg_ring *ring, unsigned requests, unsigned completions, unsigned flags)
{
    struct io_uring_params params = {.flags = flags | IORING_SETUP_R_DISABLED |
                                              IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
                                     .cq_entries = completions};

    if (lg_fault_hit(LG_FAULT_URING_SETUP))
        return -EPERM;
    return io_uring_queue_init_params(requests, &ring->uring, &params);
}

/* The best that the kernel has: completions are worked off when we ask for them, not in between. */
static int set_up_best(struct lg_ring *ring, unsigned requests, unsigned completions)
{
    static const unsigned flags[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                         IORING_SETUP_TASKRUN_FLAG,
                                     IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG};
    int failed = -EINVAL;

    for (size_t i = 0; failed == -EINVAL && i < LG_ARRAY_SIZE(flags); i++) {
        bool refused = i == 0 && lg_fault_hit(LG_FAULT_URING_DEFER);

        failed = refused ? -EINVAL : set_up(ring, requests, completions, flags[i]);
    }
    ring->is_open = failed == 0;
    return failed;
}

static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static void give(struct lg_ring *ring, unsigned i, unsigned offset)
{
    io_uring_buf_ring_add(ring->provided, ring->buffers + i * ring->buffer_bytes,
                          (unsigned)ring->buffer_bytes, (unsigned short)i,
                          io_uring_buf_ring_mask(ring->buffer_count), (int)offset);
}

static int provide_buffers(struct lg_ring *ring)
{
    struct io_uring_buf_reg reg = {.ring_entries = ring->buffer_count,
                                   .bgid = LG_RING_BUFFERS_GROUP};
    int failed;

    ring->provided_bytes = ring->buffer_count * sizeof(struct io_uring_buf);
    ring->provided = pages(ring->provided_bytes);
    ring->buffers = pages(ring->buffer_count * ring->buffer_bytes);
    if (ring->provided == NULL || ring->buffers == NULL)
        return -ENOMEM;
    reg.ring_addr = (uintptr_t)ring->provided;
    failed = lg_fault_hit(LG_FAULT_URING_BUFFERS)
                 ? -EINVAL
                 : io_uring_register_buf_ring(&ring->uring, &reg, 0);
    if (failed != 0)
        return failed;
    io_uring_buf_ring_init(ring->provided);
    for (unsigned i = 0; i < ring->buffer_count; i++)
        give(ring, i, i);
    io_uring_buf_ring_advance(ring->provided, (int)ring->buffer_count);
    return 0;
}

static void close_ring(struct lg_ring *ring)
{
    if (ring->is_open)
        io_uring_queue_exit(&ring->uring);
    if (ring->provided != NULL)
        (void)munmap(ring->provided, ring->provided_bytes);
    if (ring->buffers != NULL)
        (void)munmap(ring->buffers, ring->buffer_count * ring->buffer_bytes);
    *ring = (struct lg_ring){0};
}

void lg_ring_close(struct lg_ring *ring)
{
    assert(ring->armed == 0 && "the kernel still has operations of this ring");
    close_ring(ring);
}

static int open_ring(struct lg_ring *ring, const struct lg_lane_uring_options *o)
{
    int failed;

    *ring = (struct lg_ring){.buffer_count = o->buffers == 0 ? BUFFERS : o->buffers,
                             .buffer_bytes = o->buffer_bytes == 0 ? BUFFER_BYTES : o->buffer_bytes};
    failed = set_up_best(ring, o->requests == 0 ? REQUESTS : o->requests,
                         o->completions == 0 ? COMPLETIONS : o->completions);
    return failed == 0 ? provide_buffers(ring) : failed;
}

/* --- Does it do what we rely on? -------------------------------------------------------------- */
struct probe {
    struct lg_ring ring;
    struct lg_ring_op receive, send;
    int fds[2];
    unsigned received;
    bool goes_on, told;
    int sent;
};

static void probe_received(struct lg_ring_op *op, int result, unsigned flags)
{
    struct probe *p = LG_CONTAINER_OF(op, struct probe, receive);

    if (result == 1 && (flags & IORING_CQE_F_BUFFER) != 0) {
        p->received++;
        p->goes_on = (flags & IORING_CQE_F_MORE) != 0;
        lg_ring_buffer_back(&p->ring, flags);
    }
}

static void probe_sent(struct lg_ring_op *op, int result, unsigned flags)
{
    struct probe *p = LG_CONTAINER_OF(op, struct probe, send);

    (void)flags;
    p->told = true;
    p->sent = result;
}

/* A receive that goes on for ever; a send that says nothing when it is through; one that says how
 * far it came when it is not. */
static const char *try_operations(struct probe *p, const uint8_t *bytes)
{
    struct io_uring_sqe *sqe;

    sqe = lg_ring_arm(&p->ring, &p->receive);
    io_uring_prep_recv_multishot(sqe, p->fds[0], NULL, 0, 0);
    lg_ring_bind(&p->ring, sqe, &p->receive);
    lg_ring_enter(&p->ring, 0);
    sqe = lg_ring_room(&p->ring);
    io_uring_prep_send(sqe, p->fds[1], bytes, 1, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, &p->send);
    for (unsigned i = 0; i < PROBE_ROUNDS_MAX && p->received == 0; i++) {
        lg_ring_enter(&p->ring, 1000);
        lg_ring_reap(&p->ring);
    }
    if (p->received != 1 || !p->goes_on || !p->receive.armed)
        return "it has no multishot receive";
    if (p->told)
        return "a send that is through is told of";
    sqe = lg_ring_room(&p->ring);
    io_uring_prep_send(sqe, p->fds[0], bytes, PROBE_BYTES,
                       MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, &p->send);
    lg_ring_enter(&p->ring, 0);
    lg_ring_reap(&p->ring);
    return p->told && p->sent > 0 && (size_t)p->sent < PROBE_BYTES ? NULL
                                                                   : "a short send is not told of";
}

static const char *try_ring(struct probe *p)
{
    uint8_t *bytes = lg_alloc(PROBE_BYTES);
    struct lg_error err;
    const char *missing = lg_ring_enable(&p->ring, &err) == LG_OK ? NULL : "it cannot be enabled";

    memset(bytes, 0, PROBE_BYTES);
    if (missing == NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->fds) != 0)
        missing = "there are no sockets";
    if (missing == NULL) {
        missing = try_operations(p, bytes);
        (void)shutdown(p->fds[0], SHUT_RDWR);
        for (unsigned i = 0; i < PROBE_ROUNDS_MAX && p->ring.armed > 0; i++) {
            lg_ring_enter(&p->ring, 1000);
            lg_ring_reap(&p->ring);
        }
        (void)close(p->fds[0]);
        (void)close(p->fds[1]);
    }
    lg_free(bytes);
    return missing;
}

/* On a small ring of its own: the real one belongs to the thread that will run it. */
static const char *probe(void)
{
    static const struct lg_lane_uring_options small = {
        .requests = 8, .completions = 32, .buffers = 2, .buffer_bytes = 64};
    struct probe p = {.receive.completed = probe_received, .send.completed = probe_sent};
    const char *missing =
        open_ring(&p.ring, &small) == 0 ? NULL : "a second ring is refused; see LimitMEMLOCK";

    if (missing == NULL)
        missing = lg_fault_hit(LG_FAULT_URING_PROBE) ? "injected fault" : try_ring(&p);
    close_ring(&p.ring);
    return missing;
}

enum lg_rc lg_ring_open(struct lg_ring *ring, const struct lg_lane_uring_options *options,
                        struct lg_error *err)
{
    int failed = open_ring(ring, options);
    const char *missing = failed == 0 ? probe() : strerror(-failed);

    if (missing == NULL)
        return LG_OK;
    close_ring(ring);
    switch (-failed) {
    case EPERM:
    case EACCES:
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "io_uring is not allowed here (kernel.io_uring_disabled, or a filter "
                            "of system calls)");
    case ENOSYS:
        return lg_error_set(err, LG_ERR_UNAVAILABLE, "this kernel has no io_uring");
    default:
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "this kernel's io_uring is not enough, Linux 6.1 is: %s", missing);
    }
}

/* --- Driving it. ------------------------------------------------------------------------------ */
enum lg_rc lg_ring_enable(struct lg_ring *ring, struct lg_error *err)
{
    /* liburing 2.3 declares io_uring_enable_rings and does not export it. */
    int failed = ring->enabled ? 0
                               : io_uring_register((unsigned)ring->uring.ring_fd,
                                                   IORING_REGISTER_ENABLE_RINGS, NULL, 0);

    if (failed != 0)
        return lg_error_set(err, LG_ERR_IO, "cannot enable io_uring: %s", strerror(-failed));
    ring->enabled = true;
    (void)io_uring_register_ring_fd(&ring->uring); /* A little slower without. */
    return LG_OK;
}

void lg_ring_rest(struct lg_ring *ring)
{
    (void)io_uring_unregister_ring_fd(&ring->uring); /* It is the thread's, which may end. */
}

struct io_uring_sqe *lg_ring_room(struct lg_ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    if (sqe == NULL && io_uring_submit(&ring->uring) > 0)
        sqe = io_uring_get_sqe(&ring->uring);
    return sqe;
}

struct io_uring_sqe *lg_ring_arm(struct lg_ring *ring, struct lg_ring_op *op)
{
    struct io_uring_sqe *sqe = lg_ring_room(ring);

    assert(!op->armed);
    if (sqe != NULL) {
        op->armed = true;
        ring->armed++;
    }
    return sqe;
}

void lg_ring_bind(struct lg_ring *ring, struct io_uring_sqe *sqe, struct lg_ring_op *op)
{
    (void)ring;
    if (sqe->opcode == IORING_OP_RECV) {
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = LG_RING_BUFFERS_GROUP;
    }
    io_uring_sqe_set_data(sqe, op);
}

bool lg_ring_cancel(struct lg_ring *ring, struct lg_ring_op *op)
{
    struct io_uring_sqe *sqe = lg_ring_room(ring);

    if (sqe == NULL)
        return false;
    io_uring_prep_cancel(sqe, op, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, NULL);
    return true;
}

bool lg_ring_cancel_all(struct lg_ring *ring)
{
    struct io_uring_sqe *sqe = lg_ring_room(ring);

    if (sqe == NULL)
        return false;
    io_uring_prep_cancel(sqe, NULL, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, NULL);
    return true;
}

/* What the call returns is not looked at: EINTR, EAGAIN, EBUSY and ETIME all mean that the loop
 * goes round; what did not reach the kernel stays where it is, and lg_ring_settled knows. */
void lg_ring_enter(struct lg_ring *ring, uint64_t wait_us)
{
    struct __kernel_timespec ts = {.tv_sec = (long long)(wait_us / 1000000),
                                   .tv_nsec = (long long)(wait_us % 1000000) * 1000};
    struct io_uring_cqe *cqe;

    if (lg_fault_hit(LG_FAULT_URING_ENTER))
        return;
    if (wait_us == 0)
        (void)io_uring_submit_and_get_events(&ring->uring);
    else
        (void)io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1,
                                               wait_us == UINT64_MAX ? NULL : &ts, NULL);
}

void lg_ring_reap(struct lg_ring *ring)
{
    for (unsigned left = io_uring_cq_ready(&ring->uring); left > 0; left--) {
        struct io_uring_cqe *cqe = NULL;
        struct lg_ring_op *op;
        unsigned flags;
        int result;

        if (io_uring_peek_cqe(&ring->uring, &cqe) != 0 || cqe == NULL)
            return;
        op = io_uring_cqe_get_data(cqe);
        result = cqe->res;
        flags = cqe->flags;
        io_uring_cqe_seen(&ring->uring, cqe);
        if (op == NULL)
            continue; /* An end that was asked for too late. */
        if (op->armed && (flags & IORING_CQE_F_MORE) == 0) {
            op->armed = false;
            ring->armed--;
        }
        op->completed(op, result, flags); /* It may be freed in there. */
    }
}

bool lg_ring_stirs(const struct lg_ring *ring)
{
    return io_uring_cq_ready(&ring->uring) > 0 ||
           (IO_URING_READ_ONCE(*ring->uring.sq.kflags) &
            (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool lg_ring_settled(const struct lg_ring *ring)
{
    return io_uring_sq_ready(&ring->uring) == 0 && !io_uring_cq_has_overflow(&ring->uring);
}

const uint8_t *lg_ring_buffer(const struct lg_ring *ring, unsigned flags)
{
    return ring->buffers + (flags >> IORING_CQE_BUFFER_SHIFT) * ring->buffer_bytes;
}

void lg_ring_buffer_back(struct lg_ring *ring, unsigned flags)
{
    give(ring, flags >> IORING_CQE_BUFFER_SHIFT, 0);
    io_uring_buf_ring_advance(ring->provided, 1);
}
