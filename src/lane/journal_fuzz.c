/* Any bytes as a journal: the open answers, and what it accepts it accepts again, uncut. */
#include "drivers/sim/disk_sim.h"
#include "lane/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
    uint64_t frames, digest;
};

static enum lg_rc count(void *ctx, uint64_t offset, struct lg_slice payload, struct lg_error *err)
{
    struct tally *t = ctx;

    (void)err;
    t->frames++;
    t->digest = t->digest * 31 + offset + payload.size;
    return LG_OK;
}

static enum lg_rc open_once(struct lg_disk *disk, struct lg_journal **out, struct tally *tally)
{
    struct lg_journal_options o = {
        .disk = disk, .path = "j", .kind = 1, .version = 1, .replay = count, .ctx = tally};
    struct lg_error err;

    return lg_journal_open(&o, out, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_disk *disk = lg_disk_sim_new(NULL, 1);
    struct lg_journal *j = NULL;
    struct tally first = {0}, second = {0};
    struct lg_error err;
    enum lg_rc rc = lg_disk_write_file(disk, "j", lg_slice(data, size), &err);

    assert(rc == LG_OK);
    rc = open_once(disk, &j, &first);
    assert(rc == LG_OK || rc == LG_ERR_CORRUPT || rc == LG_ERR_CONFLICT);
    if (rc == LG_OK) {
        rc = lg_journal_append(j, LG_LIT("more"), NULL, &err);
        assert(rc == LG_OK);
        lg_journal_close(LG_TAKE(j));
        rc = open_once(disk, &j, &second);
        assert(rc == LG_OK && lg_journal_cut_bytes(j) == 0);
        assert(second.frames == first.frames + 1);
    }
    lg_journal_close(j);
    lg_disk_sim_free(disk);
    return 0;
}
