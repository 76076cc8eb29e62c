/* Files as a port, so that the simulator can lose unsynced writes, tear sectors and fill the disk.
 *
 * All calls block: callers run them from lg_offload, or at start-up. Paths use '/' and are relative
 * to the disk's root (posix: a folder given at creation; sim: a virtual one). What is promised:
 * bytes written are durable only after lg_file_sync; a created, renamed or removed name is durable
 * only after lg_disk_sync_dir of its folder. A failed sync is final for that file: its content
 * since the last good sync is unknown, and the caller must stop using it. Calls on different files
 * may come from different threads; one file has one user at a time, except lg_file_read, which may
 * run beside anything.
 */
#ifndef LG_LANE_DISK_H
#define LG_LANE_DISK_H

#include "base/buf.h"
#include "base/vec.h"

struct lg_disk;
struct lg_file;

enum lg_disk_flags {
    LG_DISK_READ = 0,
    LG_DISK_WRITE = 1,     /* Read and write. */
    LG_DISK_CREATE = 2,    /* Make it if absent. */
    LG_DISK_EXCLUSIVE = 4, /* With CREATE: LG_ERR_CONFLICT if present. */
    LG_DISK_TRUNCATE = 8,
};

struct lg_disk_names { /* Owned by the caller: lg_disk_names_done. */
    LG_VEC(char *) names;
};

struct lg_disk_ops {
    const char *name;
    enum lg_rc (*open)(struct lg_disk *d, const char *path, unsigned flags, struct lg_file **out,
                       struct lg_error *err);
    void (*close)(struct lg_file *f);
    enum lg_rc (*read)(struct lg_file *f, uint64_t offset, void *out, size_t size, size_t *out_read,
                       struct lg_error *err);
    enum lg_rc (*write)(struct lg_file *f, uint64_t offset, const void *data, size_t size,
                        struct lg_error *err);
    enum lg_rc (*sync)(struct lg_file *f, struct lg_error *err);
    enum lg_rc (*truncate)(struct lg_file *f, uint64_t size, struct lg_error *err);
    enum lg_rc (*size)(struct lg_file *f, uint64_t *out, struct lg_error *err);
    enum lg_rc (*rename)(struct lg_disk *d, const char *from, const char *to, struct lg_error *err);
    enum lg_rc (*remove)(struct lg_disk *d, const char *path, struct lg_error *err);
    enum lg_rc (*make_dir)(struct lg_disk *d, const char *path, struct lg_error *err);
    enum lg_rc (*list)(struct lg_disk *d, const char *path, struct lg_disk_names *out,
                       struct lg_error *err);
    enum lg_rc (*sync_dir)(struct lg_disk *d, const char *path, struct lg_error *err);
    enum lg_rc (*lock)(struct lg_disk *d, const char *path, struct lg_file **out,
                       struct lg_error *err);
    enum lg_rc (*free_bytes)(struct lg_disk *d, uint64_t *out, struct lg_error *err);
};

struct lg_disk { /* The head that every driver embeds first. */
    const struct lg_disk_ops *ops;
};
struct lg_file {
    struct lg_disk *disk;
};

/* LG_ERR_NOT_FOUND without CREATE, LG_ERR_CONFLICT with EXCLUSIVE, LG_ERR_IO, LG_ERR_NO_SPACE. */
LG_MUST_CHECK enum lg_rc lg_file_open(struct lg_disk *d, const char *path, unsigned flags,
                                      struct lg_file **out, struct lg_error *err);
void lg_file_close(struct lg_file *f); /* NULL is allowed; syncs nothing. */
LG_DEFINE_AUTO(lg_file, lg_file_close)
/* Up to `size` bytes at `offset`; `*out_read` is less only at the end of the file. */
LG_MUST_CHECK enum lg_rc lg_file_read(struct lg_file *f, uint64_t offset, void *out, size_t size,
                                      size_t *out_read, struct lg_error *err);
/* All or an error; a short write is retried inside. */
LG_MUST_CHECK enum lg_rc lg_file_write(struct lg_file *f, uint64_t offset, const void *data,
                                       size_t size, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_file_sync(struct lg_file *f, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_file_truncate(struct lg_file *f, uint64_t size, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_file_size(struct lg_file *f, uint64_t *out, struct lg_error *err);
/* Replaces `to` if present, atomically. */
LG_MUST_CHECK enum lg_rc lg_disk_rename(struct lg_disk *d, const char *from, const char *to,
                                        struct lg_error *err);
/* A file or an empty folder. An absent name is LG_OK. */
LG_MUST_CHECK enum lg_rc lg_disk_remove(struct lg_disk *d, const char *path, struct lg_error *err);
/* Everything below and the folder itself. An absent name is LG_OK. */
LG_MUST_CHECK enum lg_rc lg_disk_remove_tree(struct lg_disk *d, const char *path,
                                             struct lg_error *err);
/* With parents; present is LG_OK. The new names are synced into their folders. */
LG_MUST_CHECK enum lg_rc lg_disk_make_dirs(struct lg_disk *d, const char *path,
                                           struct lg_error *err);
/* Names in a folder, sorted, without "." and "..". LG_ERR_NOT_FOUND. */
LG_MUST_CHECK enum lg_rc lg_disk_list(struct lg_disk *d, const char *path,
                                      struct lg_disk_names *out, struct lg_error *err);
void lg_disk_names_done(struct lg_disk_names *names);
LG_DEFINE_SCOPED(lg_disk_names, lg_disk_names_done)
LG_MUST_CHECK enum lg_rc lg_disk_sync_dir(struct lg_disk *d, const char *path,
                                          struct lg_error *err);
/* Takes an exclusive lock on a file, made if absent; held until lg_file_close or the end of the
 * process. LG_ERR_IN_USE names the holder (its pid is in the file). */
LG_MUST_CHECK enum lg_rc lg_disk_lock(struct lg_disk *d, const char *path, struct lg_file **out,
                                      struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_disk_free_bytes(struct lg_disk *d, uint64_t *out, struct lg_error *err);
/* The whole file, at most `limit` bytes (LG_ERR_TOO_LARGE). */
LG_MUST_CHECK enum lg_rc lg_disk_read_file(struct lg_disk *d, const char *path, size_t limit,
                                           struct lg_buf *out, struct lg_error *err);
/* Replaces a file atomically and durably: temporary name, sync, rename, sync of the folder. */
LG_MUST_CHECK enum lg_rc lg_disk_write_file(struct lg_disk *d, const char *path,
                                            struct lg_slice content, struct lg_error *err);

#endif
