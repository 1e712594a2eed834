#ifndef RBK_TESTS_UNIT_CORE_MACHINE_BUILDER_H
#define RBK_TESTS_UNIT_CORE_MACHINE_BUILDER_H

/*
 * Machines for tests, shaped as lowering shapes them, without a compiler: declare the plan's pieces
 * in the order they would stand in it, then finish. States get the names a person would see:
 * `a.apply.1`, `a.rollback.2` (counted through all strategies of a stage), `plan.require.1`.
 *
 * Until mb_finish() a state is named by a handle that only the builder understands; afterwards
 * mb_state() gives its row.
 */

#include "runtime/core/machine.h"

struct machine_builder;

struct machine_builder *mb_new(void);
/* Frees the builder and the machine it finished. */
void mb_free(struct machine_builder *mb);

/* ---- the plan ---- */

/* An effect between START and STAGES. */
uint32_t mb_plan_step(struct machine_builder *mb, enum rbk_phase phase, enum rbk_effect_kind kind);
/* A lock: acquired before the first stage, released at every end. Returns the acquiring state. */
uint32_t mb_lock(struct machine_builder *mb);
/* OBSERVE, GRACE. */
void mb_observe(struct machine_builder *mb);
void mb_grace(struct machine_builder *mb);
/* The machine's own fields (held_at_most_ms, rollback_within_ms, estimate_ms, …). */
struct rbk_machine *mb_machine(struct machine_builder *mb);

/* ---- stages ---- */

/* A stage after the one before it. Returns its region. */
uint32_t mb_stage(struct machine_builder *mb, const char *name);
/* Instead of the stage before it. */
void mb_after_nothing(struct machine_builder *mb, uint32_t stage);
void mb_after(struct machine_builder *mb, uint32_t stage, uint32_t before, uint64_t for_ms);
/* An effect of a stage, branch or retire; phases in the order of a stage's life. ROLLBACK and
 * ROLLBACK_VERIFY go into the strategy begun last. Returns a handle. */
uint32_t mb_step(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                 enum rbk_effect_kind kind);
/* A step that is passed over unless the effect of `guarded` was dispatched in this attempt. */
uint32_t mb_guarded_step(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                         enum rbk_effect_kind kind, uint32_t guarded);
/* Begin a rollback strategy; `when`: with a TEST first. within_ms 0: no deadline. */
void mb_strategy(struct machine_builder *mb, uint32_t stage, bool when, uint64_t within_ms);
/* A deadline over all states of a phase of a region. */
void mb_within(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
               uint64_t within_ms);
/* `parallel` with so many branches. Returns the first branch's region; the others follow it. */
uint32_t mb_fork(struct machine_builder *mb, uint32_t region, enum rbk_phase phase,
                 uint32_t branches);
/* The `retire` block. Returns its region. */
uint32_t mb_retire(struct machine_builder *mb);
/* The usual stage: one RUN to apply, one CHECK to verify, one strategy of one RUN and one CHECK. */
uint32_t mb_plain_stage(struct machine_builder *mb, const char *name);
/* Rows to change: the effect of a step, a region. Valid until the next call that adds. */
struct rbk_effect *mb_effect(struct machine_builder *mb, uint32_t step);
struct rbk_region *mb_region(struct machine_builder *mb, uint32_t region);
/* Another next state than the usual one; `to` is a handle. */
void mb_next(struct machine_builder *mb, uint32_t step, enum rbk_outcome outcome, uint32_t to);
/* The state a retire comes to rest in when it is done or kept. */
uint32_t mb_rest(struct machine_builder *mb, uint32_t region);

/* ---- people, triggers ---- */

uint32_t mb_role(struct machine_builder *mb, const char *name, const char *member);
/* A role of several members; none: anybody speaks for it. */
uint32_t mb_role_of(struct machine_builder *mb, const char *name, const char *const *members,
                    uint32_t member_count);
/* A question whose answers must come from others than who runs it. */
void mb_four_eyes(struct machine_builder *mb, uint32_t question);
/* So many different people of role i of a question. */
void mb_quorum(struct machine_builder *mb, uint32_t question, uint32_t role, uint32_t quorum);
/* A question to the first `roles` roles (0: anybody). otherwise: a reaction or RBK_NONE. */
uint32_t mb_question(struct machine_builder *mb, enum rbk_question_kind kind, uint32_t roles,
                     uint64_t within_ms, uint32_t otherwise);
uint32_t mb_reaction(struct machine_builder *mb, enum rbk_reaction_kind kind, uint32_t question);
uint32_t mb_hold(struct machine_builder *mb, uint64_t hold_ms, uint32_t then);
/* @stage  RBK_NONE: a trigger of the plan, armed from the first apply. */
uint32_t mb_trigger(struct machine_builder *mb, uint32_t stage, uint32_t reaction,
                    uint32_t missing);
struct rbk_trigger *mb_trigger_row(struct machine_builder *mb, uint32_t trigger);
void mb_except(struct machine_builder *mb, uint32_t trigger, uint32_t stage);
/* `abort when rollbacks > limit`, `abort when elapsed > limit_ms`, one that reads probes. */
void mb_abort_when_rollbacks(struct machine_builder *mb, int64_t limit);
void mb_abort_when_elapsed(struct machine_builder *mb, int64_t limit_ms);
void mb_abort_when_probe(struct machine_builder *mb);
void mb_signal(struct machine_builder *mb, const char *name);
void mb_escalation(struct machine_builder *mb, uint64_t after_ms);
void mb_report(struct machine_builder *mb);

/* ---- the result ---- */

/* Lay the tables out. Owned by the builder. */
const struct rbk_machine *mb_finish(struct machine_builder *mb);
/* The row of a state that a handle stands for, after mb_finish(). */
uint32_t mb_state(const struct machine_builder *mb, uint32_t handle);

#endif
