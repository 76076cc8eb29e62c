/* A small blocking HTTP client for the process tests, which must not trust the one under test. */
#ifndef LG_TEST_LIB_ASK_H
#define LG_TEST_LIB_ASK_H

#include "base/buf.h"

struct lg_reply {
    int status;
    struct lg_buf head; /* the header lines as they came, with a NUL behind */
    struct lg_buf body; /* with a NUL behind its size, so that `data` is text */
};
void lg_reply_done(struct lg_reply *reply);
LG_DEFINE_SCOPED(lg_reply, lg_reply_done)

struct lg_question {
    uint16_t port;
    const char *method;  /* NULL: GET, or POST when there is a body */
    const char *target;  /* "/v1/health" */
    const char *headers; /* more lines, each ended by "\r\n"; NULL: none. "Host:" replaces ours */
    struct lg_slice body;
    unsigned wait_ms; /* for more of the answer; 0: 20 s */
};

/* Asks 127.0.0.1 and reads the answer to its end. False when there is no complete one: nobody
 * listens, or the other side died. `reply` is emptied first. */
bool lg_ask_try(const struct lg_question *question, struct lg_reply *reply);
/* Sends these bytes as they are and reads until the other side closes: the request must ask for
 * that. */
bool lg_ask_raw(uint16_t port, struct lg_slice request, struct lg_reply *reply);
/* The same as lg_ask_try; fails the test when there is no answer. Returns the status. */
int lg_ask(const struct lg_question *question, struct lg_reply *reply);
/* GET `target`. */
int lg_ask_get(uint16_t port, const char *target, struct lg_reply *reply);
/* POST `target` with a form or JSON, by its first byte. */
int lg_ask_post(uint16_t port, const char *target, const char *body, struct lg_reply *reply);
/* A header of the reply, without blanks around; the caller owns it. NULL when there is none. */
char *lg_reply_header(const struct lg_reply *reply, const char *name);
const char *lg_reply_text(const struct lg_reply *reply);

#endif
