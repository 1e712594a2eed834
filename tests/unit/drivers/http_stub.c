/*
 * One child process; each connection is served by a child of its own, so that one that never ends
 * does not hold up the others.
 */
#include "tests/unit/drivers/http_stub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void put(int fd, const char *text)
{
    size_t bytes = strlen(text);
    while (bytes > 0) {
        ssize_t written = write(fd, text, bytes);
        if (written <= 0) {
            _exit(0); /* the client has gone */
        }
        text += written;
        bytes -= (size_t)written;
    }
}

static void reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(fd);
    _exit(0);
}

/* Waits until the client has gone. */
static void wait_for_end(int fd)
{
    char byte;
    while (read(fd, &byte, 1) > 0) {
    }
    _exit(0);
}

/* Reads head and body of one request. */
static void read_request(int fd, char *request, size_t room)
{
    size_t bytes = 0;
    for (;;) {
        ssize_t got = read(fd, request + bytes, room - 1 - bytes);
        if (got <= 0) {
            _exit(0);
        }
        bytes += (size_t)got;
        request[bytes] = '\0';
        char *end = strstr(request, "\r\n\r\n");
        if (!end) {
            continue;
        }
        const char *length = strcasestr(request, "\r\nContent-Length:");
        size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if (bytes >= (size_t)(end + 4 - request) + body) {
            return;
        }
    }
}

static void put_answer(int fd, int status, const char *body)
{
    char head[256];
    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %d Text\r\nContent-Length: %zu\r\nConnection: close\r\n"
                   "Location: /elsewhere\r\n%s\r\n",
                   status, strlen(body), status == 429 ? "Retry-After: 7\r\n" : "");
    put(fd, head);
    put(fd, body);
}

static void serve(int fd, int before)
{
    char request[65536];
    char text[64];
    read_request(fd, request, sizeof(request));
    const char *path = strchr(request, ' ');
    path = path ? path + 1 : "";
    if (strncmp(path, "/echo", 5) == 0) {
        put_answer(fd, 200, request);
    } else if (strncmp(path, "/seen", 5) == 0) {
        (void)snprintf(text, sizeof(text), "%d", before);
        put_answer(fd, 200, text);
    } else if (strncmp(path, "/status/", 8) == 0) {
        put_answer(fd, (int)strtol(path + 8, NULL, 10), "the body says why");
    } else if (strncmp(path, "/silent", 7) == 0) {
        wait_for_end(fd);
    } else if (strncmp(path, "/slow", 5) == 0) {
        put(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for (;;) {
            const struct timespec pause = {.tv_nsec = 10000000};
            put(fd, "x");
            (void)nanosleep(&pause, NULL); /* it is slow: that is what is tested */
        }
    } else if (strncmp(path, "/endless-header", 15) == 0) {
        put(fd, "HTTP/1.1 200 OK\r\n");
        for (;;) {
            put(fd, "X-More: more and more and more and more\r\n");
        }
    } else if (strncmp(path, "/endless", 8) == 0) {
        put(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for (;;) {
            put(fd, "more and more and more and more and more and more and more and more\n");
        }
    } else if (strncmp(path, "/truncated", 10) == 0) {
        put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    } else if (strncmp(path, "/reset-body", 11) == 0) {
        put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        reset(fd);
    } else {
        reset(fd);
    }
    (void)shutdown(fd, SHUT_WR);
    wait_for_end(fd);
}

struct http_stub http_stub_start(void)
{
    struct http_stub stub = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, bytes) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        (void)fprintf(stderr, "fixture: no HTTP stub\n");
        exit(EXIT_FAILURE);
    }
    stub.port = ntohs(address.sin_port);
    stub.pid = fork();
    if (stub.pid == 0) {
        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGCHLD, SIG_IGN);
        int count = 0; /* a request is a connection here */
        for (;;) {
            int fd = accept(listener, NULL, NULL);
            if (fork() == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve(fd, count);
            }
            count++;
            (void)close(fd);
        }
    }
    (void)close(listener);
    return stub;
}

void http_stub_stop(const struct http_stub *stub)
{
    (void)kill(stub->pid, SIGKILL);
    (void)waitpid(stub->pid, NULL, 0);
}
