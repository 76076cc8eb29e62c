/* The folder of one topic: its name, topic.meta, creation and removal. Everything here blocks. */
#ifndef LG_DRIVERS_SEGLOG_SEG_TOPIC_H
#define LG_DRIVERS_SEGLOG_SEG_TOPIC_H

#include "lane/disk.h"
#include "pubsub/pubsub.h"

struct lg_seg_topic_meta {
    char name[LG_TOPIC_NAME_MAX + 1];
    uint32_t partitions;
    uint64_t number;                /* From the folder's name. */
    struct lg_pubsub_config config; /* From topic.config; without it the default. */
};

/* LG_ERR_INVALID names what is wrong. */
LG_MUST_CHECK enum lg_rc lg_seg_topic_name_check(const char *name, struct lg_error *err);
void lg_seg_topic_meta_write(struct lg_buf *out, const struct lg_seg_topic_meta *meta);
/* LG_ERR_CORRUPT; LG_ERR_CONFLICT for another version. `number` is not touched. */
LG_MUST_CHECK enum lg_rc lg_seg_topic_meta_read(struct lg_slice text, struct lg_seg_topic_meta *out,
                                                struct lg_error *err);
void lg_seg_topic_config_write(struct lg_buf *out, const struct lg_pubsub_config *config);
/* LG_ERR_CORRUPT; LG_ERR_CONFLICT for another version. */
LG_MUST_CHECK enum lg_rc
lg_seg_topic_config_read(struct lg_slice text, struct lg_pubsub_config *out, struct lg_error *err);
/* "<topic>~<number>" -> parts; false for any other name. */
bool lg_seg_topic_dir_parse(const char *dir_name, struct lg_seg_topic_meta *out);
/* "<dir>/<topic>~<number>"; owned by the caller. */
char *lg_seg_topic_dir(const char *dir, const char *topic, uint64_t number);

/* The topic exists, durably, when this returns LG_OK. */
LG_MUST_CHECK enum lg_rc lg_seg_topic_create(struct lg_disk *disk, const char *dir,
                                             const struct lg_seg_topic_meta *meta,
                                             struct lg_error *err);
/* The topic is configured so, durably, when this returns LG_OK. A default leaves no file. */
LG_MUST_CHECK enum lg_rc lg_seg_topic_configure(struct lg_disk *disk, const char *dir,
                                                const struct lg_seg_topic_meta *meta,
                                                const struct lg_pubsub_config *config,
                                                struct lg_error *err);
/* The topic does not exist any more, durably, when this returns LG_OK; its files may. */
LG_MUST_CHECK enum lg_rc lg_seg_topic_unmake(struct lg_disk *disk, const char *dir,
                                             const struct lg_seg_topic_meta *meta,
                                             struct lg_error *err);
/* Calls `found` for each topic under `dir`; removes folders of topics that do not exist. */
LG_MUST_CHECK enum lg_rc lg_seg_topic_scan(struct lg_disk *disk, const char *dir,
                                           enum lg_rc (*found)(void *ctx,
                                                               const struct lg_seg_topic_meta *meta,
                                                               struct lg_error *err),
                                           void *ctx, struct lg_error *err);

#endif
