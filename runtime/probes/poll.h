#ifndef RBK_RUNTIME_PROBES_POLL_H
#define RBK_RUNTIME_PROBES_POLL_H

/*
 * The schedule of a run's probes, and of the triggers that take readings of their own: each on its
 * own interval, spread over it, without drift, never two polls of one at once, slower while its
 * source is down. A reading without an answer is missing at its deadline.
 */

#include "runtime/core/watch.h"
#include "runtime/probes/reading.h"

struct rbk_poll;

struct rbk_poll_setup {
    uv_loop_t *loop;
    const struct rbk_machine *machine;
    struct rbk_reader *reader;
    struct rbk_watch *watch;
    /* A clock in milliseconds that goes on while the host sleeps, when the loop's does not; NULL:
     * the loop's. */
    uint64_t (*clock_ms)(void);
    const char *run; /* its id: spreads the polls of runs that begin together; may be NULL */
    void *context;
    /* A probe was read (and fed to the watch): its conditions want evaluating. `message` says why a
     * value is missing; `failures` how many readings in a row failed before this one. Called on the
     * loop. */
    void (*on_probe)(void *context, uint32_t probe, struct rbk_value value, struct rbk_str message,
                     uint32_t failures);
    /* A trigger's own condition was read. `message` says what it saw, or why it is missing;
     * `reading` has what was read, for the call; NULL: nothing that gave a value. */
    void (*on_trigger)(void *context, uint32_t trigger, const struct rbk_reading *reading,
                       struct rbk_value value, struct rbk_str message);
};

RBK_MUST_USE struct rbk_poll *rbk_poll_new(const struct rbk_poll_setup *setup);
/* Begin polling every probe; the first reading of each is taken at once. */
void rbk_poll_start(struct rbk_poll *poll);
/* Read a probe, or an armed trigger's own condition, before its next slot: at once, or a second
 * after it was last begun when that gave nothing. One that is being read is left alone. */
void rbk_poll_again(struct rbk_poll *poll, bool trigger, uint32_t index);
/*
 * The runner lives: call this at least once a second, and before conditions are evaluated. When it
 * did not for longer, it stood still (stopped, or the host slept): the watch is told, and a reading
 * that was under way is taken again when it gives nothing, which does not count as failed.
 */
void rbk_poll_alive(struct rbk_poll *poll);
/* The loop's time when it last went on after it had stood still; 0: it never did. */
uint64_t rbk_poll_woke_ms(const struct rbk_poll *poll);
/* Poll only those triggers with readings of their own that are armed now. */
void rbk_poll_arm(struct rbk_poll *poll, const struct rbk_state *state);
/* How the schedule was kept so far. */
#define RBK_POLL_LATE_MS 100u
struct rbk_poll_counts {
    uint64_t taken; /* readings begun */
    uint64_t late;  /* of them: more than RBK_POLL_LATE_MS after their slot */
};
struct rbk_poll_counts rbk_poll_counts(const struct rbk_poll *poll);
/* Stop everything; on_closed runs when nothing of it is left on the loop; then it is freed. */
void rbk_poll_close(struct rbk_poll *poll, void (*on_closed)(void *context), void *context);

#endif
