/* Two schemas and a datum of the first, divided by zero bytes. What is said to be compatible must
 * let the datum through; a schema is compatible with itself and is its own superset. */
#include "avro/canonical.h"
#include "avro/compat.h"
#include "avro/resolve.h"
#include "avro/superset.h"

#define OUT_BYTES_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts off what stands before the next zero byte. */
static struct lg_slice cut(struct lg_slice *rest)
{
    const uint8_t *zero = rest->size == 0 ? NULL : memchr(rest->data, 0, rest->size);
    size_t n = zero == NULL ? rest->size : (size_t)(zero - rest->data);
    struct lg_slice part = lg_slice(rest->data, n);

    *rest = lg_slice_skip(*rest, zero == NULL ? n : n + 1);
    return part;
}

static void check_report(const struct lg_compat_report *report)
{
    LG_AUTO(lg_json) *json = lg_compat_report_json(report);
    size_t broken = 0;

    for (size_t i = 0; i < report->findings.size; i++)
        broken += report->findings.data[i].breaks != LG_COMPAT_NOBODY;
    assert(lg_json_size(json) == report->findings.size);
    assert(broken <= report->broken && (broken == report->broken || report->is_cut));
}

/* Also what is too large for a plan is told, so that silence means that data get through. */
static void check_pair(const struct lg_schema *older, const struct lg_schema *newer,
                       struct lg_slice datum)
{
    LG_SCOPED(lg_compat_report) report = {0};
    LG_AUTO(lg_resolver) *resolver = NULL;
    LG_SCOPED(lg_buf) out = lg_buf_with_ceiling(OUT_BYTES_MAX);
    struct lg_error err = {0};
    enum lg_rc rc;

    lg_compat_check(older, newer, LG_COMPAT_FULL, 1, &report);
    check_report(&report);
    lg_compat_report_done(&report);
    lg_compat_check(older, newer, LG_COMPAT_BACKWARD, 1, &report);
    check_report(&report);
    if (report.broken > 0 || report.is_cut)
        return;
    rc = lg_resolver_new(older, newer, &resolver, &err);
    assert(rc == LG_OK);
    assert(lg_resolve(resolver, datum, &out, &err) != LG_ERR_SCHEMA);
}

static void check_superset(const struct lg_schema *first, const struct lg_schema *second)
{
    LG_AUTO(lg_schema) *own = NULL;
    LG_AUTO(lg_schema) *both = NULL;
    struct lg_error err = {0};
    enum lg_rc rc = lg_schema_superset(first, first, &own, &err);

    assert(rc == LG_OK || rc == LG_ERR_TOO_LARGE);
    if (rc == LG_OK)
        assert(lg_compat_same(first, own));
    rc = lg_schema_superset(first, second, &both, &err);
    assert(rc == LG_OK || err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_slice rest = lg_slice(data, size);
    struct lg_slice older_text = cut(&rest), newer_text = cut(&rest);
    LG_AUTO(lg_schema) *older = NULL;
    LG_AUTO(lg_schema) *newer = NULL;
    LG_SCOPED(lg_compat_report) self = {0};
    struct lg_error err = {0};

    if (lg_schema_parse(older_text, &older, &err) != LG_OK ||
        lg_schema_parse(newer_text, &newer, &err) != LG_OK)
        return 0;
    lg_compat_check(older, older, LG_COMPAT_FULL, 1, &self);
    assert(self.broken == 0);
    check_pair(older, newer, rest);
    check_superset(older, newer);
    return 0;
}
