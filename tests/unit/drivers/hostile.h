#ifndef RBK_TESTS_UNIT_DRIVERS_HOSTILE_H
#define RBK_TESTS_UNIT_DRIVERS_HOSTILE_H

/*
 * A server that says what the test wants it to say, in a child process: for each thing a client
 * sends, one turn. What a client sends at once arrives at once on the loopback device. After the
 * last turn it waits until the client has gone. A PostgreSQL client's request to cancel is kept
 * without an answer for ever.
 */

#include <stddef.h>
#include <sys/types.h>

struct hostile_turn {
    const char *bytes; /**< What is said; NULL closes the connection. Borrowed by a fork: any. */
    size_t length;
    size_t times; /**< How often it is said in a row; 0: until the client has gone. */
};

/** A turn of a string literal. */
#define HOSTILE_SAYS(literal, count)                                        \
    (struct hostile_turn)                                                   \
    {                                                                       \
        .bytes = (literal), .length = sizeof(literal) - 1, .times = (count) \
    }
#define HOSTILE_CLOSES ((struct hostile_turn){.bytes = NULL})

struct hostile {
    pid_t pid;
    int port; /**< Of 127.0.0.1. */
};

/** Starts; ends the program with a message when it cannot. Each connection begins with turn 0. */
struct hostile hostile_start(const struct hostile_turn *turns, size_t count);
void hostile_stop(const struct hostile *hostile);

#endif
