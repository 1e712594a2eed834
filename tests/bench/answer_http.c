/*
 * A service that answers every request with 200 and counts: what 10,000 probes ask (watching.py).
 * One thread, epoll, keep-alive. It prints its port, and at the end of its input the count.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define CONNECTIONS_MAX 65536

/* How much of the blank line that ends a request has been seen, by connection. */
static unsigned char seen[CONNECTIONS_MAX];
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epoll, int file)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event) != 0) {
        die("epoll_ctl");
    }
}

static void take_connections(int epoll, int server)
{
    int client;
    while ((client = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (client >= CONNECTIONS_MAX) {
            close(client);
            continue;
        }
        seen[client] = 0;
        watch(epoll, client);
    }
}

/* Reads what there is and answers each request that is complete; false: the connection is over. */
static bool serve(int client, unsigned long *count)
{
    static const char end[] = "\r\n\r\n";
    char bytes[16384];
    ssize_t got = read(client, bytes, sizeof bytes);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    for (ssize_t i = 0; i < got; i++) {
        seen[client] = bytes[i] == end[seen[client]] ? (unsigned char)(seen[client] + 1)
                       : bytes[i] == '\r'            ? 1
                                                     : 0;
        if (seen[client] == sizeof end - 1) {
            seen[client] = 0;
            (*count)++;
            if (write(client, answer, sizeof answer - 1) != (ssize_t)sizeof answer - 1) {
                return false;
            }
        }
    }
    return true;
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    unsigned long count = 0;
    if (server < 0 || epoll < 0 || bind(server, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server, 4096) != 0 ||
        getsockname(server, (struct sockaddr *)&address, &bytes) != 0) {
        die("listen");
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    watch(epoll, server);
    watch(epoll, STDIN_FILENO);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            int file = events[i].data.fd;
            char line[64];
            if (file == server) {
                take_connections(epoll, server);
            } else if (file == STDIN_FILENO) {
                /* Each line asks for the count so far. */
                if (read(STDIN_FILENO, line, sizeof line) <= 0) {
                    return 0;
                }
                printf("%lu\n", count);
                fflush(stdout);
            } else if (!serve(file, &count)) {
                close(file);
            }
        }
    }
}
