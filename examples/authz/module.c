/* A module that says who may do what in Lagoon, by the lines of a file,
 *
 *     Read cities spiffe://prod/reader
 *     Write cities CN=pusher,O=example
 *
 * A change of the file counts within `authz_refresh`.
 *
 *     cc -shared -fPIC -o /usr/local/lib/lines.so examples/authz/module.c
 *     authz = /usr/local/lib/lines.so
 *     authz_config = /etc/lagoon/lines.txt
 */
#include <errno.h>
#include <lagoon/authz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 2048

static int lines_open(const char *config, void **out_state, char *text, size_t size)
{
    FILE *file = fopen(config, "re");

    if (file == NULL) {
        snprintf(text, size, "authz_config: %s: %s", config, strerror(errno));
        return -1;
    }
    fclose(file);
    *out_state = strdup(config);
    return *out_state == NULL ? -1 : 0;
}

static int lines_decide(void *state, const struct lagoon_authz_question *q, char *text, size_t size)
{
    const char *who = q->principal == NULL ? "anonymous" : q->principal;
    char want[LINE_BYTES_MAX], line[LINE_BYTES_MAX];
    int answer = LAGOON_AUTHZ_DENIED;
    FILE *file = fopen(state, "re");

    if (file == NULL) {
        snprintf(text, size, "%s: %s", (const char *)state, strerror(errno));
        return LAGOON_AUTHZ_UNKNOWN;
    }
    if (snprintf(want, sizeof want, "%s %s %s\n", q->method, q->store, who) < (int)sizeof want)
        while (fgets(line, sizeof line, file) != NULL)
            if (strcmp(line, want) == 0)
                answer = LAGOON_AUTHZ_ALLOWED;
    fclose(file);
    return answer;
}

static void lines_close(void *state)
{
    free(state);
}

__attribute__((visibility("default"))) const struct lagoon_authz_module *lagoon_authz_module(void);

const struct lagoon_authz_module *lagoon_authz_module(void)
{
    static const struct lagoon_authz_module module = {LAGOON_AUTHZ_ABI, "lines", lines_open,
                                                      lines_decide, lines_close};

    return &module;
}
