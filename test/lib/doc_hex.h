/* Reads the examples of docs/formats: what a page shows is what the code must write and read. */
#ifndef LG_TEST_LIB_DOC_HEX_H
#define LG_TEST_LIB_DOC_HEX_H

#include "base/buf.h"

/* The bytes of the `index`-th (from 0) ```hex block of the page; '#' begins a comment. The path is
 * relative to the root of the sources, where tests run. Fails the test when there is none. */
void lg_doc_hex(const char *path, size_t index, struct lg_buf *out);

#endif
