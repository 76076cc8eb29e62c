/* Errors: the table of codes as functions, and the sentences. Stateless; any lane.
 *
 * A sentence is formatted in a local array first, because callers like to quote the old sentence of
 * the very error they overwrite.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct row {
    const char *name, *venice, *text;
    int http, post, exit;
    enum lg_grpc_status grpc;
    enum lg_retry retry;
};

static const struct row rows[LG_RC_COUNT] = {
#define X(name_, http_, post_, grpc_, exit_, venice_, retry_, text_)                               \
    [LG_##name_] = {.name = #name_,                                                                \
                    .venice = #venice_,                                                            \
                    .text = (text_),                                                               \
                    .http = (http_),                                                               \
                    .post = (post_),                                                               \
                    .grpc = LG_GRPC_##grpc_,                                                       \
                    .exit = (exit_),                                                               \
                    .retry = LG_RETRY_##retry_},
#include "base/errors.def"
#undef X
};

static const struct row *row_of(enum lg_rc rc)
{
    assert((unsigned)rc < LG_RC_COUNT);
    return &rows[rc];
}

/* `text` holds a NUL within LG_ERROR_TEXT_MAX bytes. */
static void set_text(struct lg_error *err, const char *text)
{
    size_t n = strlen(text);

    assert(n < sizeof(err->text));
    memcpy(err->text, text, n + 1);
}

enum lg_rc lg_error_set(struct lg_error *err, enum lg_rc rc, const char *fmt, ...)
{
    char text[LG_ERROR_TEXT_MAX];
    va_list args;

    if (err == NULL)
        return rc;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    err->rc = rc;
    set_text(err, text);
    return rc;
}

enum lg_rc lg_error_wrap(struct lg_error *err, const char *fmt, ...)
{
    char context[LG_ERROR_TEXT_MAX], old[LG_ERROR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    memcpy(old, err->text, sizeof(old));
    if (snprintf(err->text, sizeof(err->text), "%s: %s", context, old) >= (int)sizeof(err->text))
        err->text[sizeof(err->text) - 1] = '\0'; /* Cut: the context matters more than the tail. */
    return err->rc;
}

static enum lg_rc rc_of_errno(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return LG_ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return LG_ERR_NO_SPACE;
    default:
        return LG_ERR_IO;
    }
}

enum lg_rc lg_error_errno(struct lg_error *err, int errnum, const char *fmt, ...)
{
    char context[LG_ERROR_TEXT_MAX], reason[128];
    va_list args;

    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    return lg_error_set(err, rc_of_errno(errnum), "%s: %s", context,
                        strerror_r(errnum, reason, sizeof(reason)));
}

const char *lg_rc_name(enum lg_rc rc)
{
    return row_of(rc)->name;
}

const char *lg_rc_text(enum lg_rc rc)
{
    return row_of(rc)->text;
}

int lg_rc_http(enum lg_rc rc, bool is_post)
{
    return is_post ? row_of(rc)->post : row_of(rc)->http;
}

enum lg_grpc_status lg_rc_grpc(enum lg_rc rc)
{
    return row_of(rc)->grpc;
}

int lg_rc_exit(enum lg_rc rc)
{
    return row_of(rc)->exit;
}

enum lg_retry lg_rc_retry(enum lg_rc rc)
{
    return row_of(rc)->retry;
}

const char *lg_rc_venice(enum lg_rc rc)
{
    return row_of(rc)->venice;
}

enum lg_rc lg_rc_from_name(const char *name)
{
    for (int rc = 0; rc < LG_RC_COUNT; rc++) {
        if (strcmp(rows[rc].name, name) == 0)
            return (enum lg_rc)rc;
    }
    return LG_ERR_FAILED;
}
