#ifndef RBK_RUNTIME_EXECUTOR_REPLAY_H
#define RBK_RUNTIME_EXECUTOR_REPLAY_H

/*
 * Replay: a run's journal through step() again. Recovery rebuilds its state with it; `rbk status`,
 * `rbk log` and reports read a run with it without touching it.
 */

#include "runtime/core/base/limits.h"
#include "runtime/core/step.h"
#include "runtime/executor/alerts.h"
#include "runtime/executor/record.h"
#include "runtime/executor/values.h"
#include "runtime/store/store.h"

/* An effect that was dispatched and whose result is not in the journal. */
struct rbk_in_flight {
    uint32_t serial;
    uint32_t region;
    uint32_t state;
    uint32_t attempt;
    bool look;           /* a `done when` look-up, not the effect itself */
    uint64_t since_ms;   /* wall clock of the dispatch; of the first one after a crash */
    struct rbk_str note; /* the last note of its driver; in the replay's `notes` */
};

/* Who started or resumed the run: under `four eyes` their answers do not count. */
struct rbk_starter {
    struct rbk_str name;
    struct rbk_starter *next; /* earlier */
};

/* When the apply of a stage began: that of its `order`, see struct rbk_region_state. */
struct rbk_began {
    uint32_t order; /* 0: never */
    uint64_t at_ms;
};

/* What the condition of a strategy said last, while its stage stands applied. Of another time when
 * since_ms lies before the stage's applied_ms. */
struct rbk_way_known {
    enum rbk_level level; /* TRUE: open, FALSE: closed, MISSING: no answer */
    uint64_t since_ms;    /* wall clock; 0: never read */
};

/* The cause of a region, and what its record said then, cut: the run may be held for it only after
 * the stage has gone back, with the record of something else. */
#define RBK_WHY_BYTES 512
struct rbk_why {
    struct rbk_cause cause;
    char text[RBK_WHY_BYTES];
};

/* What a trigger saw when it last became TRUE, why it could not be read when that was last so, and
 * what was said when people were asked about it: "; dana said yes; dirk said yes: looks bad". Each
 * cut. */
struct rbk_heard {
    bool asks; /* people are asked */
    char saw[RBK_WHY_BYTES], lacked[RBK_WHY_BYTES], said[RBK_WHY_BYTES];
};

/* What all values of a run, bound at one time, may take. One that does not fit is missing. */
#define RBK_REPLAY_KEPT_BYTES_MAX ((size_t)256 << 20)

/*
 * Everything the journal says about a run. Owned: its arena holds what stays for good; what changes
 * as the run goes on has memory of its own, which does not grow with the journal.
 */
struct rbk_replay {
    struct rbk_arena arena;
    struct rbk_arena reasons;     /* of the present reason */
    struct rbk_arena notes;       /* of the effects in flight, and some that were */
    struct rbk_arena alert_texts; /* of the alerts that fire, and some that did */
    size_t alert_bytes;           /* of alert_texts, when they were last collected */
    struct rbk_values kept_slots, kept_baselines;
    struct rbk_store_run run;
    const struct rbk_machine *machine;
    struct rbk_str machine_text;
    struct rbk_settings settings;
    struct rbk_value *params;          /* machine->param_count */
    const struct rbk_value *slots;     /* machine->slot_count; for the replay's life */
    const struct rbk_value *baselines; /* machine->baseline_count; likewise */
    struct rbk_state *state;
    struct rbk_actions actions;      /* scratch of the last step */
    struct rbk_in_flight *in_flight; /* in_flight_count */
    size_t in_flight_count, in_flight_capacity;
    struct rbk_way_known *ways;   /* machine->strategy_count */
    struct rbk_began *began;      /* machine->region_count */
    struct rbk_why *whys;         /* likewise: why it goes back, or is held */
    struct rbk_why *stucks;       /* likewise: what it is stuck by */
    struct rbk_heard *heard;      /* machine->trigger_count */
    struct rbk_alerts alerts;     /* firing now */
    struct rbk_starter *starters; /* each once, the latest first */
    struct rbk_str reason;        /* why it paused, was held, turned or got stuck, for a person */
    struct rbk_cause told;        /* the cause `reason` was made of */
    int64_t seq;                  /* of the last event */
    int64_t snapshot_seq;         /* of the last snapshot; 0: none */
    int failed;    /* negative rbk_err: an event was taken in only in part, it is of no use */
    char hash[65]; /* of the last event */
};

/* Called after each event of the journal. Non-zero ends the replay. */
typedef int rbk_replay_fn(void *context, struct rbk_replay *replay, const struct rbk_record *record,
                          const struct rbk_state *before);

/*
 * Load run `id` and replay its journal to the end (through `each`, which may be NULL; then it
 * begins with the newest snapshot that verifies, where there is one).
 * @return 0, -RBK_ENOTFOUND, -RBK_ECORRUPT (chain broken, an event that step() refuses, parameters
 * or other settings that are not those it was started with), ….
 */
RBK_MUST_USE int rbk_replay_load(struct rbk_store *store, const char *id, rbk_replay_fn *each,
                                 void *context, struct rbk_replay **ret_replay,
                                 struct rbk_error *reterr);
/*
 * The same for a report, of a journal that may be broken: where an event does not follow from those
 * before it, *ret_broken says why and the replay is handed out as far as it came. Of a whole one
 * ret_broken->code stays 0.
 * @return 0; a negative error when not even the run or its machine can be read.
 */
RBK_MUST_USE int rbk_replay_load_far(struct rbk_store *store, const char *id, rbk_replay_fn *each,
                                     void *context, struct rbk_replay **ret_replay,
                                     struct rbk_error *ret_broken, struct rbk_error *reterr);
void rbk_replay_free(struct rbk_replay *replay);

/* An event with its values, which take several times the bytes of their JSON. */
#define RBK_REPLAY_SCRATCH_BYTES (RBK_EVENT_BYTES_MAX * 32)
/* Run `id` with its machine and settings, and no event yet. Errors as above. */
RBK_MUST_USE int rbk_replay_open(struct rbk_store *store, const char *id,
                                 struct rbk_replay **ret_replay, struct rbk_error *reterr);
/*
 * Take in the next event of its journal.
 * @scratch  Of RBK_REPLAY_SCRATCH_BYTES; it is reset, and the record lives in it.
 * @before   Gets the state as it was; NULL: nobody wants it.
 * @return 0; -RBK_ECORRUPT or -RBK_ELIMIT, and the replay is of no use any more.
 */
RBK_MUST_USE int rbk_replay_take(struct rbk_replay *replay, const struct rbk_store_event *event,
                                 struct rbk_arena *scratch, struct rbk_state *before,
                                 struct rbk_record *ret_record, struct rbk_error *reterr);

/* A replay for a run that is about to be created: state initialised, no events. Takes `params` (in
 * `arena`, which moves into the replay). */
struct rbk_replay *rbk_replay_begin(struct rbk_arena *arena, const struct rbk_machine *machine,
                                    struct rbk_value *params, struct rbk_error *reterr);

/* One event: what follows for it from those before (`own` and `barred` of an answer, which are set
 * in the record), step(), then values, in-flight table, alerts. The executor uses the same function
 * for events that happen now, after they are in the journal. @return what step() said. */
enum rbk_refusal rbk_replay_apply(struct rbk_replay *replay, struct rbk_record *record);
/* Whether there is room for the value of a record, beside what is bound already. */
bool rbk_replay_has_room(const struct rbk_replay *replay, const struct rbk_record *record);

/* ---- starters.c ---- */

/* This person has started or resumed the run. Twice is fine. */
void rbk_replay_add_starter(struct rbk_replay *replay, struct rbk_str user);
/* The question of the machine that is open there; RBK_NONE: none, or one that anybody may answer.
 * Any index will do: journals are not trusted. */
uint32_t rbk_replay_question(const struct rbk_replay *replay, enum rbk_question_owner owner,
                             uint32_t index);
/* The seats of those who started or resumed the run, where the question wants four eyes; else 0. */
uint32_t rbk_replay_starter_seats(const struct rbk_replay *replay, uint32_t question);
/* Set `own` and `barred` of the record's event. */
void rbk_replay_bar_starters(const struct rbk_replay *replay, struct rbk_record *record);

/* As before the first event. */
void rbk_replay_reset(struct rbk_replay *replay);

#endif
