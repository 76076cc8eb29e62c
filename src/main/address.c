#include "main/address.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "main/cli.h"
#include "main/profile_file.h"

#define ENDPOINTS_BYTES_MAX ((size_t)64 << 10)
#define CONTROLLER_DEFAULT "http://127.0.0.1:5555"
#define ROUTER_DEFAULT "http://127.0.0.1:7777"

/* What names both at once; at most one of the two is set. */
struct source {
    const char *profile, *data;
};

struct finder {
    const struct lg_command *command;
    struct source flags, variables;
    struct lg_profiles profiles;
    bool profiles_loaded;
    struct lg_json *endpoints; /* of endpoints_of */
    const char *endpoints_of;
};

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || *value == '\0' ? NULL : value;
}

static enum lg_rc load_profiles(struct finder *f, struct lg_error *err)
{
    enum lg_rc rc = f->profiles_loaded ? LG_OK : lg_profile_file_load(&f->profiles, err);

    f->profiles_loaded = true;
    return rc;
}

static enum lg_rc load_endpoints(struct finder *f, const char *data, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/endpoints.json", data);
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc;

    if (f->endpoints_of == data)
        return LG_OK;
    rc = lg_cli_read_file(path, ENDPOINTS_BYTES_MAX, &text, err);
    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "%s does not exist: no standalone is running on %s; start one with "
                            "`lagoon standalone --data %s`",
                            path, data, data);
    if (rc == LG_OK)
        rc = lg_json_parse(lg_buf_slice(&text), &f->endpoints, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s", path);
    f->endpoints_of = data;
    return LG_OK;
}

/* Looks in a source; `*out_found` when there was one. */
static enum lg_rc from_source(struct finder *f, struct source from, bool router, char **out,
                              struct lg_address *address, bool *out_found, struct lg_error *err)
{
    const struct lg_profile *row = NULL;
    enum lg_rc rc = LG_OK;

    if (from.profile != NULL) {
        rc = load_profiles(f, err);
        if (rc == LG_OK)
            rc = lg_profiles_find(&f->profiles, from.profile, &row, err);
        if (rc != LG_OK)
            return rc;
        if (!router || row->router != NULL)
            *out = lg_strdup(router ? row->router : row->controller);
        if (row->cluster != NULL && address->cluster == NULL)
            address->cluster = lg_strdup(row->cluster);
        *out_found = true;
    } else if (from.data != NULL) {
        rc = load_endpoints(f, from.data, err);
        if (rc == LG_OK)
            *out = lg_strdup(lg_json_get_str(f->endpoints, router ? "router" : "controller",
                                             router ? ROUTER_DEFAULT : CONTROLLER_DEFAULT));
        *out_found = true;
    }
    return rc;
}

/* The profile in use. Its file is of interest only when nothing else was said. */
static enum lg_rc from_current(struct finder *f, bool router, char **out,
                               struct lg_address *address, bool *out_found, struct lg_error *err)
{
    enum lg_rc rc = load_profiles(f, err);

    if (rc != LG_OK || f->profiles.current == NULL)
        return rc;
    return from_source(f, (struct source){.profile = f->profiles.current}, router, out, address,
                       out_found, err);
}

static enum lg_rc find_controller(struct finder *f, struct lg_address *address,
                                  struct lg_error *err)
{
    const char *flag = f->command->flags[LG_FLAG_CONTROLLER];
    const char *set = variable("LAGOON_CONTROLLER");
    bool found = flag != NULL;
    enum lg_rc rc = LG_OK;

    if (found)
        address->controller = lg_strdup(flag);
    if (!found)
        rc = from_source(f, f->flags, false, &address->controller, address, &found, err);
    if (rc == LG_OK && !found && set != NULL) {
        address->controller = lg_strdup(set);
        found = true;
    }
    if (rc == LG_OK && !found)
        rc = from_source(f, f->variables, false, &address->controller, address, &found, err);
    if (rc == LG_OK && !found)
        rc = from_current(f, false, &address->controller, address, &found, err);
    if (rc == LG_OK && !found)
        address->controller = lg_strdup(CONTROLLER_DEFAULT);
    return rc;
}

/* Leaves it NULL where the controller is to be asked. */
static enum lg_rc find_router(struct finder *f, struct lg_address *address, struct lg_error *err)
{
    const char *flag = f->command->flags[LG_FLAG_ROUTER];
    const char *set = variable("LAGOON_ROUTER");
    bool found = flag != NULL || f->command->flags[LG_FLAG_CONTROLLER] != NULL;
    enum lg_rc rc = LG_OK;

    if (flag != NULL)
        address->router = lg_strdup(flag);
    if (!found)
        rc = from_source(f, f->flags, true, &address->router, address, &found, err);
    if (rc == LG_OK && !found && set != NULL) {
        address->router = lg_strdup(set);
        found = true;
    }
    if (rc == LG_OK && !found)
        rc = from_source(f, f->variables, true, &address->router, address, &found, err);
    if (rc == LG_OK && !found && variable("LAGOON_CONTROLLER") != NULL)
        found = true;
    if (rc == LG_OK && !found)
        rc = from_current(f, true, &address->router, address, &found, err);
    if (rc == LG_OK && !found)
        address->router = lg_strdup(ROUTER_DEFAULT);
    return rc;
}

enum lg_rc lg_address_find(const struct lg_command *c, struct lg_address *out, struct lg_error *err)
{
    struct finder f = {.command = c, .flags = {c->flags[LG_FLAG_PROFILE], c->flags[LG_FLAG_DATA]}};
    bool asks_controller = lg_command_has_flag(c->kind, LG_FLAG_CONTROLLER);
    bool asks_router = lg_command_has_flag(c->kind, LG_FLAG_ROUTER);
    enum lg_rc rc = LG_OK;

    if (f.flags.profile != NULL && f.flags.data != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--profile and --data both say where Lagoon is; give one of them");
    f.variables.profile = variable("LAGOON_PROFILE");
    if (f.variables.profile == NULL)
        f.variables.data = variable("LAGOON_DATA");
    if (c->flags[LG_FLAG_CLUSTER] != NULL)
        out->cluster = lg_strdup(c->flags[LG_FLAG_CLUSTER]);
    if (asks_router)
        rc = find_router(&f, out, err);
    /* Of a verb that reads, the controller is only needed where no router is known. */
    if (rc == LG_OK && asks_controller && (!asks_router || out->router == NULL))
        rc = find_controller(&f, out, err);
    lg_profiles_done(&f.profiles);
    lg_json_unref(f.endpoints);
    return rc;
}

void lg_address_done(struct lg_address *address)
{
    lg_free(address->controller);
    lg_free(address->router);
    lg_free(address->cluster);
    *address = (struct lg_address){0};
}
