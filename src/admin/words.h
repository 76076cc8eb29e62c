/* Numbers as people say them. Pure. */
#ifndef LG_ADMIN_WORDS_H
#define LG_ADMIN_WORDS_H

#include "base/base.h"

#define LG_WORDS_MAX 32

/* "512 B", "1.5 MiB"; writes into `out` and returns it. */
const char *lg_words_bytes(char out[LG_WORDS_MAX], int64_t bytes);
/* "12 s", "3 min 20 s", "1 h 5 min", "2 d 3 h" */
const char *lg_words_time(char out[LG_WORDS_MAX], int64_t ms);

#endif
