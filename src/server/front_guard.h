/* Who may read here, as the fronts of a storage node ask it (authz/authz.h): once per request, in
 * front of everything else, on the words that the request itself is answered by. */
#ifndef LG_SERVER_FRONT_GUARD_H
#define LG_SERVER_FRONT_GUARD_H

#include "authz/authz.h"
#include "net/grpc.h"
#include "server/front_rest.h"

enum lg_front_about {                         /* What is asked for belongs to: */
                      LG_FRONT_ABOUT_NOTHING, /* nobody: health, what is refused anyway */
                      LG_FRONT_ABOUT_CLUSTER,
                      LG_FRONT_ABOUT_STORE,
                      LG_FRONT_ABOUT_TOPIC, /* the store of a version */
};

/* The store of a version topic; what is no such name is taken as that of a store, which none has.
 * Borrowed from `topic`. */
struct lg_slice lg_front_store_of(struct lg_slice topic);

/* May `principal` read the store of that topic? Any lane of the server, inside its epoch. */
static inline enum lg_authz_verdict lg_front_may_read(const struct lg_front_rest *f,
                                                      const char *principal, struct lg_slice topic)
{
    return LG_LIKELY(f->authz == NULL)
               ? LG_AUTHZ_ALLOWED
               : lg_authz_look(f->authz, principal, lg_front_store_of(topic), LG_ACL_READ);
}

/* A question that a reading lane cannot answer from the table. Embed it; it is allocated by who
 * asks, and freed by its `back`. */
struct lg_front_doubt {
    struct lg_task task;
    struct lg_authz_wait wait;
    struct lg_lane *from, *home;
    char *principal, *store; /* Ours; `back` may look at them, NULL principal is nobody. */
    /* On the lane that asks, never from inside: the verdict is in `wait`. */
    void (*back)(struct lg_front_doubt *d);
};
/* `store` is that of lg_front_store_of, or as given. All lanes run until `back` has come. */
void lg_front_doubt(struct lg_front_doubt *d, const struct lg_front_rest *f, struct lg_lane *from,
                    const char *principal, struct lg_slice store);
/* What a call that may not read is told, which is counted; the status of gRPC: PERMISSION_DENIED,
 * UNAUTHENTICATED for who shows no certificate, UNAVAILABLE when it is not known (Venice's service
 * says that as errorCode 503). */
enum lg_grpc_status lg_front_refuse_read(enum lg_authz_verdict verdict, const struct lg_error *why,
                                         const char *principal, struct lg_slice store,
                                         struct lg_error *err);

#endif
