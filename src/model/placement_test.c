/* Assignments, reports and nodes survive being written and read; what makes no sense is refused. */
#include "model/placement.h"

#include "test/test.h"

static struct lg_json *parse(const char *text)
{
    struct lg_json *json;
    struct lg_error err;

    assert_int_equal(lg_json_parse(lg_slice_str(text), &json, &err), LG_OK);
    return json;
}

static void read_ok(const char *text, struct lg_placement *out)
{
    LG_AUTO(lg_json) *json = parse(text);
    struct lg_error err;

    assert_int_equal(lg_placement_from_json(json, out, &err), LG_OK);
}

static void what_release_0_1_wrote_is_read_and_its_first_replica_leads(void **state)
{
    LG_SCOPED(lg_placement) p = {0};

    (void)state;
    read_ok("{\"partitions\":[[\"a_1\",\"b_1\"],[],[\"b_1\"]]}", &p);
    assert_int_equal(p.partitions, 3);
    assert_int_equal(p.factor, 2);
    assert_string_equal(p.parts[0].leader, "a_1");
    assert_null(p.parts[1].leader);
    assert_true(lg_placement_leads(&p.parts[2], "b_1"));
    assert_int_equal(p.parts[0].term, 0);
    assert_int_equal(p.parts[0].wanted_count, 0);
}

static void all_of_it_survives_being_written_and_read(void **state)
{
    static const char *const ids[] = {"a_1", "b_1", "c_1"}, *const wanted[] = {"b_1", "c_1"};
    LG_SCOPED(lg_placement) p = {0};
    LG_SCOPED(lg_placement) back = {0};
    LG_SCOPED(lg_placement) copy = {0};
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    (void)state;
    lg_placement_init(&p, 2, 2);
    lg_placement_set_ids(&p.parts[0], ids, 3);
    lg_placement_set_wanted(&p.parts[0], wanted, 2);
    lg_placement_set_leader(&p.parts[0], "b_1", 7);
    assert_int_equal(lg_placement_reset(&p, 1, "x_1", true, &err), LG_OK);
    assert_int_equal(lg_placement_reset(&p, 0, "b_1", false, &err), LG_OK);
    assert_int_equal(lg_placement_reset(&p, 0, "b_1", false, &err), LG_OK);
    json = lg_placement_to_json(&p);
    lg_json_write(&text, json, false);
    lg_buf_appendf(&text, "%c", 0);
    assert_string_equal(
        (const char *)text.data,
        "{\"partitions\":[[\"a_1\",\"b_1\",\"c_1\"],[]],\"factor\":2,\"leaders\":[\"b_1\",null],"
        "\"terms\":[7,0],\"wanted\":[[\"b_1\",\"c_1\"],null],"
        "\"resets\":{\"0\":{\"b_1\":2},\"1\":{\"x_1\":{\"number\":1,\"wipe\":true}}}}");
    assert_int_equal(lg_placement_from_json(json, &back, &err), LG_OK);
    assert_true(lg_placement_equal(&p, &back));
    lg_placement_copy(&copy, &back);
    assert_true(lg_placement_equal(&p, &copy));
    assert_int_equal(lg_placement_reset_of(&back, 0, "b_1").number, 2);
    assert_true(lg_placement_reset_of(&back, 1, "x_1").wipe);
    assert_int_equal(lg_placement_reset_of(&back, 1, "b_1").number, 0);
    lg_placement_set_wanted(&copy.parts[0], NULL, 0);
    assert_false(lg_placement_equal(&p, &copy));
}

static void a_leader_that_is_not_listed_is_none(void **state)
{
    static const char *const ids[] = {"b_1"};
    LG_SCOPED(lg_placement) p = {0};

    (void)state;
    read_ok("{\"partitions\":[[\"a_1\"]],\"leaders\":[\"z_1\"],\"terms\":[4],\"new\":{}}", &p);
    assert_null(p.parts[0].leader);
    assert_int_equal(p.parts[0].term, 4);
    lg_placement_set_leader(&p.parts[0], "a_1", 5);
    lg_placement_set_ids(&p.parts[0], ids, 1);
    assert_null(p.parts[0].leader);
    assert_int_equal(p.parts[0].term, 5);
}

static void what_makes_no_sense_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{}", "\"partitions\" is no list"},
        {"[]", "\"partitions\" is no list"},
        {"{\"partitions\":[3]}", "\"partitions\" of partition 0 is no list"},
        {"{\"partitions\":[[\"a\"],[7]]}", "\"partitions\" of partition 1 names no server"},
        {"{\"partitions\":[[\"a/b\"]]}", "names no server"},
        {"{\"partitions\":[[\"a\",\"a\"]]}", "names server 'a' twice"},
        {"{\"partitions\":[[]],\"factor\":17}", "\"factor\""},
        {"{\"partitions\":[[]],\"factor\":-1}", "\"factor\""},
        {"{\"partitions\":[[]],\"terms\":[-1]}", "\"terms\" of partition 0"},
        {"{\"partitions\":[[]],\"wanted\":[\"a\"]}", "\"wanted\" of partition 0"},
        {"{\"partitions\":[[]],\"resets\":{\"1\":{\"a\":1}}}", "\"resets\" names partition '1'"},
        {"{\"partitions\":[[]],\"resets\":{\"0\":{\"a\":0}}}", "\"resets\" of partition 0"},
        {"{\"partitions\":[[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\","
         "\"12\",\"13\",\"14\",\"15\",\"16\",\"17\",\"18\",\"19\",\"20\",\"21\"]]}",
         "is no list of at most 20"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_json) *json = parse(rows[i].text);
        struct lg_placement p = {0};
        struct lg_error err;

        assert_int_equal(lg_placement_from_json(json, &p, &err), LG_ERR_BAD_DATA);
        assert_non_null(strstr(err.text, rows[i].says));
        assert_null(p.parts);
    }
}

static void too_many_resets_are_refused(void **state)
{
    LG_SCOPED(lg_placement) p = {0};
    struct lg_error err;
    char id[16];

    (void)state;
    lg_placement_init(&p, 1, 1);
    for (unsigned i = 0; i < LG_PLACEMENT_RESETS_MAX; i++) {
        (void)snprintf(id, sizeof id, "s%05u", i);
        LG_VEC_PUSH(&p.resets, (struct lg_placement_reset){0, lg_strdup(id), 1, false});
    }
    assert_int_equal(lg_placement_reset(&p, 0, "other", false, &err), LG_ERR_TOO_LARGE);
    assert_int_equal(lg_placement_reset(&p, 0, "s00000", false, &err), LG_OK);
}

static void a_report_has_defaults_and_is_refused_when_unknown(void **state)
{
    LG_AUTO(lg_json) *old = parse("{\"status\":\"COMPLETED\",\"records\":3,\"bytes\":9}");
    LG_AUTO(lg_json) *failed = parse("{\"status\":\"ERROR\",\"error\":\"disk\"}");
    LG_AUTO(lg_json) *bad_status = parse("{\"status\":\"FINE\"}");
    LG_AUTO(lg_json) *bad_state = parse("{\"status\":\"STARTED\",\"state\":\"KING\"}");
    LG_AUTO(lg_json) *written = NULL;
    struct lg_replica_report r, back;
    struct lg_error err;

    (void)state;
    assert_int_equal(lg_replica_report_from_json(old, &r, &err), LG_OK);
    assert_int_equal(r.state, LG_REPLICA_STANDBY);
    assert_int_equal(r.records, 3);
    assert_int_equal(r.term, 0);
    assert_null(r.error);
    assert_int_equal(lg_replica_report_from_json(failed, &r, &err), LG_OK);
    assert_int_equal(r.state, LG_REPLICA_ERROR);
    assert_string_equal(r.error, "disk");
    assert_int_equal(r.records, 0);
    assert_int_equal(lg_replica_report_from_json(bad_status, &r, &err), LG_ERR_BAD_DATA);
    assert_int_equal(lg_replica_report_from_json(bad_state, &r, &err), LG_ERR_BAD_DATA);
    r = (struct lg_replica_report){.status = LG_PUSH_STARTED,
                                   .state = LG_REPLICA_LEADER,
                                   .term = 9,
                                   .reset = 2,
                                   .records = 5,
                                   .bytes = 6};
    written = lg_replica_report_to_json(&r);
    assert_int_equal(lg_replica_report_from_json(written, &back, &err), LG_OK);
    assert_int_equal(back.state, LG_REPLICA_LEADER);
    assert_int_equal(back.term, 9);
    assert_int_equal(back.reset, 2);
}

static void a_node_record_survives_and_an_unknown_state_is_refused(void **state)
{
    struct lg_node_record n = {.zone = lg_strdup("east"),
                               .first_seen_ms = 5,
                               .gone_since_ms = 8,
                               .state = LG_NODE_DRAINING};
    LG_AUTO(lg_json) *json = lg_node_record_to_json(&n);
    LG_AUTO(lg_json) *empty = parse("{\"goneSinceMs\":null}");
    LG_AUTO(lg_json) *bad = parse("{\"state\":\"ASLEEP\"}");
    LG_AUTO(lg_json) *junk = parse("[1]");
    struct lg_node_record back = {0};
    struct lg_error err;

    (void)state;
    lg_node_record_done(&n);
    assert_int_equal(lg_node_record_from_json(json, &back, &err), LG_OK);
    assert_string_equal(back.zone, "east");
    assert_int_equal(back.gone_since_ms, 8);
    assert_int_equal(back.state, LG_NODE_DRAINING);
    lg_node_record_done(&back);
    assert_int_equal(lg_node_record_from_json(empty, &back, &err), LG_OK);
    assert_string_equal(back.zone, "");
    assert_int_equal(back.gone_since_ms, 0);
    assert_int_equal(back.state, LG_NODE_ACTIVE);
    lg_node_record_done(&back);
    assert_int_equal(lg_node_record_from_json(bad, &back, &err), LG_ERR_BAD_DATA);
    assert_int_equal(lg_node_record_from_json(junk, &back, &err), LG_ERR_BAD_DATA);
    assert_string_equal(lg_node_state_name(LG_NODE_REMOVED), "REMOVED");
}

/* What somebody wrote by hand must neither overflow here nor where it is added up. */
static void numbers_out_of_range_are_refused_by_name(void **state)
{
    static const char *const placements[] = {
        "{\"partitions\":[[\"a\"]],\"terms\":[9223372036854775807]}",
        "{\"partitions\":[[\"a\"]],\"terms\":[-1]}",
        "{\"partitions\":[[\"a\"]],\"resets\":{\"0\":{\"a\":9223372036854775806}}}",
        "{\"partitions\":[[\"a\"]],\"factor\":9223372036854775807}",
    };
    static const char *const reports[] = {
        "{\"status\":\"STARTED\",\"records\":9223372036854775807}",
        "{\"status\":\"STARTED\",\"bytes\":-2}",
        "{\"status\":\"STARTED\",\"term\":9007199254740992}",
        "{\"status\":\"STARTED\",\"reset\":9223372036854775807}",
    };
    static const char *const nodes[] = {
        "{\"zone\":\"\",\"firstSeenMs\":9223372036854775807}",
        "{\"zone\":\"\",\"goneSinceMs\":-9223372036854775808}",
    };
    static const char *const names[] = {"terms", "terms", "resets", "factor",      "records",
                                        "bytes", "term",  "reset",  "firstSeenMs", "goneSinceMs"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++) {
        const char *text = i < 4 ? placements[i] : i < 8 ? reports[i - 4] : nodes[i - 8];
        LG_AUTO(lg_json) *json = NULL;
        struct lg_placement placement = {0};
        struct lg_replica_report report;
        struct lg_node_record node = {0};
        struct lg_error err = {0};

        assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
        if (i < 4)
            assert_rc(LG_ERR_BAD_DATA, lg_placement_from_json(json, &placement, &err));
        else if (i < 8)
            assert_rc(LG_ERR_BAD_DATA, lg_replica_report_from_json(json, &report, &err));
        else
            assert_rc(LG_ERR_BAD_DATA, lg_node_record_from_json(json, &node, &err));
        assert_non_null(strstr(err.text, names[i]));
    }
}

/* Three replicas each on servers with long names, all of which move: it fits into one node of the
 * metadata (limit metadata_value_bytes), and into what ZooKeeper takes by itself. */
static void a_thousand_partitions_that_move_fit_into_a_node(void **state)
{
    static const char *const ids[] = {"lagoon-server-0001.eu-central-1.example.com_8888",
                                      "lagoon-server-0002.eu-central-1.example.com_8888",
                                      "lagoon-server-0003.eu-central-1.example.com_8888"};
    static const char *const wanted[] = {"lagoon-server-0004.eu-central-1.example.com_8888",
                                         "lagoon-server-0005.eu-central-1.example.com_8888",
                                         "lagoon-server-0006.eu-central-1.example.com_8888"};
    LG_SCOPED(lg_placement) p = {0};
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    lg_placement_init(&p, 1000, 3);
    for (uint32_t i = 0; i < p.partitions; i++) {
        lg_placement_set_ids(&p.parts[i], ids, 3);
        lg_placement_set_wanted(&p.parts[i], wanted, 3);
        lg_placement_set_leader(&p.parts[i], ids[0], 1000000);
    }
    json = lg_placement_to_json(&p);
    lg_json_write(&text, json, false);
    assert_in_range(text.size, 300000, 400000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_release_0_1_wrote_is_read_and_its_first_replica_leads),
        cmocka_unit_test(all_of_it_survives_being_written_and_read),
        cmocka_unit_test(a_leader_that_is_not_listed_is_none),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_place),
        cmocka_unit_test(too_many_resets_are_refused),
        cmocka_unit_test(a_report_has_defaults_and_is_refused_when_unknown),
        cmocka_unit_test(a_thousand_partitions_that_move_fit_into_a_node),
        cmocka_unit_test(a_node_record_survives_and_an_unknown_state_is_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
