/* Calls to a controller by the table of routes. Runs on one lane.
 *
 * A call that found nobody, or a controller that is not the leader, is repeated after a pause until
 * its deadline. So what is called must be safe to repeat: a push id makes its version once, and
 * nearly all of the rest changes nothing the second time or is refused as a conflict. A roll-back
 * or roll-forward is so only with `lagoon_from_version`: from a version that is not the current one
 * any more it changes nothing. Without it a second one would go a version further.
 *
 * A controller that cannot reach the metadata refuses changes, and answers questions from what it
 * remembers. Then the other controllers that are named are asked at once. If none of them knows
 * better, a question has the answer from memory (`age_ms`); a change, and a question that nobody
 * can answer, is repeated, or ends with that error if the caller is `impatient`.
 */
#ifndef LG_API_API_CLIENT_H
#define LG_API_API_CLIENT_H

#include "api/routes.h"
#include "base/json.h"
#include "net/http_client.h"

#define LG_API_ANSWER_BYTES_MAX ((size_t)64 << 20)
#define LG_API_PAUSE_MS 200u
#define LG_API_BLINK_MS 2000       /* metadata away for less are waited for by everybody */
#define LG_API_CONTROLLERS_MAX 32u /* that are named, or heard of */

struct lg_api_client; /* Opaque. */

/* {0} is a call without parameters. */
struct lg_api_call {
    enum lg_api_route route;
    uint64_t deadline_us; /* absolute lane time */
    void (*done)(struct lg_api_call *call);
    void *user;     /* the caller's */
    bool impatient; /* metadata that are away for longer than a moment end the call */

    /* A certificate that is refused, ours or those of all controllers that are named, ends the call
     * at once: LG_ERR_REFUSED.
     * LG_OK: `answer` is the controller's JSON, without an error in it. Else err says why: the
     * controller's own code and sentence, or that it cannot be reached. When several were asked and
     * none could do it, what each of them answered follows. */
    enum lg_rc rc;
    struct lg_error err;
    struct lg_json *answer;
    int64_t term; /* in which the controller that answered leads, as it believes; 0: not told */
    /* How old the answer is when the metadata could not be reached, and why: borrowed from the
     * answer; -1 and NULL: it is of now. */
    int64_t age_ms;
    const char *age_reason;
    /* A change that failed may have been made all the same: somebody who was asked for it did not
     * answer in time, or does not know. */
    bool may_be_made;

    /* api_client.c only. */
    struct lg_api_client *client;
    struct lg_buf form, target;
    struct lg_http_call http;
    struct lg_timer pause;
    size_t asked;                /* index of the controller */
    struct lg_error leader_said; /* why the one that should lead could not do it; LG_OK: nothing */
    uint32_t tried;              /* controllers that were asked since the last pause, a bit each */
    struct lg_json *held;        /* an answer from memory; owned */
    struct lg_error cut_off;     /* why nobody can do it; LG_OK: nobody said so */
    struct lg_error timed_out;   /* of the last one that did not answer; LG_OK: all did */
    size_t leader_said_by, cut_off_by, timed_out_by; /* indexes of the controllers */
    uint32_t untrusted; /* controllers with which certificates are the trouble, a bit each */
    uint32_t sent_away; /* controllers that said that another one leads, a bit each */
    char
        *said[LG_API_CONTROLLERS_MAX]; /* the last reason of each not to do it; NULL: none; owned */
    unsigned hops;                     /* since the last pause */
    unsigned timeouts;                 /* of controllers that did not answer */
    bool asks_who_leads;               /* `http` asks that, instead of the call itself */
};

/* `controller_urls` are the controllers of one cluster, separated by commas; any of them may lead.
 * `http` is borrowed and must outlive the client. LG_ERR_INVALID for a URL that is none, or for too
 * many. */
LG_MUST_CHECK enum lg_rc lg_api_client_new(struct lg_http_client *http, struct lg_lane *lane,
                                           const char *controller_urls, struct lg_api_client **out,
                                           struct lg_error *err);
void lg_api_client_free(struct lg_api_client *client); /* No call may be open. NULL is allowed. */
/* Adds a parameter; copies. Before submit. */
void lg_api_call_param(struct lg_api_call *call, const char *name, const char *value);
void lg_api_call_submit(struct lg_api_client *client, struct lg_api_call *call);
/* Frees parameters and answer; the struct is {0} again, but for route, deadline and done. */
void lg_api_call_done(struct lg_api_call *call);

/* What an HTTP answer of a controller means: its JSON, or the error in it. Pure. */
LG_MUST_CHECK enum lg_rc lg_api_read_answer(int status, struct lg_slice body, struct lg_json **out,
                                            struct lg_error *err);

#endif
