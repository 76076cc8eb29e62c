/* Fuzzes the readers of metafile: the first byte chooses frame or snapshot, whose checksum is made
 * right so that the fields behind it are reached. What is read must write and read again. */
#include "base/hash.h"
#include "drivers/metafile/meta_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_snapshot(struct lg_slice input)
{
    struct lg_meta_snapshot_head head = {0}, again_head = {0};
    LG_SCOPED(lg_meta_tree) tree = {0};
    LG_SCOPED(lg_meta_tree) again = {0};
    LG_SCOPED(lg_buf) bytes = {0};
    LG_SCOPED(lg_buf) written = {0};
    struct lg_error err = {0};

    lg_buf_append_slice(&bytes, input);
    lg_buf_append_u32le(&bytes, lg_crc32c(0, bytes.data, bytes.size));
    lg_meta_tree_init(&tree);
    lg_meta_tree_init(&again);
    if (lg_meta_snapshot_read(lg_buf_slice(&bytes), &head, &tree, &err) != LG_OK)
        return;
    lg_meta_snapshot_write(&written, &head, &tree);
    assert(lg_meta_snapshot_read(lg_buf_slice(&written), &again_head, &again, &err) == LG_OK);
    assert(head.generation == again_head.generation && head.commit == again_head.commit);
    assert(tree.bytes == again.bytes && tree.count == again.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 's') {
        read_snapshot(lg_slice(data + 1, size - 1));
    } else {
        LG_SCOPED(lg_meta_tree) tree = {0};
        struct lg_error err = {0};

        lg_meta_tree_init(&tree);
        (void)(lg_meta_frame_replay(lg_slice(data + 1, size - 1), 1, &tree, &err) == LG_OK);
    }
    return 0;
}
