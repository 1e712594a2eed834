/*
 * The exec driver on a real loop with the real supervisor, in a run directory of its own. Several
 * commands at a time; commands and tests meet at FIFOs, never by sleeping. Check's timeout is the
 * watchdog of every wait.
 */
#ifndef RBK_TESTS_UNIT_DRIVERS_EXEC_WORLD_H
#define RBK_TESTS_UNIT_DRIVERS_EXEC_WORLD_H

#include <check.h>
#include <stdbool.h>
#include <uv.h>

#include "runtime/drivers/driver.h"

/** What became of one request; give its address as the owner. */
struct answer {
    struct rbk_activity *activity;
    uv_loop_t *loop;
    unsigned results;    /**< on_result calls. */
    unsigned recoveries; /**< on_recovered calls. */
    enum rbk_recovery recovery;
    enum rbk_outcome outcome;
    bool cancelled;
    bool missing; /**< No value. */
    char value[65536];
    char message[4096];
    char detail[16384];
    char output_path[4096];
    int64_t status;
    uint64_t elapsed_ms;
};

struct world {
    uv_loop_t loop;
    struct rbk_driver_setup setup;
    struct rbk_driver *driver;
    char directory[64]; /**< Temporary: the run's and the plan's. */
    char key[128];      /**< RBK_KEY of every request: marks the processes of this test. */
    uint32_t serial;    /**< Of the last request made. */
    bool closed;
    void *words[128]; /**< Of the requests made; owned. */
    size_t word_count;
};

/** A new directory, claimed for a new run, and a driver. */
void world_init(struct world *world);
/** A runner in the directory; `fresh` claims it first. world->driver must be closed or another
 * process's. */
void world_open(struct world *world, bool fresh);
/** Closes the driver and its loop. */
void world_close(struct world *world, bool leave);
/** Ends everything: shutdown if a driver is open, all processes marked with the key, the directory.
 */
void world_fini(struct world *world);

/** A request with argv, the next serial, a timeout of 20 s. `words` end in NULL; the world keeps
 * the array. */
struct rbk_request world_request(struct world *world, const char *const *words);
/** `sh -c script`. */
struct rbk_request world_shell(struct world *world, const char *script);

void world_start(struct world *world, const struct rbk_request *request, struct answer *answer);
void world_recover(struct world *world, const struct rbk_request *request, struct answer *answer);
/** Turns the loop until there is a result, or a first recovery. */
void world_wait(struct world *world, struct answer *answer);
void world_wait_recovery(struct world *world, struct answer *answer);
/** world_start() and world_wait(). */
void world_run(struct world *world, const struct rbk_request *request, struct answer *answer);

/** Makes a FIFO in the directory; open for reading and writing, so that nobody blocks at opening.
 */
int world_fifo(struct world *world, const char *name);
/** Turns the loop until a byte comes out of it, and takes it. */
char world_read(struct world *world, int fifo);

/** The bytes of a file in the directory, at most `room`; -1: there is none. */
ssize_t world_file(const struct world *world, const char *name, char *bytes, size_t room);
/** How many processes of this host carry the key in their environment. */
unsigned world_processes(const struct world *world);
/** How many processes of this host are `sleep` of a number of seconds that begins so. */
unsigned world_sleepers(const char *seconds);
/** How many supervisors of this run live. */
unsigned world_supervisors(const struct world *world);
/** Removes a directory and everything in it. */
void world_remove(const char *directory);
/** The supervisor's pid, as supervisor.id says; 0: none. */
pid_t world_supervisor(const struct world *world);
/** Blocks until no supervisor of this run lives. */
void world_wait_supervisor_gone(const struct world *world);

#endif
