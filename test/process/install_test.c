/* liblagoon as a stranger gets it: installed into a folder of its own, found by pkg-config, linked
 * into examples/client/get.c as C and as C++, shared and static, run against a real store; and what
 * the shared library shows and loads. */
#include <stdio.h>
#include <stdlib.h>

#include "base/asan.h"
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#ifdef __clang__
#define CC "clang-14"
#define CXX "clang++-14"
#else
#define CC "gcc"
#define CXX "g++"
#endif
#if LG_ASAN
#define SANITIZE "-fsanitize=address,undefined"
#else
#define SANITIZE ""
#endif

static struct lg_rig rig; /* With the cities. */
static char *build;       /* the folder of the build */
static char *prefix;      /* where it was installed */

/* What a shell command writes; it must end with 0. */
static char *shell(const char *fmt, ...) LG_PRINTF(1, 2);

static char *shell(const char *fmt, ...)
{
    LG_SCOPED(lg_buf) out = {0};
    char command[4096], piece[4096];
    size_t n;
    FILE *pipe;
    va_list ap;

    va_start(ap, fmt);
    assert_in_range(vsnprintf(command, sizeof command, fmt, ap), 1, sizeof command - 1);
    va_end(ap);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while ((n = fread(piece, 1, sizeof piece, pipe)) > 0)
        lg_buf_append(&out, piece, n);
    if (pclose(pipe) != 0)
        fail_msg("%s\n%.*s", command, LG_FMT(lg_buf_slice(&out)));
    return lg_buf_take_str(&out);
}

static void run(const char *command)
{
    LG_AUTO_STR char *out = shell("%s 2>&1", command);

    (void)out;
}

static int set_up(void **state)
{
    LG_AUTO_STR char *binary = lg_process_binary();
    LG_AUTO_STR char *install = NULL;
    char *slash = strrchr(binary, '/');

    (void)state;
    *slash = '\0';
    build = lg_strdup(binary);
    lg_rig_init(&rig);
    prefix = lg_rig_path(&rig, "prefix");
    install = lg_strf("cmake --install %s --prefix %s --component runtime && "
                      "cmake --install %s --prefix %s --component dev",
                      build, prefix, build, prefix);
    run(install);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    lg_free(build);
    lg_free(prefix);
    return 0;
}

/* Where pkg-config finds the installed library. */
static char *config(const char *flags)
{
    char *out = shell("PKG_CONFIG_PATH=$(dirname $(find %s -name lagoon.pc)) pkg-config %s lagoon",
                      prefix, flags);

    out[strcspn(out, "\n")] = '\0';
    return out;
}

static void check_example(const char *compiler, const char *flags)
{
    LG_AUTO_STR char *compile = NULL;
    LG_AUTO_STR char *out = NULL;

    compile = lg_strf("%s -Wall -Wextra -Werror %s examples/client/get.c -o %s/get %s", compiler,
                      SANITIZE, rig.folder, flags);
    run(compile);
    out = shell("LD_LIBRARY_PATH=$(dirname $(find %s -name liblagoon.so)) %s/get "
                "http://127.0.0.1:%u cities 3164603 5 2>&1",
                prefix, rig.folder, rig.router);
    assert_non_null(strstr(out, "3164603: {\"id\":3164603,\"name\":\"Venice\""));
    assert_non_null(strstr(out, "\n5: not there\nand all at once\n"));
    assert_non_null(strstr(out, "\n5: the store has no such key\n"));
    assert_non_null(strstr(strstr(out, "all at once"), "\"name\":\"Venice\""));
}

static void the_example_builds_as_c_and_as_cxx(void **state)
{
    LG_AUTO_STR char *flags = config("--cflags --libs");

    (void)state;
    check_example(CC " -std=c99 -D_DEFAULT_SOURCE -pedantic", flags);
    check_example(CC " -std=gnu17", flags);
    check_example(CXX " -std=c++11 -pedantic -x c++", flags);
}

static void the_example_builds_with_the_static_library(void **state)
{
    LG_AUTO_STR char *cflags = config("--cflags");
    LG_AUTO_STR char *archive = shell("find %s -name liblagoon.a | tr -d '\\n'", prefix);
    LG_AUTO_STR char *libs = shell(
        "PKG_CONFIG_PATH=$(dirname $(find %s -name lagoon.pc)) pkg-config --static --libs lagoon | "
        "sed 's/-llagoon//' | tr -d '\\n'",
        prefix);
    LG_AUTO_STR char *flags = lg_strf("%s %s %s", cflags, archive, libs);

    (void)state;
    check_example(CC, flags);
}

static void the_library_shows_its_promise_and_nothing_else(void **state)
{
    LG_AUTO_STR char *shared = shell("nm -D --defined-only $(find %s -name liblagoon.so.0) | "
                                     "grep -v ' A LAGOON_0$' | grep -v ' T lagoon_' || true",
                                     prefix);
    LG_AUTO_STR char *archive = shell("nm --extern-only --defined-only $(find %s -name "
                                      "liblagoon.a) | grep ' [A-Z] ' | grep -v ' T lagoon_' || "
                                      "true",
                                      prefix);
    LG_AUTO_STR char *promised = shell("nm -D --defined-only $(find %s -name liblagoon.so.0) | "
                                       "grep -c ' T lagoon_'",
                                       prefix);
    int64_t n;

    (void)state;
    assert_string_equal(shared, "");
    assert_string_equal(archive, "");
    promised[strcspn(promised, "\n")] = '\0';
    assert_true(lg_parse_i64(lg_slice_str(promised), 20, 100, &n));
}

static void the_library_loads_neither_rocksdb_nor_cxx(void **state)
{
    LG_AUTO_STR char *loads =
        shell("readelf -d $(find %s -name liblagoon.so.0) | grep -E 'NEEDED|SONAME'", prefix);

    (void)state;
    assert_non_null(strstr(loads, "soname: [liblagoon.so.0]"));
    assert_non_null(strstr(loads, "[libuv.so.1]"));
    assert_null(strstr(loads, "rocksdb"));
    assert_null(strstr(loads, "snappy"));
    assert_null(strstr(loads, "stdc++"));
}

static void every_header_compiles_alone(void **state)
{
    LG_AUTO_STR char *cflags = config("--cflags");
    static const char *const compilers[] = {CC " -std=c99 -pedantic -x c",
                                            CXX " -std=c++11 -pedantic -x c++"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(compilers); i++) {
        LG_AUTO_STR char *command =
            lg_strf("for h in client types; do echo \"#include <lagoon/$h.h>\" | %s -Wall -Wextra "
                    "-Werror %s -fsyntax-only - || exit 1; done",
                    compilers[i], cflags);

        run(command);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_builds_as_c_and_as_cxx),
        cmocka_unit_test(the_example_builds_with_the_static_library),
        cmocka_unit_test(the_library_shows_its_promise_and_nothing_else),
        cmocka_unit_test(the_library_loads_neither_rocksdb_nor_cxx),
        cmocka_unit_test(every_header_compiles_alone),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
