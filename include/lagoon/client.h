/* Reading a store through its routers.
 *
 *     struct lagoon_client_options *o = lagoon_client_options_new();
 *     lagoon_client_options_set(o, "router", "http://127.0.0.1:7777", why, sizeof why);
 *     lagoon_client_options_set(o, "store", "cities", why, sizeof why);
 *     lagoon_client_open(o, &client, why, sizeof why);
 *     lagoon_client_get(client, LAGOON_KEY_TEXT, lagoon_slice_of("3164603", 7), 0, &value, why,
 * ...); lagoon_value_json(value, &json, why, sizeof why);
 *
 * One client reads one store. It has a thread of its own, which does all the work and calls all
 * callbacks; a second one only looks up host names.
 *
 * Threads: every function may be called from any thread, several at once, with these exceptions:
 * one options object, one value or one request belongs to one thread at a time, and
 * lagoon_client_close must not run beside another call with the same client. A callback must return
 * soon: while it runs nothing else of its client happens. In a callback the blocking calls and
 * lagoon_client_close are refused with LAGOON_ERR_INVALID; asynchronous calls are welcome.
 *
 * Fork: a client belongs to the process that opened it. In a child every call with it is refused
 * with LAGOON_ERR_INVALID, also lagoon_client_close; open another one there. Descriptors are
 * closed on exec.
 *
 * Signals: the threads of a client block all signals; the library installs no handler and writes
 * nothing to standard output or error. When memory is exhausted it ends the process with abort().
 *
 * Sentences: functions that can fail take `why` and `why_size`, and write a sentence for people
 * there on failure: NUL-terminated, cut to the size (LAGOON_WHY_MAX is always enough), without
 * values. NULL and 0 are allowed. Other outputs are untouched on failure.
 */
#ifndef LAGOON_CLIENT_H
#define LAGOON_CLIENT_H

#include <lagoon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Options: by name, from one table. --------------------------------------------------------
 *
 * docs/reference/client-options.md lists them; so does lagoon_client_option_name/_help.
 */

struct lagoon_client_options; /* opaque */

/* All options at their defaults. Never NULL. The caller owns it: lagoon_client_options_free. */
LAGOON_API struct lagoon_client_options *lagoon_client_options_new(void);
/* NULL is allowed. Clients that were opened with them live on. */
LAGOON_API void lagoon_client_options_free(struct lagoon_client_options *options);
/* Sets one option from its text, as a configuration file would have it: "250", "16MiB", "true".
 * The text is copied. LAGOON_ERR_INVALID names an unknown option's nearest right one, or the range.
 */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc
lagoon_client_options_set(struct lagoon_client_options *options, const char *name, const char *text,
                          char *why, size_t why_size);
/* The i-th option of the table, from 0; NULL after the last. Static. */
LAGOON_API const char *lagoon_client_option_name(size_t i);
/* What it means, in one sentence; NULL after the last. Static. */
LAGOON_API const char *lagoon_client_option_help(size_t i);

/* --- Clients. --------------------------------------------------------------------------------- */

struct lagoon_client; /* opaque */

/* Starts the client's thread and, unless the option `lazy` is set, reads the store's schemas from a
 * router before it returns: within timeout_ms. The options are copied.
 * LAGOON_ERR_INVALID: an option is missing or wrong;
 * LAGOON_ERR_SCHEMA: `reader_schema` is no Avro schema, or values of the store cannot be read with
 * it; LAGOON_ERR_NO_STORE; LAGOON_ERR_UNAVAILABLE, LAGOON_ERR_UNREADY, LAGOON_ERR_TIMEOUT: no
 * router answered; LAGOON_ERR_IO: no thread or no descriptor. The caller owns `*out_client`:
 * lagoon_client_close. */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc
lagoon_client_open(const struct lagoon_client_options *options, struct lagoon_client **out_client,
                   char *why, size_t why_size);
/* Cancels what is in flight (the callbacks come, with LAGOON_ERR_CANCELLED, before this returns),
 * ends the threads and frees the client. Values and requests that came from it live on. Blocks, but
 * waits for no router. NULL is allowed. LAGOON_ERR_INVALID, and nothing is done, when called from a
 * callback of this client, or in a child of the process that opened it. */
LAGOON_API enum lagoon_rc lagoon_client_close(struct lagoon_client *client);

/* The schema of the store's keys, as JSON text; borrowed for the client's life. Empty for a client
 * that was opened `lazy`. */
LAGOON_API struct lagoon_slice lagoon_client_key_schema(const struct lagoon_client *client);

/* --- Keys and values. ------------------------------------------------------------------------- */

/* How a key is given. */
enum lagoon_key_form {
    LAGOON_KEY_AVRO = 0, /* Avro bytes, by the store's key schema; sent as they are */
    LAGOON_KEY_TEXT = 1, /* UTF-8: the text itself when the key is a string, else JSON */
    LAGOON_KEY_JSON = 2  /* JSON, by the store's key schema */
};

struct lagoon_value; /* opaque; immutable; outlives its client */

/* The value in Avro's binary form: by `reader_schema` when that option is set, else by the schema
 * it was written with. Borrowed from the value. */
LAGOON_API struct lagoon_slice lagoon_value_bytes(const struct lagoon_value *value);
/* The schema of those bytes, as JSON text; borrowed from the value. */
LAGOON_API struct lagoon_slice lagoon_value_schema(const struct lagoon_value *value);
/* The number of the schema it was written with, from 1. */
LAGOON_API int32_t lagoon_value_schema_id(const struct lagoon_value *value);
/* The version of the data set it was read from; 0 when the router does not say. */
LAGOON_API int32_t lagoon_value_version(const struct lagoon_value *value);
/* The value as JSON text (one line), borrowed from the value. Made at the first call, on the
 * caller's thread. LAGOON_ERR_BAD_DATA: the bytes do not fit their schema;
 * LAGOON_ERR_TOO_LARGE: the text is over 1 GiB. */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc lagoon_value_json(struct lagoon_value *value,
                                                              struct lagoon_slice *out_json,
                                                              char *why, size_t why_size);
/* NULL is allowed. */
LAGOON_API void lagoon_value_free(struct lagoon_value *value);

/* --- Reads. -----------------------------------------------------------------------------------
 *
 * timeout_ms   how long the whole read may take, retries included; 0: the option timeout_ms.
 * keys         copied; at least one byte each in Avro's form.
 *
 * Outcomes of a read, beside those named at the functions:
 *   LAGOON_ERR_INVALID      a key is empty, or does not fit the store's key schema
 *   LAGOON_ERR_BUSY         requests_max or queue_bytes_max is reached, or a quota of the store
 *   LAGOON_ERR_TIMEOUT, LAGOON_ERR_UNAVAILABLE, LAGOON_ERR_UNREADY   after all retries
 *   LAGOON_ERR_TOO_LARGE    more keys than the store answers at once, or over answer_bytes_max
 *                           or value_bytes_max
 *   LAGOON_ERR_NO_SCHEMA, LAGOON_ERR_SCHEMA, LAGOON_ERR_BAD_DATA     a value cannot be read
 *   LAGOON_ERR_NO_STORE, LAGOON_ERR_REFUSED, LAGOON_ERR_FAILED       the router says so
 */

/* Reads one key and waits. LAGOON_ERR_NOT_FOUND: the store has no such key. The caller owns
 * `*out_value`: lagoon_value_free. */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc
lagoon_client_get(struct lagoon_client *client, enum lagoon_key_form form, struct lagoon_slice key,
                  uint64_t timeout_ms, struct lagoon_value **out_value, char *why, size_t why_size);

/* Reads several keys in one request and waits. On success `out_values` (room for key_count) holds
 * for each key its value, which the caller owns, or NULL for a key that the store does not have;
 * `*out_missing` (may be NULL) counts those. When one value cannot be read, the call fails. */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc
lagoon_client_batch_get(struct lagoon_client *client, enum lagoon_key_form form,
                        const struct lagoon_slice *keys, size_t key_count, uint64_t timeout_ms,
                        struct lagoon_value **out_values, size_t *out_missing, char *why,
                        size_t why_size);

struct lagoon_request; /* opaque: one asynchronous read, for lagoon_request_cancel */

/* Begins to read one key. When it returns LAGOON_OK, `done` comes exactly once, on the client's
 * thread, possibly before this returns; on any other code it does not come.
 *   done: LAGOON_OK and the value, which the callback owns from then on; or the code with NULL and
 *   a sentence that is borrowed for the call.
 * `out_request` may be NULL; else the caller owns `*out_request`: lagoon_request_free. */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc lagoon_client_get_async(
    struct lagoon_client *client, enum lagoon_key_form form, struct lagoon_slice key,
    uint64_t timeout_ms,
    void (*done)(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value, const char *why),
    void *ctx, struct lagoon_request **out_request, char *why, size_t why_size);

/* Begins to read several keys in one request.
 *   answered: once for each key that has an outcome of its own, as it comes over the network, in
 *   any order, before `done`:
 *   LAGOON_OK and its value, which the callback owns; LAGOON_ERR_NOT_FOUND; or why this value
 *   cannot be read.
 *   done: exactly once, last. LAGOON_OK when each key was found or not found; else why not: keys
 *   that `answered` did not name have no answer then. */
LAGOON_API LAGOON_MUST_CHECK enum lagoon_rc lagoon_client_batch_get_async(
    struct lagoon_client *client, enum lagoon_key_form form, const struct lagoon_slice *keys,
    size_t key_count, uint64_t timeout_ms,
    void (*answered)(void *ctx, size_t key_index, enum lagoon_rc rc,
                     struct lagoon_value *take_value, const char *why),
    void (*done)(void *ctx, enum lagoon_rc rc, const char *why), void *ctx,
    struct lagoon_request **out_request, char *why, size_t why_size);

/* A wish: `done` still comes, with LAGOON_ERR_CANCELLED or whatever came first. Does not wait.
 * Allowed at any time until the request is freed, but not beside lagoon_client_close. */
LAGOON_API void lagoon_request_cancel(struct lagoon_request *request);
/* Gives the handle up; the read itself goes on. NULL is allowed. */
LAGOON_API void lagoon_request_free(struct lagoon_request *request);

#ifdef __cplusplus
}
#endif
#endif
