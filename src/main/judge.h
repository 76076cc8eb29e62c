/* Who says who may do what, as the options `authz*` name it: nobody is asked, the stores' access
 * permissions, a service, or a module that is loaded here. Lives on the main thread, longer than
 * all roles. */
#ifndef LG_MAIN_JUDGE_H
#define LG_MAIN_JUDGE_H

#include "authz/config.h"
#include "main/options.h"

struct lg_judge; /* Opaque. */

/* Whether `authz` is a text that there is; LG_ERR_INVALID says what there is. */
LG_MUST_CHECK enum lg_rc lg_judge_check_text(struct lg_slice text, struct lg_error *err);
/* The options are borrowed until it is closed. `*out` is NULL when nobody is asked.
 * LG_ERR_INVALID: the module cannot be loaded, is none, or says that it cannot work.
 * LG_ERR_REFUSED: others may write to its file, and `insecure` is not said. */
LG_MUST_CHECK enum lg_rc lg_judge_open(const struct lg_common_options *o, struct lg_judge **out,
                                       struct lg_error *err);
/* No role runs any more, nor anything on a pool. NULL is allowed. */
void lg_judge_close(struct lg_judge *j);
LG_DEFINE_AUTO(lg_judge, lg_judge_close)

/* For the start of roles; NULL of NULL: nobody is asked. */
const struct lg_authz_config *lg_judge_config(const struct lg_judge *j);

#endif
