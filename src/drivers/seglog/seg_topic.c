/* Folders of topics. Called at start-up and from offloaded work. */
#include "drivers/seglog/seg_topic.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/str.h"
#include "lane/fault.h"

#define META_BYTES_MAX 1024
#define DIR_MARK '~'

enum lg_rc lg_seg_topic_name_check(const char *name, struct lg_error *err)
{
    size_t size = name == NULL ? 0 : strlen(name);

    if (size == 0 || size > LG_TOPIC_NAME_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "a topic's name has 1 to %u characters, not %zu",
                            LG_TOPIC_NAME_MAX, size);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return lg_error_set(err, LG_ERR_INVALID, "\"%s\" is no name for a topic", name);
    for (size_t i = 0; i < size; i++) {
        char c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return lg_error_set(err, LG_ERR_INVALID,
                                "topic \"%s\": a name holds only letters, digits, '.', '_' and '-'",
                                name);
    }
    return LG_OK;
}

void lg_seg_topic_meta_write(struct lg_buf *out, const struct lg_seg_topic_meta *meta)
{
    size_t start = out->size;

    lg_buf_appendf(out, "lagoon-topic 1\nname %s\npartitions %u\n", meta->name, meta->partitions);
    lg_buf_appendf(out, "crc32c %08x\n", lg_crc32c(0, out->data + start, out->size - start));
}

/* The text after `label` and a blank, up to the newline. */
static bool take_line(struct lg_slice *text, const char *label, struct lg_slice *out)
{
    struct lg_slice prefix = lg_slice_str(label);
    const uint8_t *newline = text->size == 0 ? NULL : memchr(text->data, '\n', text->size);
    size_t n;

    if (newline == NULL || !lg_slice_starts(*text, prefix) || prefix.size >= text->size ||
        text->data[prefix.size] != ' ')
        return false;
    n = (size_t)(newline - text->data);
    if (n < prefix.size + 1)
        return false;
    *out = lg_slice(text->data + prefix.size + 1, n - prefix.size - 1);
    *text = lg_slice_skip(*text, n + 1);
    return true;
}

enum lg_rc lg_seg_topic_meta_read(struct lg_slice text, struct lg_seg_topic_meta *out,
                                  struct lg_error *err)
{
    struct lg_slice rest = text, version, name, partitions, crc;
    struct lg_seg_topic_meta meta = {0};
    char want[16];
    uint64_t n;

    if (!take_line(&rest, "lagoon-topic", &version))
        return lg_error_set(err, LG_ERR_CORRUPT, "this is no topic.meta");
    if (!lg_slice_eq_str(version, "1"))
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "topic.meta of version %.*s, this program knows 1",
                            (int)LG_MIN(version.size, (size_t)16), (const char *)version.data);
    if (!take_line(&rest, "name", &name) || !take_line(&rest, "partitions", &partitions))
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.meta is cut");
    (void)snprintf(want, sizeof(want), "%08x", lg_crc32c(0, text.data, text.size - rest.size));
    if (!take_line(&rest, "crc32c", &crc) || !lg_slice_eq_str(crc, want) || rest.size != 0)
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.meta fails its checksum");
    if (!lg_parse_u64(partitions, LG_TOPIC_PARTITIONS_MAX, &n) || n == 0 ||
        partitions.data[0] == '0' || name.size > LG_TOPIC_NAME_MAX)
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.meta holds values out of range");
    memcpy(meta.name, name.data, name.size);
    /* A zero byte inside would end the name early and let two folders claim one topic. */
    if (memchr(name.data, '\0', name.size) != NULL ||
        lg_seg_topic_name_check(meta.name, NULL) != LG_OK)
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.meta holds no name of a topic");
    memcpy(out->name, meta.name, sizeof(out->name));
    out->partitions = (uint32_t)n;
    return LG_OK;
}

void lg_seg_topic_config_write(struct lg_buf *out, const struct lg_pubsub_config *config)
{
    size_t start = out->size;

    lg_buf_appendf(out, "lagoon-topic-config 1\nretention_ms %lld\ncompacted %u\n",
                   (long long)config->retention_ms, config->compacted ? 1u : 0u);
    lg_buf_appendf(out, "min_compaction_lag_ms %lld\nreplication %u\nmin_insync_replicas %u\n",
                   (long long)config->min_compaction_lag_ms, (unsigned)config->replication,
                   (unsigned)config->min_insync_replicas);
    lg_buf_appendf(out, "crc32c %08x\n", lg_crc32c(0, out->data + start, out->size - start));
}

static bool take_number(struct lg_slice *text, const char *label, int64_t min, int64_t max,
                        int64_t *out)
{
    struct lg_slice value;

    return take_line(text, label, &value) && lg_parse_i64(value, min, max, out);
}

enum lg_rc lg_seg_topic_config_read(struct lg_slice text, struct lg_pubsub_config *out,
                                    struct lg_error *err)
{
    int64_t retention_ms, compacted, lag_ms, replication, insync;
    struct lg_pubsub_config config;
    struct lg_slice rest = text, version;
    LG_SCOPED(lg_buf) again = {0};

    if (!take_line(&rest, "lagoon-topic-config", &version))
        return lg_error_set(err, LG_ERR_CORRUPT, "this is no topic.config");
    if (!lg_slice_eq_str(version, "1"))
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "topic.config of version %.*s, this program knows 1",
                            (int)LG_MIN(version.size, (size_t)16), (const char *)version.data);
    if (!take_number(&rest, "retention_ms", -1, INT64_MAX, &retention_ms) ||
        !take_number(&rest, "compacted", 0, 1, &compacted) ||
        !take_number(&rest, "min_compaction_lag_ms", 0, INT64_MAX, &lag_ms) ||
        !take_number(&rest, "replication", 0, LG_TOPIC_REPLICATION_MAX, &replication) ||
        !take_number(&rest, "min_insync_replicas", 0, UINT16_MAX, &insync))
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.config is cut or out of range");
    config = (struct lg_pubsub_config){.retention_ms = retention_ms,
                                       .compacted = compacted == 1,
                                       .min_compaction_lag_ms = lag_ms,
                                       .replication = (uint16_t)replication,
                                       .min_insync_replicas = (uint16_t)insync};
    if (lg_pubsub_config_check(/* topic= */ "", &config, NULL) != LG_OK)
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.config holds values that contradict");
    lg_seg_topic_config_write(&again, &config);
    if (!lg_slice_eq(lg_buf_slice(&again), text))
        return lg_error_set(err, LG_ERR_CORRUPT, "topic.config fails its checksum");
    *out = config;
    return LG_OK;
}

bool lg_seg_topic_dir_parse(const char *dir_name, struct lg_seg_topic_meta *out)
{
    const char *mark = strrchr(dir_name, DIR_MARK);
    struct lg_seg_topic_meta meta = {0};

    if (mark == NULL || mark == dir_name || (size_t)(mark - dir_name) > LG_TOPIC_NAME_MAX)
        return false;
    memcpy(meta.name, dir_name, (size_t)(mark - dir_name));
    if (lg_seg_topic_name_check(meta.name, NULL) != LG_OK ||
        !lg_parse_u64(lg_slice_str(mark + 1), UINT64_MAX - 1, &meta.number))
        return false;
    *out = meta;
    return true;
}

char *lg_seg_topic_dir(const char *dir, const char *topic, uint64_t number)
{
    return lg_strf("%s/%s%c%llu", dir, topic, DIR_MARK, (unsigned long long)number);
}

enum lg_rc lg_seg_topic_configure(struct lg_disk *disk, const char *dir,
                                  const struct lg_seg_topic_meta *meta,
                                  const struct lg_pubsub_config *config, struct lg_error *err)
{
    static const struct lg_pubsub_config ordinary = {.retention_ms = -1};
    LG_AUTO_STR char *folder = lg_seg_topic_dir(dir, meta->name, meta->number);
    LG_AUTO_STR char *path = lg_strf("%s/topic.config", folder);
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc;

    if (!lg_pubsub_config_equal(config, &ordinary)) {
        lg_seg_topic_config_write(&text, config);
        return lg_disk_write_file(disk, path, lg_buf_slice(&text), err);
    }
    rc = lg_disk_remove(disk, path, err);
    if (rc == LG_OK)
        rc = lg_disk_sync_dir(disk, folder, err);
    return rc == LG_ERR_NOT_FOUND ? LG_OK : rc;
}

/* Before topic.meta, which makes it all count; a topic of the default kind has no such file. */
static enum lg_rc create_config(struct lg_disk *disk, const char *dir,
                                const struct lg_seg_topic_meta *meta, struct lg_error *err)
{
    static const struct lg_pubsub_config ordinary = {.retention_ms = -1};

    if (lg_pubsub_config_equal(&meta->config, &ordinary))
        return LG_OK;
    return lg_seg_topic_configure(disk, dir, meta, &meta->config, err);
}

enum lg_rc lg_seg_topic_create(struct lg_disk *disk, const char *dir,
                               const struct lg_seg_topic_meta *meta, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_seg_topic_dir(dir, meta->name, meta->number);
    LG_AUTO_STR char *path = lg_strf("%s/topic.meta", folder);
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = lg_disk_make_dirs(disk, folder, err);

    lg_seg_topic_meta_write(&text, meta);
    if (rc == LG_OK)
        rc = create_config(disk, dir, meta, err);
    if (rc == LG_OK)
        rc = lg_disk_write_file(disk, path, lg_buf_slice(&text), err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_LOG_TOPIC_MADE, err);
    return rc;
}

enum lg_rc lg_seg_topic_unmake(struct lg_disk *disk, const char *dir,
                               const struct lg_seg_topic_meta *meta, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_seg_topic_dir(dir, meta->name, meta->number);
    LG_AUTO_STR char *path = lg_strf("%s/topic.meta", folder);
    enum lg_rc rc = lg_disk_remove(disk, path, err);

    if (rc == LG_OK)
        rc = lg_disk_sync_dir(disk, folder, err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_LOG_TOPIC_UNMADE, err);
    /* The folder itself may be missing when its creation failed early. */
    return rc == LG_ERR_NOT_FOUND ? LG_OK : rc;
}

/* What is wrong with a file of a topic, and what to do about it. */
static enum lg_rc explain(const char *path, enum lg_rc rc, struct lg_error *err)
{
    const struct lg_error why = *err;

    return lg_error_set(err, rc, "%s: %s%s", path, why.text,
                        rc == LG_ERR_CORRUPT    ? "; restore the directory from a backup"
                        : rc == LG_ERR_CONFLICT ? "; use the program that wrote it"
                                                : "");
}

static enum lg_rc scan_config(struct lg_disk *disk, const char *folder,
                              struct lg_pubsub_config *out, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/topic.config", folder);
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = lg_disk_read_file(disk, path, META_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND) {
        *out = (struct lg_pubsub_config){.retention_ms = -1};
        return LG_OK;
    }
    if (rc == LG_OK)
        rc = lg_seg_topic_config_read(lg_buf_slice(&text), out, err);
    return rc == LG_OK ? LG_OK : explain(path, rc, err);
}

static enum lg_rc scan_one(struct lg_disk *disk, const char *dir, const char *dir_name,
                           struct lg_seg_topic_meta *out, bool *out_exists, struct lg_error *err)
{
    LG_AUTO_STR char *folder = lg_strf("%s/%s", dir, dir_name);
    LG_AUTO_STR char *path = lg_strf("%s/topic.meta", folder);
    LG_SCOPED(lg_buf) text = {0};
    struct lg_seg_topic_meta meta = *out;
    enum lg_rc rc = lg_disk_read_file(disk, path, META_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND) {
        *out_exists = false;
        return lg_disk_remove_tree(disk, folder, err);
    }
    if (rc == LG_OK)
        rc = lg_seg_topic_meta_read(lg_buf_slice(&text), &meta, err);
    if (rc != LG_OK)
        return explain(path, rc, err);
    if (strcmp(meta.name, out->name) != 0)
        return lg_error_set(err, LG_ERR_CORRUPT, "%s names topic %s: the folder was renamed", path,
                            meta.name);
    rc = scan_config(disk, folder, &meta.config, err);
    if (rc != LG_OK)
        return rc;
    *out = meta;
    *out_exists = true;
    return LG_OK;
}

enum lg_rc lg_seg_topic_scan(struct lg_disk *disk, const char *dir,
                             enum lg_rc (*found)(void *ctx, const struct lg_seg_topic_meta *meta,
                                                 struct lg_error *err),
                             void *ctx, struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    enum lg_rc rc = lg_disk_list(disk, dir, &names, err);

    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++) {
        struct lg_seg_topic_meta meta = {0};
        bool exists = false;

        if (!lg_seg_topic_dir_parse(names.names.data[i], &meta))
            continue;
        rc = scan_one(disk, dir, names.names.data[i], &meta, &exists, err);
        if (rc == LG_OK && exists)
            rc = found(ctx, &meta, err);
    }
    return rc;
}
