/* lagoon completion, complete and man: the command line explains itself to shells and to man(1). */
#include <stdio.h>

#include "admin/complete.h"
#include "admin/manual.h"
#include "base/json.h"
#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "main/cli.h"
#include "main/profile_file.h"

#define ASK_TIMEOUT "1s" /* Nobody waits longer for a completion. */

/* The value that stands after `flag` on the line being typed, or NULL. */
static const char *typed_flag(const struct lg_command *c, const char *flag)
{
    for (size_t i = 0; i + 2 < c->argument_count; i++)
        if (strcmp(c->arguments[i], flag) == 0)
            return c->arguments[i + 1];
    return NULL;
}

/* A list that the controller has, of all or of one store, if a controller answers: without one
 * nothing is offered. */
static struct lg_json *ask(const struct lg_command *c, enum lg_command_kind kind, const char *of)
{
    LG_SCOPED(lg_buf) answer = {0};
    struct lg_command list = {.kind = kind};
    struct lg_json *json = NULL;
    struct lg_error nobody_to_tell;

    list.arguments = &of;
    list.argument_count = of == NULL ? 0 : 1;
    list.flags[LG_FLAG_OUTPUT] = "json";
    list.flags[LG_FLAG_TIMEOUT] = ASK_TIMEOUT;
    list.flags[LG_FLAG_DATA] = typed_flag(c, "--data");
    list.flags[LG_FLAG_PROFILE] = typed_flag(c, "--profile");
    list.flags[LG_FLAG_CONTROLLER] = typed_flag(c, "--controller");
    if (list.flags[LG_FLAG_CONTROLLER] == NULL && strcmp(c->arguments[0], "admin") == 0)
        list.flags[LG_FLAG_CONTROLLER] = typed_flag(c, "--url");
    if (lg_cli_admin(&list, &answer, &nobody_to_tell) != LG_OK ||
        lg_json_parse(lg_buf_slice(&answer), &json, &nobody_to_tell) != LG_OK)
        return NULL;
    return json;
}

static void complete_stores(struct lg_buf *out, const struct lg_command *c)
{
    LG_AUTO(lg_json) *json = ask(c, LG_COMMAND_STORE_LIST, NULL);
    const struct lg_json *names = json == NULL ? NULL : lg_json_get(json, "stores");

    for (size_t i = 0; i < lg_json_size(names); i++) {
        struct lg_slice name = lg_json_string(lg_json_at(names, i));
        LG_AUTO_STR char *text = lg_strndup((const char *)name.data, name.size);

        lg_complete_candidate(out, c->arguments[c->argument_count - 1], text, "store");
    }
}

static void complete_nodes(struct lg_buf *out, const struct lg_command *c)
{
    LG_AUTO(lg_json) *json = ask(c, LG_COMMAND_NODES, NULL);
    const struct lg_json *rows = json == NULL ? NULL : lg_json_get(json, "nodes");

    for (size_t i = 0; i < lg_json_size(rows); i++)
        lg_complete_candidate(out, c->arguments[c->argument_count - 1],
                              lg_json_get_str(lg_json_at(rows, i), "id", ""),
                              lg_json_get_str(lg_json_at(rows, i), "state", "server"));
}

/* `used` words are the verb; the store is the first one after it. */
static void complete_versions(struct lg_buf *out, const struct lg_command *c, size_t used)
{
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *rows;

    if (used + 1 >= c->argument_count || c->arguments[used][0] == '-')
        return;
    json = ask(c, LG_COMMAND_VERSIONS, c->arguments[used]);
    rows = json == NULL ? NULL : lg_json_get(json, "versions");
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        LG_AUTO_STR char *number = lg_strf("%lld", (long long)lg_json_get_int(row, "number", 0));

        lg_complete_candidate(out, c->arguments[c->argument_count - 1], number,
                              lg_json_get_str(row, "status", "version"));
    }
}

static void complete_profiles(struct lg_buf *out, const struct lg_command *c)
{
    LG_SCOPED(lg_profiles) all = {0};
    struct lg_error nobody_to_tell;

    if (lg_profile_file_load(&all, &nobody_to_tell) != LG_OK)
        return;
    for (size_t i = 0; i < all.count; i++)
        lg_complete_candidate(out, c->arguments[c->argument_count - 1], all.rows[i].name,
                              all.rows[i].controller);
}

int lg_verb_complete(const struct lg_command *command)
{
    LG_SCOPED(lg_buf) out = {0};
    enum lg_complete_more more;
    enum lg_command_kind kind = LG_COMMAND_COUNT;
    size_t used = 0;

    (void)lg_command_match(command->argument_count, command->arguments, &kind, &used);
    lg_complete(&out, command->argument_count, command->arguments, lg_cli_options(kind), &more);
    if (more == LG_COMPLETE_STORES)
        complete_stores(&out, command);
    else if (more == LG_COMPLETE_NODES)
        complete_nodes(&out, command);
    else if (more == LG_COMPLETE_VERSIONS)
        complete_versions(&out, command, used);
    else if (more == LG_COMPLETE_PROFILES)
        complete_profiles(&out, command);
    else if (more == LG_COMPLETE_FILES)
        lg_buf_append_str(&out, ":files\n");
    return lg_cli_print(lg_buf_slice(&out));
}

int lg_verb_completion(const struct lg_command *command)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err;

    if (lg_complete_script(&out, command->arguments[0], &err) != LG_OK)
        return lg_cli_fail(&err);
    return lg_cli_print(lg_buf_slice(&out));
}

static enum lg_rc write_page(struct lg_disk *disk, const char *name, int section,
                             const struct lg_buf *page, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("man%d/%s.%d", section, name, section);

    return lg_disk_write_file(disk, path, lg_buf_slice(page), err);
}

static enum lg_rc write_pages(const char *dir, struct lg_error *err)
{
    struct lg_disk *disk = NULL;
    LG_SCOPED(lg_buf) page = {0};
    enum lg_rc rc = lg_disk_posix_new(dir, &disk, err);

    if (rc == LG_OK)
        rc = lg_disk_make_dirs(disk, "man1", err);
    if (rc == LG_OK)
        rc = lg_disk_make_dirs(disk, "man5", err);
    for (int kind = 0; rc == LG_OK && kind <= LG_COMMAND_COUNT; kind++) {
        LG_AUTO_STR char *name = lg_manual_name((enum lg_command_kind)kind);

        page.size = 0;
        lg_manual_command(&page, (enum lg_command_kind)kind,
                          lg_cli_options((enum lg_command_kind)kind));
        rc = write_page(disk, name, 1, &page, err);
    }
    page.size = 0;
    lg_manual_config(&page, lg_cli_options(LG_COMMAND_STANDALONE));
    if (rc == LG_OK)
        rc = write_page(disk, "lagoon.conf", 5, &page, err);
    lg_disk_posix_free(disk);
    return rc;
}

int lg_verb_man(const struct lg_command *command)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err;
    enum lg_command_kind kind = LG_COMMAND_COUNT;
    size_t used = 0;

    if (command->flags[LG_FLAG_WRITE] != NULL)
        return write_pages(command->flags[LG_FLAG_WRITE], &err) == LG_OK ? 0 : lg_cli_fail(&err);
    if (command->argument_count == 1 && strcmp(command->arguments[0], "lagoon.conf") == 0) {
        lg_manual_config(&out, lg_cli_options(LG_COMMAND_STANDALONE));
        return lg_cli_print(lg_buf_slice(&out));
    }
    if (command->argument_count > 0 &&
        (!lg_command_match(command->argument_count, command->arguments, &kind, &used) ||
         used != command->argument_count)) {
        if (lg_command_help_group(&out, command->arguments[0]))
            (void)lg_error_set(&err, LG_ERR_NOT_FOUND,
                               "no manual page for '%s' alone; each of its commands has one, and "
                               "`lagoon %s --help` lists them",
                               command->arguments[0], command->arguments[0]);
        else
            (void)lg_error_set(&err, LG_ERR_NOT_FOUND,
                               "no manual page for '%s'; `lagoon help` lists the commands, and "
                               "there is lagoon.conf",
                               command->arguments[0]);
        return lg_cli_fail(&err);
    }
    lg_manual_command(&out, kind, lg_cli_options(kind));
    return lg_cli_print(lg_buf_slice(&out));
}
