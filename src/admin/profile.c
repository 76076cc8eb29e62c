#include "admin/profile.h"

#include "base/str.h"
#include "net/http_client.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define CLUSTER_NAME_MAX 128u

static void row_done(struct lg_profile *row)
{
    lg_free(row->name);
    lg_free(row->controller);
    lg_free(row->cluster);
    lg_free(row->router);
    *row = (struct lg_profile){0};
}

void lg_profiles_done(struct lg_profiles *p)
{
    for (size_t i = 0; i < p->count; i++)
        row_done(&p->rows[i]);
    lg_free(p->current);
    p->current = NULL;
    p->count = 0;
}

/* --- What may stand in one. --------------------------------------------------------------------
 */

static enum lg_rc check_word(const char *what, const char *text, size_t max, struct lg_error *err)
{
    size_t size = strlen(text);

    if (size == 0 || size > max || strspn(text, LETTERS "._-") != size)
        return lg_error_set(err, LG_ERR_INVALID,
                            "'%.80s' is no %s; it takes letters, digits, '.', '_' and '-', %zu at "
                            "most",
                            text, what, max);
    return LG_OK;
}

static enum lg_rc check_urls(const char *what, const char *text, struct lg_error *err)
{
    size_t count = 0;

    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        LG_AUTO_STR char *host = NULL;
        uint16_t port;

        if (lg_http_parse_url(lg_slice(at, size), &host, &port, err) != LG_OK)
            return lg_error_wrap(err, "%s", what);
        if (++count > LG_PROFILE_URLS_MAX)
            return lg_error_set(err, LG_ERR_INVALID, "%s: more than %u URLs", what,
                                LG_PROFILE_URLS_MAX);
        at += size;
        if (*at == '\0')
            return LG_OK;
    }
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

static struct lg_slice trim(struct lg_slice s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = lg_slice_skip(s, 1);
    while (s.size > 0 &&
           (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t' || s.data[s.size - 1] == '\r'))
        s.size--;
    return s;
}

static char *text_of(struct lg_slice s)
{
    return lg_strndup((const char *)s.data, s.size);
}

static struct lg_profile *row_of(struct lg_profiles *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->rows[i].name, name) == 0)
            return &p->rows[i];
    return NULL;
}

static enum lg_rc begin_row(struct lg_profiles *p, struct lg_slice line, struct lg_error *err)
{
    LG_AUTO_STR char *name = NULL;

    if (line.data[line.size - 1] != ']')
        return lg_error_set(err, LG_ERR_INVALID, "a profile begins with [NAME]");
    name = text_of(lg_slice(line.data + 1, line.size - 2));
    if (check_word("name of a profile", name, LG_PROFILE_NAME_MAX, err) != LG_OK)
        return LG_ERR_INVALID;
    if (row_of(p, name) != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "profile '%s' stands here twice", name);
    if (p->count == LG_PROFILES_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "more than %u profiles", LG_PROFILES_MAX);
    p->rows[p->count++].name = LG_TAKE(name);
    return LG_OK;
}

/* "key = value" of a profile, or of the head of the file. */
static enum lg_rc take_value(struct lg_profiles *p, const char *key, const char *value,
                             struct lg_error *err)
{
    struct lg_profile *row = p->count == 0 ? NULL : &p->rows[p->count - 1];
    char **place = NULL;
    enum lg_rc rc = LG_OK;

    if (row == NULL && strcmp(key, "current") == 0) {
        place = &p->current;
        rc = check_word("name of a profile", value, LG_PROFILE_NAME_MAX, err);
    } else if (row != NULL && strcmp(key, "cluster") == 0) {
        place = &row->cluster;
        rc = check_word("name of a cluster", value, CLUSTER_NAME_MAX, err);
    } else if (row != NULL && (strcmp(key, "controller") == 0 || strcmp(key, "router") == 0)) {
        place = *key == 'c' ? &row->controller : &row->router;
        rc = check_urls(key, value, err);
    } else {
        return lg_error_set(err, LG_ERR_INVALID, "'%.80s' is no key here; %s", key,
                            row == NULL ? "before the first [NAME] there is only current"
                                        : "a profile has controller, cluster and router");
    }
    if (rc == LG_OK && *place != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "'%s' stands here twice", key);
    if (rc == LG_OK)
        *place = lg_strdup(value);
    return rc;
}

static enum lg_rc take_line(struct lg_profiles *p, struct lg_slice line, struct lg_error *err)
{
    const uint8_t *equals;
    LG_AUTO_STR char *key = NULL, *value = NULL;

    line = trim(line);
    if (line.size == 0 || line.data[0] == '#')
        return LG_OK;
    if (!lg_utf8_valid(line) || memchr(line.data, '\0', line.size) != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "this is no text");
    if (line.data[0] == '[')
        return begin_row(p, line, err);
    equals = memchr(line.data, '=', line.size);
    if (equals == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "'%.*s' is neither [NAME] nor key = value",
                            (int)LG_MIN(line.size, (size_t)80), (const char *)line.data);
    key = text_of(trim(lg_slice(line.data, (size_t)(equals - line.data))));
    value = text_of(trim(lg_slice_skip(line, (size_t)(equals - line.data) + 1)));
    return take_value(p, key, value, err);
}

/* What only the whole file can tell. */
static enum lg_rc check_all(const struct lg_profiles *p, struct lg_error *err)
{
    const struct lg_profile *found;

    for (size_t i = 0; i < p->count; i++)
        if (p->rows[i].controller == NULL)
            return lg_error_set(err, LG_ERR_BAD_DATA, "profile '%s' names no controller",
                                p->rows[i].name);
    if (p->current != NULL && lg_profiles_find(p, p->current, &found, err) != LG_OK)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the current profile, '%s', does not stand in the file", p->current);
    return LG_OK;
}

enum lg_rc lg_profiles_parse(struct lg_slice text, struct lg_profiles *out, struct lg_error *err)
{
    LG_SCOPED(lg_profiles) p = {0};
    size_t number = 0;

    if (text.size > LG_PROFILE_FILE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "larger than %zu bytes",
                            LG_PROFILE_FILE_BYTES_MAX);
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);

        number++;
        if (take_line(&p, lg_slice(text.data, size), err) != LG_OK) {
            err->rc = LG_ERR_BAD_DATA;
            return lg_error_wrap(err, "line %zu", number);
        }
        text = lg_slice_skip(text, LG_MIN(size + 1, text.size));
    }
    if (check_all(&p, err) != LG_OK)
        return LG_ERR_BAD_DATA;
    *out = p;
    p = (struct lg_profiles){0};
    return LG_OK;
}

/* --- Writing. ----------------------------------------------------------------------------------
 */

void lg_profiles_write(struct lg_buf *out, const struct lg_profiles *p)
{
    lg_buf_append_str(out, "# Clusters that lagoon talks to; written by `lagoon profile`.\n");
    if (p->current != NULL)
        lg_buf_appendf(out, "current = %s\n", p->current);
    for (size_t i = 0; i < p->count; i++) {
        const struct lg_profile *row = &p->rows[i];

        lg_buf_appendf(out, "\n[%s]\ncontroller = %s\n", row->name, row->controller);
        if (row->cluster != NULL)
            lg_buf_appendf(out, "cluster = %s\n", row->cluster);
        if (row->router != NULL)
            lg_buf_appendf(out, "router = %s\n", row->router);
    }
}

/* --- Changes. ----------------------------------------------------------------------------------
 */

enum lg_rc lg_profiles_find(const struct lg_profiles *p, const char *name,
                            const struct lg_profile **out, struct lg_error *err)
{
    const char *names[LG_PROFILES_MAX];
    const char *near;

    for (size_t i = 0; i < p->count; i++) {
        names[i] = p->rows[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = &p->rows[i];
            return LG_OK;
        }
    }
    near = lg_nearest(name, names, p->count);
    return lg_error_set(err, LG_ERR_NOT_FOUND,
                        "no profile '%.80s'%s%s%s; `lagoon profile list` shows them, `lagoon "
                        "profile add NAME --controller URL` makes one",
                        name, near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

static void set(char **place, const char *value)
{
    char *copy = value == NULL ? NULL : lg_strdup(value);

    lg_free(*place);
    *place = copy;
}

enum lg_rc lg_profiles_put(struct lg_profiles *p, const char *name, const char *controller,
                           const char *cluster, const char *router, struct lg_error *err)
{
    struct lg_profile *row = row_of(p, name);
    enum lg_rc rc = check_word("name of a profile", name, LG_PROFILE_NAME_MAX, err);

    if (rc == LG_OK)
        rc = check_urls("controller", controller, err);
    if (rc == LG_OK && cluster != NULL)
        rc = check_word("name of a cluster", cluster, CLUSTER_NAME_MAX, err);
    if (rc == LG_OK && router != NULL)
        rc = check_urls("router", router, err);
    if (rc != LG_OK)
        return rc;
    if (row == NULL && p->count == LG_PROFILES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "there are %u profiles already; `lagoon profile remove NAME` makes "
                            "room",
                            LG_PROFILES_MAX);
    if (row == NULL) {
        row = &p->rows[p->count++];
        row->name = lg_strdup(name);
    }
    set(&row->controller, controller);
    set(&row->cluster, cluster);
    set(&row->router, router);
    if (p->count == 1)
        set(&p->current, name);
    return LG_OK;
}

enum lg_rc lg_profiles_use(struct lg_profiles *p, const char *name, struct lg_error *err)
{
    const struct lg_profile *row;
    enum lg_rc rc = lg_profiles_find(p, name, &row, err);

    if (rc == LG_OK)
        set(&p->current, row->name);
    return rc;
}

enum lg_rc lg_profiles_remove(struct lg_profiles *p, const char *name, struct lg_error *err)
{
    const struct lg_profile *found;
    enum lg_rc rc = lg_profiles_find(p, name, &found, err);
    size_t at;

    if (rc != LG_OK)
        return rc;
    at = (size_t)(found - p->rows);
    if (p->current != NULL && strcmp(p->current, found->name) == 0)
        set(&p->current, NULL);
    row_done(&p->rows[at]);
    for (size_t i = at; i + 1 < p->count; i++)
        p->rows[i] = p->rows[i + 1];
    p->rows[--p->count] = (struct lg_profile){0};
    return LG_OK;
}
