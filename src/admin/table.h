/* A table for people: aligned columns, no lines; numbers to the right. Pure. */
#ifndef LG_ADMIN_TABLE_H
#define LG_ADMIN_TABLE_H

#include "base/buf.h"

#define LG_TABLE_COLUMNS_MAX 32
#define LG_TABLE_CELL_MAX 60 /* characters shown; longer cells end in an ellipsis */

struct lg_table; /* Opaque. */

struct lg_table *lg_table_new(size_t columns);
void lg_table_free(struct lg_table *table); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_table, lg_table_free)
/* Adds cells from left to right, row after row; the first row is the heading. Copies. Control
 * characters are shown as '?', so that no value can play with the terminal. */
void lg_table_cell(struct lg_table *table, struct lg_slice text);
void lg_table_cellf(struct lg_table *table, const char *fmt, ...) LG_PRINTF(2, 3);
/* A column whose cells (but the heading) are all numbers is aligned to the right. */
void lg_table_write(struct lg_buf *out, const struct lg_table *table);

#endif
