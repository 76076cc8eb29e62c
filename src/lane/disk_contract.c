/* The contract of the disk port: disk.h sentence by sentence. Runs on the caller's thread. */
#include "lane/disk_contract.h"

#define REQUIRE(claim, sentence)                                                                   \
    do {                                                                                           \
        if (!(claim))                                                                              \
            return lg_error_set(err, LG_ERR_FAILED, "disk contract: %s", sentence);                \
    } while (0)
#define SUCCEED(call)                                                                              \
    do {                                                                                           \
        if ((call) != LG_OK)                                                                       \
            return lg_error_wrap(err, "disk contract: %s", #call);                                 \
    } while (0)
#define FAIL_WITH(want, call, sentence)                                                            \
    do {                                                                                           \
        struct lg_error *before_ = err;                                                            \
        enum lg_rc got_ = (call);                                                                  \
        REQUIRE(got_ == (want) && before_->rc == (want), sentence);                                \
    } while (0)

enum { MANY = 5000 }; /* bytes: several sectors, no multiple of any */

static enum lg_rc files_are_made_as_asked(struct lg_disk *d, struct lg_error *err)
{
    LG_AUTO(lg_file) *f = NULL;
    LG_AUTO(lg_file) *again = NULL;
    struct lg_file *none = NULL;
    uint64_t size = 99;

    FAIL_WITH(LG_ERR_NOT_FOUND, lg_file_open(d, "a", LG_DISK_READ, &none, err),
              "opening an absent file is NOT_FOUND");
    REQUIRE(none == NULL, "a failed open leaves its output alone");
    FAIL_WITH(LG_ERR_NOT_FOUND, lg_file_open(d, "no/a", LG_DISK_WRITE | LG_DISK_CREATE, &none, err),
              "creating a file in an absent folder is NOT_FOUND");
    SUCCEED(lg_file_open(d, "a", LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_EXCLUSIVE, &f, err));
    FAIL_WITH(LG_ERR_CONFLICT,
              lg_file_open(d, "a", LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_EXCLUSIVE, &none, err),
              "EXCLUSIVE refuses a file that is there");
    SUCCEED(lg_file_write(f, 0, "abc", 3, err));
    SUCCEED(lg_file_open(d, "a", LG_DISK_WRITE | LG_DISK_CREATE | LG_DISK_TRUNCATE, &again, err));
    SUCCEED(lg_file_size(again, &size, err));
    REQUIRE(size == 0, "TRUNCATE empties the file");
    FAIL_WITH(LG_ERR_INVALID, lg_file_open(d, "../a", LG_DISK_READ, &none, err),
              "a path that leaves the disk is INVALID");
    FAIL_WITH(LG_ERR_INVALID, lg_file_open(d, "/a", LG_DISK_READ, &none, err),
              "an absolute path is INVALID");
    SUCCEED(lg_disk_remove(d, "a", err));
    return LG_OK;
}

static enum lg_rc bytes_come_back(struct lg_disk *d, struct lg_error *err)
{
    LG_AUTO(lg_file) *f = NULL;
    uint8_t out[MANY], in[MANY];
    uint64_t size = 0;
    size_t n = 77;

    for (size_t i = 0; i < MANY; i++)
        in[i] = (uint8_t)(i * 7 + 1);
    SUCCEED(lg_file_open(d, "b", LG_DISK_WRITE | LG_DISK_CREATE, &f, err));
    SUCCEED(lg_file_write(f, 0, in, MANY, err));
    SUCCEED(lg_file_read(f, 100, out, MANY, &n, err));
    REQUIRE(n == MANY - 100 && memcmp(out, in + 100, n) == 0, "a read ends at the end of the file");
    SUCCEED(lg_file_read(f, MANY, out, 10, &n, err));
    REQUIRE(n == 0, "a read at the end gives nothing");
    SUCCEED(lg_file_write(f, 2 * MANY, "z", 1, err));
    SUCCEED(lg_file_read(f, 2 * MANY - 1, out, 9, &n, err));
    REQUIRE(n == 2 && out[0] == 0 && out[1] == 'z', "a hole reads as zeros");
    SUCCEED(lg_file_truncate(f, 50, err));
    SUCCEED(lg_file_truncate(f, 60, err));
    SUCCEED(lg_file_size(f, &size, err));
    SUCCEED(lg_file_read(f, 0, out, MANY, &n, err));
    REQUIRE(size == 60 && n == 60 && memcmp(out, in, 50) == 0 && out[50] == 0 && out[59] == 0,
            "a file that was cut and extended has zeros behind the cut");
    SUCCEED(lg_file_sync(f, err));
    SUCCEED(lg_disk_remove(d, "b", err));
    SUCCEED(lg_file_read(f, 0, out, 1, &n, err));
    REQUIRE(n == 1 && out[0] == in[0], "an open file outlives its name");
    return LG_OK;
}

static enum lg_rc names_change(struct lg_disk *d, struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0};
    LG_SCOPED(lg_disk_names) none = {0};
    LG_SCOPED(lg_buf) text = {0};

    SUCCEED(lg_disk_make_dirs(d, "x/y", err));
    SUCCEED(lg_disk_make_dirs(d, "x/y", err));
    SUCCEED(lg_disk_write_file(d, "x/y/two", LG_LIT("2"), err));
    SUCCEED(lg_disk_write_file(d, "x/y/one", LG_LIT("1"), err));
    SUCCEED(lg_disk_list(d, "x/y", &names, err));
    REQUIRE(names.names.size == 2 && strcmp(names.names.data[0], "one") == 0 &&
                strcmp(names.names.data[1], "two") == 0,
            "a list is sorted, and has no left-overs of lg_disk_write_file");
    SUCCEED(lg_disk_rename(d, "x/y/one", "x/y/two", err));
    SUCCEED(lg_disk_read_file(d, "x/y/two", 10, &text, err));
    REQUIRE(lg_slice_eq_str(lg_buf_slice(&text), "1"), "a rename replaces what is there");
    SUCCEED(lg_disk_rename(d, "x/y", "x/z", err));
    SUCCEED(lg_disk_read_file(d, "x/z/two", 10, &text, err));
    REQUIRE(lg_slice_eq_str(lg_buf_slice(&text), "1"), "a folder moves with what is in it");
    FAIL_WITH(LG_ERR_NOT_FOUND, lg_disk_rename(d, "x/y", "x/q", err),
              "renaming an absent name is NOT_FOUND");
    FAIL_WITH(LG_ERR_NOT_FOUND, lg_disk_list(d, "x/y", &none, err),
              "listing an absent folder is NOT_FOUND");
    FAIL_WITH(LG_ERR_NOT_FOUND, lg_disk_list(d, "x/z/two", &none, err),
              "listing a file is NOT_FOUND");
    FAIL_WITH(LG_ERR_CONFLICT, lg_disk_make_dirs(d, "x/z/two", err),
              "a folder cannot take the name of a file");
    REQUIRE(lg_disk_remove(d, "x", err) != LG_OK, "a folder with names in it is not removed");
    SUCCEED(lg_disk_remove(d, "x/absent", err));
    SUCCEED(lg_disk_remove_tree(d, "x", err));
    SUCCEED(lg_disk_remove_tree(d, "x", err));
    FAIL_WITH(LG_ERR_NOT_FOUND, lg_disk_list(d, "x", &none, err), "a removed tree is gone");
    return LG_OK;
}

static enum lg_rc whole_files_are_bounded(struct lg_disk *d, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};

    SUCCEED(lg_disk_write_file(d, "c", LG_LIT("twelve bytes"), err));
    FAIL_WITH(LG_ERR_TOO_LARGE, lg_disk_read_file(d, "c", 11, &text, err),
              "a file over the limit is TOO_LARGE");
    SUCCEED(lg_disk_read_file(d, "c", 12, &text, err));
    REQUIRE(lg_slice_eq_str(lg_buf_slice(&text), "twelve bytes"), "a file is read back whole");
    SUCCEED(lg_disk_write_file(d, "c", LG_SLICE_NULL, err));
    SUCCEED(lg_disk_read_file(d, "c", 12, &text, err));
    REQUIRE(text.size == 0, "an empty file replaces a full one");
    FAIL_WITH(LG_ERR_NOT_FOUND, lg_disk_read_file(d, "absent", 12, &text, err),
              "reading an absent file is NOT_FOUND");
    SUCCEED(lg_disk_remove(d, "c", err));
    return LG_OK;
}

static enum lg_rc a_lock_has_one_holder(struct lg_disk *d, struct lg_error *err)
{
    struct lg_file *held = NULL, *second = NULL;
    uint64_t free_bytes = 0;

    SUCCEED(lg_disk_lock(d, "lock", &held, err));
    FAIL_WITH(LG_ERR_IN_USE, lg_disk_lock(d, "lock", &second, err),
              "a lock that is held is IN_USE");
    REQUIRE(second == NULL && strstr(err->text, "lock is held by process ") != NULL,
            "IN_USE names the lock and its holder");
    lg_file_close(held);
    SUCCEED(lg_disk_lock(d, "lock", &second, err));
    lg_file_close(second);
    SUCCEED(lg_disk_remove(d, "lock", err));
    SUCCEED(lg_disk_free_bytes(d, &free_bytes, err));
    REQUIRE(free_bytes > 0, "a disk with room says so");
    return LG_OK;
}

enum lg_rc lg_disk_contract(struct lg_disk *disk, struct lg_error *err)
{
    static enum lg_rc (*const clauses[])(struct lg_disk *, struct lg_error *) = {
        files_are_made_as_asked, bytes_come_back,       names_change,
        whole_files_are_bounded, a_lock_has_one_holder,
    };
    LG_SCOPED(lg_disk_names) left = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(clauses); i++) {
        enum lg_rc rc = clauses[i](disk, err);

        if (rc != LG_OK)
            return rc;
    }
    SUCCEED(lg_disk_list(disk, "", &left, err));
    REQUIRE(left.names.size == 0, "what was removed is gone from the list of the root");
    return LG_OK;
}
