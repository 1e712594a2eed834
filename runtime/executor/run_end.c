/* When the loop of a run ends, and what its process ends with. */
#include "runtime/executor/run_internal.h"

int rbk_run_exit_status(const struct rbk_run *run)
{
    switch ((enum rbk_status)run->replay->state->status) {
    case RBK_STATUS_COMPLETED:
        return 0;
    case RBK_STATUS_ABORTED:
        return 10;
    case RBK_STATUS_STUCK:
        return 20;
    case RBK_STATUS_CANCELLED:
        return 40;
    default:
        return 30;
    }
}

/* Whether nothing moves any more without a person or a deadline of the run's hold. */
static bool still(const struct rbk_run *run)
{
    const struct rbk_machine *machine = run->replay->machine;

    if (run->queue != NULL || !rbk_work_idle(run)) {
        return false;
    }
    for (uint32_t i = 0; i < machine->region_count; i++) {
        uint32_t mode = rbk_state_region(machine, run->replay->state, i)->mode;

        if (mode == RBK_MODE_RUNNING || mode == RBK_MODE_CANCELLING || mode == RBK_MODE_RESOLVING ||
            mode == RBK_MODE_LOOKING || mode == RBK_MODE_RETRY) {
            return false;
        }
    }
    return true;
}

bool rbk_run_should_stop(const struct rbk_run *run)
{
    const struct rbk_state *state = run->replay->state;

    if (rbk_status_is_end((enum rbk_status)state->status)) {
        return true;
    }
    if (!still(run)) {
        return false;
    }
    switch (state->status) {
    case RBK_STATUS_PAUSED:
    case RBK_STATUS_HELD:
        return run->interrupts != 0 || (run->options.no_wait && !rbk_ways_unread(run));
    case RBK_STATUS_STUCK:
        return run->interrupts != 0 || run->options.no_wait ||
               /* More than all: somebody is on it, and will say so to this runner. */
               state->escalated == run->replay->machine->escalation_count;
    default:
        return false;
    }
}
