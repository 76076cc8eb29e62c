#include "admin/table.h"

#include <stdio.h>

#include "base/vec.h"

struct cell {
    char *text;   /* owned */
    size_t width; /* characters */
};

struct lg_table {
    size_t columns;
    LG_VEC(struct cell) cells;
};

struct lg_table *lg_table_new(size_t columns)
{
    struct lg_table *t = lg_new(struct lg_table);

    assert(columns > 0 && columns <= LG_TABLE_COLUMNS_MAX);
    t->columns = columns;
    return t;
}

void lg_table_free(struct lg_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->cells.size; i++)
        lg_free(t->cells.data[i].text);
    LG_VEC_DONE(&t->cells);
    lg_free(t);
}

/* The first byte of a character, not one of its continuation bytes (UTF-8). */
static bool begins_character(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

void lg_table_cell(struct lg_table *t, struct lg_slice text)
{
    LG_SCOPED(lg_buf) shown = {0};
    size_t width = 0, total = 0;

    for (size_t i = 0; i < text.size; i++)
        total += begins_character(text.data[i]);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (begins_character(byte)) {
            if (total > LG_TABLE_CELL_MAX && width == LG_TABLE_CELL_MAX - 1) {
                lg_buf_append_str(&shown, "…");
                width++;
                break;
            }
            width++;
        }
        lg_buf_append_byte(&shown, byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    LG_VEC_PUSH(&t->cells, (struct cell){lg_buf_take_str(&shown), width});
}

void lg_table_cellf(struct lg_table *t, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    lg_table_cell(t, lg_slice_str(text));
}

static bool is_number(const char *text)
{
    return *text == 0 || strspn(text, "0123456789+-.,eE%") == strlen(text);
}

static void measure(const struct lg_table *t, size_t *width, bool *right)
{
    for (size_t c = 0; c < t->columns; c++) {
        width[c] = 0;
        right[c] = t->cells.size > t->columns;
    }
    for (size_t i = 0; i < t->cells.size; i++) {
        size_t c = i % t->columns;

        width[c] = LG_MAX(width[c], t->cells.data[i].width);
        if (i >= t->columns && !is_number(t->cells.data[i].text))
            right[c] = false;
    }
}

void lg_table_write(struct lg_buf *out, const struct lg_table *t)
{
    size_t width[LG_TABLE_COLUMNS_MAX];
    bool right[LG_TABLE_COLUMNS_MAX];

    measure(t, width, right);
    for (size_t i = 0; i < t->cells.size; i++) {
        const struct cell *cell = &t->cells.data[i];
        size_t c = i % t->columns, pad = width[c] - cell->width;
        bool last = c == t->columns - 1 || i == t->cells.size - 1;

        if (right[c])
            lg_buf_appendf(out, "%*s", (int)pad, "");
        lg_buf_append_str(out, cell->text);
        if (!right[c] && !last)
            lg_buf_appendf(out, "%*s", (int)pad, "");
        lg_buf_append_str(out, last ? "\n" : "  ");
    }
}
