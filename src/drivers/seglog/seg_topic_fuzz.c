/* Fuzzes topic.meta, names of folders and frames: what is read writes back to the same bytes. */
#include "drivers/seglog/seg_index.h"
#include "drivers/seglog/seg_topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_seg_topic_meta meta = {0};
    struct lg_pubsub_config config;
    struct lg_seg_frame frame;
    struct lg_error err = {0};
    char *name = lg_strndup((const char *)data, size);

    if (lg_seg_topic_meta_read(lg_slice(data, size), &meta, &err) == LG_OK) {
        LG_SCOPED(lg_buf) again = {0};

        lg_seg_topic_meta_write(&again, &meta);
        assert(lg_slice_eq(lg_buf_slice(&again), lg_slice(data, size)));
    }
    if (lg_seg_topic_config_read(lg_slice(data, size), &config, &err) == LG_OK) {
        LG_SCOPED(lg_buf) again = {0};

        lg_seg_topic_config_write(&again, &config);
        assert(lg_slice_eq(lg_buf_slice(&again), lg_slice(data, size)));
    }
    if (lg_seg_frame_read(lg_slice(data, size), &frame, &err) == LG_OK)
        assert(frame.records.size == size - LG_SEG_FRAME_HEAD_BYTES);
    if (lg_seg_topic_dir_parse(name, &meta))
        assert(lg_seg_topic_name_check(meta.name, NULL) == LG_OK);
    lg_free(name);
    return 0;
}
