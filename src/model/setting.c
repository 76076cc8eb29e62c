/* Settings of a store as text. Pure. */
#include "model/setting.h"

#include "base/str.h"

const struct lg_setting lg_settings[] = {
#define X(name_, parameter_, member_, type_, min_, max_, word_, when_, help_)                      \
    {.name = (name_),                                                                              \
     .parameter = (parameter_),                                                                    \
     .offset = offsetof(struct lg_store, member_),                                                 \
     .type = LG_SETTING_##type_,                                                                   \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .word = (word_),                                                                              \
     .when = LG_SETTING_##when_,                                                                   \
     .help = (help_)},
#include "model/settings.def"
#undef X
};
const size_t lg_settings_count = LG_ARRAY_SIZE(lg_settings);

struct unit {
    const char *name;
    int64_t factor;
};

/* From the largest to the smallest, which is the base. */
static const struct unit sizes[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};
static const struct unit times[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define UNITS 5

_Static_assert(LG_ARRAY_SIZE(sizes) == UNITS && LG_ARRAY_SIZE(times) == UNITS, "one loop for both");

static const struct unit *units_of(const struct lg_setting *setting)
{
    if (setting->type == LG_SETTING_bytes)
        return sizes;
    return setting->type == LG_SETTING_time ? times : NULL;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != 0 && (*a == *b || (*a == '-' && *b == '_'))) {
        a++;
        b++;
    }
    return *a == *b;
}

const struct lg_setting *lg_setting_find(const char *name)
{
    for (size_t i = 0; i < lg_settings_count; i++)
        if (same_name(lg_settings[i].name, name) || strcmp(lg_settings[i].parameter, name) == 0)
            return &lg_settings[i];
    return NULL;
}

static void *member_of(const struct lg_setting *setting, struct lg_store *s)
{
    return (char *)s + setting->offset;
}

static int64_t number_of(const struct lg_setting *setting, const struct lg_store *s)
{
    const void *member = (const char *)s + setting->offset;
    int64_t wide;
    int32_t narrow;

    if (setting->type == LG_SETTING_i32) {
        memcpy(&narrow, member, sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, member, sizeof(wide));
    return wide;
}

void lg_setting_range(const struct lg_setting *setting, struct lg_buf *out)
{
    int64_t least = setting->word == NULL ? setting->min : setting->min + 1;

    switch (setting->type) {
    case LG_SETTING_boolean:
        lg_buf_append_str(out, "true or false");
        return;
    case LG_SETTING_compression:
        lg_buf_append_str(out, "NO_OP, GZIP, ZSTD or ZSTD_WITH_DICT");
        return;
    case LG_SETTING_protocols:
        lg_buf_append_str(out, "both, grpc, http or cluster");
        return;
    case LG_SETTING_text:
        lg_buf_appendf(out, "text of at most %lld bytes", (long long)setting->max);
        return;
    case LG_SETTING_bytes:
        lg_buf_append_str(out, "a size like 64MiB or 10GiB");
        break;
    case LG_SETTING_time:
        lg_buf_append_str(out, "a time like 12h or 7d");
        break;
    case LG_SETTING_i32:
    case LG_SETTING_i64:
        if (setting->max == INT64_MAX)
            lg_buf_appendf(out, "a number from %lld", (long long)least);
        else
            lg_buf_appendf(out, "a number from %lld to %lld", (long long)least,
                           (long long)setting->max);
        break;
    }
    if (setting->word != NULL)
        lg_buf_appendf(out, ", or %s", setting->word);
}

static enum lg_rc refuse(const struct lg_setting *setting, const char *text, struct lg_error *err)
{
    LG_SCOPED(lg_buf) range = {0};

    lg_setting_range(setting, &range);
    return lg_error_set(err, LG_ERR_INVALID, "%s is %.*s, not '%.80s'", setting->name,
                        LG_FMT(lg_buf_slice(&range)), text);
}

/* A number, with one of the units where the type has them. */
static bool parse_number(const struct lg_setting *setting, const char *text, int64_t *out)
{
    const struct unit *units = units_of(setting);
    size_t digits = strspn(text, "0123456789");
    int64_t n;

    if (setting->word != NULL && strcmp(text, setting->word) == 0) {
        *out = setting->min;
        return true;
    }
    if (units == NULL || digits == 0 || text[digits] == 0)
        return lg_parse_i64(lg_slice_str(text), setting->min, setting->max, out);
    if (!lg_parse_i64(lg_slice(text, digits), 0, setting->max, &n))
        return false;
    for (size_t i = 0; i < UNITS; i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (n > setting->max / units[i].factor)
            return false;
        *out = n * units[i].factor;
        return true;
    }
    return false;
}

static bool parse_bool(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0;
}

static enum lg_rc set_text(const struct lg_setting *setting, struct lg_store *s, const char *text,
                           struct lg_error *err)
{
    char **member = member_of(setting, s);
    size_t size = strlen(text);
    char *copy;

    if (size > (size_t)setting->max || !lg_utf8_valid(lg_slice_str(text)))
        return refuse(setting, text, err);
    copy = lg_strdup(text);
    lg_free(*member);
    *member = copy;
    return LG_OK;
}

enum lg_rc lg_setting_set(const struct lg_setting *setting, struct lg_store *s, const char *text,
                          struct lg_error *err)
{
    void *member = member_of(setting, s);
    enum lg_client_protocols protocols;
    enum lg_compression compression;
    int64_t number;
    bool flag;

    switch (setting->type) {
    case LG_SETTING_text:
        return set_text(setting, s, text, err);
    case LG_SETTING_boolean:
        if (!parse_bool(text, &flag))
            return refuse(setting, text, err);
        memcpy(member, &flag, sizeof(flag));
        return LG_OK;
    case LG_SETTING_compression:
        if (!lg_compression_from_name(lg_slice_str(text), &compression))
            return refuse(setting, text, err);
        memcpy(member, &compression, sizeof(compression));
        return LG_OK;
    case LG_SETTING_protocols:
        if (!lg_client_protocols_from_name(lg_slice_str(text), &protocols))
            return refuse(setting, text, err);
        memcpy(member, &protocols, sizeof(protocols));
        return LG_OK;
    case LG_SETTING_i32:
    case LG_SETTING_i64:
    case LG_SETTING_bytes:
    case LG_SETTING_time:
        break;
    }
    if (!parse_number(setting, text, &number))
        return refuse(setting, text, err);
    if (setting->type == LG_SETTING_i32) {
        int32_t narrow = (int32_t)number; /* The rows bound it. */

        memcpy(member, &narrow, sizeof(narrow));
    } else {
        memcpy(member, &number, sizeof(number));
    }
    return LG_OK;
}

/* In the largest unit that leaves no rest. */
static void number_text(const struct lg_setting *setting, int64_t n, struct lg_buf *out)
{
    const struct unit *units = units_of(setting);
    size_t i = 0;

    if (setting->word != NULL && n == setting->min) {
        lg_buf_append_str(out, setting->word);
        return;
    }
    if (units == NULL || n == 0) {
        lg_buf_appendf(out, "%lld", (long long)n);
        return;
    }
    while (n % units[i].factor != 0)
        i++;
    lg_buf_appendf(out, "%lld%s", (long long)(n / units[i].factor), units[i].name);
}

void lg_setting_text(const struct lg_setting *setting, const struct lg_store *s, struct lg_buf *out)
{
    const void *member = (const char *)s + setting->offset;
    enum lg_client_protocols protocols;
    enum lg_compression compression;
    const char *text;
    bool flag;

    switch (setting->type) {
    case LG_SETTING_text:
        memcpy(&text, member, sizeof(text));
        lg_buf_append_str(out, text);
        return;
    case LG_SETTING_boolean:
        memcpy(&flag, member, sizeof(flag));
        lg_buf_append_str(out, flag ? "true" : "false");
        return;
    case LG_SETTING_compression:
        memcpy(&compression, member, sizeof(compression));
        lg_buf_append_str(out, lg_compression_name(compression));
        return;
    case LG_SETTING_protocols:
        memcpy(&protocols, member, sizeof(protocols));
        lg_buf_append_str(out, lg_client_protocols_name(protocols));
        return;
    case LG_SETTING_i32:
    case LG_SETTING_i64:
    case LG_SETTING_bytes:
    case LG_SETTING_time:
        number_text(setting, number_of(setting, s), out);
        return;
    }
}
