/*
 * Requests that wait. Each is suspended, so that it costs nothing, and in one list; whoever is
 * woken is called again by libmicrohttpd, looks for himself whether what he waited for is there,
 * and waits again or answers.
 *
 *   WAITING_REPLY   the tick asks the store for the row's reply
 *   WAITING_LOCK    the tick tries the lock: without waiting, and gives it back at once
 *   WAITING_RUN     woken when rbk_seen_work() is through with a run
 *   WAITING_TURN    woken in the next turn
 */
#include "runtime/serve/serve_internal.h"

#include <stdlib.h>

/* How long somebody waits; a test does not wait that long. */
static uint64_t within(uint64_t limit_ms)
{
    const char *text = getenv("RBK_TEST_WAIT_MS");

    return text != NULL ? strtoull(text, NULL, 10) : limit_ms;
}

bool rbk_wait_for(struct request *request, enum waiting waiting, uint64_t within_ms)
{
    struct rbk_server *server = request->server;
    uint64_t now_ms = rbk_server_clock_ms(server), *due_ms = &request->due_ms[waiting];

    if (!request->handling || request->answered || server->stopping) {
        return false;
    }
    *due_ms = *due_ms == 0 ? now_ms + within(within_ms) : *due_ms;
    if (waiting != WAITING_TURN && *due_ms <= now_ms) {
        return false;
    }
    request->waiting = waiting;
    request->peer->due_ms = 0;
    request->next = server->waiting;
    request->link = &server->waiting;
    if (request->next != NULL) {
        request->next->link = &request->next;
    }
    server->waiting = request;
    MHD_suspend_connection(request->connection);
    if (waiting == WAITING_TURN) {
        rbk_server_work(server);
    }
    rbk_server_hurry(server);
    return true;
}

static void wake(struct request *request)
{
    *request->link = request->next;
    if (request->next != NULL) {
        request->next->link = request->link;
    }
    request->waiting = WAITING_NOT;
    request->peer->due_ms = rbk_server_clock_ms(request->server) + RBK_SERVE_SEND_MS;
    MHD_resume_connection(request->connection);
}

static bool has_reply(struct request *request)
{
    struct rbk_str reply = RBK_STR("");
    struct rbk_arena arena;
    bool has;

    rbk_arena_init(&arena, (size_t)1 << 20);
    has = rbk_store_get_reply(request->server->store, request->asked, &arena, &reply, NULL) != 0 ||
          reply.bytes != 0;
    rbk_arena_fini(&arena);
    return has;
}

/* Whether nobody holds the store, or it has failed: then whoever waits is told. */
static bool is_free(struct rbk_server *server)
{
    int error = rbk_store_begin(rbk_server_store(server), NULL);

    if (error == 0) {
        rbk_store_rollback(server->store);
    }
    return error != -RBK_EBUSY;
}

void rbk_wait_look(struct rbk_server *server)
{
    bool looked = false, unlocked = false, woken = false;

    for (struct request *request = server->waiting, *next; request != NULL; request = next) {
        bool there = request->due_ms[request->waiting] <= rbk_server_clock_ms(server);

        next = request->next;
        if (!there && request->waiting == WAITING_REPLY) {
            there = has_reply(request);
        } else if (!there && request->waiting == WAITING_LOCK) {
            unlocked = looked ? unlocked : is_free(server);
            looked = true;
            there = unlocked;
        }
        if (there) {
            wake(request);
            woken = true;
        }
    }
    if (woken) {
        rbk_server_run(server);
    }
}

void rbk_wait_wake(struct rbk_server *server, enum waiting waiting)
{
    for (struct request *request = server->waiting, *next; request != NULL; request = next) {
        next = request->next;
        if (request->waiting == waiting) {
            wake(request);
        }
    }
}

size_t rbk_wait_count(const struct rbk_server *server)
{
    size_t count = 0;

    for (const struct request *request = server->waiting; request != NULL;
         request = request->next) {
        count++;
    }
    return count;
}

void rbk_wait_end(struct rbk_server *server)
{
    while (server->waiting != NULL) {
        wake(server->waiting);
    }
}
