/* Tests of the bytes of metafile: snapshots, frames, generations. */
#include "drivers/metafile/meta_files.h"

#include "test/lib/doc_hex.h"
#include "test/test.h"

#include "drivers/sim/disk_sim.h"

#define PAGE "docs/formats/metafile.md"

static const char *value_of(const struct lg_meta_tree *tree, const char *path)
{
    const struct lg_meta_node *n = lg_meta_tree_find(tree, path);
    static char text[64];

    if (n == NULL)
        return NULL;
    memset(text, 0, sizeof(text));
    if (n->value != NULL)
        memcpy(text, n->value->bytes.data, n->value->bytes.size);
    return text;
}

static void a_snapshot_is_that_of_the_page(void **state)
{
    (void)state;
    const struct lg_meta_snapshot_head head = {.generation = 1, .commit = 0};
    struct lg_meta_snapshot_head got_head = {9, 9};
    LG_SCOPED(lg_buf) want = {0};
    LG_SCOPED(lg_buf) got = {0};
    LG_SCOPED(lg_meta_tree) tree = {0};
    LG_SCOPED(lg_meta_tree) read = {0};
    struct lg_error err = {0};

    lg_doc_hex(PAGE, 0, &want);
    lg_meta_tree_init(&tree);
    lg_meta_tree_put(&tree, "/a", LG_LIT("hi"), 3, 0);
    lg_meta_tree_put(&tree, "/b", LG_LIT("gone"), 0, /* session= */ 7); /* Ephemeral: not in it. */
    lg_meta_snapshot_write(&got, &head, &tree);
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
    lg_meta_tree_init(&read);
    assert_ok(lg_meta_snapshot_read(lg_buf_slice(&want), &got_head, &read, &err));
    assert_int_equal(got_head.generation, 1);
    assert_int_equal(got_head.commit, 0);
    assert_string_equal(value_of(&read, "/a"), "hi");
    assert_int_equal(lg_meta_tree_find(&read, "/a")->version, 3);
    assert_null(lg_meta_tree_find(&read, "/b"));
}

static void a_frame_is_that_of_the_page(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) want = {0};
    LG_SCOPED(lg_buf) got = {0};
    LG_SCOPED(lg_meta_tree) tree = {0};
    struct lg_error err = {0};

    lg_doc_hex(PAGE, 1, &want);
    lg_meta_tree_init(&tree);
    lg_meta_tree_put(&tree, "/a", LG_LIT("hi"), 3, 0);
    lg_meta_tree_put(&tree, "/b/c", LG_LIT("x"), 0, 0);
    assert_ok(lg_meta_frame_replay(lg_buf_slice(&want), 1, &tree, &err));
    assert_string_equal(value_of(&tree, "/a"), "ho");
    assert_int_equal(lg_meta_tree_find(&tree, "/a")->version, 4);
    assert_null(lg_meta_tree_find(&tree, "/b"));

    lg_meta_frame_begin(&got);
    lg_meta_frame_add(&got, LG_META_NODE_IS, "/a", lg_meta_tree_find(&tree, "/a"));
    lg_meta_frame_add(&got, LG_META_NODE_GONE, "/b", NULL);
    lg_meta_frame_end(&got, 1, 2);
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
}

static void what_is_damaged_is_corrupt(void **state)
{
    (void)state;
    struct lg_meta_snapshot_head head;
    LG_SCOPED(lg_buf) snapshot = {0};
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_error err = {0};

    lg_doc_hex(PAGE, 0, &snapshot);
    lg_doc_hex(PAGE, 1, &frame);
    for (size_t n = 0; n < snapshot.size; n++) {
        LG_SCOPED(lg_meta_tree) tree = {0};
        uint8_t was = snapshot.data[n];

        lg_meta_tree_init(&tree);
        assert_rc(LG_ERR_CORRUPT,
                  lg_meta_snapshot_read(lg_slice(snapshot.data, n), &head, &tree, &err));
        snapshot.data[n] ^= 4;
        assert_rc(n == 7 ? LG_ERR_CONFLICT : LG_ERR_CORRUPT,
                  lg_meta_snapshot_read(lg_buf_slice(&snapshot), &head, &tree, &err));
        snapshot.data[n] = was;
    }
    for (size_t n = 0; n < frame.size; n++) {
        LG_SCOPED(lg_meta_tree) tree = {0};

        lg_meta_tree_init(&tree);
        assert_rc(LG_ERR_CORRUPT, lg_meta_frame_replay(lg_slice(frame.data, n), 1, &tree, &err));
        assert_rc(LG_ERR_CORRUPT, lg_meta_frame_replay(lg_buf_slice(&frame), 2, &tree, &err));
    }
    frame.data[12] = 3; /* An unknown effect. */
    {
        LG_SCOPED(lg_meta_tree) tree = {0};

        lg_meta_tree_init(&tree);
        assert_rc(LG_ERR_CORRUPT, lg_meta_frame_replay(lg_buf_slice(&frame), 1, &tree, &err));
    }
}

static void generations_follow_one_another(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_meta_tree) tree = {0};
    LG_SCOPED(lg_meta_tree) again = {0};
    struct lg_meta_files files = {0};
    struct lg_error err = {0};
    bool broken = true;

    assert_ok(lg_disk_make_dirs(disk, "m", &err));
    lg_meta_tree_init(&tree);
    assert_ok(lg_meta_files_open(disk, "m", &tree, &files, &err));
    assert_int_equal(files.generation, 1);
    lg_meta_tree_put(&tree, "/a", LG_LIT("1"), 0, 0);
    files.commit = 5;
    assert_ok(lg_meta_files_renew(disk, "m", &tree, &files, &broken, &err));
    assert_false(broken);
    assert_int_equal(files.generation, 2);
    lg_meta_files_done(&files);
    lg_meta_tree_init(&again);
    assert_ok(lg_meta_files_open(disk, "m", &again, &files, &err));
    assert_int_equal(files.generation, 2);
    assert_int_equal(files.commit, 5);
    assert_string_equal(value_of(&again, "/a"), "1");
    lg_meta_files_done(&files);
    lg_disk_sim_free(disk);
}

static void a_failed_renewal_changes_nothing(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_meta_tree) tree = {0};
    LG_SCOPED(lg_meta_tree) again = {0};
    struct lg_meta_files files = {0};
    struct lg_error err = {0};
    bool broken = false;

    assert_ok(lg_disk_make_dirs(disk, "m", &err));
    lg_meta_tree_init(&tree);
    assert_ok(lg_meta_files_open(disk, "m", &tree, &files, &err));
    lg_disk_sim_fail_syncs(disk, 1, 1);
    assert_rc(LG_ERR_IO, lg_meta_files_renew(disk, "m", &tree, &files, &broken, &err));
    assert_true(broken); /* Nobody can tell whether the new snapshot is there. */
    lg_disk_sim_fail_syncs(disk, 0, 1);
    lg_disk_sim_set_capacity(disk, 1);
    assert_rc(LG_ERR_NO_SPACE, lg_meta_files_renew(disk, "m", &tree, &files, &broken, &err));
    assert_false(broken);
    assert_int_equal(files.generation, 1);
    lg_disk_sim_set_capacity(disk, UINT64_MAX);
    lg_meta_files_done(&files);
    lg_meta_tree_init(&again);
    assert_ok(lg_meta_files_open(disk, "m", &again, &files, &err));
    assert_int_equal(files.generation, 1);
    lg_meta_files_done(&files);
    lg_disk_sim_free(disk);
}

static void a_journal_without_its_snapshot_is_refused(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_meta_tree) tree = {0};
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_meta_files files = {0};
    struct lg_error err = {0};

    assert_ok(lg_disk_make_dirs(disk, "m", &err));
    lg_meta_tree_init(&tree);
    assert_ok(lg_meta_files_open(disk, "m", &tree, &files, &err));
    lg_doc_hex(PAGE, 1, &frame);
    assert_ok(lg_journal_append(files.journal, lg_buf_slice(&frame), NULL, &err));
    assert_ok(lg_journal_sync(files.journal, &err));
    lg_meta_files_done(&files);
    assert_ok(lg_disk_remove(disk, "m/snapshot-0000000001", &err));
    assert_rc(LG_ERR_CORRUPT, lg_meta_files_open(disk, "m", &tree, &files, &err));
    assert_non_null(strstr(err.text, "journal-0000000001"));
    lg_disk_sim_free(disk);
}

/* A store with `commits` commits, each noted, closed again. */
static void make_store(struct lg_disk *disk, unsigned commits)
{
    LG_SCOPED(lg_meta_tree) tree = {0};
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_meta_files files = {0};
    struct lg_error err = {0};

    assert_ok(lg_disk_make_dirs(disk, "m", &err));
    lg_meta_tree_init(&tree);
    assert_ok(lg_meta_files_open(disk, "m", &tree, &files, &err));
    lg_meta_tree_put(&tree, "/a", LG_LIT("1"), 0, 0);
    for (uint64_t commit = 1; commit <= commits; commit++) {
        lg_meta_frame_begin(&frame);
        lg_meta_frame_add(&frame, LG_META_NODE_IS, "/a", lg_meta_tree_find(&tree, "/a"));
        lg_meta_frame_end(&frame, commit, 1);
        assert_ok(lg_journal_append(files.journal, lg_buf_slice(&frame), NULL, &err));
        assert_ok(lg_journal_sync(files.journal, &err));
        lg_meta_files_note("m", &files, commit);
    }
    lg_meta_files_done(&files);
}

static enum lg_rc open_again(struct lg_disk *disk, uint64_t *out_commit, struct lg_error *err)
{
    LG_SCOPED(lg_meta_tree) tree = {0};
    struct lg_meta_files files = {0};
    enum lg_rc rc;

    lg_meta_tree_init(&tree);
    rc = lg_meta_files_open(disk, "m", &tree, &files, err);
    if (rc == LG_OK)
        *out_commit = files.commit;
    if (rc == LG_OK)
        lg_meta_files_done(&files);
    return rc;
}

static void a_journal_that_lost_its_end_is_refused_at_every_length(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_buf) whole = {0};
    struct lg_error err = {0};
    uint64_t commit = 0, durable;

    make_store(disk, 3);
    assert_ok(lg_disk_read_file(disk, "m/journal-0000000001", 65536, &whole, &err));
    durable = whole.size - LG_JOURNAL_ROOM_BYTES; /* Without the end mark. */
    for (uint64_t size = 16; size <= whole.size; size++) {
        assert_ok(lg_disk_write_file(disk, "m/journal-0000000001", lg_buf_slice(&whole), &err));
        assert_true(lg_disk_sim_resize(disk, "m/journal-0000000001", size));
        if (size >= durable) {
            assert_ok(open_again(disk, &commit, &err));
            assert_int_equal(commit, 3);
            continue;
        }
        assert_rc(LG_ERR_CORRUPT, open_again(disk, &commit, &err));
        assert_rc(LG_ERR_CORRUPT, open_again(disk, &commit, &err)); /* And it stays refused. */
        assert_non_null(strstr(err.text, "m/journal-0000000001 ends with change "));
        assert_non_null(strstr(err.text, "change 3 had been made durable"));
    }
    lg_disk_sim_free(disk);
}

static void a_folder_that_lost_all_but_the_note_is_refused(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_error err = {0};
    uint64_t commit = 0;

    make_store(disk, 2);
    assert_ok(lg_disk_remove(disk, "m/journal-0000000001", &err));
    assert_ok(lg_disk_remove(disk, "m/snapshot-0000000001", &err));
    assert_rc(LG_ERR_CORRUPT, open_again(disk, &commit, &err));
    lg_disk_sim_free(disk);
}

static void a_note_that_is_damaged_or_absent_says_nothing(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_error err = {0};
    uint64_t commit = 0;

    make_store(disk, 2);
    for (uint64_t bit = 0; bit < 20u * 8; bit++) {
        assert_true(lg_disk_sim_flip(disk, "m/durable", bit));
        assert_ok(open_again(disk, &commit, &err)); /* And writes it anew. */
        assert_int_equal(commit, 2);
    }
    for (uint64_t size = 0; size < 20; size++) {
        assert_true(lg_disk_sim_resize(disk, "m/durable", size));
        assert_ok(open_again(disk, &commit, &err));
        assert_int_equal(commit, 2);
    }
    assert_ok(lg_disk_remove(disk, "m/durable", &err));
    assert_ok(open_again(disk, &commit, &err));
    assert_int_equal(commit, 2);
    lg_disk_sim_free(disk);
}

static void the_note_is_that_of_the_page(void **state)
{
    (void)state;
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    LG_SCOPED(lg_buf) want = {0}, got = {0};
    struct lg_error err = {0};

    lg_doc_hex(PAGE, 2, &want);
    make_store(disk, 3);
    assert_ok(lg_disk_read_file(disk, "m/durable", 100, &got, &err));
    assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
    lg_disk_sim_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_that_of_the_page),
        cmocka_unit_test(a_frame_is_that_of_the_page),
        cmocka_unit_test(what_is_damaged_is_corrupt),
        cmocka_unit_test(generations_follow_one_another),
        cmocka_unit_test(a_failed_renewal_changes_nothing),
        cmocka_unit_test(a_journal_without_its_snapshot_is_refused),
        cmocka_unit_test(a_journal_that_lost_its_end_is_refused_at_every_length),
        cmocka_unit_test(a_folder_that_lost_all_but_the_note_is_refused),
        cmocka_unit_test(a_note_that_is_damaged_or_absent_says_nothing),
        cmocka_unit_test(the_note_is_that_of_the_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
