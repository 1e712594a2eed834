/*
 * One child process, and one more for each connection; they die with the test.
 */
#include "tests/unit/drivers/hostile.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(int fd, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        ssize_t written = write(fd, bytes + at, length - at);
        if (written <= 0) {
            _exit(0); /* the client has gone */
        }
        at += (size_t)written;
    }
}

static void hear(int fd)
{
    static const char cancel[] = "\0\0\0\x10\x04\xd2\x16\x2e"; /* of a PostgreSQL client */
    char bytes[65536];
    ssize_t count = read(fd, bytes, sizeof(bytes));
    if (count <= 0) {
        _exit(0);
    }
    while (count == 16 && memcmp(bytes, cancel, 8) == 0) {
        (void)pause();
    }
}

static void serve(int fd, const struct hostile_turn *turns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hear(fd);
        if (!turns[i].bytes) {
            _exit(0);
        }
        for (size_t said = 0; turns[i].times == 0 || said < turns[i].times; said++) {
            say(fd, turns[i].bytes, turns[i].length);
        }
    }
    for (;;) {
        hear(fd);
    }
}

struct hostile hostile_start(const struct hostile_turn *turns, size_t count)
{
    struct hostile hostile = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, bytes) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        (void)fprintf(stderr, "fixture: no hostile server\n");
        exit(EXIT_FAILURE);
    }
    hostile.port = ntohs(address.sin_port);
    hostile.pid = fork();
    if (hostile.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGCHLD, SIG_IGN);
        (void)signal(SIGPIPE, SIG_IGN);
        for (;;) {
            int fd = accept(listener, NULL, NULL);
            if (fork() == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve(fd, turns, count);
            }
            (void)close(fd);
        }
    }
    (void)close(listener);
    return hostile;
}

void hostile_stop(const struct hostile *hostile)
{
    (void)kill(hostile->pid, SIGKILL);
    (void)waitpid(hostile->pid, NULL, 0);
}
