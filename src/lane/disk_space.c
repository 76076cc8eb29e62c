/* The low watermark and the reserve; see the header. Shared by all lanes: every field that changes
 * is atomic. */
#include "lane/disk_space.h"

#include "base/log.h"
#include "lane/fault.h"
#include "lane/mutant.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define GAP_BYTES_MAX ((uint64_t)256 << 20) /* between low and not low, against flapping */

struct lg_disk_space {
    struct lg_disk *disk;
    char *folder, *reserve_path;
    uint64_t low_bytes, resume_bytes, reserve_bytes;
    uint64_t free_bytes; /* Atomic: as the disk said last. */
    bool low;            /* Atomic. */
    bool has_reserve;    /* Atomic. */
};

static bool reserve_is_there(struct lg_disk_space *s)
{
    LG_AUTO(lg_file) *file = NULL;
    struct lg_error ignored;
    uint64_t size;

    return s->reserve_path != NULL &&
           lg_file_open(s->disk, s->reserve_path, LG_DISK_READ, &file, &ignored) == LG_OK &&
           lg_file_size(file, &size, &ignored) == LG_OK && size >= s->reserve_bytes;
}

struct lg_disk_space *lg_disk_space_new(const struct lg_disk_space_options *o)
{
    struct lg_disk_space *s = lg_new(struct lg_disk_space);

    s->disk = o->disk;
    s->folder = lg_strdup(o->folder);
    s->low_bytes = o->low_bytes;
    s->resume_bytes = o->low_bytes + LG_MIN(o->low_bytes / 4, GAP_BYTES_MAX);
    s->reserve_path = o->reserve_path == NULL ? NULL : lg_strdup(o->reserve_path);
    s->reserve_bytes = o->reserve_bytes;
    s->free_bytes = UINT64_MAX;
    s->has_reserve = reserve_is_there(s);
    (void)lg_disk_space_is_low(s);
    if (s->free_bytes < s->reserve_bytes)
        (void)lg_disk_space_release(s);
    return s;
}

void lg_disk_space_free(struct lg_disk_space *s)
{
    if (s == NULL)
        return;
    lg_free(s->folder);
    lg_free(s->reserve_path);
    lg_free(s);
}

/* The state changed, and this call saw it first. */
static void tell(const struct lg_disk_space *s, bool low, uint64_t free_bytes)
{
    if (low)
        lg_log(LG_LOG_WARN, "disk_low",
               "folder=%s free_bytes=%llu low_bytes=%llu resume_bytes=%llu effect=\"pushes wait, "
               "reads go on\"",
               s->folder, (unsigned long long)free_bytes, (unsigned long long)s->low_bytes,
               (unsigned long long)s->resume_bytes);
    else
        lg_log(LG_LOG_INFO, "disk_has_room", "folder=%s free_bytes=%llu", s->folder,
               (unsigned long long)free_bytes);
}

bool lg_disk_space_is_low(struct lg_disk_space *s)
{
    struct lg_error ignored;
    uint64_t free_bytes;
    bool was, is;

    if (s == NULL || lg_disk_free_bytes(s->disk, &free_bytes, &ignored) != LG_OK)
        return false;
    __atomic_store_n(&s->free_bytes, free_bytes, __ATOMIC_RELAXED);
    if (lg_mutant(LG_MUTANT_disk_watermark_ignored))
        return false;
    was = __atomic_load_n(&s->low, __ATOMIC_RELAXED);
    is = free_bytes < (was ? s->resume_bytes : s->low_bytes);
    if (is != was && __atomic_compare_exchange_n(&s->low, &was, is, /* weak= */ false,
                                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        tell(s, is, free_bytes);
    return is;
}

enum lg_rc lg_disk_space_check(struct lg_disk_space *s, struct lg_error *err)
{
    if (!lg_disk_space_is_low(s))
        return LG_OK;
    return lg_error_set(
        err, LG_ERR_NO_SPACE,
        "the disk of %s has %llu MiB left, and nothing is taken in below %llu MiB "
        "(disk_low_watermark): remove old versions or other files, and it goes on by itself",
        s->folder, (unsigned long long)(lg_disk_space_free_bytes(s) >> 20),
        (unsigned long long)(s->low_bytes >> 20));
}

uint64_t lg_disk_space_free_bytes(const struct lg_disk_space *s)
{
    return __atomic_load_n(&s->free_bytes, __ATOMIC_RELAXED);
}

uint64_t lg_disk_space_low_bytes(const struct lg_disk_space *s)
{
    return s->low_bytes;
}

/* --- The reserve. ------------------------------------------------------------------------------
 */

/* Emptied first: that gives its room back at once, whatever becomes of the name. */
static enum lg_rc empty_and_remove(struct lg_disk_space *s, struct lg_error *err)
{
    LG_AUTO(lg_file) *file = NULL;
    enum lg_rc rc =
        lg_file_open(s->disk, s->reserve_path, LG_DISK_WRITE | LG_DISK_TRUNCATE, &file, err);

    return rc != LG_OK ? rc : lg_disk_remove(s->disk, s->reserve_path, err);
}

bool lg_disk_space_release(struct lg_disk_space *s)
{
    struct lg_error err = {0};

    if (s == NULL || !__atomic_exchange_n(&s->has_reserve, false, __ATOMIC_ACQ_REL))
        return false;
    if (empty_and_remove(s, &err) != LG_OK) {
        lg_log(LG_LOG_ERROR, "disk_reserve_stays", "folder=%s error=\"%s\"", s->folder, err.text);
        return false;
    }
    lg_log(LG_LOG_WARN, "disk_reserve_used", "folder=%s bytes=%llu", s->folder,
           (unsigned long long)s->reserve_bytes);
    return true;
}

/* Zeros that take up room; a file that was only made larger would not. */
static enum lg_rc fill(struct lg_disk_space *s, struct lg_error *err)
{
    LG_AUTO(lg_file) *file = NULL;
    uint8_t *zeros = lg_zalloc(PIECE_BYTES);
    enum lg_rc rc = lg_file_open(s->disk, s->reserve_path,
                                 LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_TRUNCATE, &file, err);

    for (uint64_t at = 0; rc == LG_OK && at < s->reserve_bytes; at += PIECE_BYTES)
        rc = lg_file_write(file, at, zeros,
                           (size_t)LG_MIN((uint64_t)PIECE_BYTES, s->reserve_bytes - at), err);
    if (rc == LG_OK)
        rc = lg_file_sync(file, err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_RESERVE_FILLED, err);
    lg_free(zeros);
    return rc;
}

void lg_disk_space_tend(struct lg_disk_space *s)
{
    struct lg_error err = {0}, ignored;

    if (s == NULL || s->reserve_path == NULL || lg_disk_space_is_low(s) ||
        __atomic_load_n(&s->has_reserve, __ATOMIC_ACQUIRE) ||
        lg_disk_space_free_bytes(s) < s->resume_bytes + s->reserve_bytes)
        return;
    if (fill(s, &err) == LG_OK) {
        __atomic_store_n(&s->has_reserve, true, __ATOMIC_RELEASE);
        return;
    }
    lg_log(LG_LOG_WARN, "disk_reserve_not_made", "folder=%s error=\"%s\"", s->folder, err.text);
    (void)!lg_disk_remove(s->disk, s->reserve_path, &ignored);
}
