/* The set-up of a group of tests whose log nobody reads. */
#ifndef LG_TEST_LIB_QUIET_H
#define LG_TEST_LIB_QUIET_H

/* Turns the log off; for cmocka_run_group_tests. */
int lg_test_quiet(void **state);

#endif
