#ifndef RBK_TESTS_UNIT_DRIVERS_HARNESS_H
#define RBK_TESTS_UNIT_DRIVERS_HARNESS_H

/*
 * A driver on a loop of its own, as an executor would hold it: one request at a time, its answer
 * copied, its notes recorded. Every wait is a turn of the loop with a watchdog, never a sleep.
 */

#include <stdbool.h>
#include <uv.h>

#include "runtime/drivers/driver.h"

/** Watchdog of one wait, in milliseconds; see harness_ms(). */
#define HARNESS_WAIT_MS 20000

/** So many milliseconds, or as many times more as RBK_TEST_SLOWNESS says: under valgrind a driver
 * comes to what a test is about, the connection and what is sent on it, much later. */
uint64_t harness_ms(uint64_t ms);

typedef int harness_open_fn(const struct rbk_driver_setup *setup, struct rbk_driver **ret_driver,
                            struct rbk_error *reterr);

/** What became of the last request. */
struct harness_answer {
    unsigned count; /**< on_result and on_recovered calls; never more than 1. */
    bool recovered; /**< It came through on_recovered. */
    enum rbk_outcome outcome;
    enum rbk_recovery recovery;
    bool cancelled;
    bool missing;       /**< No value. */
    enum rbk_type type; /**< Of the value. */
    int64_t integer;    /**< Of an INT. */
    char value[4096];   /**< Of a text, cut. */
    size_t value_bytes;
    char message[4096];
    char detail[8192];
    int64_t status;
    uint64_t retry_after_ms;
    bool impossible;
    uint64_t elapsed_ms;
    uint64_t took_ms; /**< From start() to the answer, by our own clock. */
};

struct harness {
    uv_loop_t loop;
    struct rbk_driver_setup setup;
    struct rbk_driver *driver;
    char directory[64]; /**< Temporary; the plan's and the run's directory. */
    struct harness_answer answer;
    struct rbk_activity *activity;
    char note[8192]; /**< The last note. */
    unsigned note_count;
    bool hold_note;                           /**< Do not proceed() by itself. */
    void (*on_note)(struct harness *harness); /**< May be NULL; runs before proceed(). */
    void *context;                            /**< The test's. */
    bool close_inside;                        /**< Close the driver inside the next on_result(). */
    bool closed;
    uv_timer_t watchdog;
    bool barked;
};

void harness_open(struct harness *harness, harness_open_fn *open);
/** Closes the driver and checks that nothing is left on the loop. */
void harness_close(struct harness *harness);

/** A request with the fields every driver needs: serial 7, attempt 1, 10 s. */
struct rbk_request harness_request(void);

/** start() or recover() without waiting. */
void harness_start(struct harness *harness, const struct rbk_request *request);
void harness_start_recover(struct harness *harness, const struct rbk_request *request,
                           const char *note);

/** Turns the loop until the condition holds; fails the test when the watchdog barks. */
void harness_wait(struct harness *harness, bool (*condition)(struct harness *harness));
/** Until the answer is there. */
const struct harness_answer *harness_finish(struct harness *harness);

/** harness_start() and harness_finish(). */
const struct harness_answer *harness_run(struct harness *harness,
                                         const struct rbk_request *request);
const struct harness_answer *harness_recover(struct harness *harness,
                                             const struct rbk_request *request, const char *note);

/** Runs a request whose on_result() closes the driver, waits for the close, and opens it anew. */
const struct harness_answer *harness_close_inside(struct harness *harness,
                                                  const struct rbk_request *request,
                                                  harness_open_fn *open);

/** Turns the loop for as long as something is ready, without waiting for anything. */
void harness_drain(struct harness *harness);

#endif
