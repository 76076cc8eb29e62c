/* Names of stores, topics and instances: the rules, and both directions of each.
 *
 * Pure: fixed-size outputs in the caller's memory, no state.
 */
#ifndef LG_MODEL_NAMES_H
#define LG_MODEL_NAMES_H

#include "base/base.h"

#define LG_STORE_NAME_MAX 128
/* The longest topic name we make: store, "_rt_v" or "_v", a number, "_sep". */
#define LG_NAMES_TOPIC_MAX (LG_STORE_NAME_MAX + 32)
#define LG_NAMES_HOST_MAX 253
#define LG_NAMES_INSTANCE_MAX (LG_NAMES_HOST_MAX + 6)

/* A store name is a letter, then letters, digits, '_' or '-', at most 128 bytes, without "--"
 * (the rule of Venice's routers, so that whatever may be created may also be read).
 * LG_ERR_INVALID; the sentence names the rule that is broken. */
LG_MUST_CHECK enum lg_rc lg_names_check_store(struct lg_slice name, struct lg_error *err);
/* Does the name belong to the platform ("venice_system_store_...")? */
bool lg_names_is_system_store(struct lg_slice name);

/* "<store>_v<N>". `store` has passed lg_names_check_store and version is at least 1. */
void lg_names_version_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store, int32_t version);
/* The store is everything before the LAST "_v"; what follows is a number of at least 1 without
 * leading zeros. LG_ERR_INVALID for anything else. `*out_store` is borrowed from `topic`. */
LG_MUST_CHECK enum lg_rc lg_names_parse_version_topic(struct lg_slice topic,
                                                      struct lg_slice *out_store,
                                                      int32_t *out_version, struct lg_error *err);
/* "<store>_rt", "<store>_rt_sep" (incremental push) and "<store>_v<N>_sr" (reprocessing). */
void lg_names_rt_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store);
void lg_names_separate_rt_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store);
void lg_names_reprocessing_topic(char out[LG_NAMES_TOPIC_MAX + 1], const char *store,
                                 int32_t version);
/* True for "<store>_rt"; `*out_store` is borrowed. */
LG_MUST_CHECK bool lg_names_parse_rt_topic(struct lg_slice topic, struct lg_slice *out_store);

/* An instance id is "<host>_<port>". LG_ERR_INVALID if host is empty or too long. */
LG_MUST_CHECK enum lg_rc lg_names_instance(char out[LG_NAMES_INSTANCE_MAX + 1], const char *host,
                                           uint16_t port, struct lg_error *err);
/* The host is everything before the last '_'. LG_ERR_INVALID. `*out_host` is borrowed. */
LG_MUST_CHECK enum lg_rc lg_names_parse_instance(struct lg_slice id, struct lg_slice *out_host,
                                                 uint16_t *out_port, struct lg_error *err);

#endif
