/* Calls that do not compile in this project, and what to call instead. Included by base/base.h.
 *
 * Each name becomes a macro with arguments, so that only calls are caught and members or variables
 * of the same name are not. The C library's headers that declare them are included first, because
 * they could not be afterwards. A driver that must call one defines LG_ALLOW_BANNED before it
 * includes anything.
 */
#ifndef LG_BASE_BANNED_H
#define LG_BASE_BANNED_H

#ifndef LG_ALLOW_BANNED

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LG_BANNED(remedy)                                                                          \
    ({                                                                                             \
        _Static_assert(0, remedy);                                                                 \
        0;                                                                                         \
    })

/* They write without a bound, or keep state behind the caller's back. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#define strcpy(...) LG_BANNED("strcpy is banned: use lg_strdup, lg_buf or memcpy of a known size")
#define strcat(...) LG_BANNED("strcat is banned: use lg_buf_append_str")
#define sprintf(...) LG_BANNED("sprintf is banned: use lg_strf, lg_buf_appendf or snprintf")
#define vsprintf(...) LG_BANNED("vsprintf is banned: use vsnprintf")
#define strtok(...) LG_BANNED("strtok is banned: cut slices instead")

/* They take anything for a number. */
#undef atoi
#undef atol
#undef atoll
#undef atof
#define atoi(...) LG_BANNED("atoi is banned: use lg_parse_i64")
#define atol(...) LG_BANNED("atol is banned: use lg_parse_i64")
#define atoll(...) LG_BANNED("atoll is banned: use lg_parse_i64")
#define atof(...) LG_BANNED("atof is banned: use lg_json_parse")

/* They see a clock or a chance that the simulator does not own, or a time zone. */
#undef rand
#undef srand
#undef random
#undef time
#undef localtime
#undef gmtime
#undef sleep
#undef usleep
#define rand(...) LG_BANNED("rand is banned: use lg_rand_next of the lane's generator")
#define srand(...) LG_BANNED("srand is banned: use lg_rand_seed")
#define random(...) LG_BANNED("random is banned: use lg_rand_next of the lane's generator")
#define time(...) LG_BANNED("time is banned: ask the lane")
#define localtime(...) LG_BANNED("localtime is banned: times are UTC, see lg_log_time")
#define gmtime(...) LG_BANNED("gmtime is banned: see lg_log_time")
#define sleep(...) LG_BANNED("sleep is banned: start a timer of the lane")
#define usleep(...) LG_BANNED("usleep is banned: start a timer of the lane")

#endif
#endif
