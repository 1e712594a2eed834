/*
 * A machine as a model in Promela, for the model checker Spin (G. J. Holzmann, "The SPIN Model
 * Checker", 2003; manual pages at spinroot.com): a second opinion on what `rbkc explore` says.
 *
 * The model is written from what docs/internals.md says of plans, stages and effects, not from the
 * code of step(): each region is a process whose control location is its state, `settle` and
 * deadlines are guards, and what the core keeps in modes and marks is derived from places. So a
 * slip in the one is not repeated in the other.
 *
 * What may happen in the model: every outcome of every effect, the end of every block's time, a
 * question answered or not, CRASHES crashes with each thing a resumed run could learn, FIRES
 * reactions of triggers, and whatever a person may ask for until `alone` is chosen, after which
 * nobody does anything any more. What is left out: windows, `not before` and `after … for` (they
 * only delay), escalation, reports and messages (they change nothing), ways back that close.
 *
 * What Spin is asked:
 *   assert        rollback in the reverse order of apply; no effect of an apply while its stage or
 *                 one that depends on it rolls back, or after the decision to turn round; nothing
 *                 stands applied, or counts as taken back, without a check that held; the ends are
 *                 what they say
 *   timeout       where nothing can go on, the run has ended or is stuck (a person was called)
 *   np_ (-l)      without people every execution ends: no cycle goes without what they do
 */
#ifndef RBK_COMPILER_PROMELA_PROMELA_H
#define RBK_COMPILER_PROMELA_PROMELA_H

#include "runtime/core/base/attributes.h"
#include "runtime/core/machine.h"

struct rbk_buffer;
struct rbk_error;

/** Regions a model can have: Spin runs at most 255 processes. */
#define RBK_PROMELA_REGIONS_MAX 250u

/**
 * Write the model of a machine.
 * @machine Has passed rbk_machine_check().
 * @out     Gets the text; started by the caller.
 * @return 0; -RBK_ELIMIT: more regions than RBK_PROMELA_REGIONS_MAX, or more text than the buffer
 *         takes.
 */
RBK_MUST_USE int rbk_promela_write(const struct rbk_machine *machine, struct rbk_buffer *out,
                                   struct rbk_error *reterr);

#endif
