#ifndef RBK_RUNTIME_EXECUTOR_RECORD_H
#define RBK_RUNTIME_EXECUTOR_RECORD_H

/*
 * A record: an event for step() with what belongs to it but does not decide anything (values, who,
 * messages). This is what one row of the journal holds; the body is canonical JSON.
 *
 * Notes with serial 0 are the run's own: {"alert": name, "firing": bool, "labels": {…}}.
 */

#include "runtime/core/step.h"

/* How the message of a `capture` begins that went well, but had nothing to keep. */
#define RBK_RECORD_NOTHING_KEPT "nothing was kept: "

struct rbk_record {
    struct rbk_event event;
    struct rbk_value value; /* RESULT, RESOLVED: bound to the effect's slot; BASELINE: a list */
    bool has_value;
    int64_t status;         /* exit or HTTP status; -1: none */
    uint64_t elapsed_ms;    /* of the effect */
    struct rbk_str message; /* one line for a person */
    struct rbk_str detail;  /* more lines */
    struct rbk_str who;     /* ANSWER, COMMAND: operating system user; START: who started */
    struct rbk_str note;    /* NOTE: the driver's note */
    struct rbk_str alert;   /* NOTE with serial 0: an alert's name */
    bool firing;
    const struct rbk_pair *labels; /* of the alert, label_count of them, each name once */
    size_t label_count;
    const uint8_t *ways; /* WAY_BACK: enum rbk_level of each strategy of the stage, way_count */
    size_t way_count;
    struct rbk_str settings; /* START: SHA-256 of what the store keeps beside the journal */
    int64_t request;         /* inbox row this came from; 0: none. Not in the journal */
};

/* Append the canonical body to `out`. 0, -RBK_ENOMEM or -RBK_ELIMIT. */
struct rbk_buffer;
RBK_MUST_USE int rbk_record_encode(const struct rbk_record *record, struct rbk_buffer *out);
/*
 * Read a journal row. Texts live in `arena`.
 * @return 0, or -RBK_ECORRUPT with a message.
 */
RBK_MUST_USE int rbk_record_decode(struct rbk_str kind, struct rbk_str body, int64_t at_ms,
                                   struct rbk_arena *arena, struct rbk_record *ret_record,
                                   struct rbk_error *reterr);

#endif
