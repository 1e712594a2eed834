/*
 * The loop. libmicrohttpd keeps its sockets in an epoll descriptor of its own; that descriptor is
 * one handle of our loop, and a timer stands for the time-outs it asks for (it is edge-triggered: a
 * time-out of 0 means that it has seen something it has not dealt with yet).
 *
 *   uv_poll on its descriptor ─┐
 *   http_timer ────────────────┼─▶ rbk_server_run ─▶ MHD_run ─▶ request.c
 *   tick: streams, waiting ────┤
 *   work: a piece of a journal ┘
 *
 * At the end everything that is suspended is resumed before the daemon is stopped, as it must be.
 */
#include "runtime/serve/serve_internal.h"

#include "runtime/core/timestamp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 200u
#define TICK_WAITING_MS 20u
/* How often a store that failed is tried again. */
#define REOPEN_MS 1000u
/* How long the last answers may take at the end. */
#define FAREWELL_MS 1000u
/* A certificate that ends so soon is told of at the start. */
#define CERT_WARN_MS ((int64_t)14 * 24 * 3600 * 1000)
#define PEM_BYTES_MAX ((size_t)1 << 20)

int64_t rbk_server_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t rbk_server_clock_ms(struct rbk_server *server)
{
    uv_update_time(&server->loop);
    return uv_now(&server->loop);
}

/* ---- the store --------------------------------------------------------------------------------
 */

void rbk_server_store_failed(struct rbk_server *server)
{
    server->store_failed = true;
}

/* After a failed write: a fresh connection in the place of the old one. As long as there is none
 * the old one still reads, and refuses to write. */
void rbk_server_mend(struct rbk_server *server)
{
    uint64_t now_ms = rbk_server_clock_ms(server);
    struct rbk_store *fresh = NULL;

    if (!server->store_failed || now_ms < server->reopen_ms) {
        return;
    }
    server->reopen_ms = now_ms + REOPEN_MS;
    if (rbk_store_open_hasty(server->options.store_path, RBK_STORE_KEEPER, &fresh, NULL) != 0) {
        return;
    }
    rbk_seen_close_all(server); /* they borrow it */
    rbk_store_close(server->store);
    server->store = fresh;
    server->store_failed = false;
    server->generation++;
    /* Whoever waited for a run to be read begins anew: it was forgotten. */
    rbk_wait_wake(server, WAITING_RUN);
    rbk_server_work(server);
}

struct rbk_store *rbk_server_store(struct rbk_server *server)
{
    int64_t changes;

    changes = rbk_store_changes(server->store);
    if (changes != server->changes || changes == 0) {
        server->changes = changes;
        server->generation++;
    }
    return server->store;
}

/* ---- libmicrohttpd on libuv -------------------------------------------------------------------
 */

static void on_http_timer(uv_timer_t *timer)
{
    rbk_server_run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error of the descriptor shows in MHD_run, too */
    (void)events;
    rbk_server_run(poll->data);
}

void rbk_server_run(struct rbk_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    rbk_seen_turn(server);
    (void)MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES) {
        (void)uv_timer_start(&server->http_timer, on_http_timer, wait_ms, 0);
    } else {
        (void)uv_timer_stop(&server->http_timer);
    }
}

/* A piece of what is left to do, once in each turn of the loop: a timer of 0 that is started in its
 * own callback would be called again before anything else. */
static void on_work(uv_idle_t *idle)
{
    struct rbk_server *server = idle->data;
    bool left = false;

    (void)uv_idle_stop(idle);
    rbk_seen_turn(server);
    if (rbk_seen_work(server, &left)) {
        rbk_wait_wake(server, WAITING_RUN);
        rbk_streams_look(server);
    }
    rbk_wait_wake(server, WAITING_TURN);
    rbk_server_run(server);
    if (left) {
        rbk_server_work(server);
    }
}

void rbk_server_work(struct rbk_server *server)
{
    (void)uv_idle_start(&server->work, on_work); /* once is enough: it stops itself */
}

static void on_tick(uv_timer_t *timer)
{
    struct rbk_server *server = timer->data;

    rbk_seen_turn(server);
    rbk_server_mend(server);
    rbk_peers_look(server);
    if (server->touched_count != 0) {
        rbk_access_touch(server);
    }
    if (server->streams != NULL) {
        rbk_streams_look(server);
    }
    if (server->waiting != NULL) {
        rbk_wait_look(server);
    }
    (void)uv_timer_start(timer, on_tick, server->waiting != NULL ? TICK_WAITING_MS : TICK_MS, 0);
}

void rbk_server_hurry(struct rbk_server *server)
{
    /* Who comes again and again does not put it off. In the tick itself it is about to be started.
     */
    if (uv_timer_get_due_in(&server->tick) > TICK_WAITING_MS) {
        (void)uv_timer_start(&server->tick, on_tick, TICK_WAITING_MS, 0);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct rbk_server *server = handle->data;

    (void)number;
    server->stopping = true;
    uv_stop(&server->loop);
}

/* ---- starting ---------------------------------------------------------------------------------
 */

/* What may not be: answered before anything listens. */
static int check_options(struct rbk_server *server, struct rbk_error *reterr)
{
    const struct rbk_serve_options *options = &server->options;
    size_t tokens = 0;
    int error;

    if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
        return rbk_error_set(reterr, RBK_EUSAGE,
                             "--tls-cert and --tls-key are given together, or not at all");
    }
    error = rbk_listen_loopback(options->listen, &server->loopback, reterr);
    if (error != 0 || server->loopback) {
        return error;
    }
    if (!server->tls && !options->behind_proxy) {
        return rbk_error_set(reterr, RBK_EREFUSED,
                             "%s can be reached from elsewhere, and tokens would cross the network "
                             "in the clear: give --tls-cert and --tls-key, or --behind-proxy where "
                             "a proxy in front does TLS",
                             options->listen);
    }
    error = rbk_token_count(server->store, rbk_server_now_ms(), &tokens, reterr);
    if (error == 0 && tokens == 0) {
        error = rbk_error_set(reterr, RBK_EREFUSED,
                              "%s can be reached from elsewhere, and there is no token yet that is "
                              "of use: make one with `rbk token create --person NAME`",
                              options->listen);
    }
    return error;
}

static char *read_file(const char *path, struct rbk_error *reterr)
{
    FILE *file = fopen(path, "re");
    struct rbk_buffer text;
    char block[4096];
    size_t bytes;
    int system;

    if (file == NULL) {
        (void)rbk_error_set(reterr, RBK_EIO, "cannot read \"%s\": %m", path);
        return NULL;
    }
    rbk_buffer_init(&text, PEM_BYTES_MAX);
    while ((bytes = fread(block, 1, sizeof(block), file)) != 0) {
        (void)rbk_buffer_append(&text, block, bytes);
    }
    system = ferror(file);
    (void)fclose(file);
    if (system != 0 || text.error != 0 || text.bytes == 0) {
        (void)rbk_error_set(reterr, RBK_EIO, "\"%s\" is no certificate or key", path);
        rbk_buffer_fini(&text);
        return NULL;
    }
    return rbk_buffer_take(&text, NULL);
}

/* @cert, @key  NULL without TLS. The daemon keeps them for its life. */
static int start_daemon(struct rbk_server *server, int descriptor, char *cert, char *key,
                        struct rbk_error *reterr)
{
    char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    const union MHD_DaemonInfo *info;

    if (server->tls) {
        flags |= MHD_USE_TLS;
    }
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, rbk_request_handle, server, MHD_OPTION_LISTEN_SOCKET, descriptor,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)RBK_SERVE_CONNECTIONS_MAX,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        server->options.behind_proxy ? 0u : (unsigned)RBK_SERVE_CONNECTIONS_OF_ONE_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, RBK_SERVE_HEADER_BYTES_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_COMPLETED, rbk_request_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, rbk_peer_notify, server, MHD_OPTION_ARRAY,
        server->tls ? tls : plain, MHD_OPTION_END);
    if (server->daemon == NULL) {
        (void)close(descriptor);
        return rbk_error_set(reterr, RBK_EIO,
                             server->tls ? "the HTTP server does not start with this certificate "
                                           "and key"
                                         : "the HTTP server does not start");
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(&server->loop, &server->poll, info->epoll_fd) != 0) {
        MHD_stop_daemon(server->daemon);
        server->daemon = NULL;
        return rbk_error_set(reterr, RBK_EIO, "the HTTP server cannot be waited for");
    }
    return 0;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void on_farewell(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Streams end and waiting requests are answered; what is under way has a moment to get out. */
static void say_farewell(struct rbk_server *server)
{
    uint64_t until_ms = rbk_server_clock_ms(server) + FAREWELL_MS;

    rbk_streams_end(server);
    rbk_wait_end(server);
    rbk_server_run(server);
    while (server->streams != NULL && rbk_server_clock_ms(server) < until_ms) {
        (void)uv_timer_start(&server->tick, on_farewell, 10, 0);
        (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    }
}

static void close_handle(uv_handle_t *handle)
{
    if (handle->loop != NULL && !uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void close_all(struct rbk_server *server)
{
    if (server->daemon != NULL) {
        say_farewell(server);
        close_handle((uv_handle_t *)&server->poll);
        (void)uv_run(&server->loop, UV_RUN_NOWAIT);
        MHD_stop_daemon(server->daemon);
    }
    close_handle((uv_handle_t *)&server->http_timer);
    close_handle((uv_handle_t *)&server->tick);
    close_handle((uv_handle_t *)&server->work);
    close_handle((uv_handle_t *)&server->term);
    close_handle((uv_handle_t *)&server->interrupt);
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&server->loop);
    rbk_seen_close_all(server);
    if (server->store != NULL) {
        rbk_access_touch(server);
    }
    rbk_store_close(server->store);
    free(server->own_name);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void init_handles(struct rbk_server *server)
{
    (void)uv_timer_init(&server->loop, &server->http_timer);
    (void)uv_timer_init(&server->loop, &server->tick);
    (void)uv_idle_init(&server->loop, &server->work);
    (void)uv_signal_init(&server->loop, &server->term);
    (void)uv_signal_init(&server->loop, &server->interrupt);
    server->http_timer.data = server->tick.data = server->work.data = server->poll.data =
        server->term.data = server->interrupt.data = server;
}

/* Clients refuse a certificate that has ended; whoever starts the server is told, before they do.
 */
static void warn_of_end(const struct rbk_server *server)
{
    int64_t left_ms = server->cert_ends_ms - rbk_server_now_ms();
    char at[RBK_TIMESTAMP_BYTES];

    if (left_ms < CERT_WARN_MS) {
        (void)rbk_timestamp_print(at, server->cert_ends_ms);
        (void)fprintf(stderr, "rbk serve: the certificate in %s %s %s%s\n",
                      server->options.tls_cert, left_ms <= 0 ? "has ended at" : "ends at", at,
                      left_ms <= 0 ? ": clients refuse it"
                                   : "; start the server anew with the next one");
    }
}

static int start(struct rbk_server *server, char *cert, char *key, struct rbk_error *reterr)
{
    struct rbk_buffer bound;
    int descriptor = -1, error;

    rbk_buffer_init(&bound, 1024);
    if ((error = rbk_listen_open(server, &descriptor, &bound, reterr)) != 0 ||
        (error = start_daemon(server, descriptor, cert, key, reterr)) != 0) {
        rbk_buffer_fini(&bound);
        return error;
    }
    server->poll.data = server;
    (void)uv_signal_start(&server->term, on_signal, SIGTERM);
    (void)uv_signal_start(&server->interrupt, on_signal, SIGINT);
    (void)uv_timer_start(&server->tick, on_tick, TICK_MS, 0);
    (void)uv_poll_start(&server->poll, UV_READABLE, on_poll);
    (void)printf("rbk serve: %s answers for %s\n", bound.data, rbk_store_path(server->store));
    (void)fflush(stdout);
    rbk_buffer_fini(&bound);
    rbk_server_run(server);
    return 0;
}

int rbk_serve(const struct rbk_serve_options *options, struct rbk_error *reterr)
{
    struct rbk_server *server = calloc(1, sizeof(*server));
    char *cert = NULL, *key = NULL, name[256];
    int error = 0;

    if (server == NULL || uv_loop_init(&server->loop) != 0) {
        free(server);
        return rbk_error_set(reterr, RBK_ENOMEM, "out of memory");
    }
    server->options = *options;
    if (server->options.listen == NULL) {
        server->options.listen = RBK_SERVE_LISTEN;
    }
    server->tls = options->tls_cert != NULL;
    server->started_ms = (uint64_t)rbk_server_now_ms();
    if (gethostname(name, sizeof(name)) == 0) {
        name[sizeof(name) - 1] = '\0';
        server->own_name = strdup(name);
    }
    init_handles(server);
    error = rbk_store_open(options->store_path, RBK_STORE_KEEPER, &server->store, reterr);
    if (error == 0) {
        rbk_store_hurry(server->store); /* to begin with it has waited for others */
        error = check_options(server, reterr);
    }
    if (error == 0 && server->tls &&
        ((cert = read_file(options->tls_cert, reterr)) == NULL ||
         (key = read_file(options->tls_key, reterr)) == NULL)) {
        error = -(int)reterr->code;
    }
    if (error == 0 && server->tls &&
        (error = rbk_tls_check(options, cert, key, &server->cert_ends_ms, reterr)) == 0) {
        warn_of_end(server);
    }
    if (error == 0) {
        error = start(server, cert, key, reterr);
    }
    while (error == 0 && !server->stopping) {
        (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    }
    close_all(server);
    if (key != NULL) {
        explicit_bzero(key, strlen(key));
    }
    free(cert);
    free(key);
    free(server);
    return error;
}
