/* What the client verbs share: a lane on the calling thread, and where to find Lagoon. */
#ifndef LG_MAIN_CLI_H
#define LG_MAIN_CLI_H

#include "admin/command.h"
#include "base/option.h"
#include "lane/lane.h"
#include "net/http_client.h"
#include "net/tls.h"

struct lg_cli {
    struct lg_pool_uv *pool;
    struct lg_lane *lane;
    struct lg_transport *sockets, *transport; /* the same, or TLS over them */
    struct lg_tls_options tls;                /* of flags and variables */
    struct lg_http_client *http;
    char *controller_url;   /* NULL: the verb needs none */
    char *router_url;       /* one, or several separated by commas; NULL: the verb needs none */
    struct lg_reads *reads; /* of the verbs of admin/ */
};

#define LG_CLI_TIMEOUT_MS 30000u /* of a verb without --timeout */

/* Sets up lane and client, and finds the addresses (main/address.h): a controller is asked where
 * the routers are that nobody named, and for its cluster's name when one is given. Errors as of
 * lg_address_find and of a call; LG_ERR_CONFLICT: it is another cluster. */
LG_MUST_CHECK enum lg_rc lg_cli_open(struct lg_cli *cli, const struct lg_command *command,
                                     struct lg_error *err);
void lg_cli_close(struct lg_cli *cli);
LG_DEFINE_SCOPED(lg_cli, lg_cli_close)
/* What flags and variables say of TLS, borrowed from them; and whether that is anything. */
struct lg_tls_options lg_cli_tls(const struct lg_command *command);
bool lg_cli_says_tls(const struct lg_tls_options *tls);
/* The first of several URLs; the caller owns it. */
char *lg_cli_first_url(const char *urls);
/* The lane runs until somebody calls lg_lane_uv_stop on it. */
void lg_cli_run(struct lg_cli *cli);

/* A user's file, pipe or terminal, at most `limit` bytes. Errors name it. */
LG_MUST_CHECK enum lg_rc lg_cli_read_file(const char *path, size_t limit, struct lg_buf *out,
                                          struct lg_error *err);

/* "lagoon: <sentence>" on stderr; returns the code's exit status. */
int lg_cli_fail(const struct lg_error *err);
/* Writes all of it to stdout and returns the exit status: 0, or what lg_cli_fail says when it could
 * not be written. A reader that went away is no error of ours. */
LG_MUST_CHECK int lg_cli_print(struct lg_slice text);
/* At the start: descriptors 0 to 2 are open afterwards, so that no file or socket becomes one of
 * them. What was closed reads as empty, and writing to it fails. */
void lg_cli_keep_standard_files(void);

/* Runs a verb of admin/ and appends what it says, also when it fails. */
LG_MUST_CHECK enum lg_rc lg_cli_admin(const struct lg_command *command, struct lg_buf *out,
                                      struct lg_error *err);
/* Runs the verb that a parsed command line names: its exit status. */
int lg_cli_dispatch(const struct lg_command *command);
/* The options of the role that the verb runs; of `lagoon standalone` for other verbs. */
const struct lg_option_table *lg_cli_options(enum lg_command_kind kind);

/* The runners of commands.def, each with its exit status. */
int lg_verb_standalone(const struct lg_command *command);
int lg_verb_controller(const struct lg_command *command);
int lg_verb_router(const struct lg_command *command);
int lg_verb_server(const struct lg_command *command);
int lg_verb_push(const struct lg_command *command);
int lg_verb_file(const struct lg_command *command);
int lg_verb_admin(const struct lg_command *command);
int lg_verb_bench(const struct lg_command *command);
int lg_verb_limits(const struct lg_command *command);
int lg_verb_doctor(const struct lg_command *command);
int lg_verb_backup(const struct lg_command *command);
int lg_verb_backup_check(const struct lg_command *command);
int lg_verb_restore(const struct lg_command *command);
int lg_verb_profile(const struct lg_command *command);
int lg_verb_alias(const struct lg_command *command);
int lg_verb_complete(const struct lg_command *command);
int lg_verb_completion(const struct lg_command *command);
int lg_verb_man(const struct lg_command *command);
int lg_verb_config_explain(const struct lg_command *command);
int lg_verb_config_check(const struct lg_command *command);
int lg_verb_config_show(const struct lg_command *command);
int lg_verb_config_sample(const struct lg_command *command);
int lg_verb_version(const struct lg_command *command);
/* The page of the command, or of the one that is its argument. */
int lg_verb_help(const struct lg_command *command);

#endif
