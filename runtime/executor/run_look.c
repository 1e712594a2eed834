/* What an observer of a run may look at. */
#include <stdio.h>

#include "runtime/executor/work.h"

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

const struct rbk_scope *rbk_run_scope(struct rbk_run *run)
{
    return &run->open_scope;
}

uint64_t rbk_run_now_ms(const struct rbk_run *run)
{
    return rbk_run_clock_ms(run);
}

const struct rbk_check *rbk_run_check(const struct rbk_run *run, uint32_t region)
{
    for (const struct work *work = run->works; work != NULL; work = work->next) {
        if (work->region == region && !work->finished && !work->look &&
            work->check.effect == work->effect) {
            return &work->check;
        }
    }
    return NULL;
}

bool rbk_run_progress(const struct rbk_run *run, uint32_t region, double *ret_share)
{
    for (const struct work *work = run->works; work != NULL; work = work->next) {
        if (work->region == region && !work->finished && work->has_progress) {
            *ret_share = work->progress;
            return true;
        }
    }
    return false;
}

struct rbk_str rbk_run_reason(const struct rbk_run *run)
{
    return run->replay->reason;
}

/* What waits in the outbox. */
struct unsent {
    char *reason;
    size_t bytes;
    uint32_t count;
    bool failed; /* one of them was tried; why it failed is in `reason` */
};

static int on_unsent(void *context, const struct rbk_store_message *message)
{
    struct unsent *unsent = context;
    unsent->count++;
    if (message->attempts > 0 && message->reason.bytes != 0 && !unsent->failed) {
        (void)snprintf(unsent->reason, unsent->bytes, "%.*s", RBK_STR_ARG(message->reason));
        unsent->failed = true;
    }
    return 0;
}

uint32_t rbk_run_unsent(struct rbk_run *run, char *reason, size_t bytes)
{
    struct unsent unsent = {.bytes = bytes};
    struct rbk_error error;

    unsent.reason = reason;
    for (uint32_t i = 0;
         i < run->replay->machine->channel_count && unsent.count < RBK_RUN_UNSENT_MAX; i++) {
        if (rbk_store_unsent(run->store, run->id, i, 0, RBK_RUN_UNSENT_MAX - unsent.count,
                             on_unsent, &unsent, &error) != 0) {
            return 0;
        }
    }
    return unsent.failed ? unsent.count : 0;
}

uint32_t rbk_run_set_aside(struct rbk_run *run)
{
    int64_t waiting = 0, aside = 0;
    struct rbk_error error;

    return rbk_store_count_unsent(run->store, run->id, &waiting, &aside, &error) == 0
               ? (uint32_t)aside
               : 0;
}
