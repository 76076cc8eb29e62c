#include "main/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define ERRORS_MAX 1000000u

static enum lg_rc open_file(struct lg_cli_file *file, struct lg_error *err)
{
    if (strcmp(file->path, "-") == 0)
        file->fd = STDIN_FILENO;
    else
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    return file->fd >= 0 ? LG_OK : lg_error_errno(err, errno, "opening");
}

static void close_file(struct lg_cli_file *file)
{
    if (file->fd >= 0 && file->fd != STDIN_FILENO)
        (void)close(file->fd);
    file->fd = -1;
}

static enum lg_rc read_file(void *ctx, void *out, size_t size, size_t *out_read,
                            struct lg_error *err)
{
    struct lg_cli_file *file = ctx;
    ssize_t got = 0;

    if (file->fd < 0 && !file->ended && open_file(file, err) != LG_OK)
        return err->rc;
    if (!file->ended) {
        do
            got = read(file->fd, out, size);
        while (got < 0 && errno == EINTR);
    }
    if (got < 0)
        return lg_error_errno(err, errno, "reading");
    if (got == 0) {
        file->ended = true;
        close_file(file);
    }
    *out_read = (size_t)got;
    return LG_OK;
}

/* Is it there, and readable? What is wrong now need not be found after an hour of reading the files
 * before it. */
static enum lg_rc look(const char *path, bool *out_known, uint64_t *bytes, struct lg_error *err)
{
    struct stat st;

    if (strcmp(path, "-") == 0) {
        *out_known = false;
        return LG_OK;
    }
    if (stat(path, &st) != 0 || access(path, R_OK) != 0)
        return lg_error_errno(err, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return lg_error_set(err, LG_ERR_BAD_DATA, "%s is a folder; name a file", path);
    *out_known = *out_known && S_ISREG(st.st_mode);
    *bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return LG_OK;
}

enum lg_rc lg_cli_files_open(struct lg_cli_files *files, const char *const *paths, size_t count,
                             struct lg_error *err)
{
    bool known = true, standard_input = false;

    files->files = lg_new_array(struct lg_cli_file, count);
    files->inputs = lg_new_array(struct lg_input_file, count);
    files->count = count;
    for (size_t i = 0; i < count; i++)
        files->files[i].fd = -1;
    for (size_t i = 0; i < count; i++) {
        bool is_input = strcmp(paths[i], "-") == 0;
        enum lg_rc rc = look(paths[i], &known, &files->bytes, err);

        if (rc != LG_OK)
            return rc;
        if (is_input && standard_input)
            return lg_error_set(err, LG_ERR_INVALID, "standard input (-) can be read once only");
        standard_input = standard_input || is_input;
        files->files[i].path = paths[i];
        files->inputs[i] = (struct lg_input_file){is_input ? "standard input" : paths[i],
                                                  {read_file, &files->files[i]}};
    }
    files->bytes = known ? files->bytes : 0;
    return LG_OK;
}

void lg_cli_files_close(struct lg_cli_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        close_file(&files->files[i]);
    lg_free(files->files);
    lg_free(files->inputs);
    *files = (struct lg_cli_files){0};
}

/* --- Flags. ------------------------------------------------------------------------------------
 */

/* One byte, or the word for one that is hard to type. */
static enum lg_rc parse_byte(const char *flag, const char *text, int *out, struct lg_error *err)
{
    unsigned char c = (unsigned char)text[0];

    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        *out = '\t';
    else if (c > ' ' && c < 0x7f && text[1] == '\0')
        *out = c;
    else if (strcmp(text, " ") == 0 || strcmp(text, "\t") == 0)
        *out = c;
    else
        return lg_error_set(err, LG_ERR_INVALID,
                            "--%s must be one character of ASCII, or tab, not '%s'", flag, text);
    return LG_OK;
}

static enum lg_rc parse_csv(const struct lg_command *c, struct lg_input_options *o,
                            struct lg_error *err)
{
    const char *delimiter = c->flags[LG_FLAG_DELIMITER], *quote = c->flags[LG_FLAG_QUOTE];
    enum lg_rc rc = LG_OK;

    if (delimiter != NULL)
        rc = parse_byte("delimiter", delimiter, &o->csv_delimiter, err);
    if (rc == LG_OK && quote != NULL && strcmp(quote, "none") == 0)
        o->csv_quote = LG_CSV_NO_QUOTE;
    else if (rc == LG_OK && quote != NULL)
        rc = parse_byte("quote", quote, &o->csv_quote, err);
    if (rc == LG_OK && (o->csv_delimiter == 0 ? ',' : o->csv_delimiter) ==
                           (o->csv_quote == 0 ? '"' : o->csv_quote))
        rc = lg_error_set(err, LG_ERR_INVALID, "--delimiter and --quote are the same character");
    o->csv_no_header = c->flags[LG_FLAG_NO_HEADER] != NULL;
    return rc;
}

enum lg_rc lg_cli_input_options(const struct lg_command *c, const struct lg_cli_files *files,
                                struct lg_input_options *out, struct lg_error *err)
{
    struct lg_input_options o = {.files = files->inputs, .file_count = files->count};
    const char *format = c->flags[LG_FLAG_FORMAT];
    bool is_csv = c->flags[LG_FLAG_DELIMITER] != NULL || c->flags[LG_FLAG_QUOTE] != NULL ||
                  c->flags[LG_FLAG_NO_HEADER] != NULL;
    enum lg_rc rc = LG_OK;

    if (format != NULL)
        rc = lg_input_format_parse(format, &o.format, err);
    if (rc == LG_OK && is_csv && format != NULL && o.format != LG_INPUT_CSV)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--delimiter, --quote and --no-header belong to --format csv, not %s",
                            format);
    if (rc == LG_OK && is_csv)
        o.format = LG_INPUT_CSV;
    if (rc == LG_OK)
        rc = parse_csv(c, &o, err);
    if (rc == LG_OK && c->flags[LG_FLAG_MAX_ERRORS] != NULL &&
        (!lg_parse_u64(lg_slice_str(c->flags[LG_FLAG_MAX_ERRORS]), ERRORS_MAX, &o.errors_max) ||
         o.errors_max == 0))
        rc = lg_error_set(err, LG_ERR_INVALID, "--max-errors must be 1 to %u, not '%s'", ERRORS_MAX,
                          c->flags[LG_FLAG_MAX_ERRORS]);
    if (rc != LG_OK)
        return rc;
    o.key_field = c->flags[LG_FLAG_KEY_FIELD];
    o.value_field = c->flags[LG_FLAG_VALUE_FIELD];
    *out = o;
    return LG_OK;
}
