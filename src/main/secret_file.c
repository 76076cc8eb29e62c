/* Secrets that stand in files of their own. */
#include "main/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "main/cli.h"

enum lg_rc lg_secret_file_read(const char *key, const char *path, char **out, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    size_t size;

    /* Not LG_ERR_NOT_FOUND: who starts a process takes that for a cluster that is not there. */
    if (lg_cli_read_file(path, LG_SECRET_BYTES_MAX, &text, err) != LG_OK)
        return lg_error_set(err, LG_ERR_INVALID, "%s: %s", key, err->text);
    lg_buf_append_byte(&text, '\n');
    size = (size_t)((uint8_t *)memchr(text.data, '\n', text.size) - text.data);
    if (size > 0 && text.data[size - 1] == '\r')
        size--;
    if (size == 0)
        return lg_error_set(err, LG_ERR_INVALID, "%s: the first line of %s is empty", key, path);
    if (memchr(text.data, 0, size) != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "%s: the first line of %s holds a NUL byte", key,
                            path);
    *out = lg_strndup((const char *)text.data, size);
    return LG_OK;
}

void lg_secret_file_warn(const char *key, const char *path, lg_option_warned warn, void *ctx)
{
    struct stat st;

    if (path == NULL)
        return;
    if (access(path, R_OK) != 0 || stat(path, &st) != 0) {
        warn(ctx, key, "the file cannot be read by this user");
    } else if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        LG_AUTO_STR char *sentence =
            lg_strf("everybody on this machine can %s the file: chmod 600 %s",
                    (st.st_mode & S_IROTH) != 0 ? "read" : "write", path);

        warn(ctx, key, sentence);
    }
}
