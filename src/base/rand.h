/* xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64. Deterministic; not for secrets. */
#ifndef LG_BASE_RAND_H
#define LG_BASE_RAND_H

#include "base/base.h"

struct lg_rand {
    uint64_t s[4];
};

void lg_rand_seed(struct lg_rand *r, uint64_t seed);
uint64_t lg_rand_next(struct lg_rand *r);
/* Uniform in [0, n); n > 0. */
uint64_t lg_rand_below(struct lg_rand *r, uint64_t n);
/* True with probability num/den. */
bool lg_rand_chance(struct lg_rand *r, uint64_t num, uint64_t den);
void lg_rand_bytes(struct lg_rand *r, void *out, size_t size);
/* A seed from the operating system, for production lanes. */
uint64_t lg_rand_os_seed(void);

#endif
