/* The memory limit; see the header. What cannot be read or parsed sets no limit: the answer is only
 * used to choose sizes. */
#include "drivers/posix/memory_posix.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"

#define FILE_BYTES_MAX ((size_t)64 << 10)
#define LEVELS_MAX 64u

/* False when the file cannot be read. */
static bool read_file(const char *root, const char *path, struct lg_buf *out)
{
    LG_AUTO_STR char *full = lg_strf("%s%s", root, path);
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    lg_buf_clear(out);
    if (fd < 0)
        return false;
    do { /* Such files come in pieces. */
        uint8_t *room = lg_buf_reserve(out, FILE_BYTES_MAX);

        got = read(fd, room, FILE_BYTES_MAX);
        if (got > 0)
            lg_buf_commit(out, (size_t)got);
    } while (got > 0 && out->size < FILE_BYTES_MAX);
    (void)close(fd);
    return got >= 0;
}

/* The number that follows the word; 0 when there is none. */
static uint64_t number_behind(const struct lg_buf *text, const char *word)
{
    const uint8_t *at =
        word[0] == '\0' ? text->data : memmem(text->data, text->size, word, strlen(word));
    size_t left, digits = 0;
    uint64_t n;

    if (text->size == 0 || at == NULL)
        return 0;
    at += strlen(word);
    left = text->size - (size_t)(at - text->data);
    while (left > 0 && *at == ' ')
        at++, left--;
    while (digits < left && at[digits] >= '0' && at[digits] <= '9')
        digits++;
    return lg_parse_u64(lg_slice(at, digits), UINT64_MAX, &n) ? n : 0;
}

static void lower(uint64_t *limit, uint64_t bytes)
{
    if (bytes != 0 && (*limit == 0 || bytes < *limit))
        *limit = bytes;
}

/* The limits of a group and of all above it. `group` is cut to nothing meanwhile. */
static void lower_by_groups(const char *root, const char *mount, const char *file, char *group,
                            uint64_t *limit)
{
    LG_SCOPED(lg_buf) text = {0};

    for (unsigned level = 0; level < LEVELS_MAX; level++) {
        LG_AUTO_STR char *path = lg_strf("%s%s/%s", mount, group, file);
        char *slash = strrchr(group, '/');

        if (read_file(root, path, &text)) /* "max" is no number. */
            lower(limit, number_behind(&text, ""));
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

/* The path behind the mark in /proc/self/cgroup, without a lone slash; NULL when it is not there.
 */
static char *group_behind(const struct lg_buf *text, const char *mark)
{
    const uint8_t *at = memmem(text->data, text->size, mark, strlen(mark)), *end;
    size_t left;

    if (at == NULL)
        return NULL;
    at += strlen(mark);
    left = text->size - (size_t)(at - text->data);
    end = memchr(at, '\n', left);
    left = end == NULL ? left : (size_t)(end - at);
    return left == 1 ? lg_strdup("") : lg_strndup((const char *)at, left);
}

uint64_t lg_memory_limit_bytes_below(const char *root)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *v2 = NULL;
    LG_AUTO_STR char *v1 = NULL;
    uint64_t limit = 0;

    if (read_file(root, "/proc/meminfo", &text))
        lower(&limit, number_behind(&text, "MemTotal:") << 10);
    if (!read_file(root, "/proc/self/cgroup", &text) || text.size == 0)
        return limit;
    v2 = group_behind(&text, "0::");
    v1 = group_behind(&text, ":memory:");
    if (v2 != NULL)
        lower_by_groups(root, "/sys/fs/cgroup", "memory.max", v2, &limit);
    if (v1 != NULL)
        lower_by_groups(root, "/sys/fs/cgroup/memory", "memory.limit_in_bytes", v1, &limit);
    return limit;
}

uint64_t lg_memory_limit_bytes(void)
{
    return lg_memory_limit_bytes_below("");
}
