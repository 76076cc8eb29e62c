/* What is said of files that cannot be used, and who a certificate makes its owner. */
#include "drivers/openssl/tls_context.h"

#include <stdio.h>
#include <sys/stat.h>

#include "drivers/openssl/transport_tls.h"
#include "test/lib/certs.h"
#include "test/test.h"

static struct certs certs;

static int set_up(void **state)
{
    (void)state;
    certs_init(&certs);
    certs_authority(&certs, "ca");
    certs_issue(&certs, "ca", "good", &(struct cert_wish){.cn = "good"});
    certs_issue(&certs, "ca", "other", &(struct cert_wish){.cn = "other"});
    certs_issue(&certs, "ca", "old",
                &(struct cert_wish){.cn = "old", .from_s = -2 * CERT_DAY, .to_s = -CERT_DAY});
    certs_issue(&certs, "ca", "early",
                &(struct cert_wish){.cn = "early", .from_s = CERT_DAY, .to_s = 2 * CERT_DAY});
    certs_issue(&certs, "ca", "locked", &(struct cert_wish){.cn = "x", .key_password = "secret"});
    certs_write(&certs, "garbage", "not PEM at all\n", 0600);
    certs_write(&certs, "empty", "", 0600);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_done(&certs);
    return 0;
}

/* NULL stays NULL. */
static const char *at(const char *file)
{
    return file == NULL ? NULL : certs_path(&certs, file);
}

static enum lg_rc load(const char *cert, const char *key, const char *client_ca, const char *ca,
                       struct lg_error *err)
{
    struct lg_tls_contexts c = {0};
    struct lg_tls_options o = {.cert = at(cert),
                               .key = at(key),
                               .client_ca = at(client_ca),
                               .client_auth = LG_TLS_CLIENT_REQUIRE,
                               .ca = at(ca)};
    enum lg_rc rc = lg_tls_contexts_load(&o, &c, err);

    lg_tls_contexts_done(&c);
    return rc;
}

static void files_that_cannot_be_used_are_named_with_a_remedy(void **state)
{
    static const struct {
        const char *cert, *key, *client_ca, *ca, *words, *more;
    } rows[] = {
        {"absent", "good.key", NULL, NULL, "tls_cert: ", "cannot be read: No such file"},
        {"good.crt", "absent", NULL, NULL, "tls_key: ", "cannot be read: No such file"},
        {".", "good.key", NULL, NULL, "tls_cert: ", "is not a file"},
        {"garbage", "good.key", NULL, NULL, "tls_cert: ", "holds no certificate in PEM"},
        {"empty", "good.key", NULL, NULL, "tls_cert: ", "holds no certificate in PEM"},
        {"good.key", "good.key", NULL, NULL, "tls_cert: ", "holds no certificate in PEM"},
        {"good.crt", "garbage", NULL, NULL, "tls_key: ", "holds no key in PEM"},
        {"good.crt", "other.key", NULL, NULL, "tls_key: ", "is not that of the certificate"},
        {"good.crt", "locked.key", NULL, NULL, "tls_key: ", "openssl pkey"},
        {"old.crt", "old.key", NULL, NULL, "tls_cert: ", "expired on 2"},
        {"early.crt", "early.key", NULL, NULL, "tls_cert: ", "clock"},
        {"good.crt", NULL, NULL, NULL, "go together", "tls_key is missing"},
        {NULL, "good.key", NULL, NULL, "go together", "tls_cert is missing"},
        {"good.crt", "good.key", "garbage", NULL, "tls_client_ca: ", "holds no certificate"},
        {"good.crt", "good.key", "absent", NULL, "tls_client_ca: ", "cannot be read"},
        {NULL, NULL, NULL, "garbage", "tls_ca: ", "holds no certificate"},
        {NULL, NULL, NULL, "absent", "tls_ca: ", "cannot be read"},
    };
    struct lg_error err;

    (void)state;
    assert_ok(load("good.crt", "good.key", "ca.crt", "ca.crt", &err));
    assert_ok(load(NULL, NULL, NULL, NULL, &err));
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        assert_rc(LG_ERR_INVALID,
                  load(rows[i].cert, rows[i].key, rows[i].client_ca, rows[i].ca, &err));
        if (strstr(err.text, rows[i].words) == NULL || strstr(err.text, rows[i].more) == NULL)
            fail_msg("row %zu: %s", i, err.text);
    }
}

static void append_name(void *ctx, const struct lg_error *err)
{
    assert_rc(LG_ERR_INVALID, err->rc);
    lg_buf_append(ctx, err->text, (size_t)(strchr(err->text, ' ') - err->text));
}

static void all_files_are_checked_at_once(void **state)
{
    struct lg_tls_options o = {.cert = at("good.crt"),
                               .key = at("good.key"),
                               .client_ca = at("ca.crt"),
                               .client_auth = LG_TLS_CLIENT_REQUIRE,
                               .ca = at("ca.crt")};
    LG_SCOPED(lg_buf) said = {0};

    (void)state;
    lg_tls_check_files(&o, append_name, &said);
    assert_int_equal(said.size, 0);
    o.key = o.client_ca = o.ca = at("absent");
    lg_tls_check_files(&o, append_name, &said);
    assert_slice_equal(lg_buf_slice(&said), LG_LIT("tls_key:tls_client_ca:tls_ca:"));
    lg_buf_clear(&said);
    o.client_auth = LG_TLS_CLIENT_OFF; /* Then it is not read. */
    lg_tls_check_files(&o, append_name, &said);
    assert_slice_equal(lg_buf_slice(&said), LG_LIT("tls_key:tls_ca:"));
}

static void a_key_that_everybody_may_read_is_refused(void **state)
{
    struct lg_error err;

    (void)state;
    certs_issue(&certs, "ca", "open", &(struct cert_wish){.cn = "open"});
    assert_ok(load("open.crt", "open.key", NULL, NULL, &err));
    certs_write(&certs, "spoilt", "x", 0644);
    assert_int_equal(rename(at("open.key"), at("spoilt.key")), 0);
    assert_ok(load("open.crt", "spoilt.key", NULL, NULL, &err));
    assert_int_equal(chmod(at("spoilt.key"), 0604), 0);
    assert_rc(LG_ERR_REFUSED, load("open.crt", "spoilt.key", NULL, NULL, &err));
    assert_non_null(strstr(err.text, "chmod o-rwx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_cannot_be_used_are_named_with_a_remedy),
        cmocka_unit_test(all_files_are_checked_at_once),
        cmocka_unit_test(a_key_that_everybody_may_read_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
