/* A driver of authorisation that is asked one thing at a time and answers when the test says so. Of
 * the role that was started last: a process has one.
 */
#ifndef LG_TEST_LIB_HELD_AUTHZ_H
#define LG_TEST_LIB_HELD_AUTHZ_H

#include "authz/config.h"

extern const struct lg_authz_config held_authz;

bool held_authz_is_asked(void);
/* Answers what was asked: with a word, or that there is none. */
void held_authz_say(bool allowed);
void held_authz_cannot_say(void);
/* What is said when the role ends while something is asked; false until then. */
void held_authz_at_the_end(bool allowed);
/* The lane that it was opened on. */
struct lg_lane *held_authz_lane(void);

#endif
