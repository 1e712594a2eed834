/* What an observer of a run may look at. */
#include "runtime/executor/run_internal.h"

uv_loop_t *rbk_run_loop(struct rbk_run *run)
{
    return &run->loop;
}

const char *rbk_run_id(const struct rbk_run *run)
{
    return run->id;
}

const struct rbk_machine *rbk_run_machine(const struct rbk_run *run)
{
    return run->replay->machine;
}

const struct rbk_state *rbk_run_state(const struct rbk_run *run)
{
    return run->replay->state;
}

const struct rbk_settings *rbk_run_settings(const struct rbk_run *run)
{
    return &run->replay->settings;
}

const struct rbk_watch *rbk_run_watch(const struct rbk_run *run)
{
    return run->watch;
}

const struct rbk_value *rbk_run_slots(const struct rbk_run *run)
{
    return run->replay->slots;
}

const struct rbk_scope *rbk_run_scope(struct rbk_run *run)
{
    return &run->open_scope;
}

uint64_t rbk_run_now_ms(const struct rbk_run *run)
{
    return rbk_run_clock_ms(run);
}
