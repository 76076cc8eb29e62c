#include "test/lib/quiet.h"

#include "base/log.h"

int lg_test_quiet(void **state)
{
    (void)state;
    lg_log_set_level(LG_LOG_OFF);
    return 0;
}
