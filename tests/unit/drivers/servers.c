/*
 * The proxy is a child process with a poll() loop; it dies with its parent. Patterns are looked for
 * in single reads: what a client sends at once arrives at once on the loopback device.
 */
#include "tests/unit/drivers/servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS_MAX 32

static char directory[64];

static void fail(const char *text)
{
    (void)fprintf(stderr, "fixture: %s\n", text);
    exit(EXIT_FAILURE);
}

const char *servers_directory(void)
{
    if (!*directory) {
        (void)snprintf(directory, sizeof(directory), "/tmp/rbk-servers-XXXXXX");
        if (!mkdtemp(directory)) {
            fail("no directory");
        }
    }
    return directory;
}

int servers_command(const char *const words[], char *output, size_t room)
{
    int pipes[2];
    size_t used = 0;
    int status = -1;
    if (pipe(pipes) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(pipes[1], STDOUT_FILENO);
        (void)close(pipes[0]);
        (void)close(pipes[1]);
        (void)execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    (void)close(pipes[1]);
    /* Only one line is wanted: a daemon may keep the pipe open for ever. */
    while (pid > 0 && output && used + 1 < room && !memchr(output, '\n', used)) {
        ssize_t bytes = read(pipes[0], output + used, room - 1 - used);
        if (bytes <= 0) {
            break;
        }
        used += (size_t)bytes;
    }
    if (output) {
        output[used] = '\0';
    }
    bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
    (void)close(pipes[0]);
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int script(const char *what, const char *more, char *output, size_t room)
{
    const char *source = getenv("RBK_SOURCE");
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/fixtures/servers.sh", source ? source : ".");
    const char *const words[] = {path, what, servers_directory(), more, NULL};
    return servers_command(words, output, room);
}

int servers_start(const char *kind)
{
    char line[64];
    if (script(kind, NULL, line, sizeof(line)) != 0) {
        fail("the server does not start");
    }
    return (int)strtol(line, NULL, 10);
}

void servers_run(const char *what, const char *more)
{
    if (script(what, more, NULL, 0) != 0) {
        fail(what);
    }
}

void servers_stop(void)
{
    const char *const words[] = {"rm", "-rf", servers_directory(), NULL};
    if (script("stop", NULL, NULL, 0) != 0 || servers_command(words, NULL, 0) != 0) {
        (void)fprintf(stderr, "fixture: %s was not removed\n", servers_directory());
    }
}

static int open_socket(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return fd;
}

/* Binds to a free port; the socket does not listen yet. */
static int bind_free(int *ret_port)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof(address);
    int fd = open_socket(&address);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &bytes) != 0) {
        fail("no free port");
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int servers_closed_port(void)
{
    int port = 0;
    (void)bind_free(&port); /* bound and not listening: refused, and nobody else's */
    return port;
}

struct pair {
    int client;
    int server;
    bool cutting; /* the next answer of the server ends it */
    bool mute;
};

static void close_pair(struct pair *pair)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(pair->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)close(pair->client);
    (void)close(pair->server);
    *pair = (struct pair){.client = -1, .server = -1};
}

static bool pass_all(int fd, const char *data, ssize_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, (size_t)bytes);
        if (written <= 0) {
            return false;
        }
        data += written;
        bytes -= written;
    }
    return true;
}

static void from_client(struct pair *pair, const char *pattern, enum proxy_mode mode, int *times)
{
    char data[16384];
    ssize_t bytes = read(pair->client, data, sizeof(data));
    if (bytes <= 0) {
        close_pair(pair);
        return;
    }
    bool match = *times > 0 && memmem(data, (size_t)bytes, pattern, strlen(pattern));
    *times -= match;
    if (match && mode == PROXY_CUT_BEFORE) {
        close_pair(pair);
        return;
    }
    pair->cutting = pair->cutting || (match && mode == PROXY_CUT_AFTER);
    pair->mute = pair->mute || (match && mode == PROXY_MUTE);
    if (!pass_all(pair->server, data, bytes)) {
        close_pair(pair);
    }
}

static void from_server(struct pair *pair)
{
    char data[16384];
    ssize_t bytes = read(pair->server, data, sizeof(data));
    if (pair->mute && bytes <= 0) {
        (void)close(pair->server);
        pair->server = -1; /* the client never hears of it */
    } else if (bytes <= 0 || pair->cutting ||
               (!pair->mute && !pass_all(pair->client, data, bytes))) {
        close_pair(pair);
    }
}

static void accept_pair(int listener, int server_port, struct pair *pairs)
{
    struct sockaddr_in address;
    int client = accept(listener, NULL, NULL);
    int server = open_socket(&address);
    address.sin_port = htons((uint16_t)server_port);
    bool connected = connect(server, (struct sockaddr *)&address, sizeof(address)) == 0;
    for (size_t i = 0; connected && i < PAIRS_MAX; i++) {
        if (pairs[i].client < 0) {
            pairs[i] = (struct pair){.client = client, .server = server};
            return;
        }
    }
    (void)close(client);
    (void)close(server);
}

static void serve(int listener, int server_port, const char *pattern, enum proxy_mode mode,
                  int times)
{
    struct pair pairs[PAIRS_MAX];
    for (size_t i = 0; i < PAIRS_MAX; i++) {
        pairs[i] = (struct pair){.client = -1, .server = -1};
    }
    for (;;) {
        struct pollfd polls[1 + 2 * PAIRS_MAX];
        polls[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            polls[1 + 2 * i] = (struct pollfd){.fd = pairs[i].client, .events = POLLIN};
            polls[2 + 2 * i] = (struct pollfd){.fd = pairs[i].server, .events = POLLIN};
        }
        if (poll(polls, 1 + 2 * PAIRS_MAX, -1) < 0) {
            _exit(1);
        }
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (polls[1 + 2 * i].revents && pairs[i].client >= 0) {
                from_client(&pairs[i], pattern, mode, &times);
            }
            if (polls[2 + 2 * i].revents && pairs[i].server >= 0) {
                from_server(&pairs[i]);
            }
        }
        if (polls[0].revents) {
            accept_pair(listener, server_port, pairs);
        }
    }
}

struct proxy proxy_start(int server_port, const char *pattern, enum proxy_mode mode, int times)
{
    struct proxy proxy = {0};
    int listener = bind_free(&proxy.port);
    if (listen(listener, 16) != 0) {
        fail("no proxy");
    }
    proxy.pid = fork();
    if (proxy.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        serve(listener, server_port, pattern, mode, times);
    }
    (void)close(listener);
    if (proxy.pid < 0) {
        fail("no proxy");
    }
    return proxy;
}

void proxy_stop(const struct proxy *proxy)
{
    (void)kill(proxy->pid, SIGKILL);
    (void)waitpid(proxy->pid, NULL, 0);
}
