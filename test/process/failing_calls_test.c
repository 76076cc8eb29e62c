/* Every system call and every allocation failed in turn: in the codecs, the journal, the metadata's
 * files and the client library.
 *
 * Allowed is success, an error with a sentence, and for allocations the abort that names itself
 * (ADR 0003). What was acknowledged is there afterwards.
 */
#include "test/lib/failing_calls.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "avro/container.h"
#include "avro/json_text.h"
#include "avro/resolve.h"
#include "base/alloc_fail.h"
#include "base/str.h"
#include "drivers/metafile/meta_files.h"
#include "drivers/posix/disk_posix.h"
#include "lagoon/client.h"
#include "lane/journal.h"
#include "record/chunk.h"
#include "record/envelope.h"
#include "record/value_codec.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define CALLS_MAX 100000u
#define CHILD_SECONDS 60u

enum child_end { CHILD_OK = 10, CHILD_ERROR = 11, CHILD_WRONG = 12, CHILD_PASSED = 13 };

static char folder[64];

/* --- Codecs. ---------------------------------------------------------------------------------- */

#define WRITER                                                                                     \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"},"       \
    "{\"name\":\"names\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}"
#define READER                                                                                     \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"      \
    "{\"name\":\"names\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},{\"name\":"           \
    "\"more\",\"type\":[\"null\",\"string\"],\"default\":null}]}"
#define ROW "{\"id\":7,\"names\":[\"Venezia\",\"Venice\",\"Venedig\"]}"

static enum lg_rc wrong(struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_REFUSED, "a wrong result");
}

static enum lg_rc through_container(const struct lg_schema *schema, struct lg_slice datum,
                                    enum lg_container_codec codec, struct lg_error *err)
{
    static const uint8_t sync[LG_CONTAINER_SYNC_BYTES] = {1, 2, 3};
    struct lg_container_writer_options o = {.schema = schema, .codec = codec, .sync = sync};
    LG_SCOPED(lg_buf) file = {0};
    LG_AUTO(lg_container_writer) *writer = NULL;
    LG_AUTO(lg_container) *reader = NULL;
    struct lg_slice bytes, record = LG_SLICE_NULL;
    bool end = false;
    enum lg_rc rc = lg_container_writer_open(lg_sink_of_buf(&file), &o, &writer, err);

    if (rc == LG_OK)
        rc = lg_container_writer_add(writer, datum, err);
    if (rc == LG_OK)
        rc = lg_container_writer_flush(writer, err);
    bytes = lg_buf_slice(&file);
    if (rc == LG_OK)
        rc = lg_container_open(lg_source_of_slice(&bytes), &reader, err);
    if (rc == LG_OK)
        rc = lg_container_next_record(reader, &record, &end, err);
    return rc == LG_OK && (end || !lg_slice_eq(record, datum)) ? wrong(err) : rc;
}

static enum lg_rc use_avro(struct lg_error *err)
{
    LG_AUTO(lg_schema) *writer = NULL, *reader = NULL;
    LG_AUTO(lg_resolver) *resolver = NULL;
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) datum = {0}, resolved = {0}, text = {0};
    struct lg_decoder d;
    enum lg_rc rc = lg_schema_parse(LG_LIT(WRITER), &writer, err);

    if (rc == LG_OK)
        rc = lg_schema_parse(LG_LIT(READER), &reader, err);
    if (rc == LG_OK)
        rc = lg_json_parse(LG_LIT(ROW), &json, err);
    if (rc == LG_OK)
        rc = lg_avro_from_json(writer, json, &datum, err);
    if (rc == LG_OK)
        rc = lg_resolver_new(writer, reader, &resolver, err);
    if (rc == LG_OK)
        rc = lg_resolve(resolver, lg_buf_slice(&datum), &resolved, err);
    d = lg_decoder_of(lg_buf_slice(&resolved));
    if (rc == LG_OK)
        rc = lg_avro_to_json(reader, &d, &text, err);
    if (rc == LG_OK && lg_decoder_left(&d) != 0)
        rc = wrong(err);
    for (int codec = 0; rc == LG_OK && codec < 4; codec++)
        rc = through_container(writer, lg_buf_slice(&datum), (enum lg_container_codec)codec, err);
    return rc;
}

static enum lg_rc use_records(struct lg_error *err)
{
    struct lg_envelope put = {.type = LG_MESSAGE_PUT,
                              .put = {.value = LG_LIT("value"), .schema_id = 1, .rmd_version = -1},
                              .footer = lg_envelope_plain_footer(LG_LIT("host"))};
    struct lg_slice keys[] = {LG_LIT("one"), LG_LIT("two")};
    LG_SCOPED(lg_buf) bytes = {0}, list = {0}, manifest = {0};
    struct lg_envelope back;
    struct lg_manifest m = {.schema_id = 1, .size = 100};
    enum lg_rc rc;

    lg_envelope_encode(&bytes, &put);
    rc = lg_envelope_decode(lg_buf_slice(&bytes), &back, err);
    if (rc == LG_OK && !lg_slice_eq(back.put.value, put.put.value))
        rc = wrong(err);
    lg_sequence_write_bytes(&list, keys, 2);
    m.keys = lg_sequence_of(lg_buf_slice(&list), 2);
    lg_manifest_encode(&manifest, &m);
    if (rc == LG_OK)
        rc = lg_manifest_decode(lg_buf_slice(&manifest), &m, err);
    return rc == LG_OK && m.size != 100 ? wrong(err) : rc;
}

static enum lg_rc use_codecs(struct lg_error *err)
{
    static const enum lg_compression all[] = {LG_COMPRESSION_NO_OP, LG_COMPRESSION_GZIP,
                                              LG_COMPRESSION_ZSTD, LG_COMPRESSION_ZSTD_WITH_DICT};
    LG_SCOPED(lg_buf) value = {0};
    enum lg_rc rc = LG_OK;

    for (int i = 0; i < 2000; i++)
        lg_buf_appendf(&value, "row %d, ", i);
    for (size_t i = 0; rc == LG_OK && i < LG_ARRAY_SIZE(all); i++) {
        LG_AUTO(lg_value_codec) *codec = NULL;
        LG_SCOPED(lg_buf) packed = {0}, back = {0};

        rc = lg_value_codec_new(all[i], LG_LIT("row 1, row 2, row 3, row 4, row 5"), &codec, err);
        if (rc == LG_OK)
            rc = lg_value_codec_pack(codec, lg_buf_slice(&value), &packed, err);
        if (rc == LG_OK)
            rc = lg_value_codec_unpack(codec, lg_buf_slice(&packed), &back, err);
        if (rc == LG_OK && !lg_slice_eq(lg_buf_slice(&back), lg_buf_slice(&value)))
            rc = wrong(err);
    }
    return rc;
}

/* --- The journal and the metadata's files. ---------------------------------------------------- */

static uint64_t *acknowledged; /* Shared with the children: frames that were synced. */

struct replayed {
    uint64_t frames;
    bool good;
};

static enum lg_rc count_frame(void *ctx, uint64_t offset, struct lg_slice payload,
                              struct lg_error *err)
{
    struct replayed *r = ctx;
    char want[32];

    (void)offset, (void)err;
    (void)snprintf(want, sizeof want, "frame %llu", (unsigned long long)r->frames++);
    r->good = r->good && lg_slice_eq_str(payload, want);
    return LG_OK;
}

static enum lg_rc open_journal(struct lg_disk *disk, struct replayed *r, struct lg_journal **out,
                               struct lg_error *err)
{
    struct lg_journal_options o = {.disk = disk,
                                   .path = "j",
                                   .kind = 5,
                                   .version = 1,
                                   .create = true,
                                   .replay = count_frame,
                                   .ctx = r};

    *r = (struct replayed){.good = true};
    return lg_journal_open(&o, out, err);
}

static enum lg_rc append_synced(struct lg_journal *j, uint64_t number, struct lg_error *err)
{
    LG_AUTO_STR char *text = lg_strf("frame %llu", (unsigned long long)number);
    enum lg_rc rc = lg_journal_append(j, lg_slice_str(text), NULL, err);

    if (rc == LG_OK)
        rc = lg_journal_sync(j, err);
    if (rc == LG_OK)
        *acknowledged = number + 1;
    return rc;
}

static enum lg_rc use_journal(struct lg_error *err)
{
    struct lg_disk *disk = NULL;
    LG_AUTO(lg_journal) *j = NULL;
    LG_SCOPED(lg_buf) payload = {0};
    struct replayed r;
    uint64_t next = 0;
    enum lg_rc rc = lg_disk_posix_new(folder, &disk, err);

    if (rc == LG_OK)
        rc = open_journal(disk, &r, &j, err);
    for (uint64_t i = 0; rc == LG_OK && i < 3; i++)
        rc = append_synced(j, r.frames + i, err);
    if (rc == LG_OK)
        rc = lg_journal_read(j, lg_journal_begin(j), &payload, &next, err);
    lg_journal_close(LG_TAKE(j));
    lg_disk_posix_free(disk);
    return rc;
}

static void check_journal(const char *what)
{
    struct lg_disk *disk = NULL;
    struct lg_journal *j = NULL;
    struct lg_error err = {0};
    struct replayed r;

    assert_ok(lg_disk_posix_new(folder, &disk, &err));
    if (open_journal(disk, &r, &j, &err) != LG_OK)
        fail_msg("%s: the journal cannot be opened: %s", what, err.text);
    if (!r.good || r.frames < *acknowledged || r.frames > *acknowledged + 1)
        fail_msg("%s: %llu frames are there, %llu were acknowledged", what,
                 (unsigned long long)r.frames, (unsigned long long)*acknowledged);
    *acknowledged = r.frames;
    lg_journal_close(j);
    lg_disk_posix_free(disk);
}

static enum lg_rc renew_and_add(struct lg_disk *disk, struct lg_meta_tree *tree,
                                struct lg_meta_files *files, struct lg_error *err)
{
    LG_AUTO_STR char *text = lg_strf("%llu", (unsigned long long)files->commit + 1);
    LG_SCOPED(lg_buf) frame = {0};
    bool broken = false;
    enum lg_rc rc;

    lg_meta_tree_put(tree, "/n", lg_slice_str(text), 0, 0);
    lg_meta_frame_begin(&frame);
    lg_meta_frame_add(&frame, LG_META_NODE_IS, "/n", lg_meta_tree_find(tree, "/n"));
    lg_meta_frame_end(&frame, files->commit + 1, 1);
    rc = lg_journal_append(files->journal, lg_buf_slice(&frame), NULL, err);
    if (rc == LG_OK)
        rc = lg_journal_sync(files->journal, err);
    if (rc != LG_OK)
        return rc;
    files->commit++;
    lg_meta_files_note("meta", files, files->commit);
    *acknowledged = files->commit;
    return lg_meta_files_renew(disk, "meta", tree, files, &broken, err);
}

static enum lg_rc use_metadata(struct lg_error *err)
{
    struct lg_disk *disk = NULL;
    LG_SCOPED(lg_meta_tree) tree = {0};
    struct lg_meta_files files = {0};
    enum lg_rc rc = lg_disk_posix_new(folder, &disk, err);

    lg_meta_tree_init(&tree);
    if (rc == LG_OK)
        rc = lg_disk_make_dirs(disk, "meta", err);
    if (rc == LG_OK)
        rc = lg_meta_files_open(disk, "meta", &tree, &files, err);
    if (rc == LG_OK)
        rc = renew_and_add(disk, &tree, &files, err);
    lg_meta_files_done(&files);
    lg_disk_posix_free(disk);
    return rc;
}

static void check_metadata(const char *what)
{
    LG_SCOPED(lg_meta_tree) tree = {0};
    struct lg_meta_files files = {0};
    struct lg_disk *disk = NULL;
    struct lg_error err = {0};
    const struct lg_meta_node *node;

    assert_ok(lg_disk_posix_new(folder, &disk, &err));
    lg_meta_tree_init(&tree);
    assert_ok(lg_disk_make_dirs(disk, "meta", &err));
    if (lg_meta_files_open(disk, "meta", &tree, &files, &err) != LG_OK)
        fail_msg("%s: the metadata cannot be opened: %s", what, err.text);
    node = lg_meta_tree_find(&tree, "/n");
    if (files.commit < *acknowledged || files.commit > *acknowledged + 1 ||
        (files.commit > 0 && node == NULL))
        fail_msg("%s: commit %llu is there, %llu was acknowledged", what,
                 (unsigned long long)files.commit, (unsigned long long)*acknowledged);
    *acknowledged = files.commit;
    lg_meta_files_done(&files);
    lg_disk_posix_free(disk);
}

/* --- The client. ------------------------------------------------------------------------------ */

static struct lg_rig rig;

static enum lg_rc told(enum lagoon_rc rc, const char *why, struct lg_error *err)
{
    if (rc == LAGOON_OK)
        return LG_OK;
    return lg_error_set(err, rc == LAGOON_ERR_NOT_FOUND ? LG_ERR_REFUSED : LG_ERR_IO, "%s", why);
}

static enum lg_rc read_by(struct lagoon_client *client, struct lg_error *err)
{
    struct lagoon_slice keys[2] = {lagoon_slice_of("1", 1), lagoon_slice_of("9", 1)}, bytes;
    struct lagoon_value *value = NULL, *values[2] = {NULL, NULL};
    char why[LAGOON_WHY_MAX] = "";
    size_t missing = 0;
    enum lg_rc rc = told(
        lagoon_client_get(client, LAGOON_KEY_TEXT, keys[0], 0, &value, why, sizeof why), why, err);

    if (rc == LG_OK) {
        bytes = lagoon_value_bytes(value);
        if (!lg_slice_eq(lg_slice(bytes.data, bytes.size), LG_LIT("\006one")))
            rc = wrong(err);
    }
    if (rc == LG_OK)
        rc = told(lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, 2, 0, values, &missing,
                                          why, sizeof why),
                  why, err);
    if (rc == LG_OK && (missing != 1 || values[0] == NULL || values[1] != NULL))
        rc = wrong(err);
    lagoon_value_free(value);
    lagoon_value_free(values[0]);
    return rc;
}

static enum lg_rc use_client(struct lg_error *err)
{
    struct lagoon_client_options *o = lagoon_client_options_new();
    LG_AUTO_STR char *router = lg_strf("http://127.0.0.1:%u", rig.router);
    struct lagoon_client *client = NULL;
    char why[LAGOON_WHY_MAX] = "";
    enum lg_rc rc = told(lagoon_client_options_set(o, "router", router, why, sizeof why), why, err);

    if (rc == LG_OK)
        rc = told(lagoon_client_options_set(o, "store", "numbers", why, sizeof why), why, err);
    if (rc == LG_OK)
        rc = told(lagoon_client_options_set(o, "timeout_ms", "5000", why, sizeof why), why, err);
    if (rc == LG_OK)
        rc = told(lagoon_client_open(o, &client, why, sizeof why), why, err);
    lagoon_client_options_free(o);
    if (rc == LG_OK)
        rc = read_by(client, err);
    (void)lagoon_client_close(client);
    return rc;
}

/* --- Failing. --------------------------------------------------------------------------------- */

struct subject {
    const char *name;
    enum lg_rc (*use)(struct lg_error *err);
    void (*check)(const char *what); /* afterwards, undisturbed; NULL: nothing to look at */
    bool client;
};

static const struct subject subjects[] = {
    {"avro", use_avro, NULL, false},
    {"records", use_records, NULL, false},
    {"codecs", use_codecs, NULL, false},
    {"journal", use_journal, check_journal, false},
    {"metadata", use_metadata, check_metadata, false},
    {"client", use_client, NULL, true},
};

static int outcome(enum lg_rc rc, const struct lg_error *err, bool come)
{
    if (rc == LG_ERR_REFUSED || (rc != LG_OK && err->text[0] == '\0'))
        return CHILD_WRONG;
    if (!come)
        return rc == LG_OK ? CHILD_PASSED : CHILD_WRONG;
    return rc == LG_OK ? CHILD_OK : CHILD_ERROR;
}

/* In the child. What is left allocated after an error is a leak, unless a thread still ends. */
static int run_without_memory(const struct subject *s, uint64_t nth)
{
    struct lg_alloc_domain *domain = s->client ? NULL : lg_alloc_domain_new();
    struct lg_error err = {0};
    enum lg_rc rc;
    bool come;

    (void)lg_alloc_domain_enter(domain);
    lg_alloc_fail_at(nth);
    rc = s->use(&err);
    come = lg_alloc_has_failed();
    lg_alloc_fail_at(0);
    (void)lg_alloc_domain_enter(NULL);
    if (domain != NULL && lg_alloc_domain_bytes(domain) != 0) {
        (void)fprintf(stderr, "%zu bytes leaked", lg_alloc_domain_bytes(domain));
        return CHILD_WRONG;
    }
    if (outcome(rc, &err, come) == CHILD_WRONG)
        (void)fprintf(stderr, "%s", err.text);
    return outcome(rc, &err, come);
}

static int run_with_failing_call(const struct subject *s, uint64_t nth, int with)
{
    struct lg_error err = {0};
    enum lg_rc rc;
    bool come;

    fail_call_at(nth, with, s->client);
    rc = s->use(&err);
    come = __atomic_load_n(&failing_come, __ATOMIC_SEQ_CST);
    fail_call_at(0, EIO, false);
    if (outcome(rc, &err, come) == CHILD_WRONG)
        (void)fprintf(stderr, "%s: %s", failing_name, err.text);
    return outcome(rc, &err, come);
}

/* A folder with what one undisturbed run leaves: each n-th call finds the same. */
static void start_anew(const struct subject *s)
{
    LG_AUTO_STR char *journal = lg_strf("%s/j", folder);
    struct lg_disk *disk = NULL;
    struct lg_error err = {0};

    (void)unlink(journal);
    assert_ok(lg_disk_posix_new(folder, &disk, &err));
    assert_ok(lg_disk_remove_tree(disk, "meta", &err));
    lg_disk_posix_free(disk);
    *acknowledged = 0;
    if (s->check != NULL)
        assert_ok(s->use(&err));
}

/* Runs it in a child, with its standard error in `said`; true when it passed without the n-th. */
static bool in_child(const struct subject *s, uint64_t nth, int with, bool memory,
                     unsigned *aborted)
{
    LG_AUTO_STR char *what = lg_strf("%s, %s %llu (%s)", s->name, memory ? "allocation" : "call",
                                     (unsigned long long)nth, memory ? "" : strerror(with));
    int said = memfd_create("said", MFD_CLOEXEC), status = 0;
    char text[512] = "";
    pid_t child;

    start_anew(s);
    assert_true(said >= 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(CHILD_SECONDS);
        (void)signal(SIGABRT, SIG_DFL);
        if (dup2(said, STDERR_FILENO) < 0)
            _exit(CHILD_WRONG);
        _exit(memory ? run_without_memory(s, nth) : run_with_failing_call(s, nth, with));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(pread(said, text, sizeof text - 1, 0) >= 0);
    assert_int_equal(close(said), 0);
    if (memory && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
        strstr(text, "memory is exhausted") != NULL)
        ++*aborted;
    else if (!WIFEXITED(status) || WEXITSTATUS(status) < CHILD_OK ||
             WEXITSTATUS(status) > CHILD_PASSED || WEXITSTATUS(status) == CHILD_WRONG)
        fail_msg("%s: ended with %x: %s", what, (unsigned)status, text);
    if (s->check != NULL)
        s->check(what);
    return WIFEXITED(status) && WEXITSTATUS(status) == CHILD_PASSED;
}

static void each_allocation_that_fails_is_an_error_or_the_named_abort(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(subjects); i++) {
        unsigned aborted = 0;
        uint64_t n = 1;

        while (!in_child(&subjects[i], n, 0, /* memory= */ true, &aborted))
            assert_true(++n < CALLS_MAX);
        print_message("%-10s %llu allocations, %u named aborts\n", subjects[i].name,
                      (unsigned long long)n - 1, aborted);
        assert_true(n > 1);
    }
}

static void each_system_call_that_fails_is_an_error_and_nothing_acknowledged_is_lost(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EINTR, EMFILE, ENOMEM, LG_CALL_SHORT};
    static const int of_client[] = {ECONNRESET, EMFILE, EINTR};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(subjects); i++) {
        bool client = subjects[i].client;
        const int *with = client ? of_client : errors;
        size_t count = client ? LG_ARRAY_SIZE(of_client) : LG_ARRAY_SIZE(errors);

        if (!client && subjects[i].check == NULL)
            continue; /* A codec makes no system calls. */
        for (size_t e = 0; e < count; e++) {
            unsigned aborted = 0;
            uint64_t n = 1;

            while (!in_child(&subjects[i], n, with[e], /* memory= */ false, &aborted))
                assert_true(++n < CALLS_MAX);
            print_message("%-10s %llu calls: %s\n", subjects[i].name, (unsigned long long)n - 1,
                          with[e] == LG_CALL_SHORT ? "short" : strerror(with[e]));
            assert_true(n > 1);
        }
    }
}

static int set_up(void **state)
{
    LG_AUTO_STR char *schema = NULL, *rows = NULL;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    lg_rig_init(&rig);
    (void)snprintf(folder, sizeof folder, "%.40s/calls", rig.folder);
    acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(acknowledged != MAP_FAILED);
    lg_rig_start(&rig, NULL, NULL);
    schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    rows = lg_rig_file(&rig, "rows.ndjson", LG_LIT("{\"k\":\"1\",\"v\":\"one\"}\n"));
    assert_run(&rig, 0, "store", "create", "numbers", "--key-schema", schema, "--value-schema",
               schema);
    assert_run(&rig, 0, "push", "numbers", rows, "--key-field", "k", "--value-field", "v");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(munmap(acknowledged, sizeof *acknowledged), 0);
    lg_rig_done(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_that_fails_is_an_error_or_the_named_abort),
        cmocka_unit_test(each_system_call_that_fails_is_an_error_and_nothing_acknowledged_is_lost),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
