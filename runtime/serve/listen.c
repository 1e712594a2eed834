/*
 * Where the server listens, and which names a browser may have called it by.
 *
 * A page from elsewhere can make a browser ask any server that a name of its own resolves to, this
 * host's loopback included (DNS rebinding); the Host header then carries that name. So a name must
 * be known here. Addresses need not: a name is what rebinding needs.
 */
#include "runtime/serve/serve_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- addresses --------------------------------------------------------------------------------
 */

struct endpoint {
    struct sockaddr_storage address;
    socklen_t bytes;
};

static int not_an_address(const char *listen, struct rbk_error *reterr)
{
    return rbk_error_set(
        reterr, RBK_EUSAGE,
        "--listen \"%s\": an address and a port are expected, like " RBK_SERVE_LISTEN
        ", [::1]:7433, localhost:7433 or 0.0.0.0:7433",
        listen);
}

/* "HOST:PORT", "[HOST]:PORT" */
static int read_endpoint(const char *listen, struct endpoint *ret_endpoint,
                         struct rbk_error *reterr)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(listen, ':');
    char host[128];
    size_t bytes;
    char *end;

    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return not_an_address(listen, reterr);
    }
    bytes = (size_t)(colon - listen);
    if (bytes >= 2 && listen[0] == '[' && listen[bytes - 1] == ']') {
        listen++;
        bytes -= 2;
    } else if (memchr(listen, ':', bytes) != NULL) {
        return not_an_address(listen, reterr);
    }
    if (bytes == 0 || bytes >= sizeof(host) || strtoul(colon + 1, &end, 10) > 65535 ||
        *end != '\0') {
        return not_an_address(listen, reterr);
    }
    memcpy(host, listen, bytes);
    host[bytes] = '\0';
    if (strcmp(host, "localhost") == 0) {
        (void)snprintf(host, sizeof(host), "127.0.0.1");
    }
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0 || found == NULL) {
        return not_an_address(listen, reterr);
    }
    memset(ret_endpoint, 0, sizeof(*ret_endpoint));
    memcpy(&ret_endpoint->address, found->ai_addr, found->ai_addrlen);
    ret_endpoint->bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    return false;
}

void rbk_address_text(const struct sockaddr *address, char out[64])
{
    const void *raw = NULL;

    if (address != NULL && address->sa_family == AF_INET) {
        raw = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else if (address != NULL && address->sa_family == AF_INET6) {
        raw = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    }
    if (raw == NULL || inet_ntop(address->sa_family, raw, out, 64) == NULL) {
        (void)snprintf(out, 64, "?");
    }
}

int rbk_listen_loopback(const char *listen, bool *ret_loopback, struct rbk_error *reterr)
{
    struct endpoint endpoint = {0};
    int error = read_endpoint(listen, &endpoint, reterr);

    if (error == 0) {
        *ret_loopback = is_loopback((const struct sockaddr *)&endpoint.address);
    }
    return error;
}

/* ---- the socket -------------------------------------------------------------------------------
 */

static void tell_bound(const struct rbk_server *server, int descriptor, struct rbk_buffer *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four; /* the port lies at the same place in both */
        struct sockaddr_in6 six;
    } bound;
    socklen_t bytes = sizeof(bound);
    char text[64];

    memset(&bound, 0, sizeof(bound));
    (void)getsockname(descriptor, &bound.any, &bytes);
    rbk_address_text(&bound.any, text);
    rbk_buffer_printf(out,
                      bound.any.sa_family == AF_INET6 ? "http%s://[%s]:%u/" : "http%s://%s:%u/",
                      server->tls ? "s" : "", text, (unsigned)ntohs(bound.four.sin_port));
}

int rbk_listen_open(struct rbk_server *server, int *ret_socket, struct rbk_buffer *ret_bound,
                    struct rbk_error *reterr)
{
    const char *listen_at = server->options.listen;
    struct endpoint endpoint = {0};
    const int yes = 1;
    int descriptor, error = read_endpoint(listen_at, &endpoint, reterr);

    if (error != 0) {
        return error;
    }
    descriptor = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return rbk_error_set_system(reterr, RBK_EIO, errno, "no socket");
    }
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(descriptor, (const struct sockaddr *)&endpoint.address, endpoint.bytes) != 0 ||
        listen(descriptor, 128) != 0) {
        error = rbk_error_set_system(reterr, errno == EADDRINUSE ? RBK_EBUSY : RBK_EIO, errno,
                                     "cannot listen at %s", listen_at);
        (void)close(descriptor);
        return error;
    }
    tell_bound(server, descriptor, ret_bound);
    *ret_socket = descriptor;
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------
 */

static bool is_address(const char *host, size_t bytes)
{
    unsigned char raw[sizeof(struct in6_addr)];
    char text[64];

    if (bytes >= 2 && host[0] == '[' && host[bytes - 1] == ']') {
        host++;
        bytes -= 2;
    }
    if (bytes == 0 || bytes >= sizeof(text)) {
        return false;
    }
    memcpy(text, host, bytes);
    text[bytes] = '\0';
    return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

static bool is_name(const char *host, size_t bytes, const char *name)
{
    return name != NULL && strlen(name) == bytes && strncasecmp(host, name, bytes) == 0;
}

bool rbk_listen_host_known(const struct rbk_server *server, const char *host)
{
    const char *bracket = strchr(host, ']'), *colon;
    size_t bytes;

    colon = strchr(bracket != NULL ? bracket : host, ':');
    bytes = colon != NULL ? (size_t)(colon - host) : strlen(host);
    if (colon != NULL && strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return false;
    }
    if (is_address(host, bytes) || is_name(host, bytes, "localhost") ||
        is_name(host, bytes, server->own_name)) {
        return true;
    }
    for (size_t i = 0; i < server->options.host_count; i++) {
        if (is_name(host, bytes, server->options.hosts[i])) {
            return true;
        }
    }
    return false;
}
