/* The ground floor in one include: macros, errors, memory, borrowed bytes.
 *
 * Every file of the project includes this first; what it holds must therefore be small, stable and
 * free of any knowledge of stores. Pure: no I/O, no threads.
 */
#ifndef LG_BASE_BASE_H
#define LG_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/slice.h"

#include "base/banned.h"

#endif
