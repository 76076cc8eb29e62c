/* Errors: a code from one table (errors.def) and a sentence that belongs to the caller.
 *
 * The sentence is set where the fault is found, wrapped with context on the way up, and logged once
 * at the edge. It names the thing and the remedy. No allocation, no thread-local state.
 */
#ifndef LG_BASE_ERROR_H
#define LG_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

enum lg_rc {
#define X(name, http, post, grpc, exit, venice, retry, text) LG_##name,
#include "base/errors.def"
#undef X
    LG_RC_COUNT
};

/* Statuses of gRPC: LG_GRPC_OK, LG_GRPC_NOT_FOUND, ... */
enum lg_grpc_status {
#define X(name, number, text) LG_GRPC_##name = (number),
#include "base/grpc_status.def"
#undef X
    LG_GRPC_STATUS_COUNT
};

/* What a caller may do about an error. */
enum lg_retry { LG_RETRY_NEVER, LG_RETRY_LATER, LG_RETRY_ELSEWHERE };

#define LG_ERROR_TEXT_MAX 512

struct lg_error {
    enum lg_rc rc;
    char text[LG_ERROR_TEXT_MAX]; /* Always NUL-terminated; cut, never overflowed. */
};

/* Sets code and sentence, returns the code so that `return lg_error_set(...)` reads well.
 * `err` may be NULL: then only the code is returned. */
enum lg_rc lg_error_set(struct lg_error *err, enum lg_rc rc, const char *fmt, ...) LG_PRINTF(3, 4);
/* Puts context in front: "context: old sentence". Returns err->rc (err must not be NULL). */
enum lg_rc lg_error_wrap(struct lg_error *err, const char *fmt, ...) LG_PRINTF(2, 3);
/* Sets LG_ERR_IO (or LG_ERR_NO_SPACE, LG_ERR_NOT_FOUND by errno) with strerror appended. */
enum lg_rc lg_error_errno(struct lg_error *err, int errnum, const char *fmt, ...) LG_PRINTF(3, 4);

/* Columns of errors.def. Names are without the LG_ prefix: "ERR_NOT_FOUND". */
const char *lg_rc_name(enum lg_rc rc);
const char *lg_rc_text(enum lg_rc rc);
int lg_rc_http(enum lg_rc rc, bool is_post);
enum lg_grpc_status lg_rc_grpc(enum lg_rc rc);
int lg_rc_exit(enum lg_rc rc);
enum lg_retry lg_rc_retry(enum lg_rc rc);
const char *lg_rc_venice(enum lg_rc rc); /* "STORE_NOT_FOUND" */
/* The code whose lg_rc_name is `name`; LG_ERR_FAILED when there is none. */
enum lg_rc lg_rc_from_name(const char *name);

#endif
