#include "test/lib/certs.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "test/test.h"

#define PATHS_KEPT 16

void certs_init(struct certs *c)
{
    (void)snprintf(c->folder, sizeof c->folder, "/tmp/lagoon-certs-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
}

void certs_done(struct certs *c)
{
    DIR *dir = opendir(c->folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
    assert_int_equal(closedir(dir), 0);
    assert_int_equal(rmdir(c->folder), 0);
}

const char *certs_path(const struct certs *c, const char *file)
{
    static char kept[PATHS_KEPT][160];
    static unsigned next;
    char *path = kept[next++ % PATHS_KEPT];

    (void)snprintf(path, sizeof kept[0], "%s/%s", c->folder, file);
    return path;
}

void certs_write(const struct certs *c, const char *file, const char *text, unsigned mode)
{
    const char *path = certs_path(c, file);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* As a whole: whoever reads finds the old file or the new one. */
static FILE *begin_file(const struct certs *c, unsigned mode)
{
    const char *path = certs_path(c, "new");
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0);
    return fdopen(fd, "w");
}

static void end_file(const struct certs *c, FILE *f, const char *name, const char *ending)
{
    char file[80];

    assert_int_equal(fclose(f), 0);
    (void)snprintf(file, sizeof file, "%s.%s", name, ending);
    assert_int_equal(rename(certs_path(c, "new"), certs_path(c, file)), 0);
}

static void write_pair(const struct certs *c, const char *name, X509 *cert, EVP_PKEY *key,
                       const char *password)
{
    FILE *f = begin_file(c, 0600);

    assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, password == NULL ? NULL : EVP_aes_128_cbc(),
                                               NULL, 0, NULL, (void *)(uintptr_t)password),
                     1);
    end_file(c, f, name, "key");
    f = begin_file(c, 0644);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    end_file(c, f, name, "crt");
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *cert_new(EVP_PKEY *key, const struct cert_wish *wish)
{
    static long serial;
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    bool usual = wish->from_s == 0 && wish->to_s == 0;

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial + ((long)getpid() << 20));
    X509_gmtime_adj(X509_getm_notBefore(cert), usual ? -3600 : wish->from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), usual ? 10 * CERT_DAY : wish->to_s);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)wish->cn, -1, -1, 0),
                     1);
    return cert;
}

void certs_authority(const struct certs *c, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = cert_new(key, &(struct cert_wish){.cn = name});

    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
    add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, cert, NID_subject_key_identifier, "hash");
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    write_pair(c, name, cert, key, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void certs_issue(const struct certs *c, const char *authority, const char *name,
                 const struct cert_wish *wish)
{
    char file[80];
    EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key;
    X509 *cert = cert_new(key, wish), *ca;
    FILE *f;

    (void)snprintf(file, sizeof file, "%s.crt", authority);
    f = fopen(certs_path(c, file), "r");
    assert_non_null(f);
    ca = PEM_read_X509(f, NULL, NULL, NULL);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(file, sizeof file, "%s.key", authority);
    f = fopen(certs_path(c, file), "r");
    assert_non_null(f);
    ca_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    assert_int_equal(fclose(f), 0);
    assert_true(ca != NULL && ca_key != NULL);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(ca)), 1);
    add_extension(cert, ca, NID_basic_constraints, "CA:FALSE");
    if (wish->names != NULL)
        add_extension(cert, ca, NID_subject_alt_name, wish->names);
    assert_true(X509_sign(cert, ca_key, EVP_sha256()) > 0);
    write_pair(c, name, cert, key, wish->key_password);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    X509_free(cert);
    EVP_PKEY_free(key);
}
