#include "pushjob/text_time.h"

static const struct {
    const char *logical;
    enum lg_avro_kind base;
    const char *wanted;
    int64_t per_second; /* 0: days */
    bool has_date, has_time, has_zone;
} kinds[] = {
    [LG_TEXT_NO_TIME] = {"", LG_AVRO_NULL, "", 0, false, false, false},
    [LG_TEXT_DATE] = {"date", LG_AVRO_INT, "a date such as 2024-02-29, or days since 1970", 0, true,
                      false, false},
    [LG_TEXT_TIME_MILLIS] = {"time-millis", LG_AVRO_INT,
                             "a time such as 23:59:59.999, or milliseconds since midnight", 1000,
                             false, true, false},
    [LG_TEXT_TIME_MICROS] = {"time-micros", LG_AVRO_LONG,
                             "a time such as 23:59:59.999999, or microseconds since midnight",
                             1000000, false, true, false},
    [LG_TEXT_TIMESTAMP_MILLIS] = {"timestamp-millis", LG_AVRO_LONG,
                                  "a time such as 2024-02-29T23:59:59.999Z, or milliseconds since "
                                  "1970",
                                  1000, true, true, true},
    [LG_TEXT_TIMESTAMP_MICROS] = {"timestamp-micros", LG_AVRO_LONG,
                                  "a time such as 2024-02-29T23:59:59.999999Z, or microseconds "
                                  "since 1970",
                                  1000000, true, true, true},
    [LG_TEXT_LOCAL_TIMESTAMP_MILLIS] = {"local-timestamp-millis", LG_AVRO_LONG,
                                        "a time without zone such as 2024-02-29T23:59:59.999, or "
                                        "milliseconds since 1970",
                                        1000, true, true, false},
    [LG_TEXT_LOCAL_TIMESTAMP_MICROS] = {"local-timestamp-micros", LG_AVRO_LONG,
                                        "a time without zone such as 2024-02-29T23:59:59.999999, "
                                        "or microseconds since 1970",
                                        1000000, true, true, false},
};

enum lg_text_time lg_text_time_of(const struct lg_schema *schema)
{
    struct lg_slice logical = lg_schema_logical_type(schema);

    for (size_t i = 1; logical.size > 0 && i < LG_ARRAY_SIZE(kinds); i++)
        if (lg_slice_eq_str(logical, kinds[i].logical) && lg_schema_kind(schema) == kinds[i].base)
            return (enum lg_text_time)i;
    return LG_TEXT_NO_TIME;
}

const char *lg_text_time_wanted(enum lg_text_time kind)
{
    return kinds[kind].wanted;
}

/* --- Pieces; each moves `text` behind what it read. --------------------------------------------
 */

static bool take_digits(struct lg_slice *text, size_t count, int64_t most, int64_t *out)
{
    int64_t v = 0;

    if (text->size < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        v = v * 10 + (text->data[i] - '0');
    }
    *text = lg_slice_skip(*text, count);
    *out = v;
    return v <= most;
}

static bool take_byte(struct lg_slice *text, const char *one_of)
{
    if (text->size == 0 || memchr(one_of, text->data[0], strlen(one_of)) == NULL)
        return false;
    *text = lg_slice_skip(*text, 1);
    return true;
}

/* Days since 1970 of a day of the Gregorian calendar: years are counted from March, so that the
 * leap day is the last of its year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool take_date(struct lg_slice *text, int64_t *out_days)
{
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day;
    bool leap;

    if (!take_digits(text, 4, 9999, &year) || !take_byte(text, "-") ||
        !take_digits(text, 2, 12, &month) || !take_byte(text, "-") ||
        !take_digits(text, 2, 31, &day) || month == 0 || day == 0)
        return false;
    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && leap ? 1 : 0))
        return false;
    *out_days = days_of(year, month, day);
    return true;
}

/* hh:mm[:ss[.fraction]] in units of 1/per_second. */
static bool take_time(struct lg_slice *text, int64_t per_second, int64_t *out)
{
    int64_t hour, minute, second = 0, fraction = 0;

    if (!take_digits(text, 2, 23, &hour) || !take_byte(text, ":") ||
        !take_digits(text, 2, 59, &minute))
        return false;
    if (take_byte(text, ":")) {
        if (!take_digits(text, 2, 59, &second))
            return false;
        if (take_byte(text, ".,")) {
            int64_t unit = per_second, digit;

            if (!take_digits(text, 1, 9, &digit))
                return false;
            do {
                unit /= 10;
                if (unit == 0 && digit != 0) /* Finer than the type can hold. */
                    return false;
                fraction += digit * unit;
            } while (take_digits(text, 1, 9, &digit));
        }
    }
    *out = ((hour * 60 + minute) * 60 + second) * per_second + fraction;
    return true;
}

/* Z, +hh:mm, +hhmm or +hh, in seconds east of UTC. */
static bool take_zone(struct lg_slice *text, int64_t *out_seconds)
{
    bool west = text->size > 0 && text->data[0] == '-';
    int64_t hours, minutes = 0;

    *out_seconds = 0;
    if (take_byte(text, "Zz"))
        return true;
    if (!take_byte(text, "+-") || !take_digits(text, 2, 23, &hours))
        return false;
    if (take_byte(text, ":") || text->size > 0) {
        if (!take_digits(text, 2, 59, &minutes))
            return false;
    }
    *out_seconds = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

bool lg_text_time_parse(enum lg_text_time kind, struct lg_slice text, int64_t *out)
{
    int64_t days = 0, time = 0, zone = 0;

    if (kind == LG_TEXT_NO_TIME || (kinds[kind].has_date && !take_date(&text, &days)))
        return false;
    if (kind == LG_TEXT_DATE) {
        *out = days;
        return text.size == 0;
    }
    /* A date alone is its midnight. */
    if (!kinds[kind].has_date || text.size > 0) {
        if (kinds[kind].has_date && !take_byte(&text, "Tt "))
            return false;
        if (!take_time(&text, kinds[kind].per_second, &time))
            return false;
    }
    if (kinds[kind].has_zone && text.size > 0 && !take_zone(&text, &zone))
        return false;
    *out = (days * 86400 - zone) * kinds[kind].per_second + time;
    return text.size == 0;
}
