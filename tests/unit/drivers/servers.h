#ifndef RBK_TESTS_UNIT_DRIVERS_SERVERS_H
#define RBK_TESTS_UNIT_DRIVERS_SERVERS_H

/*
 * Servers for a whole test program: started before its tests, stopped after them, with
 * tests/fixtures/servers.sh. And a proxy that cuts a connection at a chosen byte.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Starts `kind` ("postgres", "redis", "http") in a new directory.
 * @return its port; ends the program with a message when it cannot be started. */
int servers_start(const char *kind);
/** The directory the servers of this program live in. */
const char *servers_directory(void);
/** Runs `servers.sh WHAT DIRECTORY MORE`: halt and resume PostgreSQL. */
void servers_run(const char *what, const char *more);
/** Runs a command and waits for it. @output  The beginning of what it prints, up to a line; may be
 * NULL. @return its exit status, or -1. */
int servers_command(const char *const words[], char *output, size_t room);
/** Stops all of them and removes the directory. */
void servers_stop(void);

/** A port of 127.0.0.1 on which nobody listens. */
int servers_closed_port(void);

/** What the proxy does when it sees the pattern in what a client sends. */
enum proxy_mode {
    PROXY_CUT_BEFORE, /**< Does not pass it on; closes both sides. */
    PROXY_CUT_AFTER,  /**< Passes it on, waits for the server's answer, keeps it, closes. */
    PROXY_MUTE        /**< Passes it on, and then keeps every answer back, for ever. */
};

struct proxy {
    pid_t pid;
    int port;
};

/** Forwards to a port of 127.0.0.1; the first `times` matches are treated as `mode` says. */
struct proxy proxy_start(int server_port, const char *pattern, enum proxy_mode mode, int times);
void proxy_stop(const struct proxy *proxy);

#endif
