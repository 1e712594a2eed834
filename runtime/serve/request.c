/*
 * One request, from its first byte to its last.
 *
 *   rbk_peer_notify     a connection is there; its time begins to run
 *   rbk_request_handle  Host, route, token and length are checked, before a byte of the body is
 *                       taken; then the body comes in pieces; at last the handler answers,
 *                       or suspends the connection and is called once more
 *   rbk_request_completed   a line in the log, and the request is freed
 *
 * libmicrohttpd only knows idle time: who sends a byte now and then is never idle. So each part of
 * a request has a time of its own (struct peer), and what is over it is cut.
 */
#include "runtime/serve/serve_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/core/timestamp.h"

/* A reply that is read back, a page of evidence and such live in the request's arena. */
#define REQUEST_ARENA_BYTES ((size_t)256 << 20)

/* How long a client may take; a test does not wait that long. */
static uint64_t within(uint64_t limit_ms)
{
    const char *text = getenv("RBK_TEST_SLOW_MS");

    return text != NULL ? strtoull(text, NULL, 10) : limit_ms;
}

/* ---- connections ------------------------------------------------------------------------------
 */

void rbk_peer_notify(void *context, struct MHD_Connection *connection, void **own,
                     enum MHD_ConnectionNotificationCode code)
{
    struct rbk_server *server = context;
    const union MHD_ConnectionInfo *info;
    struct peer *peer = *own;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (peer != NULL) {
            *peer->link = peer->next;
            if (peer->next != NULL) {
                peer->next->link = peer->link;
            }
            free(peer);
            server->connection_count--;
        }
        return;
    }
    peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        return; /* its first request is refused for want of it */
    }
    peer->server = server;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    peer->descriptor = info != NULL ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    rbk_address_text(info != NULL ? info->client_addr : NULL, peer->address);
    peer->due_ms = rbk_server_clock_ms(server) + within(RBK_SERVE_HEADERS_MS);
    peer->next = server->peers;
    peer->link = &server->peers;
    if (peer->next != NULL) {
        peer->next->link = &peer->next;
    }
    server->peers = peer;
    server->connection_count++;
    *own = peer;
}

void rbk_peers_look(struct rbk_server *server)
{
    uint64_t now_ms = rbk_server_clock_ms(server);

    for (struct peer *peer = server->peers; peer != NULL; peer = peer->next) {
        if (peer->due_ms != 0 && peer->due_ms <= now_ms && peer->descriptor >= 0) {
            /* libmicrohttpd sees the end of it and cleans up. */
            (void)shutdown(peer->descriptor, SHUT_RDWR);
            peer->due_ms = 0;
        }
    }
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static bool take_run(struct request *request, const char *text, size_t bytes)
{
    if (bytes == 0 || bytes >= sizeof(request->run)) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9') ||
              text[i] == '-')) {
            return false;
        }
    }
    memcpy(request->run, text, bytes);
    request->run[bytes] = '\0';
    return true;
}

static bool take_number(struct request *request, const char *text, size_t bytes)
{
    int64_t number = 0;

    if (bytes == 0 || bytes > 18) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        number = number * 10 + (text[i] - '0');
    }
    request->number = number;
    return true;
}

/* Whether a path is one of a route; fills run and number from it. */
static bool fits(struct request *request, const char *pattern, const char *path)
{
    while (*pattern != '\0') {
        size_t bytes;

        if (*pattern != '{') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        bytes = strcspn(path, "/");
        if (!(strncmp(pattern, "{run}", 5) == 0 ? take_run(request, path, bytes)
                                                : take_number(request, path, bytes))) {
            return false;
        }
        pattern = strchr(pattern, '}') + 1;
        path += bytes;
    }
    return *path == '\0';
}

/* The route, or an answer: 404, or 405 with what it would take. */
static bool find_route(struct request *request, enum MHD_Result *ret_answered)
{
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    const struct route *other = NULL;

    for (size_t i = 0; i < rbk_route_count; i++) {
        if (!fits(request, rbk_routes[i].path, request->path)) {
            continue;
        }
        if (strcmp(rbk_routes[i].method, method) == 0) {
            request->route = &rbk_routes[i];
            return true;
        }
        other = &rbk_routes[i];
    }
    if (other == NULL) {
        *ret_answered = rbk_reply_problem(request, MHD_HTTP_NOT_FOUND, "there is nothing here");
        return false;
    }
    *ret_answered = rbk_reply_with(
        request, MHD_HTTP_METHOD_NOT_ALLOWED,
        json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", "Method Not Allowed",
                  "status", MHD_HTTP_METHOD_NOT_ALLOWED, "detail",
                  strcmp(other->method, "GET") == 0 ? "this is read with GET" : "this takes POST"),
        "Allow", strcmp(other->method, "GET") == 0 ? "GET, HEAD" : other->method);
    return false;
}

/* ---- before the body --------------------------------------------------------------------------
 */

static const char *header_of(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Count the bytes of a body, before they come or as they do. false: there is no room for them. */
static bool take_room(struct request *request, size_t bytes)
{
    struct rbk_server *server = request->server;

    if (bytes > RBK_SERVE_BODIES_BYTES_MAX - server->body_bytes) {
        return false;
    }
    server->body_bytes += bytes;
    request->body_bytes += bytes;
    return true;
}

/* Whether the body may come; else it was answered. */
static bool check_length(struct request *request, enum MHD_Result *ret_answered)
{
    const char *length = header_of(request, "Content-Length");
    const char *coding = header_of(request, "Transfer-Encoding");
    unsigned long long bytes = length != NULL ? strtoull(length, NULL, 10) : 0;

    if (bytes > request->route->body_max) {
        *ret_answered =
            request->route->body_max == 0
                ? rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "no body is expected here")
                : rbk_reply_problem(request, MHD_HTTP_CONTENT_TOO_LARGE,
                                    "the body is larger than %zu bytes", request->route->body_max);
        return false;
    }
    if (!take_room(request, (size_t)bytes)) {
        *ret_answered = rbk_reply_later(request, "too many others are sending; try again");
        return false;
    }
    if (coding != NULL && request->route->body_max == 0) {
        *ret_answered =
            rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "no body is expected here");
        return false;
    }
    return true;
}

static bool check_type(struct request *request, enum MHD_Result *ret_answered)
{
    const char *type = header_of(request, "Content-Type");
    size_t bytes = type != NULL ? strcspn(type, "; \t") : 0;

    if (request->route->body_max == 0 || (bytes == strlen("application/json") &&
                                          strncasecmp(type, "application/json", bytes) == 0)) {
        return true;
    }
    /* A form of another site cannot send this type without asking first, which is refused. */
    *ret_answered = rbk_reply_problem(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                      "the body is to be application/json");
    return false;
}

static bool has_body(const struct request *request)
{
    const char *length = header_of(request, "Content-Length");

    return header_of(request, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

/* Before the body: everything that can be said without it. */
static enum MHD_Result begin(struct request *request)
{
    const char *host = header_of(request, "Host");
    enum MHD_Result answered = MHD_YES;

    rbk_server_mend(request->server);
    if (request->server->stopping) {
        return rbk_reply_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the server is ending");
    }
    if (host == NULL || !rbk_listen_host_known(request->server, host)) {
        return rbk_reply_problem(request, MHD_HTTP_MISDIRECTED_REQUEST,
                                 "this server does not go by the name in Host; rbk serve --host "
                                 "NAME lets it");
    }
    if (!find_route(request, &answered) ||
        !rbk_access_check(request, request->route->access, &answered) ||
        !check_length(request, &answered) || !check_type(request, &answered)) {
        return answered;
    }
    request->peer->due_ms = rbk_server_clock_ms(request->server) + within(RBK_SERVE_BODY_MS);
    return MHD_YES;
}

static struct request *request_new(struct rbk_server *server, struct MHD_Connection *connection,
                                   const char *url, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct rbk_str kept_method, kept_url;
    struct request *request;

    if (info == NULL || info->socket_context == NULL ||
        (request = calloc(1, sizeof(*request))) == NULL) {
        return NULL;
    }
    request->server = server;
    request->connection = connection;
    request->peer = info->socket_context;
    request->began_ms = rbk_server_clock_ms(server);
    rbk_arena_init(&request->arena, REQUEST_ARENA_BYTES);
    rbk_buffer_init(&request->body, RBK_SERVE_ALERTS_BYTES_MAX);
    if (!rbk_request_keep(request, rbk_str_from(method), &kept_method) ||
        !rbk_request_keep(request, rbk_str_from(url), &kept_url)) {
        rbk_arena_fini(&request->arena);
        free(request);
        return NULL;
    }
    request->method = kept_method.data;
    request->path = kept_url.data;
    return request;
}

enum MHD_Result rbk_request_handle(void *context, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *bytes, void **own)
{
    struct request *request = *own;

    (void)version;
    if (request == NULL) {
        if ((request = request_new(context, connection, url, method)) == NULL) {
            return MHD_NO;
        }
        *own = request;
        /* An answer before a body has come closes the connection; without one it may wait. */
        return has_body(request) ? begin(request) : MHD_YES;
    }
    if (*bytes != 0) {
        if (request->answered) {
            *bytes = 0; /* of a request that was refused */
            return MHD_YES;
        }
        size_t all = request->body.bytes + *bytes;

        if (all > request->route->body_max ||
            (all > request->body_bytes && !take_room(request, all - request->body_bytes)) ||
            rbk_buffer_append(&request->body, data, *bytes) != 0) {
            /* Its length was not told beforehand: there is no way to answer in the middle. */
            request->status = MHD_HTTP_CONTENT_TOO_LARGE;
            return MHD_NO;
        }
        *bytes = 0;
        return MHD_YES;
    }
    if (request->route == NULL && !request->answered) {
        enum MHD_Result result = begin(request);

        if (request->answered || result == MHD_NO) {
            return result;
        }
    }
    if (request->answered) {
        return MHD_YES;
    }
    if (request->handling && !rbk_access_still(request)) {
        return rbk_reply_problem(request, MHD_HTTP_UNAUTHORIZED,
                                 "the token of this request has ended while it waited");
    }
    request->peer->due_ms = rbk_server_clock_ms(request->server) + RBK_SERVE_SEND_MS;
    request->handling = true;
    return request->route->handle(request);
}

/* ---- after it ---------------------------------------------------------------------------------
 */

/* Visible ASCII, as much as there is room for; everything else is a question mark. */
static void keep_plain(char *out, size_t room, struct rbk_str text)
{
    size_t bytes = text.bytes < room - 1 ? text.bytes : room - 1;

    for (size_t i = 0; i < bytes; i++) {
        out[i] = text.data[i] > ' ' && text.data[i] < 127 ? text.data[i] : '?';
    }
    out[bytes] = '\0';
}

/* "2026-11-21T14:05:03.120Z 127.0.0.1 alice/ab12… GET /api/v1/runs 200 1234 3ms": the path without
 * what stands behind "?", and nothing that controls a terminal. */
static void log_line(const struct request *request)
{
    char at[RBK_TIMESTAMP_BYTES], path[200], person[100], method[17];
    struct rbk_str token =
        request->identity.token.bytes != 0 ? request->identity.token : RBK_STR("-");

    keep_plain(path, sizeof(path), rbk_str_from(request->path));
    keep_plain(person, sizeof(person), request->identity.person);
    keep_plain(method, sizeof(method), rbk_str_from(request->method));
    (void)rbk_timestamp_print(at, rbk_server_now_ms());
    rbk_serve_log(request->server, "%s %s %s/%.*s %s %s %u %zu %llums", at, request->peer->address,
                  person[0] != '\0' ? person : "-", RBK_STR_ARG(token), method, path,
                  request->status, request->sent_bytes,
                  (unsigned long long)(rbk_server_clock_ms(request->server) - request->began_ms));
}

static void count(struct rbk_server *server, const struct request *request)
{
    size_t route = request->route != NULL ? (size_t)(request->route - rbk_routes) : rbk_route_count;

    for (size_t i = 0; i < server->counted_count; i++) {
        if (server->counted[i].route == route && server->counted[i].status == request->status) {
            server->counted[i].count++;
            return;
        }
    }
    if (server->counted_count < COUNTED_MAX) {
        server->counted[server->counted_count++] =
            (struct counted){.route = route, .status = request->status, .count = 1};
    }
}

void rbk_request_completed(void *context, struct MHD_Connection *connection, void **own,
                           enum MHD_RequestTerminationCode code)
{
    struct rbk_server *server = context;
    struct request *request = *own;

    (void)connection;
    (void)code;
    if (request == NULL) {
        return;
    }
    if (request->stream != NULL) {
        rbk_stream_request_over(request->stream);
    }
    log_line(request);
    count(server, request);
    request->peer->due_ms = rbk_server_clock_ms(server) + within(RBK_SERVE_HEADERS_MS);
    server->body_bytes -= request->body_bytes;
    server->answer_bytes -= request->answer_bytes;
    rbk_buffer_fini(&request->body);
    rbk_arena_fini(&request->arena);
    free(request);
    *own = NULL;
}

bool rbk_request_keep(struct request *request, struct rbk_str text, struct rbk_str *ret_copy)
{
    char *copy = rbk_arena_try_alloc(&request->arena, text.bytes + 1, 1);

    if (copy == NULL) {
        return false;
    }
    if (text.bytes != 0) {
        memcpy(copy, text.data, text.bytes);
    }
    *ret_copy = (struct rbk_str){copy, text.bytes};
    return true;
}

/* ---- for handlers -----------------------------------------------------------------------------
 */

const char *rbk_request_query(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool rbk_request_flag(struct request *request, const char *name, bool *ret_flag,
                      enum MHD_Result *ret_answered)
{
    const char *text = rbk_request_query(request, name);

    *ret_flag = text != NULL && strcmp(text, "true") == 0;
    if (text != NULL && !*ret_flag && strcmp(text, "false") != 0) {
        *ret_answered =
            rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "%s is to be true or false", name);
        return false;
    }
    return true;
}

bool rbk_request_number(struct request *request, const char *name, int64_t least, int64_t most,
                        int64_t otherwise, int64_t *ret_number, enum MHD_Result *ret_answered)
{
    const char *text = rbk_request_query(request, name);
    long long number;
    char *end;

    if (text == NULL) {
        *ret_number = otherwise;
        return true;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < least ||
        number > most) {
        *ret_answered = rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST,
                                          "%s is to be a whole number from %lld to %lld", name,
                                          (long long)least, (long long)most);
        return false;
    }
    *ret_number = number;
    return true;
}

/* How deep arrays and objects lie inside each other; brackets in texts do not count. */
static size_t depth_of(struct rbk_str text)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        if (quoted) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                quoted = false;
            }
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == ']' || c == '}') && depth != 0) {
            depth--;
        }
    }
    return deepest;
}

json_t *rbk_request_json(struct request *request, size_t flags, enum MHD_Result *ret_answered)
{
    struct rbk_str body = rbk_buffer_str(&request->body);
    json_error_t where;
    json_t *json;

    if (depth_of(body) > RBK_SERVE_JSON_DEPTH_MAX) {
        *ret_answered =
            rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "the body is nested deeper than %d",
                              RBK_SERVE_JSON_DEPTH_MAX);
        return NULL;
    }
    json = json_loadb(body.bytes != 0 ? body.data : "", body.bytes, JSON_REJECT_DUPLICATES | flags,
                      &where);
    if (json == NULL) {
        *ret_answered =
            rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "the body is not JSON: line %d: %s",
                              where.line, where.text);
        return NULL;
    }
    if (!json_is_object(json)) {
        json_decref(json);
        *ret_answered =
            rbk_reply_problem(request, MHD_HTTP_BAD_REQUEST, "the body is to be an object");
        return NULL;
    }
    return json;
}
