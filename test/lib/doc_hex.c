/* Reads the examples of docs/formats. Owner: the test that calls it. */
#include "test/lib/doc_hex.h"

#include <ctype.h>
#include <stdio.h>

#include "test/test.h"

#include "base/str.h"

#define LINE_MAX_BYTES 1024

static void take_line(struct lg_buf *digits, const char *line)
{
    for (; *line != '\0' && *line != '#'; line++)
        if (!isspace((unsigned char)*line))
            lg_buf_append_byte(digits, (uint8_t)*line);
}

void lg_doc_hex(const char *path, size_t index, struct lg_buf *out)
{
    LG_SCOPED(lg_buf) digits = {0};
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(path, "r");
    size_t blocks = 0;
    bool inside = false;

    if (f == NULL)
        fail_msg("%s cannot be opened: tests run in the root of the sources", path);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "```hex", 6) == 0) {
            inside = blocks++ == index;
        } else if (strncmp(line, "```", 3) == 0) {
            inside = false;
        } else if (inside) {
            take_line(&digits, line);
        }
    }
    (void)fclose(f);
    if (blocks <= index || !lg_hex_decode(out, lg_buf_slice(&digits)) || out->size == 0)
        fail_msg("%s has no good ```hex block number %zu", path, index);
}
