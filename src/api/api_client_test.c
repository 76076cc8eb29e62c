/* How a call goes on until its deadline, against a server that answers by script on the simulated
 * network. */
#include "api/api_client.h"

#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

/* --- A controller by script. -------------------------------------------------------------------
 */

struct step {
    int status;
    const char *body;
};

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct lg_http_client *http;
    struct lg_api_client *api;
    const struct step *steps; /* the last one is repeated */
    size_t step_count, asked;
    enum lg_http_method method;
    char target[200], body[200], content_type[80];
    struct lg_api_call call;
    unsigned done;
};

static void keep(char *out, size_t size, struct lg_slice s)
{
    assert_true(s.size < size);
    memcpy(out, s.data == NULL ? (const uint8_t *)"" : s.data, s.size);
    out[s.size] = 0;
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct rig *r = ctx;
    const struct step *step = &r->steps[LG_MIN(r->asked, r->step_count - 1)];

    r->asked++;
    r->method = rq->method;
    keep(r->target, sizeof r->target, rq->target);
    keep(r->body, sizeof r->body, rq->body);
    keep(r->content_type, sizeof r->content_type, lg_http_header(&rq->headers, "Content-Type"));
    lg_http_respond(rq, &(struct lg_http_response){.status = step->status,
                                                   .content_type = "application/json",
                                                   .body = lg_slice_str(step->body)});
}

static void serve(struct rig *r)
{
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(r->net),
                                       .lane = r->lane,
                                       .host = "world",
                                       .port = 5555,
                                       .handler = handle,
                                       .ctx = r};
    struct lg_error err = {0};

    assert_ok(lg_http_server_start(&o, &r->server, &err));
}

static void rig_up(struct rig *r, const struct step *steps, size_t count)
{
    struct lg_error err = {0};

    memset(r, 0, sizeof *r);
    r->steps = steps;
    r->step_count = count;
    r->sim = lg_sim_new(3);
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    r->http = lg_http_client_new(lg_net_sim_transport(r->net), r->lane);
    assert_ok(lg_api_client_new(r->http, r->lane, "http://world:5555", &r->api, &err));
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void rig_down(struct rig *r)
{
    lg_api_call_done(&r->call);
    lg_api_client_free(r->api);
    lg_http_client_free(r->http);
    if (r->server != NULL)
        lg_http_server_stop(r->server, 0, nothing, NULL);
    lg_sim_run_us(r->sim, LG_SEC);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
}

static void call_done(struct lg_api_call *call)
{
    LG_CONTAINER_OF(call, struct rig, call)->done++;
}

static bool is_done(void *ctx)
{
    return ((struct rig *)ctx)->done > 0;
}

/* The time it took. */
static uint64_t ask(struct rig *r, enum lg_api_route route, uint64_t timeout_us)
{
    uint64_t begun = lg_lane_now_us(r->lane);

    r->done = 0;
    r->call.route = route;
    r->call.deadline_us = begun + timeout_us;
    r->call.done = call_done;
    lg_api_call_submit(r->api, &r->call);
    assert_int_equal(r->done, 0);
    assert_true(lg_sim_run_until(r->sim, is_done, r, 600 * LG_SEC));
    begun = lg_lane_now_us(r->lane) - begun;
    lg_sim_run_us(r->sim, 5 * LG_SEC);
    assert_int_equal(r->done, 1);
    return begun;
}

static void a_get_has_its_parameters_in_the_query(void **state)
{
    static const struct step ok[] = {{200, "{\"version\":7}"}};
    struct rig r;

    (void)state;
    rig_up(&r, ok, 1);
    serve(&r);
    lg_api_call_param(&r.call, "store_name", "ci ties&=");
    lg_api_call_param(&r.call, "version", "7");
    ask(&r, LG_API_job, LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(lg_json_get_int(r.call.answer, "version", 0), 7);
    assert_int_equal(r.method, LG_HTTP_GET);
    assert_string_equal(r.target, "/job?store_name=ci%20ties%26%3D&version=7");
    assert_string_equal(r.body, "");
    rig_down(&r);
}

static void a_post_has_its_parameters_in_a_form(void **state)
{
    static const struct step ok[] = {{200, "{}"}};
    struct rig r;

    (void)state;
    rig_up(&r, ok, 1);
    serve(&r);
    lg_api_call_param(&r.call, "store_name", "cities");
    lg_api_call_param(&r.call, "key_schema", "\"long\"");
    ask(&r, LG_API_new_store, LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(r.method, LG_HTTP_POST);
    assert_string_equal(r.target, "/new_store");
    assert_string_equal(r.body, "store_name=cities&key_schema=%22long%22");
    assert_string_equal(r.content_type, "application/x-www-form-urlencoded");
    rig_down(&r);
}

static void a_controller_that_is_not_ready_is_asked_again(void **state)
{
    static const struct step steps[] = {
        {503, "starting"},
        {421, "{\"error\":\"not me\",\"errorType\":\"INCORRECT_CONTROLLER\"}"},
        {503, "{\"error\":\"wait\",\"lagoonCode\":\"ERR_UNAVAILABLE\"}"},
        {200, "{\"version\":1}"},
    };
    struct rig r;
    uint64_t took;

    (void)state;
    rig_up(&r, steps, LG_ARRAY_SIZE(steps));
    serve(&r);
    lg_api_call_param(&r.call, "store_name", "cities");
    took = ask(&r, LG_API_new_store, 10 * LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(r.asked, 4);
    assert_string_equal(r.body, "store_name=cities"); /* The fourth time too. */
    assert_true(took >= 2 * LG_API_PAUSE_MS * LG_MS); /* It asks at once who leads instead. */
    rig_down(&r);
}

static void a_leader_of_an_older_term_is_asked_again(void **state)
{
    static const struct step steps[] = {
        {200, "{\"lagoonTerm\":3}"},
        {200, "{\"lagoonTerm\":2}"},
        {404, "{\"error\":\"no such store\",\"lagoonTerm\":2}"},
        {200, "{\"lagoonTerm\":4}"},
    };
    struct rig r;

    (void)state;
    rig_up(&r, steps, LG_ARRAY_SIZE(steps));
    serve(&r);
    (void)ask(&r, LG_API_job, 10 * LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(r.call.term, 3);
    lg_api_call_done(&r.call);
    assert_true(ask(&r, LG_API_job, 10 * LG_SEC) >= 2 * LG_API_PAUSE_MS * LG_MS);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(r.call.term, 4);
    assert_int_equal(r.asked, 4);
    rig_down(&r);
}

/* --- Two controllers, one of which leads. ------------------------------------------------------
 */

struct pair {
    struct rig r;
    struct lg_http_server *other;
    unsigned first_asked, second_asked;
    bool second_leads;
    bool first_stands_still; /* It takes requests and does not answer. */
    struct lg_http_request *held[8];
    size_t held_count;
};

static void answer(struct lg_http_request *rq, int status, const char *body)
{
    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = "application/json",
                                                   .body = lg_slice_str(body)});
}

static void handle_as(struct pair *p, struct lg_http_request *rq, bool leads)
{
    if (lg_slice_eq_str(rq->path, "/leader_controller"))
        answer(rq, 200,
               p->second_leads ? "{\"url\":\"http://world:5556\"}"
                               : "{\"url\":\"http://world:5555\"}");
    else if (leads)
        answer(rq, 200, "{\"version\":3}");
    else
        answer(rq, 421, "{\"error\":\"not me\",\"errorType\":\"INCORRECT_CONTROLLER\"}");
}

static void first_handles(void *ctx, struct lg_http_request *rq)
{
    struct pair *p = ctx;

    p->first_asked++;
    if (p->first_stands_still) {
        assert_true(p->held_count < LG_ARRAY_SIZE(p->held));
        p->held[p->held_count++] = rq;
        return;
    }
    handle_as(p, rq, !p->second_leads);
}

static void second_handles(void *ctx, struct lg_http_request *rq)
{
    struct pair *p = ctx;

    p->second_asked++;
    handle_as(p, rq, p->second_leads);
}

static void pair_up(struct pair *p, const char *urls)
{
    struct lg_error err = {0};
    struct lg_http_server_options o = {.port = 5555, .ctx = p};

    memset(p, 0, sizeof *p);
    rig_up(&p->r, NULL, 0);
    lg_api_client_free(p->r.api);
    assert_ok(lg_api_client_new(p->r.http, p->r.lane, urls, &p->r.api, &err));
    o.transport = lg_net_sim_transport(p->r.net);
    o.lane = p->r.lane;
    o.host = "world";
    o.handler = first_handles;
    assert_ok(lg_http_server_start(&o, &p->r.server, &err));
    o.port = 5556;
    o.handler = second_handles;
    assert_ok(lg_http_server_start(&o, &p->other, &err));
}

static void pair_down(struct pair *p)
{
    for (size_t i = 0; i < p->held_count; i++)
        answer(p->held[i], 503, "{}");
    if (p->other != NULL)
        lg_http_server_stop(p->other, 0, nothing, NULL);
    rig_down(&p->r);
}

static void the_leader_is_followed_at_once_and_asked_first_from_then_on(void **state)
{
    struct pair p;

    (void)state;
    pair_up(&p, "http://world:5555"); /* Only one is named. */
    p.second_leads = true;
    assert_true(ask(&p.r, LG_API_job, 10 * LG_SEC) < LG_API_PAUSE_MS * LG_MS);
    assert_rc(LG_OK, p.r.call.rc);
    assert_int_equal(p.first_asked, 2); /* The call, and who leads. */
    assert_int_equal(p.second_asked, 1);
    lg_api_call_done(&p.r.call);
    assert_true(ask(&p.r, LG_API_job, 10 * LG_SEC) < LG_API_PAUSE_MS * LG_MS);
    assert_int_equal(p.first_asked, 2);
    assert_int_equal(p.second_asked, 2);
    lg_api_call_done(&p.r.call);
    p.second_leads = false; /* It changes back. */
    assert_true(ask(&p.r, LG_API_job, 10 * LG_SEC) < LG_API_PAUSE_MS * LG_MS);
    assert_rc(LG_OK, p.r.call.rc);
    pair_down(&p);
}

static void a_controller_that_is_away_is_passed_over(void **state)
{
    struct pair p;
    uint64_t took;

    (void)state;
    pair_up(&p, "http://nowhere:1, http://world:5555,http://world:5556");
    took = ask(&p.r, LG_API_job, 20 * LG_SEC);
    assert_rc(LG_OK, p.r.call.rc);
    assert_true(took < 15 * LG_SEC);
    assert_int_equal(p.first_asked, 1);
    lg_api_call_done(&p.r.call);
    /* The leader dies; the other one is elected. */
    lg_http_server_stop(p.r.server, 0, nothing, NULL);
    p.r.server = NULL;
    lg_sim_run_us(p.r.sim, LG_SEC);
    p.second_leads = true;
    ask(&p.r, LG_API_job, 20 * LG_SEC);
    assert_rc(LG_OK, p.r.call.rc);
    pair_down(&p);
}

static void a_controller_that_stands_still_does_not_take_all_the_time(void **state)
{
    struct pair p;

    (void)state;
    pair_up(&p, "http://world:5555,http://world:5556");
    p.second_leads = true;
    p.first_stands_still = true;
    assert_true(ask(&p.r, LG_API_job, 20 * LG_SEC) < 4 * LG_SEC);
    assert_rc(LG_OK, p.r.call.rc);
    assert_int_equal(p.first_asked, 1);
    lg_api_call_done(&p.r.call);
    assert_true(ask(&p.r, LG_API_job, 20 * LG_SEC) < LG_SEC); /* It is not asked first again. */
    assert_int_equal(p.first_asked, 1);
    pair_down(&p);
}

static void a_lone_controller_has_all_the_time(void **state)
{
    struct pair p;

    (void)state;
    pair_up(&p, "http://world:5555");
    p.first_stands_still = true;
    assert_true(ask(&p.r, LG_API_job, 20 * LG_SEC) >= 19 * LG_SEC);
    assert_rc(LG_ERR_TIMEOUT, p.r.call.rc);
    assert_int_equal(p.first_asked, 1);
    pair_down(&p);
}

/* Each says that the other leads. */
static void confused_first(void *ctx, struct lg_http_request *rq)
{
    struct pair *p = ctx;

    p->first_asked++;
    if (lg_slice_eq_str(rq->path, "/leader_controller"))
        answer(rq, 200, "{\"url\":\"http://world:5556\"}");
    else
        answer(rq, 421, "{\"error\":\"not me\",\"errorType\":\"INCORRECT_CONTROLLER\"}");
}

static void confused_third(void *ctx, struct lg_http_request *rq)
{
    struct pair *p = ctx;

    p->second_asked++;
    if (lg_slice_eq_str(rq->path, "/leader_controller"))
        answer(rq, 200, "{\"url\":\"http://world:5555\"}");
    else
        answer(rq, 421, "{\"error\":\"not me\",\"errorType\":\"INCORRECT_CONTROLLER\"}");
}

static void controllers_that_name_each_other_are_not_asked_without_end(void **state)
{
    struct pair p = {0};
    struct lg_error err = {0};
    struct lg_http_server_options o = {.port = 5555, .ctx = &p, .host = "world"};

    (void)state;
    rig_up(&p.r, NULL, 0);
    o.transport = lg_net_sim_transport(p.r.net);
    o.lane = p.r.lane;
    o.handler = confused_first;
    assert_ok(lg_http_server_start(&o, &p.r.server, &err));
    o.port = 5556;
    o.handler = confused_third;
    assert_ok(lg_http_server_start(&o, &p.other, &err));
    ask(&p.r, LG_API_job, 3 * LG_SEC);
    assert_rc(LG_ERR_MISDIRECTED, p.r.call.rc);
    assert_non_null(strstr(p.r.call.err.text, "not me (also asked: http://world:555"));
    assert_non_null(strstr(p.r.call.err.text, ": the same)"));
    assert_in_range(p.first_asked + p.second_asked, 10, 120);
    pair_down(&p);
}

static void leader_without_metadata(void *ctx, struct lg_http_request *rq)
{
    struct pair *p = ctx;

    p->second_asked++;
    answer(rq, 503, "{\"error\":\"no metadata\",\"lagoonCode\":\"ERR_UNAVAILABLE\"}");
}

/* However the time runs out: not "ask that one", but what that one said. */
static void what_the_named_leader_said_is_told_in_the_end(void **state)
{
    (void)state;
    for (uint64_t ms = 2000; ms < 3000; ms += 130) {
        struct pair p = {0};
        struct lg_error err = {0};
        struct lg_http_server_options o = {.port = 5555, .ctx = &p, .host = "world"};

        rig_up(&p.r, NULL, 0);
        o.transport = lg_net_sim_transport(p.r.net);
        o.lane = p.r.lane;
        o.handler = confused_first;
        assert_ok(lg_http_server_start(&o, &p.r.server, &err));
        o.port = 5556;
        o.handler = leader_without_metadata;
        assert_ok(lg_http_server_start(&o, &p.other, &err));
        ask(&p.r, LG_API_job, ms * LG_MS);
        assert_rc(LG_ERR_UNAVAILABLE, p.r.call.rc);
        assert_string_equal(p.r.call.err.text, "no metadata");
        pair_down(&p);
    }
}

static void silent_leader(void *ctx, struct lg_http_request *rq)
{
    struct pair *p = ctx;

    assert_true(p->held_count < LG_ARRAY_SIZE(p->held));
    p->held[p->held_count++] = rq;
}

/* The leader works on it for too long, and the others send everybody to it. */
static void a_leader_that_does_not_answer_in_time_is_told_and_not_who_sends_to_it(void **state)
{
    (void)state;
    for (uint64_t ms = 6000; ms < 20000; ms += 1700) {
        struct pair p = {0};
        struct lg_error err = {0};
        struct lg_http_server_options o = {.port = 5555, .ctx = &p, .host = "world"};

        rig_up(&p.r, NULL, 0);
        lg_api_client_free(p.r.api);
        assert_ok(lg_api_client_new(p.r.http, p.r.lane, "http://world:5556,http://world:5555",
                                    &p.r.api, &err));
        o.transport = lg_net_sim_transport(p.r.net);
        o.lane = p.r.lane;
        o.handler = confused_first;
        assert_ok(lg_http_server_start(&o, &p.r.server, &err));
        o.port = 5556;
        o.handler = silent_leader;
        assert_ok(lg_http_server_start(&o, &p.other, &err));
        ask(&p.r, LG_API_update_store, ms * LG_MS);
        assert_rc(LG_ERR_TIMEOUT, p.r.call.rc);
        assert_non_null(strstr(p.r.call.err.text, "world:5556"));
        assert_non_null(strstr(p.r.call.err.text, "did not answer"));
        assert_null(strstr(p.r.call.err.text, "not me"));
        assert_true(p.r.call.may_be_made);
        assert_true(p.held_count > 1); /* The call went back to it. */
        pair_down(&p);
    }
}

/* --- Controllers that cannot reach the metadata. ------------------------------------------------
 */

#define CUT_OFF(silent, age)                                                                       \
    "\"lagoonMetadata\":{\"reachable\":false,\"silentMs\":" #silent ",\"snapshotAgeMs\":" #age     \
    ",\"reason\":\"ZooKeeper is away\"}"
#define REFUSAL(silent)                                                                            \
    "{\"error\":\"ZooKeeper is away\",\"lagoonCode\":\"ERR_UNAVAILABLE\"," CUT_OFF(silent, null) "}"
#define REMEMBERED(age) "{\"version\":4,\"error\":null," CUT_OFF(5000, age) "}"

static void
an_impatient_change_without_metadata_ends_at_once_and_a_patient_one_goes_on(void **state)
{
    static const struct step steps[] = {{503, REFUSAL(5000)}, {503, REFUSAL(5000)}, {200, "{}"}};
    struct rig r;

    (void)state;
    rig_up(&r, steps, LG_ARRAY_SIZE(steps));
    serve(&r);
    r.call.impatient = true;
    assert_true(ask(&r, LG_API_new_store, 600 * LG_SEC) < LG_API_PAUSE_MS * LG_MS);
    assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
    assert_string_equal(r.call.err.text, "ZooKeeper is away");
    assert_int_equal(lg_rc_exit(r.call.rc), 5);
    assert_int_equal(r.asked, 1);
    lg_api_call_done(&r.call);
    r.call.impatient = false;
    (void)ask(&r, LG_API_new_store, 600 * LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(r.asked, 3);
    rig_down(&r);
}

static void metadata_that_are_away_for_a_moment_only_are_waited_for(void **state)
{
    static const struct step steps[] = {{503, REFUSAL(600)}, {503, REFUSAL(800)}, {200, "{}"}};
    struct rig r;

    (void)state;
    rig_up(&r, steps, LG_ARRAY_SIZE(steps));
    serve(&r);
    r.call.impatient = true;
    (void)ask(&r, LG_API_new_store, 600 * LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(r.asked, 3);
    rig_down(&r);
}

static void an_answer_from_memory_says_how_old_it_is(void **state)
{
    static const struct step steps[] = {{200, REMEMBERED(7000)}, {200, "{\"version\":5}"}};
    struct rig r;

    (void)state;
    rig_up(&r, steps, LG_ARRAY_SIZE(steps));
    serve(&r);
    (void)ask(&r, LG_API_job, LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_int_equal(lg_json_get_int(r.call.answer, "version", 0), 4);
    assert_int_equal(r.call.age_ms, 7000);
    assert_string_equal(r.call.age_reason, "ZooKeeper is away");
    lg_api_call_done(&r.call);
    (void)ask(&r, LG_API_job, LG_SEC);
    assert_int_equal(lg_json_get_int(r.call.answer, "version", 0), 5);
    assert_int_equal(r.call.age_ms, -1);
    assert_null(r.call.age_reason);
    rig_down(&r);
}

struct memories { /* What each of two controllers answers. */
    struct pair p;
    struct step first, second;
};

static void first_remembers(void *ctx, struct lg_http_request *rq)
{
    struct memories *m = ctx;

    m->p.first_asked++;
    answer(rq, m->first.status, m->first.body);
}

static void second_remembers(void *ctx, struct lg_http_request *rq)
{
    struct memories *m = ctx;

    m->p.second_asked++;
    if (m->second.status == 421 && lg_slice_eq_str(rq->path, "/leader_controller"))
        answer(rq, 200, "{\"url\":\"http://world:5555\"}");
    else
        answer(rq, m->second.status, m->second.body);
}

/* What a call of the route comes to when the first one is asked first. */
static void ask_both(struct memories *m, enum lg_api_route route, struct step first,
                     struct step second)
{
    struct lg_error err = {0};
    struct lg_http_server_options o = {.port = 5555, .ctx = m, .host = "world"};

    memset(m, 0, sizeof *m);
    m->first = first;
    m->second = second;
    rig_up(&m->p.r, NULL, 0);
    lg_api_client_free(m->p.r.api);
    assert_ok(lg_api_client_new(m->p.r.http, m->p.r.lane, "http://world:5555,http://world:5556",
                                &m->p.r.api, &err));
    o.transport = lg_net_sim_transport(m->p.r.net);
    o.lane = m->p.r.lane;
    o.handler = first_remembers;
    assert_ok(lg_http_server_start(&o, &m->p.r.server, &err));
    o.port = 5556;
    o.handler = second_remembers;
    assert_ok(lg_http_server_start(&o, &m->p.other, &err));
    m->p.r.call.impatient = true;
    assert_true(ask(&m->p.r, route, 600 * LG_SEC) < LG_API_PAUSE_MS * LG_MS);
}

static void who_knows_better_is_preferred_to_who_remembers(void **state)
{
    struct memories m;

    (void)state;
    ask_both(&m, LG_API_job, (struct step){200, REMEMBERED(9000)},
             (struct step){200, "{\"version\":8}"});
    assert_int_equal(lg_json_get_int(m.p.r.call.answer, "version", 0), 8);
    assert_int_equal(m.p.r.call.age_ms, -1);
    pair_down(&m.p);
    /* The other one was never a leader and remembers nothing. */
    ask_both(&m, LG_API_job, (struct step){503, REFUSAL(9000)},
             (struct step){200, REMEMBERED(9000)});
    assert_int_equal(lg_json_get_int(m.p.r.call.answer, "version", 0), 4);
    assert_int_equal(m.p.r.call.age_ms, 9000);
    assert_int_equal(m.p.first_asked, 1);
    assert_int_equal(m.p.second_asked, 1);
    pair_down(&m.p);
    ask_both(&m, LG_API_job, (struct step){200, REMEMBERED(9000)},
             (struct step){503, REFUSAL(9000)});
    assert_rc(LG_OK, m.p.r.call.rc);
    assert_int_equal(m.p.r.call.age_ms, 9000);
    pair_down(&m.p);
    ask_both(&m, LG_API_new_store, (struct step){503, REFUSAL(9000)},
             (struct step){503, REFUSAL(9000)});
    assert_rc(LG_ERR_UNAVAILABLE, m.p.r.call.rc);
    assert_int_equal(m.p.first_asked + m.p.second_asked, 2);
    pair_down(&m.p);
    ask_both(&m, LG_API_new_store, (struct step){503, REFUSAL(9000)}, (struct step){200, "{}"});
    assert_rc(LG_OK, m.p.r.call.rc);
    pair_down(&m.p);
    /* It still sees the leader that nobody else can reach: not asked without end. */
    ask_both(&m, LG_API_job, (struct step){200, REMEMBERED(9000)},
             (struct step){421, "{\"error\":\"not me\",\"errorType\":\"INCORRECT_CONTROLLER\"}"});
    assert_rc(LG_OK, m.p.r.call.rc);
    assert_int_equal(m.p.r.call.age_ms, 9000);
    assert_int_equal(m.p.first_asked, 2);
    pair_down(&m.p);
}

static void a_refusal_is_final(void **state)
{
    static const struct step steps[] = {
        {404, "{\"error\":\"none\",\"errorType\":\"STORE_NOT_FOUND\"}"}, {200, "{}"}};
    struct rig r;

    (void)state;
    rig_up(&r, steps, LG_ARRAY_SIZE(steps));
    serve(&r);
    ask(&r, LG_API_job, 10 * LG_SEC);
    assert_rc(LG_ERR_NO_STORE, r.call.rc);
    assert_string_equal(r.call.err.text, "none");
    assert_null(r.call.answer);
    assert_int_equal(r.asked, 1);
    /* The struct may be used again. */
    lg_api_call_done(&r.call);
    ask(&r, LG_API_job, 10 * LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    rig_down(&r);
}

static void nobody_there_is_told_at_the_deadline(void **state)
{
    struct rig r;
    uint64_t took;

    (void)state;
    rig_up(&r, NULL, 0);
    took = ask(&r, LG_API_job, 2 * LG_SEC);
    assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
    assert_non_null(strstr(r.call.err.text, "the controller at world:5555"));
    assert_true(took > LG_SEC && took <= 2 * LG_SEC);
    rig_down(&r);
}

static void of_several_that_are_not_there_all_are_named(void **state)
{
    struct rig r;
    struct lg_error err = {0};

    (void)state;
    rig_up(&r, NULL, 0);
    lg_api_client_free(r.api);
    assert_ok(
        lg_api_client_new(r.http, r.lane, "http://world:5555,http://world:5556", &r.api, &err));
    ask(&r, LG_API_job, 2 * LG_SEC);
    assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
    assert_string_equal(r.call.err.text,
                        "none of the controllers answers: cannot reach world:5555: connection "
                        "refused; cannot reach world:5556: connection refused");
    rig_down(&r);
}

/* Whoever is asked last: what is told first is what the one said that is there. */
static void a_controller_that_is_away_does_not_hide_what_another_one_said(void **state)
{
    static const struct step busy[] = {
        {503, "{\"error\":\"reading\",\"lagoonCode\":\"ERR_UNAVAILABLE\"}"}};
    static const struct step cut_off[] = {{503, REFUSAL(5000)}};
    static const char *const urls[] = {"http://world:5554,http://world:5555",
                                       "http://world:5555,http://world:5554"};

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct rig r;
        struct lg_error err = {0};
        bool impatient = i % 4 >= 2;

        rig_up(&r, impatient ? cut_off : busy, 1);
        lg_api_client_free(r.api);
        assert_ok(lg_api_client_new(r.http, r.lane, urls[i % 2], &r.api, &err));
        serve(&r);
        r.call.impatient = impatient;
        (void)ask(&r, LG_API_update_store, (1500 + 130 * i) * LG_MS);
        assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
        assert_string_equal(r.call.err.text,
                            impatient ? "ZooKeeper is away (also asked: cannot reach world:5554: "
                                        "connection refused)"
                                      : "reading (also asked: cannot reach world:5554: connection "
                                        "refused)");
        rig_down(&r);
    }
}

#define UNSURE                                                                                     \
    "{\"error\":\"nobody knows\",\"lagoonCode\":\"ERR_UNAVAILABLE\",\"lagoonUncertain\":true,"     \
    "\"lagoonMetadata\":{\"reachable\":false,\"silentMs\":5000}}"

/* The last refusal is certain; that the first attempt came to nothing is not. */
static void a_change_of_which_nobody_knows_is_told_as_such(void **state)
{
    static const struct step unsure[] = {{503, UNSURE}, {503, REFUSAL(5000)}};
    static const struct step refused[] = {{503, REFUSAL(5000)}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rig r;

        rig_up(&r, i % 2 == 0 ? unsure : refused, i % 2 == 0 ? 2 : 1);
        serve(&r);
        r.call.impatient = i >= 2;
        (void)ask(&r, LG_API_update_store, 2 * LG_SEC);
        assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
        assert_int_equal(r.call.may_be_made, i % 2 == 0);
        lg_api_call_done(&r.call);
        assert_false(r.call.may_be_made);
        rig_down(&r);
    }
}

static void go_away(void *ctx)
{
    struct rig *r = ctx;

    lg_http_server_stop(LG_TAKE(r->server), 0, nothing, NULL);
}

/* It was there, and is not any more: what it said then is not what is told first. */
static void a_controller_that_went_away_is_told_as_away(void **state)
{
    static const struct step busy[] = {
        {503, "{\"error\":\"reading\",\"lagoonCode\":\"ERR_UNAVAILABLE\"}"}};
    struct rig r;
    struct lg_error err = {0};

    (void)state;
    rig_up(&r, busy, 1);
    lg_api_client_free(r.api);
    assert_ok(
        lg_api_client_new(r.http, r.lane, "http://world:5554,http://world:5555", &r.api, &err));
    serve(&r);
    lg_sim_at(r.sim, lg_sim_now_us(r.sim) + LG_SEC, NULL, go_away, &r);
    (void)ask(&r, LG_API_update_store, 3 * LG_SEC);
    assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
    assert_non_null(strstr(r.call.err.text, "none of the controllers answers: "));
    assert_null(strstr(r.call.err.text, "reading"));
    rig_down(&r);
}

static void come_up(void *ctx)
{
    serve(ctx);
}

static void a_controller_that_comes_up_meanwhile_is_found(void **state)
{
    static const struct step ok[] = {{200, "{}"}};
    struct rig r;
    uint64_t took;

    (void)state;
    rig_up(&r, ok, 1);
    lg_sim_at(r.sim, lg_sim_now_us(r.sim) + 3 * LG_SEC, NULL, come_up, &r);
    took = ask(&r, LG_API_job, 30 * LG_SEC);
    assert_rc(LG_OK, r.call.rc);
    assert_true(took >= 3 * LG_SEC && took < 4 * LG_SEC);
    rig_down(&r);
}

static void a_controller_that_stays_busy_is_told_at_the_deadline(void **state)
{
    static const struct step steps[] = {
        {503, "{\"error\":\"reading\",\"lagoonCode\":\"ERR_UNAVAILABLE\"}"}};
    struct rig r;
    uint64_t took;

    (void)state;
    rig_up(&r, steps, 1);
    serve(&r);
    took = ask(&r, LG_API_job, 2 * LG_SEC);
    assert_rc(LG_ERR_UNAVAILABLE, r.call.rc);
    assert_string_equal(r.call.err.text, "reading"); /* The last word, without a pile of others. */
    assert_true(took <= 2 * LG_SEC);
    assert_true(r.asked >= 5);
    rig_down(&r);
}

static void a_bad_url_is_no_client(void **state)
{
    struct rig r;
    struct lg_api_client *client = NULL;
    struct lg_error err = {0};

    (void)state;
    rig_up(&r, NULL, 0);
    assert_rc(LG_ERR_INVALID, lg_api_client_new(r.http, r.lane, "ftp://x", &client, &err));
    assert_non_null(strstr(err.text, "the controller's address"));
    assert_rc(LG_ERR_INVALID,
              lg_api_client_new(r.http, r.lane, "http://a:1,,http://b:1", &client, &err));
    assert_null(client);
    lg_api_client_free(NULL);
    rig_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_has_its_parameters_in_the_query),
        cmocka_unit_test(a_post_has_its_parameters_in_a_form),
        cmocka_unit_test(a_controller_that_is_not_ready_is_asked_again),
        cmocka_unit_test(the_leader_is_followed_at_once_and_asked_first_from_then_on),
        cmocka_unit_test(a_controller_that_is_away_is_passed_over),
        cmocka_unit_test(controllers_that_name_each_other_are_not_asked_without_end),
        cmocka_unit_test(what_the_named_leader_said_is_told_in_the_end),
        cmocka_unit_test(a_leader_that_does_not_answer_in_time_is_told_and_not_who_sends_to_it),
        cmocka_unit_test(a_change_of_which_nobody_knows_is_told_as_such),
        cmocka_unit_test(a_leader_of_an_older_term_is_asked_again),
        cmocka_unit_test(
            an_impatient_change_without_metadata_ends_at_once_and_a_patient_one_goes_on),
        cmocka_unit_test(metadata_that_are_away_for_a_moment_only_are_waited_for),
        cmocka_unit_test(an_answer_from_memory_says_how_old_it_is),
        cmocka_unit_test(who_knows_better_is_preferred_to_who_remembers),
        cmocka_unit_test(a_refusal_is_final),
        cmocka_unit_test(nobody_there_is_told_at_the_deadline),
        cmocka_unit_test(a_controller_that_stands_still_does_not_take_all_the_time),
        cmocka_unit_test(a_lone_controller_has_all_the_time),
        cmocka_unit_test(of_several_that_are_not_there_all_are_named),
        cmocka_unit_test(a_controller_that_is_away_does_not_hide_what_another_one_said),
        cmocka_unit_test(a_controller_that_went_away_is_told_as_away),
        cmocka_unit_test(a_controller_that_comes_up_meanwhile_is_found),
        cmocka_unit_test(a_controller_that_stays_busy_is_told_at_the_deadline),
        cmocka_unit_test(a_bad_url_is_no_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
