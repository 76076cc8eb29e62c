/* A server stops taking in data while there is room for what is under way. RocksDB ends the process
 * on a full disk; the engine of the simulation does not, so that it is this checker that tells. */
#include "sim/checkers/checkers.h"

void lg_check_disk(struct lg_history *h, const char *server, uint64_t refused)
{
    if (refused > 0)
        lg_history_violate(h, "disks_have_room",
                           "%s wrote until its disk was full: %llu writes found no space", server,
                           (unsigned long long)refused);
}
