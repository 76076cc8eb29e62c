/* What every disk must do, as one function that each driver's test calls. */
#ifndef LG_LANE_DISK_CONTRACT_H
#define LG_LANE_DISK_CONTRACT_H

#include "lane/disk.h"

/* Runs the contract on an empty disk without injected faults and leaves it empty. LG_ERR_FAILED and
 * a sentence at the first promise that is not kept. */
LG_MUST_CHECK enum lg_rc lg_disk_contract(struct lg_disk *disk, struct lg_error *err);

#endif
