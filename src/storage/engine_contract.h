/* What every driver of the engine port must do, as a function that a driver's test calls. */
#ifndef LG_STORAGE_ENGINE_CONTRACT_H
#define LG_STORAGE_ENGINE_CONTRACT_H

#include "storage/engine.h"

/* Works below the path "contract" of the driver and removes it. LG_OK, or the code of the first
 * promise that was broken and a sentence that names it. */
LG_MUST_CHECK enum lg_rc lg_engine_contract(struct lg_engine_driver *driver, struct lg_error *err);

#endif
