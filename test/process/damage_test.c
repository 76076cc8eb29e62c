/* Bit flips and truncations over every file that is written: no wrong value is served, no value is
 * missing without a word, and the damage is named.
 *
 * A small data directory is made once: plain, compressed and chunked stores, with two versions.
 * Each case damages one file in a copy of it and starts a standalone there, and runs the doctor
 * over another copy with the same damage. What a read may answer: the right value, or an error.
 * "Not found" for a key that exists is as wrong as another value.
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/str.h"
#include "base/vec.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define CASES_DEFAULT 200u
#define CASES_MAX 100000u
#define PARALLEL 4u
#define KEYS 60 /* of the plain and the packed store; each fourth of the large */
#define LARGE_BYTES 1400000u
#define FILES_MAX 4096u
#define SAMPLES_MAX 64u
#define RETRY_MS 20u

static const char *const stores[] = {"plain", "packed", "large"};

/* What kinds of files there are; the first that matches is a file's. */
static const struct {
    const char *part; /* of the path below the data directory */
    bool advice;      /* Nothing that is served depends on it. */
} kinds[] = {
    {"/lagoon.format", false},
    {"/LOCK", true},
    {"/endpoints.json", true},
    {"/reserve", true},
    {"/meta/snapshot-", false},
    {"/meta/journal-", false},
    {"/meta/durable", true},
    {"/meta/lock", true},
    {"/topic.meta", false},
    {"/log/", false},
    {"/MANIFEST-", false},
    {"/CURRENT", false},
    {"/OPTIONS-", false},
    {"/IDENTITY", false},
    {"/LOG", true},
    {".sst", false},
    {".log", false},
    {"", false},
};

struct sample {
    char *target;
    int status;
    struct lg_buf body;
};

static struct lg_rig rig;
static char *template, *backup;
static char *files[FILES_MAX];
static size_t file_count;
static struct sample samples[SAMPLES_MAX];
static size_t sample_count;
static struct lg_rand rand_;
static unsigned refused, healed, unserved, harmless, complaints;

/* All that is wrong is told before the test fails. */
#define complain(...)                                                                              \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        complaints++;                                                                              \
    } while (0)

/* --- The directory. --------------------------------------------------------------------------- */

static void append_large(struct lg_buf *out, int key, int generation)
{
    for (unsigned i = 0; i < LARGE_BYTES / 10; i++)
        lg_buf_appendf(out, "%02d-%d-%04x ", key, generation, (i * 2654435761u) >> 16);
}

static void push_rows(const char *store, int generation)
{
    bool large = strcmp(store, "large") == 0;
    LG_SCOPED(lg_buf) rows = {0};
    LG_AUTO_STR char *file = NULL;

    for (int key = 0; key < KEYS; key += large ? KEYS / 3 : 1) {
        lg_buf_appendf(&rows, "{\"k\":%d,\"v\":\"", key);
        if (large)
            append_large(&rows, key, generation);
        else
            lg_buf_appendf(&rows, "value %d of generation %d, and some words more", key,
                           generation);
        lg_buf_append_str(&rows, "\"}\n");
    }
    file = lg_rig_file(&rig, "rows.ndjson", lg_buf_slice(&rows));
    assert_run(&rig, 0, "push", store, file, "--key-field", "k", "--value-field", "v");
}

static void make_stores(void)
{
    LG_AUTO_STR char *key = lg_rig_file(&rig, "key.avsc", LG_LIT("\"int\""));
    LG_AUTO_STR char *value = lg_rig_file(&rig, "value.avsc", LG_LIT("\"string\""));

    assert_run(&rig, 0, "store", "create", "plain", "--key-schema", key, "--value-schema", value,
               "--partitions", "2");
    assert_run(&rig, 0, "store", "create", "packed", "--key-schema", key, "--value-schema", value,
               "--partitions", "1", "--compression", "ZSTD_WITH_DICT");
    assert_run(&rig, 0, "store", "create", "large", "--key-schema", key, "--value-schema", value,
               "--partitions", "1", "--chunking", "true");
    for (int generation = 1; generation <= 2; generation++)
        for (size_t i = 0; i < LG_ARRAY_SIZE(stores); i++)
            push_rows(stores[i], generation);
}

/* What the undamaged directory answers: the sample. */
static void take_sample(const char *store, int key)
{
    struct sample *s = &samples[sample_count++];
    LG_SCOPED(lg_reply) reply = {0};

    assert_true(sample_count <= SAMPLES_MAX);
    s->target = lg_strf("/v1/stores/%s/%d", store, key);
    s->status = lg_ask_get(rig.router, s->target, &reply);
    assert_int_equal(s->status, key < KEYS ? 200 : 404);
    lg_buf_append_slice(&s->body, lg_buf_slice(&reply.body));
}

static void take_samples(void)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(stores); i++) {
        for (int key = 0; key < KEYS; key += strcmp(stores[i], "large") == 0 ? KEYS / 3 : 5)
            take_sample(stores[i], key);
        take_sample(stores[i], KEYS + 7); /* There is no such key. */
    }
}

static int note_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)at;
    if (type == FTW_F) {
        assert_true(file_count < FILES_MAX);
        files[file_count++] = lg_strdup(path + strlen(template));
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void forget_files(void)
{
    for (size_t i = 0; i < file_count; i++)
        lg_free(files[i]);
    file_count = 0;
}

static void note_files(const char *below)
{
    forget_files();
    template = lg_strdup(below);
    assert_int_equal(nftw(below, note_file, 16, FTW_PHYS), 0);
    qsort(files, file_count, sizeof files[0], by_name);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_tree(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- Copies and their damage. ----------------------------------------------------------------- */

static void make_parents(const char *path)
{
    LG_AUTO_STR char *text = lg_strdup(path);

    for (char *at = strchr(text + strlen(rig.folder) + 1, '/'); at != NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(text, 0755);
        *at = '/';
    }
}

static void copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ssize_t got;

    assert_true(in >= 0 && out >= 0);
    do {
        got = copy_file_range(in, NULL, out, NULL, 1 << 26, 0);
        assert_true(got >= 0);
    } while (got > 0);
    assert_int_equal(close(in) | close(out), 0);
}

static void copy_all(const char *to)
{
    for (size_t i = 0; i < file_count; i++) {
        LG_AUTO_STR char *from = lg_strf("%s%s", template, files[i]);
        LG_AUTO_STR char *path = lg_strf("%s%s", to, files[i]);

        make_parents(path);
        copy_file(from, path);
    }
}

static size_t kind_of(const char *file)
{
    size_t kind = 0;

    while (strstr(file, kinds[kind].part) == NULL)
        kind++;
    return kind;
}

struct damage {
    const char *file; /* NULL: none */
    uint64_t at;      /* the byte that is flipped, or the size it is cut to */
    uint8_t mask;     /* 0: cut */
    char text[256];
};

static uint64_t size_of(const char *file)
{
    LG_AUTO_STR char *path = lg_strf("%s%s", template, file);
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* Damage of a file of this kind; no file when there is none that holds anything. */
static struct damage draw_damage(size_t kind)
{
    const char *candidates[FILES_MAX];
    struct damage d = {0};
    size_t n = 0;
    uint64_t size, bit;

    for (size_t i = 0; i < file_count; i++)
        if (kind_of(files[i]) == kind && size_of(files[i]) > 0)
            candidates[n++] = files[i];
    if (n == 0)
        return d;
    d.file = candidates[lg_rand_below(&rand_, n)];
    size = size_of(d.file);
    d.at = lg_rand_below(&rand_, size);
    bit = lg_rand_below(&rand_, 8);
    if (lg_rand_chance(&rand_, 2, 3))
        d.mask = (uint8_t)(1u << bit);
    (void)snprintf(d.text, sizeof d.text, "%.200s %s %llu of %llu", d.file,
                   d.mask == 0 ? "cut to" : "flipped at", (unsigned long long)d.at,
                   (unsigned long long)size);
    return d;
}

static void do_damage(const char *data, const struct damage *d)
{
    LG_AUTO_STR char *path = lg_strf("%s%s", data, d->file);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;

    assert_true(fd >= 0);
    if (d->mask == 0) {
        assert_int_equal(ftruncate(fd, (off_t)d->at), 0);
    } else {
        assert_int_equal(pread(fd, &byte, 1, (off_t)d->at), 1);
        byte ^= d->mask;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)d->at), 1);
    }
    assert_int_equal(close(fd), 0);
}

/* --- One case. -------------------------------------------------------------------------------- */

struct one {
    struct damage damage;
    struct lg_rig at; /* its standalone */
    char *doctor_data;
    struct lg_process doctor;
};

static void begin_case(struct one *c, unsigned number, const struct damage *d)
{
    *c = (struct one){.damage = *d};
    c->at = (struct lg_rig){0};
    memcpy(c->at.folder, rig.folder, sizeof rig.folder);
    c->at.data = lg_strf("%s/case-%u", rig.folder, number);
    c->doctor_data = lg_strf("%s/doctor-%u", rig.folder, number);
    copy_all(c->at.data);
    copy_all(c->doctor_data);
    do_damage(c->at.data, d);
    do_damage(c->doctor_data, d);
    lg_process_start(&c->doctor, (const char *const[]){"doctor", c->doctor_data, NULL}, NULL);
    lg_rig_launch(&c->at, (const char *const[]){"--disk-reserve", "64KiB", NULL}, NULL);
}

/* True: the right answer. False: an error. A wrong answer fails the test. */
static bool ask_sample(const struct one *c, const struct sample *s)
{
    LG_SCOPED(lg_reply) reply = {0};
    int status;

    if (!lg_ask_try(&(struct lg_question){.port = c->at.router, .target = s->target}, &reply))
        return false;
    status = reply.status;
    if (status != 200 && status != 404)
        return false;
    if (status != s->status ||
        (status == 200 && !lg_slice_eq(lg_buf_slice(&reply.body), lg_buf_slice(&s->body))))
        complain("%s: %s answers %d %.200s", c->damage.text, s->target, status,
                 lg_reply_text(&reply));
    return true;
}

/* What was refused is refused by name, and with a remedy. */
static void check_refusal(struct one *c)
{
    static const char *const remedies[] = {"restore", "remove", "use the program", "another",
                                           "push",    "repair", "backup"};
    LG_SCOPED(lg_buf) text = {0};
    int status = lg_process_wait(&c->at.standalone, LG_RIG_READY_MS);
    const char *base = strrchr(c->damage.file, '/') + 1;
    bool named, remedy = false;

    lg_process_stderr(&c->at.standalone, &text);
    lg_buf_append_byte(&text, 0);
    if (status <= 0 || status >= 128)
        complain("%s: status %d: %s", c->damage.text, status, (const char *)text.data);
    named = strstr((const char *)text.data, base) != NULL ||
            /* RocksDB's own files are spoken of by their folder, the format by the directory. */
            (strstr(c->damage.file, "/checkpoints/") != NULL &&
             strstr((const char *)text.data, "checkpoints") != NULL) ||
            (strstr(c->damage.file, "lagoon.format") != NULL &&
             strstr((const char *)text.data, "format") != NULL);
    for (size_t i = 0; i < LG_ARRAY_SIZE(remedies); i++)
        remedy = remedy || strstr((const char *)text.data, remedies[i]) != NULL;
    if (!named || !remedy)
        complain("%s: refused without %s: %s", c->damage.text, named ? "a remedy" : "its name",
                 (const char *)text.data);
    refused++;
}

/* Is everything served as before? Some of it may be read from the log again first. */
static bool check_reads(struct one *c)
{
    size_t right = 0;

    for (unsigned round = 0; round < 25 && right < sample_count; round++) {
        right = 0;
        for (size_t i = 0; i < sample_count; i++)
            right += ask_sample(c, &samples[i]);
        if (right < sample_count)
            lg_process_pause(RETRY_MS);
    }
    return right == sample_count;
}

static void check_doctor(struct one *c, bool started, bool served)
{
    int status = lg_process_wait(&c->doctor, LG_RIG_VERB_MS);
    LG_SCOPED(lg_buf) text = {0};

    lg_process_stdout(&c->doctor, &text);
    lg_process_stderr(&c->doctor, &text);
    lg_buf_append_byte(&text, 0);
    if (status != 0 && status != 1)
        complain("%s: the doctor ends with %d: %s", c->damage.text, status,
                 (const char *)text.data);
    if (status == 0 && !(started && served))
        complain("%s: the doctor finds nothing, but the standalone %s:\n%s", c->damage.text,
                 started ? "does not serve all" : "refuses", (const char *)text.data);
    if (status == 1 && strstr((const char *)text.data, "fail") == NULL)
        complain("%s: the doctor names nothing:\n%s", c->damage.text, (const char *)text.data);
    if (status == 0)
        harmless++;
}

static void end_case(struct one *c)
{
    bool started = lg_rig_wait_ready(&c->at), served = false;

    if (started) {
        served = check_reads(c);
        healed += served;
        unserved += !served;
        lg_process_signal(&c->at.standalone, SIGTERM);
        (void)lg_process_wait(&c->at.standalone, LG_RIG_READY_MS);
    } else {
        check_refusal(c);
    }
    if (kinds[kind_of(c->damage.file)].advice && !served)
        complain("%s: nothing depends on it, and not all is served", c->damage.text);
    check_doctor(c, started, served);
    lg_process_done(&c->at.standalone);
    lg_process_done(&c->doctor);
    remove_tree(c->at.data);
    remove_tree(c->doctor_data);
    lg_free(c->at.data);
    lg_free(c->doctor_data);
}

/* --- All of them. ----------------------------------------------------------------------------- */

static uint64_t number_from_env(const char *name, uint64_t max, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t number = otherwise;

    if (text != NULL && !lg_parse_u64(lg_slice_str(text), max, &number))
        fail_msg("%s is not a number", name);
    return number;
}

static void damage_to_any_file_serves_no_wrong_value_and_is_named(void **state)
{
    uint64_t cases = number_from_env("LAGOON_DAMAGES", CASES_MAX, CASES_DEFAULT);
    uint64_t seed = number_from_env("LAGOON_DAMAGE_SEED", UINT64_MAX, lg_rand_os_seed());
    struct one running[PARALLEL];
    unsigned done = 0, hit[LG_ARRAY_SIZE(kinds)] = {0};
    size_t kind = 0;

    (void)state;
    print_message("LAGOON_DAMAGE_SEED=%llu\n", (unsigned long long)seed);
    lg_rand_seed(&rand_, seed);
    while (done < cases) {
        unsigned n = 0;

        while (n < PARALLEL && done + n < cases) {
            struct damage d = draw_damage(kind);

            hit[kind] += d.file != NULL;
            kind = (kind + 1) % LG_ARRAY_SIZE(kinds);
            if (d.file != NULL) {
                begin_case(&running[n], done + n, &d);
                n++;
            }
        }
        for (unsigned i = 0; i < n; i++)
            end_case(&running[i]);
        done += n;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(kinds); i++)
        print_message("%-18s %u\n", kinds[i].part[0] == '\0' ? "others" : kinds[i].part, hit[i]);
    print_message("%u damages: %u refused by name, %u served in full, %u in part; %u times the "
                  "doctor found nothing\n",
                  done, refused, healed, unserved, harmless);
    assert_int_equal(complaints, 0);
}

/* A backup is refused by the name of its file, or serves what it should. */
static void a_damaged_backup_is_told(void **state)
{
    unsigned told = 0, cases = 0;
    LG_AUTO_STR char *copy = lg_rig_path(&rig, "damaged-backup");
    LG_AUTO_STR char *former = template;

    (void)state;
    note_files(backup);
    for (size_t i = 0; i < file_count; i++) {
        for (unsigned round = 0; round < 6; round++) {
            struct damage d = {.file = files[i]};

            if (size_of(d.file) == 0)
                continue;
            d.at = lg_rand_below(&rand_, size_of(d.file));
            d.mask = (uint8_t)(round < 4 ? 1u << round * 2 : 0u);
            copy_all(copy);
            do_damage(copy, &d);
            cases++;
            if (LG_RUN(&rig, "backup", "check", copy) != 0) {
                LG_AUTO_STR char *path = lg_strf("%s%s", copy, d.file);
                const char *said = (const char *)rig.err.data;

                /* A changed name in the manifest is that of a file that is not there. */
                if (strstr(said, strcmp(d.file, "/backup.json") == 0 ? copy : path) == NULL)
                    complain("damage of %s is told as: %s", d.file, said);
                told++;
            } else if (strcmp(d.file, "/backup.json") != 0) { /* Which has blanks, and a date. */
                complain("%s is damaged at %llu, and the check finds nothing", d.file,
                         (unsigned long long)d.at);
            }
            remove_tree(copy);
        }
    }
    print_message("%u damages of a backup, %u of them told\n", cases, told);
    assert_int_equal(complaints, 0);
    lg_free(template);
    template = LG_TAKE(former);
}

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, (const char *const[]){"--disk-reserve", "64KiB", NULL}, NULL);
    make_stores();
    take_samples();
    backup = lg_rig_path(&rig, "backup");
    assert_run(&rig, 0, "backup", backup);
    /* A kill leaves all that a process has: endpoints.json, RocksDB's own log. */
    lg_rig_kill(&rig);
    note_files(rig.data);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        lg_free(samples[i].target);
        lg_buf_done(&samples[i].body);
    }
    forget_files();
    lg_free(template);
    lg_free(backup);
    lg_rig_done(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_to_any_file_serves_no_wrong_value_and_is_named),
        cmocka_unit_test(a_damaged_backup_is_told),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
