#include "main/profile_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "main/cli.h"

#define FILE_MODE 0600
#define DIR_MODE 0700

char *lg_profile_file_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config != NULL && config[0] == '/') /* Relative ones are to be ignored (XDG). */
        return lg_strf("%s/lagoon/profiles", config);
    return home == NULL || home[0] == '\0' ? NULL : lg_strf("%s/.config/lagoon/profiles", home);
}

enum lg_rc lg_profile_file_load(struct lg_profiles *out, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_profile_file_path();
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc;

    if (path == NULL)
        return LG_OK;
    rc = lg_cli_read_file(path, LG_PROFILE_FILE_BYTES_MAX, &text, err);
    if (rc == LG_ERR_NOT_FOUND)
        return LG_OK;
    if (rc != LG_OK)
        return rc;
    rc = lg_profiles_parse(lg_buf_slice(&text), out, err);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "%s", path);
}

/* The folder of `path` with its parents. */
static enum lg_rc make_folder(const char *path, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_strdup(path);

    for (char *at = strchr(folder + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(folder, DIR_MODE) != 0 && errno != EEXIST)
            return lg_error_errno(err, errno, "%s", folder);
        *at = '/';
    }
    return LG_OK;
}

static enum lg_rc write_all(int fd, const char *path, struct lg_slice text, struct lg_error *err)
{
    while (text.size > 0) {
        ssize_t put = write(fd, text.data, text.size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return lg_error_errno(err, put < 0 ? errno : EIO, "%s", path);
        text = lg_slice_skip(text, (size_t)put);
    }
    return fsync(fd) == 0 ? LG_OK : lg_error_errno(err, errno, "%s", path);
}

/* So that the new name outlives a loss of power. */
static enum lg_rc sync_folder(const char *path, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_strndup(path, (size_t)(strrchr(path, '/') - path));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum lg_rc rc = LG_OK;

    if (fd < 0 || fsync(fd) != 0)
        rc = lg_error_errno(err, errno, "%s", folder);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

enum lg_rc lg_profile_file_save(const struct lg_profiles *profiles, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_profile_file_path(), *temporary = NULL;
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc;
    int fd;

    if (path == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "neither XDG_CONFIG_HOME nor HOME is set: there is no place for "
                            "profiles");
    lg_profiles_write(&text, profiles);
    rc = make_folder(path, err);
    if (rc != LG_OK)
        return rc;
    temporary = lg_strf("%s.%ld", path, (long)getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return lg_error_errno(err, errno, "%s", temporary);
    rc = write_all(fd, temporary, lg_buf_slice(&text), err);
    if (close(fd) != 0 && rc == LG_OK)
        rc = lg_error_errno(err, errno, "%s", temporary);
    if (rc == LG_OK && rename(temporary, path) != 0)
        rc = lg_error_errno(err, errno, "%s", path);
    if (rc == LG_OK)
        return sync_folder(path, err);
    (void)unlink(temporary);
    return rc;
}
