#ifndef RBK_RUNTIME_PEOPLE_TRACK_H
#define RBK_RUNTIME_PEOPLE_TRACK_H

/*
 * What a display remembers beside the state: since when a step has been under way, when a stage
 * began and came to rest, why it failed, what a trigger last said; and how far along its path a
 * state is. Fed with the records of a run, live or replayed.
 */

#include "runtime/executor/record.h"
#include "runtime/people/back.h"
#include "runtime/people/view.h"

#define RBK_TRACK_TEXT_BYTES 240

struct rbk_track_region {
    uint64_t since_ms;   /* the effect under way was dispatched; 0: none */
    uint64_t started_ms; /* the stage began; 0: not yet */
    uint64_t rested_ms;  /* it came to stand applied, rolled back, held or stuck; 0: under way */
    /* Of a stage, its branches included: the state of the last effect that failed since it was
     * started, and, since it was told to go back, of the last one that failed on the way back (a
     * `when` that does not hold only where none did); RBK_NONE. With what it said, as it is (not
     * sanitized). */
    uint32_t failed, failed_back;
    char failure[RBK_TRACK_TEXT_BYTES], failure_back[RBK_TRACK_TEXT_BYTES];
    char doubt[RBK_TRACK_TEXT_BYTES]; /* why its effect was last in doubt; may be empty */
};

struct rbk_track_trigger {
    uint64_t at_ms; /* of its last change of level; 0: never */
    enum rbk_level level;
    char text[RBK_TRACK_TEXT_BYTES]; /* the values its level was decided on */
};

/* The caller's memory. */
struct rbk_track {
    const struct rbk_machine *machine;  /* borrowed */
    struct rbk_track_region *regions;   /* owned: machine->region_count */
    struct rbk_track_trigger *triggers; /* owned: machine->trigger_count */
    uint32_t *done;                     /* owned: machine->state_count, see rbk_track_progress() */
    uint32_t *total;
    struct rbk_back back; /* owned: how long the ways back take */
    uint64_t resumed_ms;  /* the last runner took over; 0: the first one still runs */
};

/* @params  Of the run; borrowed until rbk_track_fini(). NULL: their defaults, for worst cases.
 * @return 0 or -RBK_ENOMEM with nothing held. */
RBK_MUST_USE int rbk_track_init(struct rbk_track *track, const struct rbk_machine *machine,
                                const struct rbk_value *params);
void rbk_track_fini(struct rbk_track *track);

void rbk_track_record(struct rbk_track *track, const struct rbk_view *view,
                      const struct rbk_record *record, const struct rbk_state *before,
                      const struct rbk_state *after, const struct rbk_actions *actions);

/* What the step of a cause said when it failed, as it is; empty when nothing is known of it. */
const char *rbk_track_failure(const struct rbk_track *track, struct rbk_cause cause);

/*
 * How many of the steps on the way are behind a state, and how many there are (a `parallel` is one
 * of them): from the beginning of its stage to where it stands applied, or from the beginning of
 * its way back to its end.
 * @return false when the state is on no such path.
 */
bool rbk_track_progress(const struct rbk_track *track, uint32_t state, uint32_t *ret_done,
                        uint32_t *ret_total);

#endif
