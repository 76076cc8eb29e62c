/* Who may do what with a store: Venice's access permissions, as a value. Pure.
 *
 *   {"AccessPermissions":{"Read":["spiffe://prod/reader"],"Write":["CN=pusher,O=example"]}}
 *
 * A principal is what a certificate names (net/tls.h): a URI or a subject. Two words stand for
 * many:
 * "*" is everybody who has shown a certificate, "anonymous" who has not. What is not listed may
 * not.
 */
#ifndef LG_MODEL_ACL_H
#define LG_MODEL_ACL_H

#include "base/json.h"
#include "base/vec.h"

#define LG_ACL_PRINCIPALS_MAX 1000u     /* of one method */
#define LG_ACL_PRINCIPAL_BYTES_MAX 512u /* of one principal */
#define LG_ACL_ANYBODY "*"
#define LG_ACL_NOBODY "anonymous"

enum lg_acl_method {
    LG_ACL_READ,  /* values, schemas, versions */
    LG_ACL_WRITE, /* pushes */
    LG_ACL_ADMIN, /* settings, schemas, rollback, deletion; and all of the above */
    LG_ACL_METHODS
};
const char *lg_acl_method_name(enum lg_acl_method m); /* "Read", as Venice writes it */
/* Without case. */
bool lg_acl_method_from_name(struct lg_slice name, enum lg_acl_method *out);

struct lg_acl { /* {0} lists nobody. */
    LG_VEC(char *) who[LG_ACL_METHODS];
};
void lg_acl_done(struct lg_acl *acl); /* It is {0} then. */
LG_DEFINE_SCOPED(lg_acl, lg_acl_done)
struct lg_acl lg_acl_copy(const struct lg_acl *acl);
bool lg_acl_is_empty(const struct lg_acl *acl);
/* May it? `principal` NULL is nobody. */
bool lg_acl_allows(const struct lg_acl *acl, const char *principal, enum lg_acl_method m);

/* Listed already: nothing happens. LG_ERR_INVALID for what is no principal, LG_ERR_TOO_LARGE past
 * the limits. */
LG_MUST_CHECK enum lg_rc lg_acl_add(struct lg_acl *acl, enum lg_acl_method m,
                                    struct lg_slice principal, struct lg_error *err);
/* Could a certificate have this name? LG_ERR_INVALID: several in one with ';' between, or blanks
 * around it or its parts. */
LG_MUST_CHECK enum lg_rc lg_acl_check_name(const char *name, struct lg_error *err);
/* The same of all of them; LG_ERR_INVALID names the first one that none can have. Of what is to be
 * listed from now on; what stands in the metadata is read as it is, and may be taken away. */
LG_MUST_CHECK enum lg_rc lg_acl_check_names(const struct lg_acl *acl, struct lg_error *err);
/* False: it was not listed. */
bool lg_acl_remove(struct lg_acl *acl, enum lg_acl_method m, struct lg_slice principal);

/* {"Read":[...],"Write":[...]}, "Admin" only when somebody is listed. The caller owns it. */
struct lg_json *lg_acl_to_json(const struct lg_acl *acl);
/* That, or the same in {"AccessPermissions":...}; NULL lists nobody. `out` is untouched on failure.
 * LG_ERR_INVALID names what is wrong; a method that is not known is one. */
LG_MUST_CHECK enum lg_rc lg_acl_from_json(const struct lg_json *json, struct lg_acl *out,
                                          struct lg_error *err);
/* The same from text, as Venice's clients send it. */
LG_MUST_CHECK enum lg_rc lg_acl_parse(struct lg_slice text, struct lg_acl *out,
                                      struct lg_error *err);

#endif
