/* Tests of where log lines go: a file that rotates and is opened anew, the journal, repetitions. */
#include "test/test.h"

#include "base/log.h"
#include "base/str.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64], path[128];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/lg_log_XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/log", dir);
    return 0;
}

static int tear_down(void **state)
{
    LG_AUTO_STR char *command = lg_strf("rm -rf %s", dir);

    (void)state;
    lg_log_close();
    return system(command);
}

/* The text of `path` with that suffix; the caller owns it. NULL: there is no such file. */
static char *content(const char *suffix)
{
    LG_AUTO_STR char *name = lg_strf("%s%s", path, suffix);
    struct lg_buf text = {0};
    int fd = open(name, O_RDONLY);
    ssize_t n;

    if (fd < 0)
        return NULL;
    do {
        n = read(fd, lg_buf_reserve(&text, 4096), 4096);
        assert_true(n >= 0);
        lg_buf_commit(&text, (size_t)n);
    } while (n > 0);
    close(fd);
    return lg_buf_take_str(&text);
}

static void assert_content(const char *suffix, const char *part)
{
    LG_AUTO_STR char *text = content(suffix);

    if (part == NULL) {
        assert_null(text);
    } else {
        assert_non_null(text);
        if (strstr(text, part) == NULL)
            fail_msg("no '%s' in log%s:\n%s", part, suffix, text);
    }
}

static void open_file(uint64_t rotate_bytes, unsigned keep)
{
    struct lg_error err = {0};
    struct lg_log_target target = {
        .to = LG_LOG_TO_FILE, .path = path, .rotate_bytes = rotate_bytes, .rotate_keep = keep};

    assert_ok(lg_log_open(&target, &err));
}

static void a_file_is_appended_to(void **state)
{
    (void)state;
    open_file(0, 1);
    lg_log(LG_LOG_INFO, "first", "n=%d", 1);
    lg_log_close();
    open_file(0, 1);
    lg_log(LG_LOG_WARN, "second", "n=%d", 2);
    assert_content("", "Z info first n=1\n20");
    assert_content("", "Z warn second n=2\n");
}

static void a_full_file_is_rotated_and_only_so_many_are_kept(void **state)
{
    (void)state;
    open_file(100, 2); /* A line has 40 bytes: two fit. */
    for (int i = 0; i < 9; i++)
        lg_log(LG_LOG_INFO, "rotating", "n=%d", i);
    assert_content("", "n=8\n");
    assert_content(".1", "n=6\n");
    assert_content(".1", "n=7\n");
    assert_content(".2", "n=4\n");
    assert_content(".2", "n=5\n");
    assert_content(".3", NULL);
    lg_log_set_rotation(100, 1); /* Live: what is too many goes at the next rotation. */
    lg_log(LG_LOG_INFO, "rotating", "n=9");
    lg_log(LG_LOG_INFO, "rotating", "n=10");
    assert_content("", "n=10\n");
    assert_content(".1", "n=8\n");
    assert_content(".2", NULL);
}

static void a_file_that_was_moved_away_is_opened_anew(void **state)
{
    LG_AUTO_STR char *moved = lg_strf("%s.moved", path);
    struct lg_error err = {0};

    (void)state;
    open_file(0, 1);
    lg_log(LG_LOG_INFO, "before", "n=1");
    assert_int_equal(rename(path, moved), 0);
    lg_log(LG_LOG_INFO, "between", "n=2");
    assert_ok(lg_log_reopen(&err));
    lg_log(LG_LOG_INFO, "after", "n=3");
    assert_content(".moved", "between");
    assert_content("", "after");
    lg_log_close();
    assert_ok(lg_log_reopen(&err)); /* Nothing to do. */
}

static void a_file_that_cannot_be_opened_changes_nothing(void **state)
{
    struct lg_error err = {0};
    struct lg_log_target target = {.to = LG_LOG_TO_FILE, .path = "/nowhere/at/all/log"};

    (void)state;
    open_file(0, 1);
    assert_int_not_equal(lg_log_open(&target, &err), LG_OK);
    assert_non_null(strstr(err.text, "/nowhere/at/all/log"));
    lg_log(LG_LOG_INFO, "still", "here=1");
    assert_content("", "still");
}

/* Standard error, in a file of its own while `write` runs. */
static char *stderr_of(void (*write_lines)(void))
{
    int saved = dup(STDERR_FILENO), fd;
    LG_AUTO_STR char *name = lg_strf("%s.stderr", path);

    fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    write_lines();
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    close(fd);
    return content(".stderr");
}

static void write_to_full_disk(void)
{
    struct lg_error err = {0};

    assert_ok(
        lg_log_open(&(struct lg_log_target){.to = LG_LOG_TO_FILE, .path = "/dev/full"}, &err));
    lg_log(LG_LOG_INFO, "kept", "n=1");
}

static void a_line_that_the_file_refuses_goes_to_standard_error(void **state)
{
    LG_AUTO_STR char *text = stderr_of(write_to_full_disk);

    (void)state;
    assert_non_null(strstr(text, "Z info kept n=1\n"));
}

static void write_to_journal_stream(void)
{
    struct stat st;
    struct lg_error err = {0};
    LG_AUTO_STR char *stream = NULL;

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    stream = lg_strf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    assert_ok(
        lg_log_open(&(struct lg_log_target){.to = LG_LOG_TO_JOURNAL, .stream = stream}, &err));
    lg_log(LG_LOG_INFO, "one", "n=1");
    lg_log(LG_LOG_WARN, "two", "n=2");
    lg_log(LG_LOG_ERROR, "three", "n=3");
}

static void a_stream_of_the_journal_gets_priorities(void **state)
{
    LG_AUTO_STR char *text = stderr_of(write_to_journal_stream);

    (void)state; /* The journal has a time of its own. */
    assert_string_equal(text, "<6>info one n=1\n<4>warn two n=2\n<3>error three n=3\n");
}

static void the_journals_socket_gets_fields(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct lg_error err = {0};
    struct lg_log_target target = {
        .to = LG_LOG_TO_JOURNAL, .socket = address.sun_path, .stream = "1:1"};
    char got[500] = {0};

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/journal", dir);
    assert_rc(LG_ERR_UNAVAILABLE, lg_log_open(&target, &err));
    assert_int_equal(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
    assert_ok(lg_log_open(&target, &err));
    lg_log(LG_LOG_WARN, "push_failed", "store=%s", "a b");
    assert_true(recv(journal, got, sizeof got - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(got, "PRIORITY=4\nSYSLOG_IDENTIFIER=lagoon\nLAGOON_EVENT=push_failed\n"
                             "MESSAGE=warn push_failed store=\"a b\"\n");
    close(journal);
}

static void *write_lines(void *arg)
{
    for (unsigned i = 0; i < 200; i++)
        lg_log(LG_LOG_INFO, "threaded", "thread=%s n=%u", (const char *)arg, i);
    return NULL;
}

static void lines_of_many_threads_stay_whole_while_the_file_rotates(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    pthread_t threads[LG_ARRAY_SIZE(names)];
    size_t lines = 0;
    struct lg_error err = {0};

    (void)state;
    open_file(4096, 50);
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)names[i]), 0);
    assert_ok(lg_log_reopen(&err));
    lg_log_set_rotation(2048, 50);
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned file = 0;; file++) {
        LG_AUTO_STR char *suffix = file == 0 ? lg_strdup("") : lg_strf(".%u", file);
        LG_AUTO_STR char *text = content(suffix);

        if (text == NULL)
            break;
        assert_true(strlen(text) <= 4096);
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            assert_memory_equal(line + 23, "Z info threaded thread=", 23);
            lines++;
        }
    }
    assert_int_equal(lines, 200 * LG_ARRAY_SIZE(names));
}

static size_t lines_with(const char *part)
{
    LG_AUTO_STR char *text = content("");
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void equal_lines_are_held_back(void **state)
{
    (void)state;
    open_file(0, 1);
    for (unsigned i = 0; i < 100; i++) {
        lg_log(LG_LOG_WARN, "repeating", "reason=same");
        lg_log(LG_LOG_WARN, "counting", "n=%u", i);
    }
    assert_int_equal(lines_with("repeating"), LG_LOG_SAME_MAX);
    assert_int_equal(lines_with("counting"), 100);
}

static void a_flood_of_one_event_is_held_back(void **state)
{
    (void)state;
    open_file(0, 1);
    for (unsigned i = 0; i < LG_LOG_EVENT_MAX + 200; i++)
        lg_log(LG_LOG_WARN, "flooding", "n=%u", i);
    assert_in_range(lines_with("flooding"), LG_LOG_EVENT_MAX, LG_LOG_EVENT_MAX + 20);
    lg_log(LG_LOG_WARN, "another", "n=1");
    assert_int_equal(lines_with("another"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_appended_to),
        TEST(a_full_file_is_rotated_and_only_so_many_are_kept),
        TEST(a_file_that_was_moved_away_is_opened_anew),
        TEST(a_file_that_cannot_be_opened_changes_nothing),
        TEST(a_line_that_the_file_refuses_goes_to_standard_error),
        TEST(a_stream_of_the_journal_gets_priorities),
        TEST(the_journals_socket_gets_fields),
        TEST(lines_of_many_threads_stay_whole_while_the_file_rotates),
        TEST(equal_lines_are_held_back),
        TEST(a_flood_of_one_event_is_held_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
