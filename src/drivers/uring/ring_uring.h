/* The inside of the io_uring driver, shared by its files: one ring of the kernel with the buffers
 * that it receives into. Users see lane_uring.h and transport_uring.h.
 *
 * A ring is driven by one thread, from lg_ring_enable on; before that it may be made and filled on
 * another. Operations are asked for at the end of a turn only, and may be refused for lack of room:
 * then they are asked for again in the next turn. So nobody ever waits for room.
 */
#ifndef LG_DRIVERS_URING_RING_URING_H
#define LG_DRIVERS_URING_RING_URING_H

#include <liburing.h>

#include "base/base.h"

struct lg_lane_uring_options;

/* Something that the kernel does and then tells of, once or many times. Embed it; it stays where it
 * is while it is armed. */
struct lg_ring_op {
    void (*completed)(struct lg_ring_op *op, int result, unsigned flags);
    bool armed; /* The kernel has it. */
};

struct lg_ring {
    struct io_uring uring;
    bool is_open;
    bool enabled;
    unsigned armed; /* operations that the kernel has */
    struct io_uring_buf_ring *provided;
    size_t provided_bytes;
    uint8_t *buffers; /* buffer_count of buffer_bytes each */
    unsigned buffer_count;
    size_t buffer_bytes;
};

/* A ring, or LG_ERR_UNAVAILABLE and why the kernel has none that is good enough. Half made rings
 * are closed. */
LG_MUST_CHECK enum lg_rc lg_ring_open(struct lg_ring *ring,
                                      const struct lg_lane_uring_options *options,
                                      struct lg_error *err);
/* Nothing may be armed. Twice is once. */
void lg_ring_close(struct lg_ring *ring);

/* Binds the ring to the calling thread; again at each run, always on the same thread. LG_ERR_IO
 * when the kernel does not. */
LG_MUST_CHECK enum lg_rc lg_ring_enable(struct lg_ring *ring, struct lg_error *err);
/* At the end of a run, on its thread. */
void lg_ring_rest(struct lg_ring *ring);

/* Room for one operation, which goes to the kernel with the next lg_ring_enter; NULL: there is none
 * in this turn. */
struct io_uring_sqe *lg_ring_room(struct lg_ring *ring);
/* The same for `op`, which is armed from here on; the caller prepares it. */
struct io_uring_sqe *lg_ring_arm(struct lg_ring *ring, struct lg_ring_op *op);
/* What lg_ring_arm adds to what liburing has prepared. */
void lg_ring_bind(struct lg_ring *ring, struct io_uring_sqe *sqe, struct lg_ring_op *op);
/* Asks for the end of an armed `op`, which is then told of as ever. False: no room. */
LG_MUST_CHECK bool lg_ring_cancel(struct lg_ring *ring, struct lg_ring_op *op);
/* The same for everything that is armed. */
LG_MUST_CHECK bool lg_ring_cancel_all(struct lg_ring *ring);

/* Hands what was asked for to the kernel and waits `wait_us` for something to happen; 0: not at
 * all; UINT64_MAX: until it does. Returns early at will. */
void lg_ring_enter(struct lg_ring *ring, uint64_t wait_us);
/* Calls `completed` for what has happened up to now. */
void lg_ring_reap(struct lg_ring *ring);
/* Something has happened, or can be fetched without waiting. Costs no system call. */
bool lg_ring_stirs(const struct lg_ring *ring);
/* Everything asked for has reached the kernel, and everything that it told of has been reaped or is
 * in sight: only then silence says that a send is through. Ask between lg_ring_enter and
 * lg_ring_reap. */
bool lg_ring_settled(const struct lg_ring *ring);

/* The buffer of a receive, by the flags of its completion; back to the kernel once read. */
const uint8_t *lg_ring_buffer(const struct lg_ring *ring, unsigned flags);
void lg_ring_buffer_back(struct lg_ring *ring, unsigned flags);

#define LG_RING_BUFFERS_GROUP 0

#endif
