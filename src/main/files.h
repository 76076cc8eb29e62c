/* The files that a user names, as input of pushes and of `lagoon file`, with the flags that say how
 * they are to be read. Owned by one verb. */
#ifndef LG_MAIN_FILES_H
#define LG_MAIN_FILES_H

#include "admin/command.h"
#include "pushjob/input.h"

struct lg_cli_file {
    const char *path; /* "-": standard input */
    int fd;           /* -1: not opened yet, or at its end */
    bool ended;
};

struct lg_cli_files {
    struct lg_cli_file *files;
    struct lg_input_file *inputs; /* For lg_input_options; each is opened when it is read. */
    size_t count;
    uint64_t bytes; /* of all; 0: not known */
};

/* Looks whether they are there and are no folders. LG_ERR_NOT_FOUND, LG_ERR_BAD_DATA and LG_ERR_IO
 * name the path; LG_ERR_INVALID: standard input twice. */
LG_MUST_CHECK enum lg_rc lg_cli_files_open(struct lg_cli_files *files, const char *const *paths,
                                           size_t count, struct lg_error *err);
void lg_cli_files_close(struct lg_cli_files *files);
LG_DEFINE_SCOPED(lg_cli_files, lg_cli_files_close)

/* The flags of a command: format, delimiter, quote, header, fields. The files are the caller's. */
LG_MUST_CHECK enum lg_rc lg_cli_input_options(const struct lg_command *command,
                                              const struct lg_cli_files *files,
                                              struct lg_input_options *out, struct lg_error *err);

#endif
