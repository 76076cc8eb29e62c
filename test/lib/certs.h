/* Certificates for tests: authorities and what they vouch for, made on the spot as PEM files in a
 * folder of the test's own. Keys are elliptic (P-256): a certificate takes less than a millisecond.
 * Every function fails the running test when OpenSSL does not do what it must. */
#ifndef LG_TEST_LIB_CERTS_H
#define LG_TEST_LIB_CERTS_H

#include "base/base.h"

#define CERT_DAY 86400L /* seconds */

struct certs { /* A folder; what is in it goes with certs_done. */
    char folder[64];
};

struct cert_wish {
    const char *cn;
    const char *names;        /* "DNS:node-1,IP:127.0.0.1,URI:spiffe://x/y"; NULL: none */
    long from_s, to_s;        /* of its validity, from now; both 0: an hour ago to in ten days */
    const char *key_password; /* the key file is encrypted; NULL: it is not */
};

void certs_init(struct certs *c);
void certs_done(struct certs *c);
/* folder/NAME.crt or folder/NAME.key and so on; one of a few that are kept. */
const char *certs_path(const struct certs *c, const char *file);
/* An authority: NAME.crt, NAME.key. */
void certs_authority(const struct certs *c, const char *name);
/* NAME.crt, NAME.key, vouched for by an authority of that folder. Files that are there already are
 * replaced. */
void certs_issue(const struct certs *c, const char *authority, const char *name,
                 const struct cert_wish *wish);
/* A file of any content and mode. */
void certs_write(const struct certs *c, const char *file, const char *text, unsigned mode);

#endif
