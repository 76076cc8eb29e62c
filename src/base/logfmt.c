/* printf whose texts come out as logfmt values. Stateless.
 *
 * The format is walked by hand, one conversion at a time, because only then is it known where a
 * text begins and ends: `store=%s` gets quotes when the text needs them, `reason="%s"` has the
 * quotes inside of the text escaped. Everything but texts is left to snprintf.
 */
#include <stdarg.h>
#include <stddef.h>

#include "base/log.h"

#define SPEC_MAX 40

struct out {
    char *data;
    size_t size, wanted;
};

struct spec {
    char text[SPEC_MAX]; /* "%-08llu", stars replaced by their numbers */
    size_t n;
    bool has_precision;
    int precision;
    char length; /* 0, 'h', 'l', 'L' for ll, 'z', 't', 'j' */
    char conversion;
};

static void put(struct out *o, char c)
{
    if (o->wanted + 1 < o->size)
        o->data[o->wanted] = c;
    o->wanted++;
}

static char last(const struct out *o)
{
    return o->wanted > 0 && o->wanted < o->size ? o->data[o->wanted - 1] : '\0';
}

static void put_escaped(struct out *o, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            put(o, '\\');
        put(o, s[i]);
    }
}

static bool needs_quotes(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c <= ' ' || c == '"' || c == '=' || c == 0x7f)
            return true;
    }
    return n == 0;
}

/* `whole`: the text is all of a value. */
static void put_text(struct out *o, const char *s, size_t n, bool in_quotes, bool whole)
{
    if (in_quotes) {
        put_escaped(o, s, n);
    } else if (whole && needs_quotes(s, n)) {
        put(o, '"');
        put_escaped(o, s, n);
        put(o, '"');
    } else {
        for (size_t i = 0; i < n; i++)
            put(o, s[i]);
    }
}

static void add(struct spec *s, char c)
{
    assert(s->n + 12 < sizeof s->text && "a conversion of a sane length");
    s->text[s->n++] = c;
    s->text[s->n] = '\0';
}

static void add_number(struct spec *s, int v)
{
    s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%d", v);
}

/* The arguments in the order in which they were given: one home for them all, since a va_list that
 * was handed to another function may not be read from on every machine. */
#define READ_SPEC(s, at, args)                                                                     \
    do {                                                                                           \
        add(&(s), *(at)++);                                                                        \
        while (*(at) != '\0' && strchr("-+ #0", *(at)) != NULL)                                    \
            add(&(s), *(at)++);                                                                    \
        if (*(at) == '*')                                                                          \
            add_number(&(s), va_arg(args, int)), (at)++;                                           \
        while (*(at) >= '0' && *(at) <= '9')                                                       \
            add(&(s), *(at)++);                                                                    \
        if (*(at) == '.') {                                                                        \
            (s).has_precision = true;                                                              \
            (at)++;                                                                                \
            if (*(at) == '*')                                                                      \
                (s).precision = va_arg(args, int), (at)++;                                         \
            while (*(at) >= '0' && *(at) <= '9')                                                   \
                (s).precision = (s).precision * 10 + (*(at)++ - '0');                              \
        }                                                                                          \
        while (*(at) != '\0' && strchr("hlztj", *(at)) != NULL) {                                  \
            (s).length = (s).length == 'l' ? 'L' : *(at);                                          \
            (at)++;                                                                                \
        }                                                                                          \
        (s).conversion = *(at) == '\0' ? '%' : *(at)++;                                            \
    } while (0)

static void finish_spec(struct spec *s, const char *length)
{
    if (s->has_precision && s->precision >= 0) {
        add(s, '.');
        add_number(s, s->precision);
    }
    for (; *length != '\0'; length++)
        add(s, *length);
    add(s, s->conversion);
}

#define PUT_WITH(o, s, value)                                                                      \
    do {                                                                                           \
        size_t room_ = (o)->wanted < (o)->size ? (o)->size - (o)->wanted : 0;                      \
        int n_ = snprintf(room_ > 0 ? (o)->data + (o)->wanted : NULL, room_, (s)->text, value);    \
                                                                                                   \
        (o)->wanted += n_ > 0 ? (size_t)n_ : 0;                                                    \
    } while (0)

size_t lg_logfmt(char *data, size_t size, const char *fmt, va_list args)
{
    struct out o = {data, size, 0};
    bool in_quotes = false;

    for (const char *at = fmt; *at != '\0';) {
        struct spec s = {0};

        if (*at != '%') {
            in_quotes ^= *at == '"';
            put(&o, *at++);
            continue;
        }
        READ_SPEC(s, at, args);
        if (s.conversion == 's') {
            const char *text = va_arg(args, const char *);
            size_t most = s.has_precision && s.precision >= 0 ? (size_t)s.precision : SIZE_MAX;
            bool whole = last(&o) == '=' && (*at == ' ' || *at == '\0');

            text = text == NULL && most > 0 ? "(null)" : text;
            put_text(&o, text, most == 0 ? 0 : strnlen(text, most), in_quotes, whole);
        } else if (s.conversion == '%') {
            put(&o, '%');
        } else if (s.conversion == 'c') {
            put(&o, (char)va_arg(args, int));
        } else if (s.conversion == 'p') {
            finish_spec(&s, "");
            PUT_WITH(&o, &s, va_arg(args, void *));
        } else if (strchr("fFgGeE", s.conversion) != NULL) {
            finish_spec(&s, "");
            PUT_WITH(&o, &s, va_arg(args, double));
        } else if (s.length == 'L' || s.length == 'l' || s.length == 'z' || s.length == 't' ||
                   s.length == 'j') { /* All are 64 bits wide where we run. */
            finish_spec(&s, "ll");
            PUT_WITH(&o, &s, va_arg(args, long long));
        } else {
            finish_spec(&s, s.length == 'h' ? "h" : "");
            PUT_WITH(&o, &s, va_arg(args, int));
        }
    }
    if (size > 0)
        data[LG_MIN(o.wanted, size - 1)] = '\0';
    return o.wanted;
}

_Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long long) &&
                   sizeof(ptrdiff_t) == sizeof(long long),
               "lengths beyond int are one size");
