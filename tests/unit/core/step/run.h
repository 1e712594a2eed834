#ifndef RBK_TESTS_UNIT_CORE_STEP_RUN_H
#define RBK_TESTS_UNIT_CORE_STEP_RUN_H

/*
 * A run for tests: posts events, and after each one asserts what must hold in every state and what
 * every action must obey (promises 3 and 4). States are named as machine_builder.h names them. A
 * name that is not under way fails the test.
 */

#include "runtime/core/step.h"
#include "tests/unit/core/machine_builder.h"

#define RUN_REGIONS_MAX 256u

struct run {
    struct machine_builder *builder; /* owned; NULL: the machine is another's */
    const struct rbk_machine *machine;
    struct rbk_settings settings;
    uint64_t report_every_ms[8];
    struct rbk_state *state;    /* owned */
    struct rbk_state *before;   /* owned; the state before the last event */
    struct rbk_actions actions; /* of the last event; items owned */
    uint64_t now_ms;
    bool back[RUN_REGIONS_MAX];          /* the stage has begun its rollback */
    uint32_t hooks[RBK_HOOK_KIND_COUNT]; /* how often each was sent */
    uint32_t notified, reported, escalated, finished;
    uint32_t effects; /* dispatched */
    bool agreeable;   /* run_drive() answers yes to every gate */
    char text[160];   /* of run_at() */
    bool senseless;   /* the machine makes no sense: nothing is asserted */
    bool quiet;       /* explorer: no assertions about actions */
};

/* Make a run of a machine that is not the builder's; run_fini() leaves it alone. */
void run_init_machine(struct run *run, const struct rbk_machine *machine);
/* Finish the builder's machine and make a run of it, before its start; takes the builder. */
void run_init(struct run *run, struct machine_builder *builder);
void run_fini(struct run *run);
/* … and start it. */
void run_start(struct run *run, struct machine_builder *builder);

/* Post an event at run->now_ms and assert everything. */
enum rbk_refusal run_post(struct run *run, struct rbk_event event);
/* The same, and it must be accepted. */
void run_accept(struct run *run, struct rbk_event event);

/* A result for the effect under way in the state of this name. */
void run_result(struct run *run, const char *state, enum rbk_outcome outcome);
void run_ok(struct run *run, const char *state);
void run_fail(struct run *run, const char *state);
void run_resolved(struct run *run, const char *state, enum rbk_recovery recovery,
                  enum rbk_outcome outcome);
/* OK to all that is under way, again and again, until nothing is. */
void run_drain(struct run *run);
/* Let the time pass, deadline by deadline. */
void run_pass(struct run *run, uint64_t ms);
/* Up to the next deadline, which must exist. */
void run_due(struct run *run);
enum rbk_refusal run_command(struct run *run, enum rbk_command command);
enum rbk_refusal run_command_at(struct run *run, enum rbk_command command, uint32_t index,
                                enum rbk_answer answer);
enum rbk_refusal run_answer(struct run *run, const char *state, enum rbk_answer answer,
                            uint32_t roles);
enum rbk_refusal run_answer_trigger(struct run *run, uint32_t trigger, enum rbk_answer answer,
                                    uint32_t roles);
enum rbk_refusal run_trigger(struct run *run, uint32_t trigger, enum rbk_level level);
void run_resume(struct run *run);

/* What a region does: "a.apply.1 running". Valid until the next call. */
const char *run_at(struct run *run, uint32_t region);
/* Whether the last event gave such an action for the region's state of this name. */
bool run_did(const struct run *run, enum rbk_action_kind kind, const char *state);
uint32_t run_count(const struct run *run, enum rbk_action_kind kind);

#define ck_at(run, region, expected) ck_assert_str_eq(run_at((run), (region)), (expected))
#define ck_status(run, expected) \
    ck_assert_str_eq(rbk_status_name((enum rbk_status)(run)->state->status), (expected))

#endif
