/* Any text as access permissions: refused and nothing is there, or permissions within the limits
 * that are written as they are read, let in whom they list and nobody else, and of which nothing
 * is left when all are taken back. */
#include "model/acl.h"

#define STRANGER "\x01 nobody can be called that"

static void let_in_only_who_is_listed(const struct lg_acl *acl)
{
    for (size_t m = 0; m < LG_ACL_METHODS; m++) {
        assert(acl->who[m].size <= LG_ACL_PRINCIPALS_MAX);
        for (size_t i = 0; i < acl->who[m].size; i++) {
            const char *who = acl->who[m].data[i];
            bool is_nobody = strcmp(who, LG_ACL_NOBODY) == 0;

            assert(who[0] != '\0' && strlen(who) <= LG_ACL_PRINCIPAL_BYTES_MAX);
            assert(lg_acl_allows(acl, is_nobody ? NULL : who, (enum lg_acl_method)m));
            assert(!is_nobody || lg_acl_allows(acl, who, (enum lg_acl_method)m) ==
                                     lg_acl_allows(acl, STRANGER, (enum lg_acl_method)m));
        }
    }
}

static void take_all_back(struct lg_acl *acl)
{
    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        while (acl->who[m].size > 0) {
            size_t before = acl->who[m].size;
            LG_SCOPED(lg_buf) who = {0};

            lg_buf_append_str(&who, acl->who[m].data[before / 2]);
            assert(lg_acl_remove(acl, (enum lg_acl_method)m, lg_buf_slice(&who)));
            assert(acl->who[m].size == before - 1);
        }
    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        assert(!lg_acl_allows(acl, STRANGER, (enum lg_acl_method)m) &&
               !lg_acl_allows(acl, NULL, (enum lg_acl_method)m));
    assert(lg_acl_is_empty(acl));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_SCOPED(lg_acl) acl = {0};
    LG_SCOPED(lg_acl) again = {0};
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO(lg_json) *of_again = NULL;
    struct lg_error err;
    enum lg_rc rc;

    if (lg_acl_parse(lg_slice(data, size), &acl, &err) != LG_OK) {
        assert(lg_acl_is_empty(&acl));
        return 0;
    }
    let_in_only_who_is_listed(&acl);
    json = lg_acl_to_json(&acl);
    rc = lg_acl_from_json(json, &again, &err);
    assert(rc == LG_OK && "what we write we must read");
    of_again = lg_acl_to_json(&again);
    assert(lg_json_equal(json, of_again));
    take_all_back(&acl);
    return 0;
}
