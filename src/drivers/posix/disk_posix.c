/* The disk port by system calls relative to the root's descriptor. Every call that a signal may
 * interrupt is repeated. A file that failed to sync once refuses everything but reading and
 * closing: the kernel may have dropped the dirty pages and would report success the next time.
 *
 * Owner: the composition root; threads: see disk.h.
 */
#include "drivers/posix/disk_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"

#define FILE_MODE 0644
#define DIR_MODE 0755
#define PID_TEXT_MAX 32  /* bytes of a lock file that are read */
#define LIST_MAX 1000000 /* names in one folder */

struct disk_posix {
    struct lg_disk disk; /* First: lg_disk pointers are cast back. */
    int root_fd;
    char *root;
};

struct file_posix {
    struct lg_file file; /* First. */
    int fd;
    bool sync_failed; /* Final. */
    char *path;
};

static struct disk_posix *disk_of(struct lg_disk *d)
{
    return (struct disk_posix *)d;
}

static struct file_posix *file_of(struct lg_file *f)
{
    return (struct file_posix *)f;
}

/* --- Paths ---------------------------------------------------------------------------------- */

static bool leaves_root(const char *path)
{
    const char *part = path;

    if (path[0] == '/')
        return true;
    while (part != NULL) {
        const char *slash = strchr(part, '/');
        size_t size = slash == NULL ? strlen(part) : (size_t)(slash - part);

        if (size == 2 && part[0] == '.' && part[1] == '.')
            return true;
        part = slash == NULL ? NULL : slash + 1;
    }
    return false;
}

static enum lg_rc check_path(const char *path, struct lg_error *err)
{
    if (!leaves_root(path))
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID,
                        "the path %s leaves its disk; use a relative path without \"..\"", path);
}

/* The root itself is "" in the port and "." in the system. */
static const char *system_path(const char *path)
{
    return path[0] == '\0' ? "." : path;
}

/* --- Files ---------------------------------------------------------------------------------- */

static int open_retried(int dir_fd, const char *path, int flags)
{
    int fd;

    do {
        fd = openat(dir_fd, system_path(path), flags | O_CLOEXEC, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static int system_flags(unsigned flags)
{
    return ((flags & LG_DISK_WRITE) != 0 ? O_RDWR : O_RDONLY) |
           ((flags & LG_DISK_CREATE) != 0 ? O_CREAT : 0) |
           ((flags & LG_DISK_EXCLUSIVE) != 0 ? O_EXCL : 0) |
           ((flags & LG_DISK_TRUNCATE) != 0 ? O_TRUNC : 0);
}

static struct lg_file *file_new(struct lg_disk *d, int fd, const char *path)
{
    struct file_posix *f = lg_new(struct file_posix);

    f->file.disk = d;
    f->fd = fd;
    f->path = lg_strdup(path);
    return &f->file;
}

static enum lg_rc posix_open(struct lg_disk *d, const char *path, unsigned flags,
                             struct lg_file **out, struct lg_error *err)
{
    enum lg_rc rc = check_path(path, err);
    struct stat st;
    int fd;

    if (rc != LG_OK)
        return rc;
    fd = open_retried(disk_of(d)->root_fd, path, system_flags(flags));
    if (fd < 0 && errno == EEXIST)
        return lg_error_set(err, LG_ERR_CONFLICT, "%s exists already", path);
    if (fd < 0)
        return lg_error_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return lg_error_set(err, LG_ERR_IO, "cannot open %s: it is not a regular file", path);
    }
    *out = file_new(d, fd, path);
    return LG_OK;
}

static void posix_close(struct lg_file *f)
{
    /* An error here could only concern bytes that were not synced: nobody was promised those. */
    close(file_of(f)->fd);
    lg_free(file_of(f)->path);
    lg_free(f);
}

static enum lg_rc posix_read(struct lg_file *f, uint64_t offset, void *out, size_t size,
                             size_t *out_read, struct lg_error *err)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(file_of(f)->fd, (char *)out + done, size - done, (off_t)(offset + done));

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return lg_error_errno(err, errno, "cannot read %s at %llu", file_of(f)->path,
                                  (unsigned long long)(offset + done));
        done += n < 0 ? 0 : (size_t)n;
    }
    *out_read = done;
    return LG_OK;
}

static enum lg_rc check_usable(const struct file_posix *f, struct lg_error *err)
{
    if (!f->sync_failed)
        return LG_OK;
    return lg_error_set(err, LG_ERR_IO,
                        "%s failed to reach the disk before, so its content is unknown; "
                        "check the disk and restart",
                        f->path);
}

static enum lg_rc posix_write(struct lg_file *f, uint64_t offset, const void *data, size_t size,
                              struct lg_error *err)
{
    enum lg_rc rc = check_usable(file_of(f), err);
    size_t done = 0;

    while (rc == LG_OK && done < size) {
        ssize_t n =
            pwrite(file_of(f)->fd, (const char *)data + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return lg_error_errno(err, errno, "cannot write %s at %llu", file_of(f)->path,
                                  (unsigned long long)(offset + done));
        done += n < 0 ? 0 : (size_t)n;
    }
    return rc;
}

static enum lg_rc posix_sync(struct lg_file *f, struct lg_error *err)
{
    enum lg_rc rc = check_usable(file_of(f), err);
    int failed;

    if (rc != LG_OK)
        return rc;
    do {
        failed = fdatasync(file_of(f)->fd);
    } while (failed != 0 && errno == EINTR);
    if (failed == 0)
        return LG_OK;
    file_of(f)->sync_failed = true;
    return lg_error_errno(err, errno, "cannot sync %s", file_of(f)->path);
}

static enum lg_rc posix_truncate(struct lg_file *f, uint64_t size, struct lg_error *err)
{
    enum lg_rc rc = check_usable(file_of(f), err);
    int failed;

    if (rc != LG_OK)
        return rc;
    do {
        failed = ftruncate(file_of(f)->fd, (off_t)size);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0)
        return lg_error_errno(err, errno, "cannot cut %s to %llu bytes", file_of(f)->path,
                              (unsigned long long)size);
    return LG_OK;
}

static enum lg_rc posix_size(struct lg_file *f, uint64_t *out, struct lg_error *err)
{
    struct stat st;

    if (fstat(file_of(f)->fd, &st) != 0)
        return lg_error_errno(err, errno, "cannot tell the size of %s", file_of(f)->path);
    *out = (uint64_t)st.st_size;
    return LG_OK;
}

/* --- Names ---------------------------------------------------------------------------------- */

static enum lg_rc posix_rename(struct lg_disk *d, const char *from, const char *to,
                               struct lg_error *err)
{
    int root_fd = disk_of(d)->root_fd;
    enum lg_rc rc = check_path(from, err);

    if (rc == LG_OK)
        rc = check_path(to, err);
    if (rc == LG_OK && renameat(root_fd, from, root_fd, to) != 0)
        return lg_error_errno(err, errno, "cannot rename %s to %s", from, to);
    return rc;
}

static enum lg_rc posix_remove(struct lg_disk *d, const char *path, struct lg_error *err)
{
    enum lg_rc rc = check_path(path, err);
    int root_fd = disk_of(d)->root_fd;

    if (rc != LG_OK)
        return rc;
    if (unlinkat(root_fd, path, 0) == 0)
        return LG_OK;
    if ((errno == EISDIR || errno == EPERM) && unlinkat(root_fd, path, AT_REMOVEDIR) == 0)
        return LG_OK;
    if (errno == ENOENT || errno == ENOTDIR)
        return LG_OK;
    return lg_error_errno(err, errno, "cannot remove %s", path);
}

static enum lg_rc posix_make_dir(struct lg_disk *d, const char *path, struct lg_error *err)
{
    enum lg_rc rc = check_path(path, err);
    int root_fd = disk_of(d)->root_fd;
    struct stat st;

    if (rc != LG_OK || mkdirat(root_fd, path, DIR_MODE) == 0)
        return rc;
    if (errno != EEXIST)
        return lg_error_errno(err, errno, "cannot make the folder %s", path);
    if (fstatat(root_fd, path, &st, 0) != 0 || !S_ISDIR(st.st_mode))
        return lg_error_set(err, LG_ERR_CONFLICT, "cannot make the folder %s: a file has that name",
                            path);
    return LG_OK;
}

static enum lg_rc read_names(DIR *dir, const char *path, struct lg_disk_names *names,
                             struct lg_error *err)
{
    for (;;) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? LG_OK : lg_error_errno(err, errno, "cannot list %s", path);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (names->names.size == LIST_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "%s holds more than %d names", path,
                                LIST_MAX);
        LG_VEC_PUSH(&names->names, lg_strdup(entry->d_name));
    }
}

static enum lg_rc posix_list(struct lg_disk *d, const char *path, struct lg_disk_names *out,
                             struct lg_error *err)
{
    enum lg_rc rc = check_path(path, err);
    DIR *dir = NULL;
    int fd;

    if (rc != LG_OK)
        return rc;
    fd = open_retried(disk_of(d)->root_fd, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return lg_error_set(err, LG_ERR_NOT_FOUND, "there is no folder %s", path);
    if (fd >= 0)
        dir = fdopendir(fd);
    if (dir == NULL) {
        rc = lg_error_errno(err, errno, "cannot list %s", path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    rc = read_names(dir, path, out, err);
    closedir(dir);
    return rc;
}

static enum lg_rc posix_sync_dir(struct lg_disk *d, const char *path, struct lg_error *err)
{
    enum lg_rc rc = check_path(path, err);
    int fd, failed, why;

    if (rc != LG_OK)
        return rc;
    fd = open_retried(disk_of(d)->root_fd, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return lg_error_errno(err, errno, "cannot open the folder %s", path);
    do {
        failed = fsync(fd);
    } while (failed != 0 && errno == EINTR);
    why = errno;
    close(fd);
    return failed == 0 ? LG_OK : lg_error_errno(err, why, "cannot sync the folder %s", path);
}

/* --- Locks and space ------------------------------------------------------------------------ */

static enum lg_rc in_use(struct lg_file *f, const char *path, struct lg_error *err)
{
    char pid[PID_TEXT_MAX + 1];
    size_t n = 0;
    struct lg_error ignored;

    if (posix_read(f, 0, pid, PID_TEXT_MAX, &n, &ignored) != LG_OK)
        n = 0;
    pid[n] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return lg_error_set(err, LG_ERR_IN_USE, "%s is held by process %s; stop it first", path,
                        pid[0] == '\0' ? "(unknown)" : pid);
}

/* flock belongs to the open file, so it also keeps out a second holder in this process. */
static enum lg_rc posix_lock(struct lg_disk *d, const char *path, struct lg_file **out,
                             struct lg_error *err)
{
    LG_AUTO(lg_file) *f = NULL;
    char pid[PID_TEXT_MAX];
    int failed;
    enum lg_rc rc = posix_open(d, path, LG_DISK_WRITE | LG_DISK_CREATE, &f, err);

    if (rc != LG_OK)
        return rc;
    do {
        failed = flock(file_of(f)->fd, LOCK_EX | LOCK_NB);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0 && errno == EWOULDBLOCK)
        return in_use(f, path, err);
    if (failed != 0)
        return lg_error_errno(err, errno, "cannot lock %s", path);
    snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    rc = posix_truncate(f, 0, err);
    if (rc == LG_OK)
        rc = posix_write(f, 0, pid, strlen(pid), err);
    if (rc == LG_OK || rc == LG_ERR_NO_SPACE) { /* The lock holds; only who has it is not told. */
        *out = LG_TAKE(f);
        return LG_OK;
    }
    return rc;
}

static enum lg_rc posix_free_bytes(struct lg_disk *d, uint64_t *out, struct lg_error *err)
{
    struct statvfs st;

    if (fstatvfs(disk_of(d)->root_fd, &st) != 0)
        return lg_error_errno(err, errno, "cannot tell the free space of %s", disk_of(d)->root);
    *out = (uint64_t)st.f_bavail * st.f_frsize;
    return LG_OK;
}

static const struct lg_disk_ops ops = {
    .name = "posix",
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .size = posix_size,
    .rename = posix_rename,
    .remove = posix_remove,
    .make_dir = posix_make_dir,
    .list = posix_list,
    .sync_dir = posix_sync_dir,
    .lock = posix_lock,
    .free_bytes = posix_free_bytes,
};

/* --- Life ----------------------------------------------------------------------------------- */

/* Something else stands in its way. */
static enum lg_rc needs_folder(const char *root, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_CONFLICT,
                        "cannot use %s as a data folder: it, or a part of its path, is a file; "
                        "name a directory, or a place where one can be made",
                        root);
}

/* Makes the root and its parents. */
static enum lg_rc make_root(const char *root, struct lg_error *err)
{
    for (size_t end = 1; root[0] != '\0'; end++) {
        if (root[end] != '/' && root[end] != '\0')
            continue;
        LG_AUTO_STR char *folder = lg_strndup(root, end);

        if (mkdir(folder, DIR_MODE) != 0 && errno != EEXIST)
            return errno == ENOTDIR
                       ? needs_folder(root, err)
                       : lg_error_errno(err, errno, "cannot make the folder %s", folder);
        if (root[end] == '\0')
            break;
    }
    return LG_OK;
}

enum lg_rc lg_disk_posix_new(const char *root, struct lg_disk **out, struct lg_error *err)
{
    enum lg_rc rc = make_root(root, err);
    struct disk_posix *d;
    int fd;

    if (rc != LG_OK)
        return rc;
    fd = open_retried(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
    if (fd < 0 && errno == ENOTDIR)
        return needs_folder(root, err);
    if (fd < 0)
        return lg_error_set(err, LG_ERR_IO, "cannot use %s as a data folder: %s", root,
                            strerror(errno));
    d = lg_new(struct disk_posix);
    d->disk.ops = &ops;
    d->root_fd = fd;
    d->root = lg_strdup(root);
    *out = &d->disk;
    return LG_OK;
}

void lg_disk_posix_free(struct lg_disk *disk)
{
    if (disk == NULL)
        return;
    close(disk_of(disk)->root_fd);
    lg_free(disk_of(disk)->root);
    lg_free(disk);
}

const char *lg_disk_posix_root(const struct lg_disk *disk)
{
    return ((const struct disk_posix *)disk)->root;
}
