/*
 * `parallel`: a FORK state starts its branches and joins them. Branches begin and are stopped in
 * the settling loop, not by recursion, so that nesting costs no stack.
 *
 * The fork goes on when all its branches are still: next[ok] when each came to BRANCH_DONE;
 * next[fail] when one did not, and the others were stopped; its `target` when the fork itself was
 * stopped.
 */
#include "runtime/core/step_internal.h"

#include <string.h>

void rbk_step_fork_enter(struct step *step, uint32_t region)
{
    struct rbk_slice branches = rbk_region_at(step->machine, step->state, region)->branches;
    region_of(step, region)->mode = RBK_MODE_FORKED;
    for (uint32_t i = 0; i < branches.count; i++) {
        uint32_t branch = branches.first + i;
        struct rbk_region_state *rs = region_of(step, branch);
        memset(rs, 0, sizeof(*rs));
        rs->state = step->machine->regions[branch].states.first;
        rs->target = RBK_NONE;
        rs->flags = RBK_FLAG_START;
    }
}

/* Whether a branch ended, and well. */
static bool branch_done(const struct step *step, uint32_t branch)
{
    return region_of(step, branch)->mode == RBK_MODE_DONE &&
           rbk_region_at(step->machine, step->state, branch)->kind == RBK_STATE_BRANCH_DONE;
}

/* Stop every branch that still goes. */
static void stop_branches(struct step *step, struct rbk_slice branches)
{
    for (uint32_t i = 0; i < branches.count; i++) {
        struct rbk_region_state *rs = region_of(step, branches.first + i);
        if (rs->flags & RBK_FLAG_START) {
            rs->flags &= ~(uint32_t)RBK_FLAG_START;
            rs->mode = RBK_MODE_DONE;
        } else if (rs->mode != RBK_MODE_DONE && rs->target == RBK_NONE) {
            rbk_step_stop(step, branches.first + i, RBK_TARGET_STOP);
        }
    }
}

void rbk_step_fork_settle(struct step *step, uint32_t region)
{
    struct rbk_region_state *rs = region_of(step, region);
    const struct rbk_machine_state *at = rbk_region_at(step->machine, step->state, region);
    uint32_t failed = RBK_NONE;
    bool still = true;
    for (uint32_t i = 0; i < at->branches.count; i++) {
        uint32_t branch = at->branches.first + i;
        const struct rbk_region_state *branch_state = region_of(step, branch);
        if (branch_state->mode != RBK_MODE_DONE) {
            still = false;
        } else if (!branch_done(step, branch) &&
                   (failed == RBK_NONE || branch_state->cause.kind != RBK_CAUSE_NONE)) {
            failed = branch;
        }
    }
    if (!still && (failed != RBK_NONE || rs->target != RBK_NONE)) {
        stop_branches(step, at->branches);
    } else if (still && rs->target != RBK_NONE) {
        rbk_step_arrive(step, region);
    } else if (still && failed != RBK_NONE) {
        struct rbk_cause cause = region_of(step, failed)->cause;
        if (cause.kind == RBK_CAUSE_NONE) {
            cause = (struct rbk_cause){RBK_CAUSE_FAILURE, rs->state};
        }
        rs->mode = RBK_MODE_IDLE;
        rbk_step_fall(step, region, at->next[RBK_OUTCOME_FAIL], cause);
    } else if (still) {
        rbk_step_enter(step, region, at->next[RBK_OUTCOME_OK]);
    }
}
