/* What every part of liblagoon shares: error codes, the borrowed slice, versions.
 *
 * Plain C99 and C++11. Everything but lagoon_slice is opaque, and options are set by name, so that
 * a program built against this header runs with every later library of the same number
 * (liblagoon.so.0).
 */
#ifndef LAGOON_TYPES_H
#define LAGOON_TYPES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LAGOON_API __attribute__((visibility("default")))
#define LAGOON_MUST_CHECK __attribute__((warn_unused_result))
#else
#define LAGOON_API
#define LAGOON_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Why a call failed. The numbers are part of the promise: they never change, new ones are added at
 * the end; treat one that you do not know as LAGOON_ERR_FAILED. */
enum lagoon_rc {
    LAGOON_OK = 0,
    LAGOON_ERR_FAILED = 1,       /* the operation failed; the sentence says how */
    LAGOON_ERR_INVALID = 2,      /* the caller's input is wrong */
    LAGOON_ERR_NOT_FOUND = 3,    /* the store has no such key */
    LAGOON_ERR_NO_STORE = 4,     /* no store of that name */
    LAGOON_ERR_NO_SCHEMA = 5,    /* a value was written with a schema that no router knows */
    LAGOON_ERR_REFUSED = 6,      /* not allowed */
    LAGOON_ERR_UNREADY = 7,      /* no replica or version is serving yet; try again later */
    LAGOON_ERR_UNAVAILABLE = 8,  /* no router can be reached; try again later */
    LAGOON_ERR_BUSY = 9,         /* over a quota or a bound of requests in flight; slow down */
    LAGOON_ERR_TIMEOUT = 10,     /* the deadline passed */
    LAGOON_ERR_CANCELLED = 11,   /* cancelled by the caller, or the client was closed */
    LAGOON_ERR_TOO_LARGE = 12,   /* over a named limit */
    LAGOON_ERR_SCHEMA = 13,      /* a schema is not valid, or the two schemas do not fit */
    LAGOON_ERR_BAD_DATA = 14,    /* bytes that are not what they should be */
    LAGOON_ERR_IO = 15,          /* the system refused a resource: thread, socket, descriptor */
    LAGOON_ERR_UNSUPPORTED = 16, /* this library cannot do that */
};

/* Room for the longest sentence with its NUL; a smaller buffer gets the sentence's beginning. */
#define LAGOON_WHY_MAX 512

/* Borrowed bytes: they belong to whoever made them. `data` may be NULL when size is 0. */
struct lagoon_slice {
    const void *data;
    size_t size; /* bytes */
};

static inline struct lagoon_slice lagoon_slice_of(const void *data, size_t size)
{
    struct lagoon_slice s;

    s.data = data;
    s.size = size;
    return s;
}

/* "LAGOON_ERR_TIMEOUT"; "LAGOON_ERR_UNKNOWN" for a number that this library does not know. Never
 * NULL; static. Any thread. */
LAGOON_API const char *lagoon_rc_name(enum lagoon_rc rc);
/* What the code means, a few words without full stop. Never NULL; static. Any thread. */
LAGOON_API const char *lagoon_rc_text(enum lagoon_rc rc);
/* 1 when the same call may succeed if it is made again later (unready, unavailable, busy, timed
 * out), else 0. Any thread. */
LAGOON_API int lagoon_rc_may_retry(enum lagoon_rc rc);

/* The library's version, "0.1.0". Static. Any thread. */
LAGOON_API const char *lagoon_version(void);

#ifdef __cplusplus
}
#endif
#endif
