/* How long it takes to say where a hundred thousand replicas go: placing them all, following a
 * server that is lost, one that comes, and finding that nothing is to do. Prints milliseconds. */
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "coord/assignment.h"

#define NODES 1001u
#define TOPICS 100u
#define PARTITIONS 500u
#define FACTOR 2u

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void measure(struct lg_assignment_input *in, const char *what)
{
    double begin = now_ms();
    struct lg_assignment_result r = lg_assignment_compute(in);
    double took = now_ms() - begin;

    printf("%-28s %8.1f ms  %6llu moves\n", what, took, (unsigned long long)r.moves);
    for (uint32_t t = 0; t < TOPICS; t++)
        memcpy((uint32_t *)(uintptr_t)in->topics[t].current, in->topics[t].wanted,
               PARTITIONS * FACTOR * sizeof(uint32_t));
}

static void run(const char *kind, uint32_t zones)
{
    static struct lg_assignment_node nodes[NODES];
    static struct lg_assignment_topic topics[TOPICS];
    struct lg_assignment_input in = {.nodes = nodes,
                                     .node_count = NODES,
                                     .topics = topics,
                                     .topic_count = TOPICS,
                                     .now_ms = 10000000,
                                     .delay_ms = 1800000,
                                     .blink_ms = 10000};

    printf("%u servers, %u replicas, %s\n", NODES - 1, TOPICS * PARTITIONS * FACTOR, kind);
    for (uint32_t i = 0; i < NODES; i++)
        nodes[i] = (struct lg_assignment_node){
            .id = lg_strf("n%05u_1", i),
            .zone = zones == 0 ? NULL : lg_strf("z%u", i % zones),
            .live = i != NODES - 1,
        };
    for (uint32_t t = 0; t < TOPICS; t++) {
        uint32_t *current = lg_new_array(uint32_t, PARTITIONS * FACTOR);

        for (uint32_t i = 0; i < PARTITIONS * FACTOR; i++)
            current[i] = LG_ASSIGNMENT_NONE;
        topics[t] =
            (struct lg_assignment_topic){.name = lg_strf("t%03u_v1", t),
                                         .partitions = PARTITIONS,
                                         .factor = FACTOR,
                                         .current = current,
                                         .wanted = lg_new_array(uint32_t, PARTITIONS * FACTOR)};
    }
    measure(&in, "all of them");
    measure(&in, "nothing to do");
    nodes[7].live = false;
    measure(&in, "one server is lost");
    nodes[NODES - 1].live = true;
    measure(&in, "one server comes");
    for (uint32_t i = 0; i < NODES; i++) {
        lg_free((char *)(uintptr_t)nodes[i].id);
        lg_free((char *)(uintptr_t)nodes[i].zone);
    }
    for (uint32_t t = 0; t < TOPICS; t++) {
        lg_free((char *)(uintptr_t)topics[t].name);
        lg_free((uint32_t *)(uintptr_t)topics[t].current);
        lg_free(topics[t].wanted);
    }
}

int main(void)
{
    run("no zones", 0);
    run("10 zones", 10);
    run("3 zones", 3);
    return 0;
}
