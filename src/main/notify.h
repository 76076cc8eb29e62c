/* systemd's notification protocol: one datagram of "NAME=value" lines to $NOTIFY_SOCKET. */
#ifndef LG_MAIN_NOTIFY_H
#define LG_MAIN_NOTIFY_H

#include "base/base.h"

/* Sends e.g. "READY=1". Without NOTIFY_SOCKET, nothing; a failure is logged at debug level: nobody
 * starts or stops differently because of it. */
void lg_notify(const char *state);
/* How often systemd wants to hear WATCHDOG=1: half of WATCHDOG_USEC; 0: never. */
uint64_t lg_notify_watchdog_us(void);

#endif
