/* A data directory: is it Lagoon's, of our format, and nobody else's at the moment?
 * (docs/formats/data-directory.md). All calls block. */
#ifndef LG_MAIN_DATA_DIR_H
#define LG_MAIN_DATA_DIR_H

#include "lane/disk.h"

enum lg_data_dir_kind {
    LG_DATA_DIR_STANDALONE, /* metadata, log and replicas */
    LG_DATA_DIR_SERVER,     /* the replicas of one server of a cluster */
};

struct lg_data_dir { /* {0} is closed. */
    struct lg_disk *disk;
    struct lg_file *lock;
    enum lg_data_dir_kind kind;
};

/* Opens and locks it; an empty or absent one becomes a data directory. On failure a foreign one is
 * as it was. LG_ERR_IN_USE when another process has it; LG_ERR_CONFLICT when it holds something
 * else, or is of another format or kind; LG_ERR_IO. */
LG_MUST_CHECK enum lg_rc lg_data_dir_open(const char *path, enum lg_data_dir_kind kind,
                                          struct lg_data_dir *out, struct lg_error *err);
/* Locks one of a standalone that must be empty or absent, to be filled: it is none until
 * lg_data_dir_mark, and whoever dies meanwhile leaves a folder that is refused. LG_ERR_CONFLICT
 * when it holds anything.
 */
LG_MUST_CHECK enum lg_rc lg_data_dir_open_new(const char *path, struct lg_data_dir *out,
                                              struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_data_dir_mark(struct lg_data_dir *dir, struct lg_error *err);
void lg_data_dir_close(struct lg_data_dir *dir); /* What was opened on the disk is closed before. */

#endif
