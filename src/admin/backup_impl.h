/* What the halves of backup.h share. Nothing outside of admin/backup*.c includes this. */
#ifndef LG_ADMIN_BACKUP_IMPL_H
#define LG_ADMIN_BACKUP_IMPL_H

#include "admin/backup.h"
#include "base/hash.h"

#define LG_BACKUP_MANIFEST "backup.json"
#define LG_BACKUP_METADATA "metadata.json"
#define LG_BACKUP_FORMAT "lagoon backup, format 1"

/* A file while it is written or read: how much, and its digest. */
struct lg_backup_digest {
    struct lg_md5 md5;
    uint64_t bytes, records;
};
void lg_backup_digest_init(struct lg_backup_digest *d);
void lg_backup_digest_add(struct lg_backup_digest *d, struct lg_slice bytes);
/* {"bytes":N,"records":N,"md5":"…"}; the caller owns it. Ends the digest. */
struct lg_json *lg_backup_digest_json(struct lg_backup_digest *d);

/* "log/cities_v1.0"; the caller owns it. */
char *lg_backup_log_path(const char *topic, uint32_t partition);
void lg_backup_tell(const struct lg_backup_world *w, const char *what, uint64_t done,
                    uint64_t total);

#endif
