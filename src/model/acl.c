/* Access permissions; see the header. */
#include "model/acl.h"

#include <ctype.h>
#include <strings.h>

#include "base/str.h"

static const char *const names[LG_ACL_METHODS] = {
    [LG_ACL_READ] = "Read", [LG_ACL_WRITE] = "Write", [LG_ACL_ADMIN] = "Admin"};

const char *lg_acl_method_name(enum lg_acl_method m)
{
    return names[m];
}

bool lg_acl_method_from_name(struct lg_slice name, enum lg_acl_method *out)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        if (strlen(names[i]) == name.size &&
            strncasecmp(names[i], (const char *)name.data, name.size) == 0) {
            *out = (enum lg_acl_method)i;
            return true;
        }
    return false;
}

void lg_acl_done(struct lg_acl *acl)
{
    for (size_t m = 0; m < LG_ACL_METHODS; m++) {
        for (size_t i = 0; i < acl->who[m].size; i++)
            lg_free(acl->who[m].data[i]);
        LG_VEC_DONE(&acl->who[m]);
    }
}

struct lg_acl lg_acl_copy(const struct lg_acl *acl)
{
    struct lg_acl copy = {0};

    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        for (size_t i = 0; i < acl->who[m].size; i++)
            LG_VEC_PUSH(&copy.who[m], lg_strdup(acl->who[m].data[i]));
    return copy;
}

bool lg_acl_is_empty(const struct lg_acl *acl)
{
    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        if (acl->who[m].size > 0)
            return false;
    return true;
}

static size_t place_of(const struct lg_acl *acl, enum lg_acl_method m, struct lg_slice principal)
{
    size_t i = 0;

    while (i < acl->who[m].size && !lg_slice_eq_str(principal, acl->who[m].data[i]))
        i++;
    return i;
}

static bool lists(const struct lg_acl *acl, enum lg_acl_method m, const char *principal)
{
    return place_of(acl, m, lg_slice_str(principal)) < acl->who[m].size;
}

/* A certificate may name itself like one of our words: that is still only a name, and "anonymous"
 * in a list is not meant for it. */
static bool allows_exactly(const struct lg_acl *acl, const char *principal, enum lg_acl_method m)
{
    if (principal == NULL)
        return lists(acl, m, LG_ACL_NOBODY);
    if (lists(acl, m, LG_ACL_ANYBODY))
        return true;
    return strcmp(principal, LG_ACL_NOBODY) != 0 && lists(acl, m, principal);
}

bool lg_acl_allows(const struct lg_acl *acl, const char *principal, enum lg_acl_method m)
{
    return allows_exactly(acl, principal, m) ||
           (m != LG_ACL_ADMIN && allows_exactly(acl, principal, LG_ACL_ADMIN));
}

enum lg_rc lg_acl_add(struct lg_acl *acl, enum lg_acl_method m, struct lg_slice principal,
                      struct lg_error *err)
{
    if (principal.size == 0)
        return lg_error_set(err, LG_ERR_INVALID, "a principal is empty");
    if (principal.size > LG_ACL_PRINCIPAL_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a principal has at most %u bytes",
                            LG_ACL_PRINCIPAL_BYTES_MAX);
    if (!lg_utf8_valid(principal))
        return lg_error_set(err, LG_ERR_INVALID, "a principal is not text in UTF-8");
    for (size_t i = 0; i < principal.size; i++)
        if (principal.data[i] < 0x20 || principal.data[i] == 0x7f)
            return lg_error_set(err, LG_ERR_INVALID, "a principal holds a control character");
    if (place_of(acl, m, principal) < acl->who[m].size)
        return LG_OK;
    if (acl->who[m].size >= LG_ACL_PRINCIPALS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "more than %u principals are listed for %s",
                            LG_ACL_PRINCIPALS_MAX, names[m]);
    LG_VEC_PUSH(&acl->who[m], lg_strndup((const char *)principal.data, principal.size));
    return LG_OK;
}

/* A URI begins with a scheme and a colon, which no subject does. */
static bool is_uri(const char *name)
{
    size_t i = 0;

    if (!isalpha((unsigned char)name[0]))
        return false;
    while (isalnum((unsigned char)name[i]) || (name[i] != '\0' && strchr("+-.", name[i]) != NULL))
        i++;
    return name[i] == ':';
}

/* A blank beside what stands between the parts of a subject, as in "CN=a, O=b": in a certificate's
 * own writing (RFC 2253) one that belongs to a value has a backslash before it there. */
static bool has_blank_between_parts(const char *name)
{
    bool is_escaped = false, ends_blank = false, begins = false, in_value = false;

    for (const char *c = name; *c != '\0'; c++) {
        bool parts = (*c == ',' || *c == '+') && !is_escaped;
        bool value_begins = *c == '=' && !in_value;

        if (((parts || value_begins) && ends_blank) || (*c == ' ' && begins))
            return true;
        ends_blank = *c == ' ' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        begins = parts || value_begins;
        in_value = !parts && (in_value || value_begins);
    }
    return false;
}

/* Certificates' subjects (RFC 2253) have a backslash before a ';' and before a blank at either end;
 * their URIs hold no blank, but may hold a ';'. */
enum lg_rc lg_acl_check_name(const char *name, struct lg_error *err)
{
    bool may_hold_semicolon = is_uri(name), is_escaped = false, ends_blank = false;

    for (const char *c = name; *c != '\0'; c++) {
        if (*c == ';' && !is_escaped && !may_hold_semicolon)
            return lg_error_set(err, LG_ERR_INVALID,
                                "no certificate has the name '%.200s': where one holds a ';' it is "
                                "written '\\;'; of several, name them one by one",
                                name);
        ends_blank = *c == ' ' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
    }
    if (name[0] == ' ' || ends_blank)
        return lg_error_set(err, LG_ERR_INVALID,
                            "no certificate has the name '%.200s': leave out the blanks around it",
                            name);
    if (!is_uri(name) && has_blank_between_parts(name))
        return lg_error_set(err, LG_ERR_INVALID,
                            "no certificate has the name '%.200s': leave out the blanks around "
                            "',', '+' and '=', as in CN=reader,O=example",
                            name);
    return LG_OK;
}

enum lg_rc lg_acl_check_names(const struct lg_acl *acl, struct lg_error *err)
{
    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        for (size_t i = 0; i < acl->who[m].size; i++)
            if (lg_acl_check_name(acl->who[m].data[i], err) != LG_OK)
                return lg_error_wrap(err, "access permissions: %s", names[m]);
    return LG_OK;
}

bool lg_acl_remove(struct lg_acl *acl, enum lg_acl_method m, struct lg_slice principal)
{
    size_t i = place_of(acl, m, principal);

    if (i == acl->who[m].size)
        return false;
    lg_free(acl->who[m].data[i]);
    acl->who[m].size--;
    memmove(&acl->who[m].data[i], &acl->who[m].data[i + 1],
            (acl->who[m].size - i) * sizeof acl->who[m].data[0]);
    return true;
}

/* --- JSON ------------------------------------------------------------------------------------ */

struct lg_json *lg_acl_to_json(const struct lg_acl *acl)
{
    struct lg_json *json = lg_json_new_object();

    for (size_t m = 0; m < LG_ACL_METHODS; m++) {
        struct lg_json *list;

        if (m == LG_ACL_ADMIN && acl->who[m].size == 0)
            continue; /* Venice has no such method. */
        list = lg_json_new_array();
        for (size_t i = 0; i < acl->who[m].size; i++)
            lg_json_push(list, lg_json_new_string(lg_slice_str(acl->who[m].data[i])));
        lg_json_set(json, names[m], list);
    }
    return json;
}

static enum lg_rc read_list(const struct lg_json *list, enum lg_acl_method m, struct lg_acl *acl,
                            struct lg_error *err)
{
    if (lg_json_type(list) != LG_JSON_ARRAY)
        return lg_error_set(err, LG_ERR_INVALID, "access permissions: %s is not a list", names[m]);
    for (size_t i = 0; i < lg_json_size(list); i++) {
        const struct lg_json *who = lg_json_at(list, i);

        if (lg_json_type(who) != LG_JSON_STRING)
            return lg_error_set(err, LG_ERR_INVALID, "access permissions: %s lists what is no text",
                                names[m]);
        if (lg_acl_add(acl, m, lg_json_string(who), err) != LG_OK)
            return lg_error_wrap(err, "access permissions: %s", names[m]);
    }
    return LG_OK;
}

enum lg_rc lg_acl_from_json(const struct lg_json *json, struct lg_acl *out, struct lg_error *err)
{
    const struct lg_json *inner = lg_json_get(json, "AccessPermissions");
    const struct lg_json *from = inner == NULL ? json : inner;
    LG_SCOPED(lg_acl) acl = {0};
    struct lg_json *list;
    const char *name;
    size_t at = 0;

    if (lg_json_type(from) != LG_JSON_NULL && lg_json_type(from) != LG_JSON_OBJECT)
        return lg_error_set(err, LG_ERR_INVALID,
                            "access permissions are an object such as "
                            "{\"AccessPermissions\":{\"Read\":[\"CN=reader\"]}}");
    while (lg_json_next(from, &at, &name, &list)) {
        enum lg_acl_method m;

        if (!lg_acl_method_from_name(lg_slice_str(name), &m))
            return lg_error_set(err, LG_ERR_INVALID,
                                "access permissions: no method '%.40s'; there are Read, Write and "
                                "Admin",
                                name);
        if (read_list(list, m, &acl, err) != LG_OK)
            return err->rc;
    }
    *out = acl;
    acl = (struct lg_acl){0};
    return LG_OK;
}

enum lg_rc lg_acl_parse(struct lg_slice text, struct lg_acl *out, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;

    if (lg_json_parse(text, &json, err) != LG_OK) {
        err->rc = LG_ERR_INVALID;
        return lg_error_wrap(err, "access permissions");
    }
    return lg_acl_from_json(json, out, err);
}
