/* Any bytes as what the service that decides answers: nobody is let in but by an object whose one
 * member "allowed" is true, and by no other status than 200. What the body says is found here by
 * other means: a scan of its bytes, which need not notice what is no JSON, since then no answer may
 * be taken from it. */
#include "authz/authz.h"

struct scan {
    const uint8_t *at, *end;
};

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) != NULL && *s->at != 0)
        s->at++;
}

/* One character of a string, its escape undone; what is beyond ASCII counts as '?'. */
static char take_character(struct scan *s)
{
    char hex[5] = {0};

    if (*s->at != '\\')
        return *s->at < 0x80 ? (char)*s->at++ : (s->at++, '?');
    s->at++;
    if (s->at == s->end || *s->at != 'u') /* Of the short ones none is in "allowed". */
        return s->at == s->end ? '?' : (s->at++, '?');
    s->at++;
    for (int i = 0; i < 4 && s->at < s->end; i++)
        hex[i] = (char)*s->at++;
    return strtoul(hex, NULL, 16) < 0x80 ? (char)strtoul(hex, NULL, 16) : '?';
}

/* Passes a string, from its opening quote on. Is it this one? */
static bool take_string(struct scan *s, const char *wanted)
{
    size_t n = strlen(wanted), i = 0;
    bool equal = true;

    for (s->at++; s->at < s->end && *s->at != '"'; i++) {
        char c = take_character(s);

        equal = equal && i < n && c == wanted[i];
    }
    s->at += s->at < s->end;
    return equal && i == n;
}

/* Passes a value. */
static struct lg_slice take_value(struct scan *s)
{
    const uint8_t *from = s->at;
    size_t depth = 0;

    while (s->at < s->end && (depth > 0 || strchr(",}", *s->at) == NULL || *s->at == 0)) {
        depth += *s->at == '{' || *s->at == '[';
        depth -= depth > 0 && (*s->at == '}' || *s->at == ']');
        if (*s->at == '"')
            (void)take_string(s, "");
        else
            s->at++;
    }
    while (s->at > from && strchr(" \t\r\n", s->at[-1]) != NULL)
        s->at--;
    return lg_slice(from, (size_t)(s->at - from));
}

/* Of how many members "allowed" is the value this word? */
static unsigned count_said(struct lg_slice body, const char *word)
{
    struct scan s = {body.data, body.data + body.size};
    unsigned said = 0;

    skip_blanks(&s);
    if (s.at == s.end || *s.at != '{')
        return 0;
    do {
        bool is_it;

        s.at++;
        skip_blanks(&s);
        if (s.at == s.end || *s.at != '"')
            return said;
        is_it = take_string(&s, "allowed");
        skip_blanks(&s);
        s.at += s.at < s.end; /* the colon */
        skip_blanks(&s);
        if (lg_slice_eq_str(take_value(&s), word))
            said += is_it;
        skip_blanks(&s);
    } while (s.at < s.end && *s.at == ',');
    return said;
}

/* The other statuses: what the body says is nothing. */
static void no_other_status_is_an_answer(struct lg_slice body)
{
    static const int others[] = {0, 199, 201, 204, 302, 403, 500, -200};

    for (size_t i = 0; i < LG_ARRAY_SIZE(others); i++) {
        struct lg_error err;
        bool allowed = false;
        enum lg_rc rc = lg_authz_http_answer(others[i], body, &allowed, &err);

        assert(rc == LG_ERR_UNAVAILABLE && !allowed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_slice body = lg_slice(data, size);
    struct lg_error err = {0};
    bool allowed = false, denied = true;
    enum lg_rc rc = lg_authz_http_answer(200, body, &allowed, &err);
    enum lg_rc again = lg_authz_http_answer(200, body, &denied, &err);

    assert(rc == again);
    if (rc == LG_OK) {
        assert(allowed == denied);
        assert(count_said(body, allowed ? "true" : "false") == 1);
        assert(count_said(body, allowed ? "false" : "true") == 0);
    } else { /* Neither says anything. */
        assert(rc == LG_ERR_UNAVAILABLE && err.rc == rc && err.text[0] != '\0');
        assert(!allowed && denied);
    }
    no_other_status_is_an_answer(body);
    return 0;
}
