/* The options of `lagoon standalone`, from flags, environment, file and defaults: one loader for
 * the verbs that run it and those that explain it. Belongs to the main thread. */
#ifndef LG_MAIN_OPTIONS_H
#define LG_MAIN_OPTIONS_H

#include "base/log.h"
#include "base/option.h"
#include "net/tls.h"

#define LG_MAIN_OPTIONS_PREFIX "LAGOON_"
#define LG_MAIN_OPTIONS_COUNT_MAX 68

/* What every running role has. */
struct lg_common_options {
#define X LG_OPTION_FIELD
#include "main/options_common.def"
#undef X
};

struct lg_main_options {
#define X LG_OPTION_FIELD
#include "main/options.def"
#undef X
    struct lg_common_options common;
};

extern const struct lg_option_table lg_main_options_table;

void lg_main_options_init(struct lg_main_options *o);
void lg_main_options_done(struct lg_main_options *o);
LG_DEFINE_SCOPED(lg_main_options, lg_main_options_done)

/* Loads all layers; the file is the one that flags or environment name, if any. `origins` as in
 * lg_options_load. Nothing changes on failure. */
LG_MUST_CHECK enum lg_rc lg_main_options_load(struct lg_main_options *o, unsigned char *origins,
                                              int argc, char *const *argv, struct lg_error *err);

/* The file that flags or environment name, if any, with all other layers: `table` has a row
 * `config`, whose value in the struct is a text, and which the file itself must not have. */
#define LG_OPTIONS_NESTED_TEXT "a configuration file cannot name another"
LG_MUST_CHECK enum lg_rc lg_options_load_all(const struct lg_option_table *table, void *values,
                                             size_t values_size, unsigned char *origins, int argc,
                                             char *const *argv, struct lg_error *err);

/* What is wrong with the values together: refused (LG_ERR_INVALID, LG_ERR_REFUSED). */
LG_MUST_CHECK enum lg_rc lg_main_options_check(const struct lg_main_options *o,
                                               struct lg_error *err);
/* What is allowed but hardly meant: calls `warn` for each with the row it is about. */
void lg_main_options_warn(const struct lg_main_options *o,
                          void (*warn)(void *ctx, const char *name, const char *sentence),
                          void *ctx);

/* --- What options of all roles mean.
 * ---------------------------------------------------------------
 */
/* lg_option_table.check_text for the rows of options_common.def. */
LG_MUST_CHECK enum lg_rc lg_common_options_check_text(const struct lg_option *o,
                                                      struct lg_slice text, struct lg_error *err);
/* Where lines go. Borrows the texts of `o`. */
void lg_common_options_log(const struct lg_common_options *o, struct lg_log_target *out);
/* Of them together, and of the address to listen on. */
LG_MUST_CHECK enum lg_rc lg_common_options_check(const struct lg_common_options *o,
                                                 const char *host, struct lg_error *err);
void lg_common_options_warn(const struct lg_common_options *o, const char *host,
                            void (*warn)(void *ctx, const char *name, const char *sentence),
                            void *ctx);
/* grpc_port (0: there is none) may not be the port of another listener of ours. */
LG_MUST_CHECK enum lg_rc lg_options_check_grpc_port(uint32_t port, const char *other,
                                                    uint32_t others, struct lg_error *err);
/* Warns of a directory (NULL: none is given) that this user cannot write, or that is a file. */
void lg_options_warn_folder(const char *key, const char *path,
                            void (*warn)(void *ctx, const char *name, const char *sentence),
                            void *ctx);

/* What the rows tls_* say; false: there is no TLS. Paths are borrowed. */
bool lg_common_options_tls(const struct lg_common_options *o, struct lg_tls_options *out);

/* "ingest=debug,router=warn" as the log takes it. LG_ERR_INVALID names the part. */
LG_MUST_CHECK enum lg_rc lg_main_options_log_levels(const char *text, struct lg_log_levels *out,
                                                    struct lg_error *err);

#endif
