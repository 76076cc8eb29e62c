/* Fault points: places that can be told to fail, so that every error path runs in a test.
 *
 * A test arms a point in process; an operator or the process tests arm points by the environment
 * variable LAGOON_FAULTS="NAME[:after_n][=kill|=fail],..." read once by lg_fault_arm_from_env. The
 * passage after the first after_n then fails, or ends the process with SIGKILL; which of them is
 * the row's default effect unless the word says it. Every point can be told to kill.
 */
#ifndef LG_LANE_FAULT_H
#define LG_LANE_FAULT_H

#include "base/base.h"

enum lg_fault {
#define X(name, where, effect) LG_FAULT_##name,
#include "lane/faults.def"
#undef X
    LG_FAULT_COUNT
};

/* The next `times` passages after `skip` passages fail. Thread-safe. */
void lg_fault_arm(enum lg_fault fault, unsigned skip, unsigned times);
void lg_fault_disarm_all(void);
/* True when the caller should fail now; for "exit" points armed from the environment it does not
 * return. Costs one relaxed load when nothing is armed. */
bool lg_fault_hit(enum lg_fault fault);
/* LG_ERR_INVALID names an unknown point. NULL or "" arms nothing. */
LG_MUST_CHECK enum lg_rc lg_fault_arm_from_env(const char *text, struct lg_error *err);
const char *lg_fault_name(enum lg_fault fault);
/* LG_OK, or LG_ERR_IO "injected fault NAME". */
LG_MUST_CHECK enum lg_rc lg_fault_check(enum lg_fault fault, struct lg_error *err);

#endif
