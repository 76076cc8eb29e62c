#include "main/judge.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include "base/str.h"
#include "include/lagoon/authz.h"
#include "net/http_client.h"

#define TEXT_MAX 256u

struct lg_judge {
    const struct lg_common_options *o;
    struct lg_authz_config config;
    void *library; /* NULL: there is no module */
    const struct lagoon_authz_module *module;
    void *state;
    bool is_open; /* of the module */
};

static bool is_service(struct lg_slice text)
{
    return lg_slice_starts(text, LG_LIT("https://"));
}

static bool is_module(struct lg_slice text)
{
    return lg_slice_starts(text, LG_LIT("/"));
}

enum lg_rc lg_judge_check_text(struct lg_slice text, struct lg_error *err)
{
    LG_AUTO_STR char *host = NULL;
    uint16_t port;

    if (lg_slice_eq_str(text, "off") || lg_slice_eq_str(text, "acl") || is_module(text))
        return LG_OK;
    if (is_service(text))
        return lg_http_parse_url(text, &host, &port, err);
    return lg_error_set(err, LG_ERR_INVALID,
                        "it is off, acl, the https:// address of a service, or the absolute path "
                        "of a module");
}

/* --- What roles make of it. --------------------------------------------------------------------
 */

static struct lg_authz_driver *new_service(void *ctx, struct lg_lane *lane,
                                           struct lg_transport *transport)
{
    const struct lg_judge *j = ctx;
    struct lg_authz_driver *driver = NULL;
    struct lg_error err;
    enum lg_rc rc =
        lg_authz_http_new(&(struct lg_authz_http_options){.lane = lane,
                                                          .transport = transport,
                                                          .url = j->o->authz,
                                                          .timeout_ms = j->o->authz_timeout},
                          &driver, &err);

    assert(rc == LG_OK && "the table of options has checked the text");
    (void)rc;
    return driver;
}

static struct lg_authz_driver *new_module(void *ctx, struct lg_lane *lane,
                                          struct lg_transport *transport)
{
    const struct lg_judge *j = ctx;

    (void)transport;
    return lg_authz_module_new(&(struct lg_authz_module_options){
        .lane = lane, .module = j->module, .state = j->state, .timeout_ms = j->o->authz_timeout});
}

const struct lg_authz_config *lg_judge_config(const struct lg_judge *j)
{
    return j == NULL ? NULL : &j->config;
}

/* --- The module. -------------------------------------------------------------------------------
 */

/* Whoever may write to it may do everything that we may. */
static enum lg_rc check_file(const struct lg_common_options *o, struct lg_error *err)
{
    struct stat st;

    if (stat(o->authz, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !o->insecure)
        return lg_error_set(err, LG_ERR_REFUSED,
                            "authz: others may write to %s: chmod go-w, or say --insecure if that "
                            "is meant",
                            o->authz);
    return LG_OK;
}

static enum lg_rc load(struct lg_judge *j, struct lg_error *err)
{
    const char *path = j->o->authz;
    lagoon_authz_module_fn get;
    void *symbol;

    j->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (j->library == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "authz: %.300s", dlerror());
    symbol = dlsym(j->library, LAGOON_AUTHZ_SYMBOL);
    if (symbol == NULL)
        return lg_error_set(
            err, LG_ERR_INVALID,
            "authz: %s is no module: it has no " LAGOON_AUTHZ_SYMBOL " (lagoon/authz.h)", path);
    memcpy(&get, &symbol, sizeof get);
    j->module = get();
    if (j->module == NULL || j->module->abi != LAGOON_AUTHZ_ABI)
        return lg_error_set(err, LG_ERR_INVALID,
                            "authz: %s was built for another lagoon/authz.h; this one is %d", path,
                            LAGOON_AUTHZ_ABI);
    return LG_OK;
}

static enum lg_rc open_module(struct lg_judge *j, struct lg_error *err)
{
    char text[TEXT_MAX] = "";
    enum lg_rc rc = check_file(j->o, err);

    if (rc == LG_OK)
        rc = load(j, err);
    if (rc != LG_OK)
        return rc;
    if (j->module->open(j->o->authz_config, &j->state, text, sizeof text) != 0) {
        text[sizeof text - 1] = '\0';
        return lg_error_set(err, LG_ERR_INVALID, "authz: module %s: %s", j->module->name,
                            text[0] == '\0' ? "it does not say why it cannot work" : text);
    }
    j->is_open = true;
    return LG_OK;
}

/* --- Life. -------------------------------------------------------------------------------------
 */

enum lg_rc lg_judge_open(const struct lg_common_options *o, struct lg_judge **out,
                         struct lg_error *err)
{
    LG_AUTO(lg_judge) *j = NULL;
    struct lg_slice text = lg_slice_str(o->authz);
    enum lg_rc rc = LG_OK;

    *out = NULL;
    if (lg_slice_eq_str(text, "off"))
        return LG_OK;
    j = lg_new(struct lg_judge);
    j->o = o;
    j->config = (struct lg_authz_config){.ctx = j,
                                         .admins = o->authz_admins,
                                         .trusted = o->authz_trusted,
                                         .observers = o->authz_observers,
                                         .refresh_ms = o->authz_refresh};
    if (is_service(text)) {
        j->config.driver = new_service;
    } else if (is_module(text)) {
        j->config.driver = new_module;
        rc = open_module(j, err);
    }
    if (rc == LG_OK)
        *out = LG_TAKE(j);
    return rc;
}

void lg_judge_close(struct lg_judge *j)
{
    if (j == NULL)
        return;
    if (j->is_open)
        j->module->close(j->state);
    if (j->library != NULL)
        (void)dlclose(j->library);
    lg_free(j);
}
