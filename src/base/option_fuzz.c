/* Fuzzes configuration files: any text is taken or refused, and a taken value shows as text that is
 * taken again. */
#include "base/option.h"

#define ROWS(X)                                                                                    \
    X(verbose, boolean, false, 0, 1, LIVE, "Say more.")                                            \
    X(http_port, u32, 7777, 0, 65535, START, "A port.")                                            \
    X(grace, duration, 30000, 1, 86400000, LIVE, "A time.")                                        \
    X(cache, size, 64 << 20, 1 << 20, (uint64_t)1 << 40, START, "A size.")                         \
    X(data, str, "x", 1, 100, START, "A text.")

struct options {
    ROWS(LG_OPTION_FIELD)
};
#define ROW(...) LG_OPTION_ROW(struct options, __VA_ARGS__)
static const struct lg_option rows[] = {ROWS(ROW)};
static const struct lg_option_table table = {.rows = rows, .n = LG_ARRAY_SIZE(rows)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options o;
    struct lg_error err;
    LG_SCOPED(lg_buf) faults = {0};
    bool good;

    lg_options_init(&table, &o);
    good = lg_options_check_file(&table, lg_slice(data, size), "f", &faults) == 0;
    assert(good == (faults.size == 0));
    assert(good == (lg_options_parse_file(&table, &o, lg_slice(data, size), "f", &err) == LG_OK));
    if (lg_options_parse_file(&table, &o, lg_slice(data, size), "f", &err) == LG_OK) {
        for (size_t i = 0; i < table.n; i++) {
            LG_SCOPED(lg_buf) text = {0}, again = {0};
            enum lg_rc rc;

            lg_option_format(&text, &rows[i], &o);
            rc = lg_option_set(&table, &o, rows[i].name, lg_buf_slice(&text), &err);
            assert(rc == LG_OK);
            lg_option_format(&again, &rows[i], &o);
            assert(lg_slice_eq(lg_buf_slice(&text), lg_buf_slice(&again)));
        }
    }
    lg_options_done(&table, &o);
    return 0;
}
