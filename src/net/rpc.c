/* Looking things up in what proto/ describes. Constant, stateless; any lane. */
#include "net/rpc.h"

enum lg_rpc lg_rpc_find(struct lg_slice path)
{
    for (int i = 0; i < LG_RPC_COUNT; i++) {
        if (lg_slice_eq(lg_rpc_methods[i].path, path))
            return (enum lg_rpc)i;
    }
    return LG_RPC_COUNT;
}

const struct lg_rpc_file *lg_rpc_file_by_name(struct lg_slice name)
{
    for (size_t i = 0; i < lg_rpc_file_count; i++) {
        if (lg_slice_eq(lg_rpc_files[i].name, name))
            return &lg_rpc_files[i];
    }
    return NULL;
}

const struct lg_rpc_file *lg_rpc_file_of_symbol(struct lg_slice symbol)
{
    size_t low = 0, high = lg_rpc_symbol_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = lg_slice_cmp(lg_rpc_symbols[middle].name, symbol);

        if (c == 0)
            return &lg_rpc_files[lg_rpc_symbols[middle].file];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
