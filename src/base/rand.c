/* xoshiro256** and splitmix64, after the reference descriptions of Blackman and Vigna. A generator
 * belongs to whoever declares it. */
#include "base/rand.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t rotl(uint64_t x, unsigned k)
{
    return x << k | x >> (64 - k);
}

/* Advances *state and returns the next output of splitmix64. */
static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* Four outputs of splitmix64 are never all zero, which xoshiro could not leave. */
void lg_rand_seed(struct lg_rand *r, uint64_t seed)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(r->s); i++)
        r->s[i] = splitmix(&seed);
}

uint64_t lg_rand_next(struct lg_rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Draws below the largest multiple of n only, so that the remainder has no bias. At worst every
 * second draw is thrown away. */
uint64_t lg_rand_below(struct lg_rand *r, uint64_t n)
{
    uint64_t draw, skip;

    assert(n > 0);
    skip = (0 - n) % n; /* 2^64 mod n */
    do {
        draw = lg_rand_next(r);
    } while (draw < skip);
    return draw % n;
}

bool lg_rand_chance(struct lg_rand *r, uint64_t num, uint64_t den)
{
    return lg_rand_below(r, den) < num;
}

void lg_rand_bytes(struct lg_rand *r, void *out, size_t size)
{
    uint8_t *bytes = out;
    uint64_t word = 0;

    for (size_t i = 0; i < size; i++, word >>= 8) {
        if (i % 8 == 0)
            word = lg_rand_next(r);
        bytes[i] = (uint8_t)word;
    }
}

/* The generator is not for secrets, so a kernel without getrandom is no reason to stop: two clocks
 * and the process number still differ between any two starts. */
uint64_t lg_rand_os_seed(void)
{
    uint64_t seed, state;

    if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
        return seed;
    state = lg_clock_wall_ms() << 20 ^ lg_clock_mono_us() ^ (uint64_t)getpid() << 44;
    return splitmix(&state);
}
