/* Reads keys of a store and prints their values as JSON: first one by one, waiting; then all at
 * once, without waiting.
 *
 *   cc get.c $(pkg-config --cflags --libs lagoon) -o get      (as C99 or C++11)
 *   ./get http://127.0.0.1:7777 cities 3164603 2988507
 */
#include <lagoon/client.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, enum lagoon_rc rc, const char *why)
{
    fprintf(stderr, "%s: %s (%s)\n", what, why, lagoon_rc_name(rc));
    return 1;
}

static int print_value(const char *key, struct lagoon_value *value)
{
    struct lagoon_slice json;
    char why[LAGOON_WHY_MAX];
    enum lagoon_rc rc = lagoon_value_json(value, &json, why, sizeof why);

    if (rc != LAGOON_OK)
        return fail(key, rc, why);
    printf("%s: %.*s\n", key, (int)json.size, (const char *)json.data);
    return 0;
}

static int get_one(struct lagoon_client *client, const char *key)
{
    struct lagoon_value *value;
    char why[LAGOON_WHY_MAX];
    enum lagoon_rc rc =
        lagoon_client_get(client, LAGOON_KEY_TEXT, lagoon_slice_of(key, strlen(key)),
                          /* timeout_ms= */ 1000, &value, why, sizeof why);
    int failed;

    if (rc == LAGOON_ERR_NOT_FOUND) {
        printf("%s: not there\n", key);
        return 0;
    }
    if (rc != LAGOON_OK)
        return fail(key, rc, why);
    failed = print_value(key, value);
    lagoon_value_free(value);
    return failed;
}

/* What the callbacks, which come on the client's thread, share with the main thread. */
struct batch {
    char **keys;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    int is_ended, failed;
};

/* Once for each key that has an outcome. */
static void key_answered(void *ctx, size_t key_index, enum lagoon_rc rc, struct lagoon_value *value,
                         const char *why)
{
    struct batch *b = (struct batch *)ctx;

    if (rc == LAGOON_OK)
        b->failed |= print_value(b->keys[key_index], value);
    else
        printf("%s: %s\n", b->keys[key_index], why);
    lagoon_value_free(value);
}

/* And once at the end. */
static void all_answered(void *ctx, enum lagoon_rc rc, const char *why)
{
    struct batch *b = (struct batch *)ctx;

    if (rc != LAGOON_OK)
        b->failed |= fail("batch", rc, why);
    pthread_mutex_lock(&b->mutex);
    b->is_ended = 1;
    pthread_cond_signal(&b->ended);
    pthread_mutex_unlock(&b->mutex);
}

#define KEYS_MAX 100

static int get_all(struct lagoon_client *client, char **keys, size_t n)
{
    struct lagoon_slice slices[KEYS_MAX];
    struct batch b = {keys, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    char why[LAGOON_WHY_MAX];
    enum lagoon_rc rc;

    for (size_t i = 0; i < n; i++)
        slices[i] = lagoon_slice_of(keys[i], strlen(keys[i]));
    rc = lagoon_client_batch_get_async(client, LAGOON_KEY_TEXT, slices, n, /* timeout_ms= */ 0,
                                       key_answered, all_answered, &b, NULL, why, sizeof why);
    if (rc != LAGOON_OK)
        return fail("batch", rc, why);
    /* Here an application goes on with its work. */
    pthread_mutex_lock(&b.mutex);
    while (!b.is_ended)
        pthread_cond_wait(&b.ended, &b.mutex);
    pthread_mutex_unlock(&b.mutex);
    return b.failed;
}

static enum lagoon_rc open_client(const char *router, const char *store,
                                  struct lagoon_client **client, char *why, size_t why_size)
{
    struct lagoon_client_options *options = lagoon_client_options_new();
    enum lagoon_rc rc = lagoon_client_options_set(options, "router", router, why, why_size);

    if (rc == LAGOON_OK)
        rc = lagoon_client_options_set(options, "store", store, why, why_size);
    if (rc == LAGOON_OK)
        rc = lagoon_client_open(options, client, why, why_size);
    lagoon_client_options_free(options);
    return rc;
}

int main(int argc, char **argv)
{
    struct lagoon_client *client;
    char why[LAGOON_WHY_MAX];
    enum lagoon_rc rc;
    int failed = 0;

    if (argc < 4 || argc > KEYS_MAX) {
        fprintf(stderr, "usage: get ROUTER STORE KEY...\n");
        return 2;
    }
    rc = open_client(argv[1], argv[2], &client, why, sizeof why);
    if (rc != LAGOON_OK)
        return fail(argv[2], rc, why);
    for (int i = 3; i < argc; i++)
        failed |= get_one(client, argv[i]);
    printf("and all at once\n");
    failed |= get_all(client, argv + 3, (size_t)argc - 3);
    (void)lagoon_client_close(client);
    return failed;
}
