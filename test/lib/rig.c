#include "test/lib/rig.h"

#include "base/clock.h"
#include "base/str.h"
#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define POLL_MS 2u

void lg_rig_init(struct lg_rig *rig)
{
    const char *tmp = getenv("TMPDIR");

    *rig = (struct lg_rig){0};
    (void)snprintf(rig->folder, sizeof rig->folder, "%.80s/lagoon-rig-XXXXXX",
                   tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp);
    assert_non_null(mkdtemp(rig->folder));
    rig->data = lg_rig_path(rig, "data");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void lg_rig_done(struct lg_rig *rig)
{
    if (rig->standalone.pid > 0)
        lg_rig_stop(rig);
    assert_int_equal(nftw(rig->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    lg_buf_done(&rig->out);
    lg_buf_done(&rig->err);
    lg_free(rig->data);
    *rig = (struct lg_rig){0};
}

/* --- The standalone. -------------------------------------------------------------------------- */

void lg_rig_launch(struct lg_rig *rig, const char *const *words, const char *const *environment)
{
    LG_AUTO_STR char *endpoints = lg_strf("%s/endpoints.json", rig->data);
    LG_AUTO_STR char *controller = lg_strf("%u", rig->controller);
    LG_AUTO_STR char *router = lg_strf("%u", rig->router);
    LG_AUTO_STR char *server = lg_strf("%u", rig->server);
    const char *all[LG_PROCESS_WORDS_MAX] = {
        "standalone", "--data",        rig->data, "--controller-port", controller, "--router-port",
        router,       "--server-port", server};
    size_t n = 9;

    if (!rig->sheds) {
        all[n++] = "--read-queue-target";
        all[n++] = "10s";
    }
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        assert_true(n < LG_PROCESS_WORDS_MAX - 1);
        all[n++] = words[i];
    }
    lg_process_done(&rig->standalone);
    /* What a killed process left says nothing about the new one. */
    assert_true(unlink(endpoints) == 0 || errno == ENOENT || errno == ENOTDIR);
    lg_process_start(&rig->standalone, all, environment);
}

static uint16_t port_of(const struct lg_json *endpoints, const char *role)
{
    const char *colon = strrchr(lg_json_get_str(endpoints, role, ""), ':');
    uint64_t port = 0;

    assert_non_null(colon);
    assert_true(lg_parse_u64(lg_slice_str(colon + 1), 65535, &port) && port > 0);
    return (uint16_t)port;
}

bool lg_rig_wait_ready(struct lg_rig *rig)
{
    LG_AUTO_STR char *path = lg_strf("%s/endpoints.json", rig->data);
    uint64_t until_us = lg_clock_mono_us() + (uint64_t)LG_RIG_READY_MS * 1000;
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;

    while (access(path, R_OK) != 0) {
        if (lg_process_ended(&rig->standalone, POLL_MS))
            return false;
        assert_true(lg_clock_mono_us() < until_us);
    }
    lg_rig_read_file(path, &text);
    json = lg_rig_json(lg_buf_slice(&text));
    rig->controller = port_of(json, "controller");
    rig->router = port_of(json, "router");
    rig->server = port_of(json, "server");
    return true;
}

void lg_rig_start(struct lg_rig *rig, const char *const *words, const char *const *environment)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_rig_launch(rig, words, environment);
    if (lg_rig_wait_ready(rig))
        return;
    lg_process_stderr(&rig->standalone, &text);
    lg_buf_append_byte(&text, 0);
    fail_msg("the standalone ended with status %d before it was ready:\n%s", rig->standalone.status,
             (const char *)text.data);
}

void lg_rig_stop(struct lg_rig *rig)
{
    lg_process_signal(&rig->standalone, SIGTERM);
    assert_int_equal(lg_process_wait(&rig->standalone, LG_RIG_READY_MS), 0);
    lg_process_done(&rig->standalone);
}

void lg_rig_kill(struct lg_rig *rig)
{
    lg_process_kill(&rig->standalone);
    lg_process_done(&rig->standalone);
}

/* --- Files. ----------------------------------------------------------------------------------- */

char *lg_rig_path(const struct lg_rig *rig, const char *name)
{
    return lg_strf("%s/%s", rig->folder, name);
}

char *lg_rig_file(const struct lg_rig *rig, const char *name, struct lg_slice content)
{
    char *path = lg_rig_path(rig, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    while (content.size > 0) {
        ssize_t put = write(fd, content.data, content.size);

        assert_true(put > 0);
        content = lg_slice_skip(content, (size_t)put);
    }
    assert_int_equal(close(fd), 0);
    return path;
}

void lg_rig_read_file(const char *path, struct lg_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        fail_msg("%s cannot be read", path);
    do {
        uint8_t *room = lg_buf_reserve(out, 1 << 16);

        assert_true(room != NULL && out->size < FILE_BYTES_MAX);
        got = read(fd, room, 1 << 16);
        assert_true(got >= 0);
        lg_buf_commit(out, (size_t)got);
    } while (got > 0);
    assert_int_equal(close(fd), 0);
}

/* --- Verbs. ----------------------------------------------------------------------------------- */

void lg_rig_spawn(const struct lg_rig *rig, struct lg_process *p, const char *const *words)
{
    LG_AUTO_STR char *data = lg_strf("LAGOON_DATA=%s", rig->data);

    lg_process_start(
        p, words, rig->environment != NULL ? rig->environment : (const char *const[]){data, NULL});
}

static void end_text(struct lg_buf *text)
{
    lg_buf_append_byte(text, 0);
    text->size--;
}

int lg_rig_run(struct lg_rig *rig, const char *const *words)
{
    struct lg_process p = {0};

    lg_buf_clear(&rig->out);
    lg_buf_clear(&rig->err);
    lg_rig_spawn(rig, &p, words);
    rig->status = lg_process_wait(&p, LG_RIG_VERB_MS);
    lg_process_stdout(&p, &rig->out);
    lg_process_stderr(&p, &rig->err);
    end_text(&rig->out);
    end_text(&rig->err);
    lg_process_done(&p);
    return rig->status;
}

void lg_rig_assert(const struct lg_rig *rig, int want, int got)
{
    if (want != got)
        fail_msg("status %d instead of %d\nstdout: %s\nstderr: %s", got, want,
                 (const char *)rig->out.data, (const char *)rig->err.data);
}

void lg_rig_assert_out(const struct lg_rig *rig, const char *part)
{
    if (strstr((const char *)rig->out.data, part) == NULL)
        fail_msg("no '%s' in stdout: %s", part, (const char *)rig->out.data);
}

void lg_rig_assert_err(const struct lg_rig *rig, const char *part)
{
    if (strstr((const char *)rig->err.data, part) == NULL)
        fail_msg("no '%s' in stderr: %s", part, (const char *)rig->err.data);
}

/* --- What the controller says. ---------------------------------------------------------------- */

struct lg_json *lg_rig_json(struct lg_slice text)
{
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    if (lg_json_parse(text, &json, &err) != LG_OK)
        fail_msg("not JSON (%s): %.*s", err.text, LG_FMT(text));
    return json;
}

bool lg_rig_try_store(const struct lg_rig *rig, const char *store, struct lg_json **out)
{
    LG_AUTO_STR char *target = lg_strf("/store?store_name=%s", store);
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_json *inner;

    if (!lg_ask_try(&(struct lg_question){.port = rig->controller, .target = target}, &reply))
        return false;
    json = lg_rig_json(lg_buf_slice(&reply.body));
    inner = lg_json_get(json, "store");
    *out = inner == NULL || lg_json_type(inner) != LG_JSON_OBJECT ? NULL : lg_json_ref(inner);
    return true;
}

struct lg_json *lg_rig_store(const struct lg_rig *rig, const char *store)
{
    struct lg_json *json = NULL;

    if (!lg_rig_try_store(rig, store, &json))
        fail_msg("the controller on port %u does not answer", rig->controller);
    return json;
}

struct lg_json *lg_rig_topics(const struct lg_rig *rig)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;

    assert_int_equal(lg_ask_get(rig->controller, "/log/topics", &reply), 200);
    json = lg_rig_json(lg_buf_slice(&reply.body));
    assert_non_null(lg_json_get(json, "topics"));
    return lg_json_ref(lg_json_get(json, "topics"));
}
