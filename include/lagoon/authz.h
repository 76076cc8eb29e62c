/* A module that says who may do what in Lagoon (authz = /path/of/it.so): a shared library that is
 * loaded at the start and exports one function,
 *
 *     const struct lagoon_authz_module *lagoon_authz_module(void);
 *
 * Answers are remembered, and asked for again in the background every `authz_refresh`; so `decide`
 * may block, but an answer that takes longer than `authz_timeout` is none, and one that never comes
 * keeps the process from ending. Strings end in a NUL; what is handed in is good for the call. This
 * header is C and C++.
 */
#ifndef LAGOON_AUTHZ_H
#define LAGOON_AUTHZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAGOON_AUTHZ_ABI 1

struct lagoon_authz_question {
    const char *principal; /* of a certificate: "CN=reader,O=example"; NULL: it showed none */
    const char *store;     /* "cities"; "": it is about the cluster */
    const char *method;    /* "Read", "Write" or "Admin" */
};

#define LAGOON_AUTHZ_DENIED 0
#define LAGOON_AUTHZ_ALLOWED 1
#define LAGOON_AUTHZ_UNKNOWN (-1) /* It cannot tell now; `text` says why. */

struct lagoon_authz_module {
    uint32_t abi;     /* LAGOON_AUTHZ_ABI */
    const char *name; /* for log lines */
    /* Once, before anything else; `config` is authz_config, "" when that is not set. 0: it works;
     * else the process does not start, and `text` (NUL-terminated, `size` bytes) says why. */
    int (*open)(const char *config, void **out_state, char *text, size_t size);
    /* Any thread; of each role that runs in the process one at a time. */
    int (*decide)(void *state, const struct lagoon_authz_question *q, char *text, size_t size);
    /* Once, at the end; no `decide` runs. */
    void (*close)(void *state);
};

#define LAGOON_AUTHZ_SYMBOL "lagoon_authz_module"
typedef const struct lagoon_authz_module *(*lagoon_authz_module_fn)(void);

#ifdef __cplusplus
}
#endif

#endif
