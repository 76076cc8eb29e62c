/* Any text as an assignment, a report or a node: refused, or a value that survives being written
 * and read again. */
#include "model/placement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO(lg_json) *again = NULL;
    LG_SCOPED(lg_placement) p = {0};
    LG_SCOPED(lg_placement) copy = {0};
    LG_SCOPED(lg_node_record) node = {0};
    struct lg_replica_report report;
    struct lg_error err;

    if (lg_json_parse(lg_slice(data, size), &json, &err) != LG_OK)
        return 0;
    if (lg_replica_report_from_json(json, &report, &err) == LG_OK) {
        LG_AUTO(lg_json) *written = lg_replica_report_to_json(&report);

        assert(lg_replica_report_from_json(written, &report, &err) == LG_OK);
    }
    if (lg_node_record_from_json(json, &node, &err) == LG_OK)
        again = lg_node_record_to_json(&node);
    lg_json_unref(again);
    again = NULL;
    if (lg_placement_from_json(json, &p, &err) != LG_OK)
        return 0;
    again = lg_placement_to_json(&p);
    if (lg_placement_from_json(again, &copy, &err) != LG_OK)
        assert(false && "what we write we must read");
    assert(lg_placement_equal(&p, &copy));
    return 0;
}
