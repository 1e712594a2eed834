/*
 * What a thread needs is its own; what is shared is two counters, freed by whoever is last.
 */
#include "runtime/drivers/postgres/cancel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Requests that may hang at once. */
#define UNDER_WAY_MAX 32u
#define STACK_BYTES ((size_t)256 << 10)

struct rbk_postgres_cancels {
    atomic_uint holders; /* the driver, and each request under way */
};

struct cancel {
    struct rbk_postgres_cancels *cancels;
    PGcancel *request;
};

struct rbk_postgres_cancels *rbk_postgres_cancels_new(void)
{
    struct rbk_postgres_cancels *cancels = calloc(1, sizeof(*cancels));
    if (cancels) {
        atomic_init(&cancels->holders, 1);
    }
    return cancels;
}

void rbk_postgres_cancels_free(struct rbk_postgres_cancels *cancels)
{
    if (cancels && atomic_fetch_sub(&cancels->holders, 1) == 1) {
        free(cancels);
    }
}

static void end(struct cancel *cancel)
{
    PQfreeCancel(cancel->request);
    rbk_postgres_cancels_free(cancel->cancels);
    free(cancel);
}

static void *run(void *context)
{
    struct cancel *cancel = context;
    char error[256];
    (void)PQcancel(cancel->request, error, sizeof(error));
    end(cancel);
    return NULL;
}

/* Signals are the loop's. */
static bool start_thread(struct cancel *cancel)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                   pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_create(&thread, &attributes, run, cancel) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return started;
}

void rbk_postgres_cancel(struct rbk_postgres_cancels *cancels, PGconn *connection)
{
    struct cancel *cancel = NULL;
    if (atomic_load(&cancels->holders) <= UNDER_WAY_MAX) {
        cancel = calloc(1, sizeof(*cancel));
    }
    if (!cancel) {
        return;
    }
    cancel->cancels = cancels;
    (void)atomic_fetch_add(&cancels->holders, 1);
    cancel->request = PQgetCancel(connection);
    if (!cancel->request || !start_thread(cancel)) {
        end(cancel);
    }
}
